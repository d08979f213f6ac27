// Package gossip is how entries spread: a deterministic engine that is told of
// peers, messages and time, and hands back the messages to send.
//
// Start at Engine in engine.go; DESIGN.md states the protocol.
package gossip

import (
	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/gossip/view"
	"hearsay/store"
)

// A Peer is another node, seen from this one.
type Peer struct {
	ID     store.NodeID
	Region string
	Name   string // a label for people, empty for none
}

// A Message travels between two engines. The set of messages is closed: Frame,
// Status, Pull, Roster and View, of large values Fetch, Chunk, Offer and Has, of
// snapshots Scan, Page and Gone, and Repair.
// Messages are immutable once sent, and one may be sent to several peers.
type Message interface{ message() }

// Facts is what a sender knows of the whole cluster; zero parts are unknown to
// it. They ride in every Frame and Status.
type Facts struct {
	W     clock.Timestamp // nothing stamped at or below it is missing at the sender
	Floor clock.Timestamp // everything stamped at or below it is everywhere
	Epoch uint64          // the sender's roster, over which W and Floor count
	// Behind says that the sender is below the floor: it is no source, and takes
	// nothing but a snapshot.
	Behind bool
}

// A Frame is the unit of a stream: a run of one origin's log, in order, with
// what each row's key holds now at the sender, whoever wrote that. Once all of
// it is applied and its large values are whole, the receiver covers the origin up
// to Through.
type Frame struct {
	Origin store.Origin
	// From is the number before the first row: the frame is in order for a
	// receiver whose watermark is at least From.
	From uint64
	// Rows[i] is the origin's write number From + 1 + i.
	Rows []FrameRow
	// Entries holds each key of Rows once, each named by at least one row.
	Entries []*store.Entry
	Facts   Facts
}

// A FrameRow is one row of a log: when the origin wrote it, and which of the
// frame's entries is its key's.
type FrameRow struct {
	Entry     int // index into Frame.Entries
	Timestamp clock.Timestamp
}

// Through returns the number of the last row.
func (f *Frame) Through() uint64 { return f.From + uint64(len(f.Rows)) }

// Size returns the bytes that f counts for against a budget.
func (f *Frame) Size() int {
	n := len(f.Rows) * rowOverhead
	for _, e := range f.Entries {
		n += e.Size()
	}
	return n
}

// rowOverhead is about what a row takes in a frame.
const rowOverhead = 12

// A Status tells how far its sender is. It alone may be lost without harm and
// dropped from a full queue.
type Status struct {
	// Marks are the sender's watermarks that moved since its last Status to this
	// peer, or all of them if Full.
	Marks store.Watermarks
	Full  bool
	// Hash is over all the sender's watermarks; see HashMarks. It is 0 in an answer,
	// which says of some marks alone how far frames have brought them.
	Hash uint64
	// Want asks for a Full Status in return.
	Want  bool
	Facts Facts
	// Closed is how far the sender, whose marks Hash is over, misses nothing of each
	// member. It counts under Facts.Epoch. It is nil in an answer, and before the
	// sender belongs to the cluster.
	Closed *Closed
	// Tag goes with Marks: which view of the receiver's region the sender had
	// granted last when it held these. It is zero where it has changed nothing.
	Tag view.Tag
	// Taken says how far the sender has taken rows in where that is past its mark:
	// large values among them are not whole there yet.
	Taken store.Watermarks
	// Tally is who has what the floor may rise to next. It counts under Facts.Epoch.
	// It is nil in an answer, and while the sender's floor is as high as it may be.
	Tally *Tally
	// Yours is up to where the receiver is known to have closed; zero if that is
	// unknown, or if not Full. It counts under Facts.Epoch.
	Yours clock.Timestamp
	// Wall is what the sender's wall clock showed in the turn that sent this, in
	// nanoseconds since the Unix epoch; 0 in most, for it costs bytes.
	Wall int64
}

// answer reports whether s says nothing of the sender but its Marks.
func (s *Status) answer() bool { return s.Hash == 0 }

// A Closed says for each member of an epoch up to which timestamp its sender
// misses nothing that the member has written or ever will.
type Closed struct {
	// C is what Lags count from, and, if the sender's own is zero, its closed timestamp:
	// its word that it stamps nothing more at or below C.
	C clock.Timestamp
	// Lags say how far behind C the others are, in the order of the epoch's members,
	// the first in the low half of the first byte; see lagSteps.
	Lags []byte
	// Acked are the lags of what the sender is known to miss nothing of that was
	// acknowledged `region`; nil where Lags say the same.
	Acked []byte
}

// A Tally says which members of an epoch are known to miss nothing stamped at or
// below a timestamp.
type Tally struct {
	Floor clock.Timestamp
	// Have has a bit for each member, in the order of the epoch's members, the first
	// in the lowest bit of the first byte.
	Have []byte
}

// A Pull opens streams and grants the credit to send on them.
type Pull struct {
	// From says past which number each origin's stream begins, or begins again.
	// It is empty where a Pull only grants credit to the streams that are open.
	From store.Watermarks
	// Credit is how many bytes of frames, all streams together, the sender of the
	// Pull has room for. It replaces what is left of an earlier grant.
	Credit int
}

// A Roster is a message of the roster, which agrees on who belongs to the
// cluster.
type Roster struct{ roster.Message }

// A View is a message about who may answer `region` in a region.
type View struct {
	Region string
	view.Message
}

func (*View) message() {}

// MaxPieces bounds the pieces of a Fetch.
const MaxPieces = 64

// A Piece is a chunk of a large value.
type Piece struct {
	Upload       store.Upload
	Offset, Size int64
	Hash         store.Hash
}

// A Fetch asks for chunks of large values. Each comes as a Chunk.
type Fetch struct{ Pieces []Piece }

// A Chunk is a piece that was asked for. The engine that sends one leaves it to
// its driver to fill in Data, beside the node; the driver at the other end
// checks, stages and syncs Data if it was asked for, and hands the rest on.
type Chunk struct {
	Piece
	// Gone says that the sender does not have it.
	Gone bool
	Data []byte
}

// An Offer has its receiver fetch all of a large value that the sender has and is
// about to write, and answer with Has.
type Offer struct{ Manifest *store.Manifest }

// A Has says that its sender has all of an upload: it was offered, or the receiver
// waits for it.
type Has struct{ Upload store.Upload }

func (*Frame) message()  {}
func (*Status) message() {}
func (*Pull) message()   {}
func (*Repair) message() {}
func (*Roster) message() {}
func (*Fetch) message()  {}
func (*Chunk) message()  {}
func (*Offer) message()  {}
func (*Has) message()    {}

// An Envelope is a message and the peer it goes to.
type Envelope struct {
	To      store.NodeID
	Message Message
}
