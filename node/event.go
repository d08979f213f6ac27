package node

import (
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
)

func (WriteAccepted) EventName() string { return "write_accepted" }
func (EntriesMerged) EventName() string { return "entries_merged" }
