package node

import (
	"errors"
	"time"

	"hearsay/clock"
)

// This file is a disk that has no room.

// ErrFull is returned beside ErrNotReady by a node whose disk has no room to spare.
var ErrFull = errors.New("its disk is full")

// Full tells the node whether its disk has less room than it is to keep free. Then it
// takes no writes and no entries from peers, so that what is left is for what has to
// be kept: ledgers, clock bounds, the store's own compactions. It leaves its
// region's view, serves reads, which say how stale they are, and catches up when there
// is room again. Saying the same twice does no harm.
func (n *Node) Full(now clock.Reading, full bool) {
	n.look(now)
	if full == n.full {
		return
	}
	n.full = full
	n.engine.Rest(full)
	if full {
		n.fullAt = now.Mono
		n.observe(DiskFull{})
	} else {
		n.observe(DiskFreed{After: now.Mono - n.fullAt})
	}
}

type (
	// DiskFull says that the disk has no room to spare, and that the node takes
	// nothing in.
	DiskFull struct{}
	// DiskFreed says that it has again, after so long.
	DiskFreed struct{ After time.Duration }
)

func (DiskFull) EventName() string  { return "disk_full" }
func (DiskFreed) EventName() string { return "disk_freed" }
