package host_test

import (
	"strings"
	"testing"

	"hearsay/node"
	"hearsay/node/host"
)

func TestConfigValidate(t *testing.T) {
	long := strings.Repeat("x", 65)
	tests := []struct {
		name   string
		change func(*host.Config)
		want   string // in the error; empty for none
	}{
		{"default", func(*host.Config) {}, ""},
		{"longest labels", func(c *host.Config) { c.Cluster, c.Region, c.Name = long[1:], long[1:], long[1:] }, ""},
		{"no Dir", func(c *host.Config) { c.Dir = "" }, "Dir"},
		{"no Cluster", func(c *host.Config) { c.Cluster = "" }, "Cluster has 0 bytes, must have 1 to 64"},
		{"long Cluster", func(c *host.Config) { c.Cluster = long }, "Cluster has 65 bytes"},
		{"no Region", func(c *host.Config) { c.Region = "" }, "Region"},
		{"long Name", func(c *host.Config) { c.Name = long }, "Name has 65 bytes, must have 0 to 64"},
		{"MaxConns", func(c *host.Config) { c.MaxConns = 0 }, "MaxConns"},
		{"BodyBytes", func(c *host.Config) { c.BodyBytes = 0 }, "BodyBytes"},
		{"Clients.Count", func(c *host.Config) { c.Clients.Count = 0 }, "Clients.Count"},
		{"Peers.Bytes", func(c *host.Config) { c.Peers.Bytes = -1 }, "Peers.Bytes"},
		{"WriteWait", func(c *host.Config) { c.WriteWait = 0 }, "WriteWait"},
		{"least Bound", func(c *host.Config) { c.Node.Bound = node.MinBound }, ""},
		{"Bound", func(c *host.Config) { c.Node.Bound = node.MinBound - 1 }, "Node.Bound is 999.999999ms, must be at least 1s"},
		{"no Admin", func(c *host.Config) { c.Admin = "" }, ""},
		{"no API", func(c *host.Config) { c.API = "" }, "API"},
		{"no port", func(c *host.Config) { c.API = "localhost" }, "must be host:port"},
		{"localhost", func(c *host.Config) { c.API = "localhost:80" }, ""},
		{"IPv6 loopback", func(c *host.Config) { c.Link.Bind = "[::1]:0" }, ""},
		{"all of 127/8", func(c *host.Config) { c.Link.Bind = "127.1.2.3:0" }, ""},
		{"every interface", func(c *host.Config) { c.API = ":80" }, "--insecure"},
		{"any address", func(c *host.Config) { c.Admin = "0.0.0.0:80" }, "Admin"},
		{"another machine's", func(c *host.Config) { c.Link.Bind = "10.0.0.1:80" }, "Link.Bind"},
		{"a name", func(c *host.Config) { c.API = "localhost.example:80" }, "--insecure"},
		{"insecure", func(c *host.Config) { c.API, c.Insecure = ":80", true }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := host.DefaultConfig()
			cfg.Dir, cfg.Cluster, cfg.Region = "data", "c", "r"
			tt.change(&cfg)
			switch err := cfg.Validate(); {
			case tt.want == "" && err != nil:
				t.Errorf("Validate = %v, want nil", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Validate = %v, want an error with %q", err, tt.want)
			}
		})
	}
}
