package node

import (
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

// An Event is worth a log line, a counter or a line of trace; gossip's and the
// node's own come through one observer.
type Event = gossip.Event

type (
	// WriteAccepted says that a client's write got its version. It is durable
	// only when its Reply is out.
	WriteAccepted struct {
		Key     store.Key
		Version store.Version
		Delete  bool
	}
	// EntriesMerged says how many of a frame's entries won over what was held.
	EntriesMerged struct{ Offered, Won int }
	// BoundExceeded says that writes older than the bound may be missing here.
	BoundExceeded struct {
		Bound time.Duration
		W     clock.Timestamp // zero if it is unknown
		// Laggard is the member that holds W back, "" if the node knows none.
		Laggard store.NodeID
	}
	// BoundKept says that they are not any more, after so long.
	BoundKept struct{ After time.Duration }
)

func (WriteAccepted) EventName() string { return "write_accepted" }
func (EntriesMerged) EventName() string { return "entries_merged" }
func (BoundExceeded) EventName() string { return "bound_exceeded" }
func (BoundKept) EventName() string     { return "bound_kept" }
