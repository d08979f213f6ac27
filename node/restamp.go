package node

import (
	"errors"
	"fmt"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file repairs keys that hold what was stamped far ahead: by a machine whose clock
// was wrong, and taken by this one when its own was too. No later write is above such a
// timestamp but one further ahead, which others refuse. So none is made; instead the
// cluster ends the streams of who wrote it before all that is refused now, and whoever
// holds some of that writes it anew as of now (renew.go, anew.go).

// ErrRestamp is returned by Node.Restamp. Nothing changed.
var ErrRestamp = errors.New("node: cannot stamp anew")

// A Restamping is what Node.Restamp has begun.
type Restamping struct {
	Version store.Version // what the key holds
	Ahead   time.Duration // of this machine's clock
}

// Restamp has the cluster agree that what key holds, and all else of its writer that is
// stamped as far ahead, counts nowhere, so that it is written anew. All members that are
// up have to take part; a writer that is up leaves for that and comes back. It is done
// when the key holds another version.
func (n *Node) Restamp(now clock.Reading, key store.Key) (Restamping, error) {
	n.look(now)
	if n.err != nil {
		return Restamping{}, n.err
	}
	e, err := n.current(key)
	if err != nil {
		return Restamping{}, err
	}
	if e == nil {
		return Restamping{}, fmt.Errorf("%w: %q holds nothing here", ErrRestamp, key.Name)
	}
	r := Restamping{Version: e.Version, Ahead: now.Ahead(e.Version.Timestamp)}
	writer := e.Version.Origin.Node
	switch {
	case !n.refuses(e.Version.Timestamp):
		return r, fmt.Errorf("%w: what %q holds is not stamped more than %v ahead of this node's clock; the next write replaces it", ErrRestamp, key.Name, 2*n.cfg.MaxSkew)
	case n.clockUnheard(now), n.clockOff(now):
		return r, fmt.Errorf("%w: it is this node's clock that is not known to be right; ask another one", ErrRestamp)
	case n.excluded(e):
		return r, nil // agreed already
	case writer != n.cfg.ID:
		return r, n.engine.Roster().Forget(now.Mono, []store.NodeID{writer}, true)
	case n.alone():
		return r, fmt.Errorf("%w: this node is the only member of the cluster, and nobody refuses what it stamped", ErrRestamp)
	}
	n.engine.Roster().Rejoin(now.Mono, n.void(now))
	return r, nil
}

// poisoned returns why a write may not be stamped above old, which its key holds, nil
// if it may: others would refuse it, and all that follows.
func (n *Node) poisoned(now clock.Reading, old *store.Entry) error {
	if old == nil || n.alone() || !n.refuses(old.Version.Timestamp) || n.excluded(old) {
		return nil
	}
	return fmt.Errorf("%w: %q holds a timestamp %v ahead of its clock, and others would refuse one above it; have it stamped anew with 'hearsay kv key restamp'",
		ErrNotReady, old.Key.Name, now.Ahead(old.Version.Timestamp).Round(time.Millisecond))
}
