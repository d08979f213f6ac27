package link

import (
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"hearsay/gossip"
	"hearsay/gossip/wire"
	"hearsay/node/host/wan"
	"hearsay/store"
)

// Config says who a node is, where it listens, and the bounds of its links. The
// zero value of every bound is its default.
type Config struct {
	Cluster string       // the cluster's id: nodes with another one are refused
	ID      store.NodeID // this node's
	Name    string       // a label for people
	Region  string
	Line    gossip.Line // the starts of its disk, this one included

	// Bind is the host:port of the peer port, UDP and TCP. Port 0 takes a free one.
	Bind string
	// Advertise is the host:port that peers reach Bind under. Empty is Bind, or
	// the machine's private address if Bind names no host. Port 0 is Bind's.
	Advertise string
	// API is the host:port of the client port, told to peers.
	API string
	// Seeds are host:port of peer ports to join. Names are looked up anew each
	// time.
	Seeds []string
	// WAN is the emulated wide area; nil is the network as it is. Open places the
	// node's own address in it, where it stays: the way to a stopped node is as
	// long as before.
	WAN *wan.Network
	Log *zap.Logger // nil is silent
	// Load returns what is sent for a chunk that the engine has sent without its
	// data. It is called from several goroutines; nil sends chunks as they are.
	Load func(*gossip.Chunk) *gossip.Chunk

	// QueueBytes bounds the encoded messages that wait for one peer, 8 MiB. A
	// single larger message is taken while nothing else waits.
	QueueBytes int
	// MaxPeers bounds the peers, and the dead ones remembered to be joined again,
	// 1024 each.
	MaxPeers int
	// DialTimeout bounds connecting and the handshake, 5 s.
	DialTimeout time.Duration
	// WriteTimeout bounds the writing of each 256 KiB, 10 s.
	WriteTimeout time.Duration
	// IdleTimeout breaks a stream of whose far end nothing is heard, 15 s. A third
	// of it is how long a stream is silent before it shows that it lives.
	IdleTimeout time.Duration
	// BackoffMin and BackoffMax bound the wait before a stream is dialed again,
	// 50 ms and 4 s. Each wait is drawn from half to all of its length.
	BackoffMin, BackoffMax time.Duration
	// ReconnectInterval is how often addresses that memberlist does not show alive
	// are joined again, 5 s; a tenth of it while there is no peer at all. Each wait
	// is drawn from half to all of it.
	ReconnectInterval time.Duration
	// ProbeInterval, ProbeTimeout and GossipInterval pace memberlist: 1 s, 700 ms
	// and 100 ms. ProbeTimeout must exceed the worst round trip, 409 ms between the
	// regions of wan.AWS.
	ProbeInterval, ProbeTimeout, GossipInterval time.Duration
}

func (c Config) withDefaults() Config {
	defaultInt := func(n *int, to int) {
		if *n == 0 {
			*n = to
		}
	}
	defaultTime := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Load == nil {
		c.Load = func(c *gossip.Chunk) *gossip.Chunk { return c }
	}
	defaultInt(&c.QueueBytes, 8<<20)
	defaultInt(&c.MaxPeers, 1024)
	defaultTime(&c.DialTimeout, 5*time.Second)
	defaultTime(&c.WriteTimeout, 10*time.Second)
	defaultTime(&c.IdleTimeout, 15*time.Second)
	defaultTime(&c.BackoffMin, 50*time.Millisecond)
	defaultTime(&c.BackoffMax, 4*time.Second)
	defaultTime(&c.ReconnectInterval, 5*time.Second)
	defaultTime(&c.ProbeInterval, time.Second)
	defaultTime(&c.ProbeTimeout, 700*time.Millisecond)
	defaultTime(&c.GossipInterval, 100*time.Millisecond)
	return c
}

// validate names the first field that cannot be, and its limit.
func (c Config) validate() error {
	for _, text := range []struct {
		name, value string
		limit       int
	}{
		{"cluster id", c.Cluster, wire.MaxLabel},
		{"node id", string(c.ID), store.MaxNodeID},
		{"name", c.Name, wire.MaxLabel},
		{"region", c.Region, wire.MaxLabel},
	} {
		if len(text.value) == 0 || len(text.value) > text.limit {
			return fmt.Errorf("%s %q has %d bytes: give 1 to %d", text.name, text.value, len(text.value), text.limit)
		}
	}
	if len(c.Seeds) > maxSeeds {
		return fmt.Errorf("%d seeds: give at most %d", len(c.Seeds), maxSeeds)
	}
	for _, seed := range c.Seeds {
		if err := validateSeed(seed); err != nil {
			return err
		}
	}
	if c.QueueBytes < 0 || c.MaxPeers < 0 {
		return errors.New("QueueBytes and MaxPeers must not be negative")
	}
	for _, d := range []time.Duration{
		c.DialTimeout, c.WriteTimeout, c.IdleTimeout, c.BackoffMin, c.ReconnectInterval,
		c.ProbeInterval, c.ProbeTimeout, c.GossipInterval,
	} {
		if d < time.Millisecond {
			return fmt.Errorf("a time of %v: give at least 1ms", d)
		}
	}
	if c.BackoffMax < c.BackoffMin {
		return fmt.Errorf("BackoffMax %v is below BackoffMin %v", c.BackoffMax, c.BackoffMin)
	}
	if c.ProbeTimeout > c.ProbeInterval {
		return fmt.Errorf("ProbeTimeout %v is above ProbeInterval %v", c.ProbeTimeout, c.ProbeInterval)
	}
	return nil
}

// maxSeeds bounds the addresses that a node is told to join.
const maxSeeds = 1024

func validateSeed(seed string) error {
	if _, _, err := net.SplitHostPort(seed); err != nil {
		return fmt.Errorf("seed %q: give host:port", seed)
	}
	return nil
}
