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
		Ticket  Ticket
		Key     store.Key
		Version store.Version
		Delete  bool
	}
	// WriteRepeated says that a client's write was there already, by its Request.
	WriteRepeated struct {
		Ticket  Ticket
		Key     store.Key
		Version store.Version
	}
	// EntriesMerged says how many of a frame's entries won over what was held.
	EntriesMerged struct{ Offered, Won int }
	// OfferedAnew says that the node wrote anew what it held of a write that lies
	// beyond the end of a node that was dropped.
	OfferedAnew struct {
		Key      store.Key
		Old, New store.Version
	}
	// EntriesCollected says that these deleted or expired entries are gone, for
	// everybody has them.
	EntriesCollected struct{ Entries []*store.Entry }
	// EntryBelowFloor says that an entry was dropped which came late: everybody had
	// it already, and it may be deleted since.
	EntryBelowFloor struct {
		Key     store.Key
		Version store.Version
	}
	// EntryInDoubt says that a write was taken out which lies beyond the end of a node
	// that was dropped, and of whose key others hold nothing: it may have been deleted
	// since, and that collected. An operator has to decide.
	EntryInDoubt struct {
		Key     store.Key
		Version store.Version
	}
	// BoundExceeded says that writes may be missing here which were acknowledged longer
	// ago than the bound.
	BoundExceeded struct {
		Bound time.Duration
		Acked clock.Timestamp // as Front.Acked
		// Laggard is the member that holds it back, "" if the node knows none.
		Laggard store.NodeID
	}
	// BoundKept says that they are not any more, after so long.
	BoundKept struct{ After time.Duration }
	// UpdateLost says that a write lost to another whose origin had not known it:
	// both met here. It comes once for each two.
	UpdateLost struct {
		Key           store.Key
		Loser, Winner store.Version
		// Doubtful says that the winner's origin may have known the loser: its node
		// had restarted, or knew more than an entry can say.
		Doubtful bool
	}
)

func (WriteAccepted) EventName() string    { return "write_accepted" }
func (WriteRepeated) EventName() string    { return "write_repeated" }
func (EntriesMerged) EventName() string    { return "entries_merged" }
func (OfferedAnew) EventName() string      { return "offered_anew" }
func (EntriesCollected) EventName() string { return "entries_collected" }
func (EntryBelowFloor) EventName() string  { return "entry_below_floor" }
func (EntryInDoubt) EventName() string     { return "entry_in_doubt" }
func (BoundExceeded) EventName() string    { return "bound_exceeded" }
func (BoundKept) EventName() string        { return "bound_kept" }
func (UpdateLost) EventName() string       { return "update_lost" }
