package gossip

import (
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// An Event is worth a log line, a counter or a line of trace. Its name is the
// counter's and the trace's word for it.
type Event interface{ EventName() string }

type (
	// PeerUp says that a stream to a peer is there, or there again.
	PeerUp struct{ Peer Peer }
	// PeerDown says that it is gone.
	PeerDown struct{ Peer Peer }
	// FrameApplied says that a frame was taken in. Ahead ones overtook rows that
	// are still missing.
	FrameApplied struct {
		From   store.NodeID
		Origin store.Origin
		Rows   int
		Ahead  bool
	}
	// FrameRepeated says that a frame held nothing new and was dropped.
	FrameRepeated struct {
		From   store.NodeID
		Origin store.Origin
	}
	// FreshCrossed says that a frame left for the writer's relay in another region.
	FreshCrossed struct{ Crossing }
	// HedgeCrossed says that it left for a second one, as the first did not confirm
	// it.
	HedgeCrossed struct{ Crossing }
	// PullCrossed says that a frame left for another region because it was asked
	// for.
	PullCrossed struct{ Crossing }
	// FrameRelayed says that rows of a writer in another region were passed on to
	// so many peers of this one.
	FrameRelayed struct {
		Origin store.Origin
		Rows   int
		Peers  int
	}
	// RelayLate says that a relay confirmed nothing in time: what was under way to
	// it goes to another of its region.
	RelayLate struct {
		Peer   store.NodeID
		Region string
	}
	// OriginHeld says that a stream waits because an entry's timestamp is ahead of
	// this machine's clock by more than the maximum skew.
	OriginHeld struct {
		Origin store.Origin
		For    time.Duration
	}
	// StampsRefused says that what a node wrote is not taken, since its timestamps are
	// ahead of this machine's clock by more than twice the maximum skew: one of the two
	// clocks is wrong, or was.
	StampsRefused struct {
		Node  store.NodeID
		Ahead time.Duration
	}
	// StampsAccepted says that this is over, after so long.
	StampsAccepted struct {
		Node  store.NodeID
		After time.Duration
	}
	// GapFound says that rows past Mark and up to From went missing on the way.
	GapFound struct {
		Origin     store.Origin
		Mark, From uint64
	}
	// Pulled says that a node asked for what it lacks of Origins origins.
	Pulled struct {
		To      store.NodeID
		Origins int
	}
	// PullTimedOut says that a pull brought nothing in time.
	PullTimedOut struct {
		To     store.NodeID
		Origin store.Origin
	}
	// NoStream says that a message came from a node to which no stream is up yet,
	// and was dropped: it can wait, and its sender will repeat it.
	NoStream struct{ From store.NodeID }
	// EpochAdopted says that this node has learnt of a new roster.
	EpochAdopted struct {
		Number  uint64
		Members int
	}
	// FloorRaised says that everything stamped at or below Floor is everywhere.
	FloorRaised struct{ Floor clock.Timestamp }
	// FetchFailed says that a peer did not bring a large value that it should have,
	// in time or at all.
	FetchFailed struct {
		From   store.NodeID
		Upload store.Upload
	}
	// OriginRetired says that an origin has ended and is held to its end everywhere.
	OriginRetired struct{ Origin store.Origin }
	// BelowFloor says that what came of an origin is everywhere already and was
	// dropped: a late copy.
	BelowFloor struct {
		From   store.NodeID
		Origin store.Origin
	}
	// FellBehind says that logs do not help this node any more: it takes a snapshot,
	// and if it is fenced it takes nothing else, and gives nothing, until it has one.
	FellBehind struct{ Fenced bool }
	// SnapshotAgain says that a snapshot begins anew after so many entries: its donor
	// has collected meanwhile, or no large value of it came for too long.
	SnapshotAgain struct {
		From    store.NodeID
		Entries uint64
	}
	// CaughtUp says that this node has a snapshot, of so many entries.
	CaughtUp struct {
		From    store.NodeID
		Entries uint64
		Took    time.Duration
	}
	// BucketBad says that entries of this node's disk are not those that it had put
	// there. What is wrong is taken from others.
	BucketBad struct{ Bucket int }
	// ReplicasDiffer says that this node and a peer hold different entries though
	// both miss nothing: a fault of a disk or of this program. Here and There count
	// the entries that one has and the other has not, or not so.
	ReplicasDiffer struct {
		Peer        store.NodeID
		Bucket      int
		Here, There int
	}
	// EntryMended says that an entry was taken from a peer that differed.
	EntryMended struct {
		Peer store.NodeID
		Key  store.Key
	}
	// MendRefused says that a peer has an entry at or below the floor that differs from
	// what is here. It may have been collected here, so all members are asked; if most of
	// them do not hold the same, an operator has to decide.
	MendRefused struct {
		Peer store.NodeID
		Key  store.Key
	}
	// EntryStruck says that an entry at or below the floor was taken out, for most members
	// hold nothing under its key: it was deleted, and collected there.
	EntryStruck struct {
		Key     store.Key
		Version store.Version
	}
	// MessageRefused says that a message made no sense here and was dropped.
	MessageRefused struct {
		From store.NodeID
		Why  string
	}
)

// A Crossing is one frame that leaves for another region.
type Crossing struct {
	To     store.NodeID
	Origin store.Origin
	Rows   int
}

func (PeerUp) EventName() string         { return "peer_up" }
func (PeerDown) EventName() string       { return "peer_down" }
func (FrameApplied) EventName() string   { return "frame_applied" }
func (FrameRepeated) EventName() string  { return "frame_repeated" }
func (FreshCrossed) EventName() string   { return "fresh_crossed" }
func (HedgeCrossed) EventName() string   { return "hedge_crossed" }
func (PullCrossed) EventName() string    { return "pull_crossed" }
func (FrameRelayed) EventName() string   { return "frame_relayed" }
func (RelayLate) EventName() string      { return "relay_late" }
func (OriginHeld) EventName() string     { return "origin_held" }
func (StampsRefused) EventName() string  { return "stamps_refused" }
func (StampsAccepted) EventName() string { return "stamps_accepted" }
func (GapFound) EventName() string       { return "gap_found" }
func (Pulled) EventName() string         { return "pulled" }
func (PullTimedOut) EventName() string   { return "pull_timed_out" }
func (NoStream) EventName() string       { return "no_stream" }
func (EpochAdopted) EventName() string   { return "epoch_adopted" }
func (FloorRaised) EventName() string    { return "floor_raised" }
func (FetchFailed) EventName() string    { return "fetch_failed" }
func (OriginRetired) EventName() string  { return "origin_retired" }
func (BelowFloor) EventName() string     { return "below_floor" }
func (FellBehind) EventName() string     { return "fell_behind" }
func (SnapshotAgain) EventName() string  { return "snapshot_again" }
func (CaughtUp) EventName() string       { return "caught_up" }
func (BucketBad) EventName() string      { return "bucket_bad" }
func (ReplicasDiffer) EventName() string { return "replicas_differ" }
func (EntryMended) EventName() string    { return "entry_mended" }
func (EntryStruck) EventName() string    { return "entry_struck" }
func (MendRefused) EventName() string    { return "mend_refused" }
func (MessageRefused) EventName() string { return "message_refused" }
