package node

import (
	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

// An Arrival is an entry that came from a peer and won over what its key had held.
type Arrival struct {
	Key     store.Key
	Version store.Version
	// Wall is when, nanoseconds since the Unix epoch by this machine's clock.
	Wall int64
	Via  gossip.Via
}

func (n *Node) arrived(now clock.Reading, e *store.Entry, via gossip.Via) {
	if n.cfg.Arrived != nil {
		n.cfg.Arrived(Arrival{Key: e.Key, Version: e.Version, Wall: now.Wall, Via: via})
	}
}
