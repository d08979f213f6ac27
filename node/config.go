package node

import (
	"errors"
	"fmt"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// Config is what makes one node differ from another. Start from DefaultConfig.
type Config struct {
	ID     store.NodeID
	Region string
	// Name is a label for people. A node that joins under the name of a silent one of
	// its region replaces it; one without a name replaces nobody.
	Name string
	// MaxSkew is how far apart any two machines' clocks may be. What is stamped
	// further ahead of this machine's waits until it is not.
	MaxSkew time.Duration
	// Bound is how long after its acknowledgement a write should be readable here,
	// wherever it was made. The node tells when it cannot say so.
	Bound time.Duration
	// KeepSuperseded is how long the chunks of a superseded large value stay, for
	// replicas that are fetching them. Reads of a front that shows it end sooner.
	KeepSuperseded time.Duration
	// SyncEvery is how long a commit may be left unsynced while nobody waits for it; 0
	// is not at all. A crash then takes back the last writes that were acknowledged
	// local and nothing else. At most MaxSyncEvery.
	SyncEvery time.Duration
	Gossip    gossip.Config
	// Found makes the node the first member of a new cluster, unless its store
	// already knows of one. One node of a cluster is told so; the others join.
	Found bool
	// Draw is all the chance a node has; see gossip.Draw.
	Draw gossip.Draw
	// Observe is told of events in order. It must not block; nil is allowed.
	Observe func(Event)
	// Arrived is told of each entry that a peer made a key hold, in order. It must
	// not block; nil is allowed.
	Arrived func(Arrival)
}

// DefaultConfig returns a config that lacks only ID, Region and Draw.
func DefaultConfig() Config {
	return Config{MaxSkew: 500 * time.Millisecond, Bound: time.Minute, KeepSuperseded: 10 * time.Minute, Gossip: gossip.DefaultConfig()}
}

// Validate returns an error that names the first field out of its range.
func (c Config) Validate() error {
	switch {
	case c.ID == "" || len(c.ID) > store.MaxNodeID:
		return fmt.Errorf("node: ID has %d bytes, must have 1 to %d", len(c.ID), store.MaxNodeID)
	case c.MaxSkew <= 0:
		return fmt.Errorf("node: MaxSkew is %v, must be positive", c.MaxSkew)
	case c.Bound < MinBound:
		return fmt.Errorf("node: Bound is %v, must be at least %v", c.Bound, MinBound)
	case c.SyncEvery < 0 || c.SyncEvery > MaxSyncEvery:
		return fmt.Errorf("node: SyncEvery is %v, must be 0 to %v", c.SyncEvery, MaxSyncEvery)
	case c.KeepSuperseded <= 0:
		return fmt.Errorf("node: KeepSuperseded is %v, must be positive", c.KeepSuperseded)
	case c.Draw == nil:
		return errors.New("node: Draw is nil, must be a source of chance")
	}
	return c.Gossip.Validate()
}
