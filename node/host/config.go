package host

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"hearsay/gossip"
	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/host/link"
	"hearsay/store/pebblestore"
)

// Config is what makes one host differ from another. Start from DefaultConfig.
type Config struct {
	// Dir is the data directory. It is created if need be, and belongs to this
	// host until Close.
	Dir string
	// Cluster is the cluster's id, 1 to 64 bytes. Nodes of another are refused.
	Cluster string
	// ClusterKey is the cluster's secret, at most 1 KiB, which signs bookmarks. Every
	// node has the same. Without one anybody can make a bookmark, and so have
	// clients wait for writes that nobody made.
	ClusterKey []byte
	// Region is where the node stands, 1 to 64 bytes.
	Region string
	// Name is a label for people, at most 64 bytes. Empty is the start of the
	// node's id.
	Name string

	// API and Admin are where the client port and the admin port listen, as
	// host:port; port 0 takes a free one. An empty Admin is no admin port.
	API, Admin string
	// Listen opens them; nil is net.Listen. It lets a caller hand in listeners
	// that it has already.
	Listen func(network, address string) (net.Listener, error)
	// Insecure allows ports that other machines reach, though nothing there is
	// encrypted and nobody is asked who they are.
	Insecure bool
	// MaxConns bounds the connections of the client port; more wait to be
	// accepted. The admin port has 64.
	MaxConns int
	// BodyBytes bounds the bytes of request bodies that are in memory as a whole, at
	// a time; UploadBytes those of values that are being staged.
	BodyBytes, UploadBytes int64
	// CreateNamespaces has a binding's namespace that nobody knows created, for
	// development.
	CreateNamespaces bool

	// DiskReserve is how many bytes of the disk are kept free: below it the node
	// takes nothing in, until there is room again. 0 keeps none.
	DiskReserve int64

	// Clients and Peers bound the clients' writes that are not answered yet, and
	// the peers' messages that wait for a turn.
	Clients, Peers Limit
	// WriteWait is how long a write waits for room within Clients.
	WriteWait time.Duration
	// StartWait is how long a member that cannot tell whether it has caught up is
	// not ready.
	StartWait time.Duration
	// StopWait bounds each part of a stop: the last requests, and the last views.
	StopWait time.Duration

	// Link is the peer port. Open fills in Cluster, ID, Name, Region, API and Log.
	Link link.Config
	// Node is the replica. Open fills in ID and Region, and Draw if it is nil.
	Node node.Config
	// Store is how the replica is kept. Open fills in Events if it is nil.
	Store pebblestore.Options

	// Clock is the machine's clocks; nil is a new System.
	Clock Clock
	Log   *zap.Logger // nil is silent
}

// maxKey bounds the cluster's secret, in bytes.
const maxKey = 1 << 10

// maxLabel bounds the names of cluster, region and node, in bytes.
const maxLabel = 64

// DefaultConfig returns a config that lacks Dir, Cluster and Region, and whose
// ports are free ones on loopback.
func DefaultConfig() Config {
	return Config{
		API:         "127.0.0.1:0",
		Admin:       "127.0.0.1:0",
		MaxConns:    4096,
		BodyBytes:   api.DefaultBodyBytes,
		UploadBytes: api.DefaultUploadBytes,
		DiskReserve: 256 << 20,
		Clients:     Limit{Count: 1 << 16, Bytes: 64 << 20},
		Peers:       Limit{Count: 1 << 14, Bytes: 64 << 20},
		WriteWait:   2 * time.Second,
		StartWait:   10 * time.Second,
		StopWait:    5 * time.Second,
		Link:        link.Config{Bind: "127.0.0.1:0"},
		Node:        node.DefaultConfig(),
		Store:       pebblestore.DefaultOptions(),
	}
}

// Validate returns an error that names the first field out of its range. What
// Open fills in, and the bounds of Link, are left to Open.
func (c Config) Validate() error {
	if c.Dir == "" {
		return errors.New("host: Dir is empty, must be a directory for the node's data")
	}
	for _, l := range []struct {
		name, value string
		min         int
	}{
		{"Cluster", c.Cluster, 1},
		{"Region", c.Region, 1},
		{"Name", c.Name, 0},
	} {
		if len(l.value) < l.min || len(l.value) > maxLabel {
			return fmt.Errorf("host: %s has %d bytes, must have %d to %d", l.name, len(l.value), l.min, maxLabel)
		}
	}
	if n := len(c.ClusterKey); n > maxKey {
		return fmt.Errorf("host: ClusterKey has %d bytes, must have at most %d", n, maxKey)
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"MaxConns", int64(c.MaxConns)},
		{"BodyBytes", c.BodyBytes},
		{"UploadBytes", c.UploadBytes},
		{"Clients.Count", int64(c.Clients.Count)},
		{"Clients.Bytes", c.Clients.Bytes},
		{"Peers.Count", int64(c.Peers.Count)},
		{"Peers.Bytes", c.Peers.Bytes},
		{"WriteWait", int64(c.WriteWait)},
		{"StartWait", int64(c.StartWait)},
		{"StopWait", int64(c.StopWait)},
	} {
		if n.value <= 0 {
			return fmt.Errorf("host: %s is %d, must be positive", n.name, n.value)
		}
	}
	if c.DiskReserve < 0 {
		return fmt.Errorf("host: DiskReserve is %d, must not be negative", c.DiskReserve)
	}
	if c.Node.SyncEvery < 0 || c.Node.SyncEvery > node.MaxSyncEvery {
		return fmt.Errorf("host: Node.SyncEvery (--sync-every) is %v, must be at most %v", c.Node.SyncEvery, node.MaxSyncEvery)
	}
	if c.Node.Bound < node.MinBound {
		return fmt.Errorf("host: Node.Bound is %v, must be at least %v", c.Node.Bound, node.MinBound)
	}
	return c.validatePorts()
}

func (c Config) validatePorts() error {
	for _, p := range []struct{ name, address string }{
		{"API", c.API},
		{"Admin", c.Admin},
		{"Link.Bind", c.Link.Bind},
	} {
		if p.address == "" && p.name == "Admin" {
			continue
		}
		at, _, err := net.SplitHostPort(p.address)
		if err != nil {
			return fmt.Errorf("host: %s is %q, must be host:port: %w", p.name, p.address, err)
		}
		if !c.Insecure && !loopback(at) {
			return fmt.Errorf("host: %s is %s, which other machines reach, and nothing there is encrypted or asks for a token yet: use a loopback address such as 127.0.0.1, or set Insecure (--insecure) on a network you trust", p.name, p.address)
		}
	}
	return nil
}

// loopback reports whether only this machine reaches host.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// newDraw returns a source of chance seeded by the operating system.
func newDraw() gossip.Draw {
	seed := maphash.MakeSeed()
	type draw struct {
		purpose string
		a, b    uint64
	}
	return func(purpose string, a, b uint64) uint64 {
		return maphash.Comparable(seed, draw{purpose, a, b})
	}
}
