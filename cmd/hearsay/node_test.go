package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestNodeRefuses(t *testing.T) {
	dir := t.TempDir()
	short := filepath.Join(dir, "key")
	if err := os.WriteFile(short, []byte("fifteen bytes..\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args string
		want []string
	}{
		{"no region", "--cluster c --data " + dir, []string{"--region is required", "HEARSAY_REGION"}},
		{"no cluster", "--region r --data " + dir, []string{"--cluster is required"}},
		{"no data", "--region r --cluster c", []string{"--data is required"}},
		{"a port that others reach", "--region r --cluster c --api 0.0.0.0:0 --data " + dir, []string{"0.0.0.0:0", "--insecure"}},
		{"a bound that is too small", "--region r --cluster c --bound 1ms --data " + dir, []string{"Bound is 1ms, must be at least 1s"}},
		{"a cluster key that is not there", "--region r --cluster c --cluster-key " + dir + "/none --data " + dir, []string{"--cluster-key", "no such file"}},
		{"a cluster key that is too short", "--region r --cluster c --cluster-key " + short + " --data " + dir, []string{"holds 15 bytes, want 16 to 1024", "openssl"}},
		{"an argument", "us-east-1", []string{"takes no arguments"}},
		{"a bad log format", "--log-format xml", []string{"console or json"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := hearsay(t, append([]string{"node"}, strings.Fields(tt.args)...)...)
			if r.code != exitUsage || r.stdout != "" {
				t.Errorf("exit code %d, standard output %q; want %d and nothing", r.code, r.stdout, exitUsage)
			}
			for _, w := range tt.want {
				if !strings.Contains(r.stderr, w) {
					t.Errorf("standard error %q does not say %q", r.stderr, w)
				}
			}
		})
	}
}

// A real process, all of whose flags come from the environment.
func TestNodeProcess(t *testing.T) {
	cmd := process(t.Context(), t, "node", "--found", "-o", "json")
	cmd.Env = append(cmd.Env, "HEARSAY_CLUSTER=c", "HEARSAY_REGION=eu-west", "HEARSAY_NAME=one", "HEARSAY_DATA="+t.TempDir(),
		"HEARSAY_API=127.0.0.1:0", "HEARSAY_PEER=127.0.0.1:0", "HEARSAY_ADMIN=127.0.0.1:0", "HEARSAY_LOG_FORMAT=json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("no line that says ready: %v: %s", err, stderr.String())
	}
	var ready nodeReady
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatal(err)
	}
	if ready.Name != "one" || ready.Region != "eu-west" {
		t.Errorf("ready = %+v, want one in eu-west", ready)
	}
	if status, body := get(t, ready.Admin+"/readyz"); status != http.StatusOK {
		t.Errorf("GET /readyz = %d %s, want 200 once the line is out", status, body)
	}
	must(t, "kv", "namespace", "create", "notes", "--api", ready.API)

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit code 0: %s", err, stderr.String())
	}
	for _, line := range strings.Split(strings.TrimSpace(stderr.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("log line %q is not JSON", line)
		}
	}
}
