package node

import (
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

// This file watches the propagation bound: by Config.Bound after a write was
// acknowledged anywhere, this node should show it.

// MinBound is the least bound. A node hears how far the others are a few times a
// second, from half the globe away.
const MinBound = time.Second

// Progress is how far a node is, for people to look at.
type Progress struct {
	W     clock.Timestamp // as of Front.W
	Epoch uint64          // of the roster
	// Members are those of the roster, in the order of their ids.
	Members []gossip.Standing
	// Late is since when the bound is exceeded, in nanoseconds since the Unix
	// epoch; 0 while it is kept.
	Late int64
	// Snapshot is how far the node is with the snapshot that it takes, nil if it takes
	// none.
	Snapshot *gossip.CatchingUp
	// Refusals are whose timestamps the node refuses, sorted by node.
	Refusals []gossip.Refusal
}

// Progress returns how far the node was at its last Flush. The caller owns it.
func (n *Node) Progress() Progress {
	var snapshot *gossip.CatchingUp
	if c, ok := n.engine.CatchingUp(); ok {
		snapshot = &c
	}
	return Progress{
		Snapshot: snapshot,
		W:        n.engine.W(),
		Epoch:    n.engine.Roster().Epoch().Number,
		Members:  n.engine.Standings(),
		Late:     n.late,
		Refusals: n.engine.Refusals(),
	}
}

// watchBound tells when the bound begins to be exceeded and when it is kept
// again. Who has just started has as long to catch up.
func (n *Node) watchBound() {
	if n.fresh {
		n.started = n.wall
	}
	acked := n.engine.Acked()
	due := max(acked.Wall, n.started) + int64(n.cfg.Bound)
	switch late := n.wall > due; {
	case late && n.late == 0:
		n.late = due
		n.observe(BoundExceeded{Bound: n.cfg.Bound, Acked: acked, Laggard: laggard(n.engine.Standings())})
	case !late && n.late != 0:
		n.observe(BoundKept{After: time.Duration(n.wall - n.late)})
		n.late = 0
	}
}

// laggard returns the member of which the least is covered, "" if there is none.
func laggard(members []gossip.Standing) store.NodeID {
	var least gossip.Standing
	for _, m := range members {
		if least.Node == "" || m.Covered.Compare(least.Covered) < 0 {
			least = m
		}
	}
	return least.Node
}
