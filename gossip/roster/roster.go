// Package roster is who belongs to the cluster, agreed by its members.
//
// A roster lives in epochs. Epoch e+1 is decided by a majority of the members of
// epoch e, by single-decree Paxos (Lamport, "Paxos Made Simple", 2001), so a
// minority neither admits nor drops anyone. Whatever counts over all nodes, the
// watermark W first, counts over one epoch's members.
//
// Roster is a state machine without I/O. What it must not forget is its Ledger,
// which its owner makes durable before it sends what Collect returns. machine.go
// decides epochs; admit.go, drop.go and granters.go are what the next one may be.
package roster

import (
	"slices"
	"strings"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// A Member is a node that belongs to the cluster.
type Member struct {
	Node   store.NodeID
	Region string
	Name   string // a label for people, empty for none
	// Since is before everything that the member stamps from then on: it is as if
	// the member had closed it.
	Since clock.Timestamp
}

// An End is what became of a member that was dropped: of what it wrote before,
// only what Marks cover counts. A stream that is to end though it began after its node
// was admitted again, by its timestamps, is named with number 0 if nobody else holds any
// of it.
type End struct {
	Node  store.NodeID
	Epoch uint64 // which dropped it
	Marks store.Watermarks
	// Through is the greatest W of those who stayed: what the member stamped at or
	// below it counts, though its origin may be retired and not be among Marks.
	Through clock.Timestamp
}

// An Epoch is one roster. Epoch 1 is the founder alone; the zero Epoch is none.
type Epoch struct {
	Number  uint64
	Founder store.NodeID
	Members []Member // sorted by node
	// Sponsor proposed the epoch. It closes nothing above Bar before it has
	// adopted the epoch, and those whom it admits stamp above Bar: so nobody's
	// watermark passes Bar before it knows them.
	Sponsor store.NodeID
	Bar     clock.Timestamp
	Regions []Region // sorted by name
	// Ends are of those who were dropped, sorted by node, the last MaxEnds. Who was
	// admitted again keeps its end for what it wrote before.
	Ends []End
}

// Member returns the member with the id.
func (e *Epoch) Member(id store.NodeID) (Member, bool) {
	i, ok := e.find(id)
	if !ok {
		return Member{}, false
	}
	return e.Members[i], true
}

func (e *Epoch) find(id store.NodeID) (int, bool) {
	return slices.BinarySearchFunc(e.Members, id, func(m Member, id store.NodeID) int {
		return strings.Compare(string(m.Node), string(id))
	})
}

// End returns the end of the node with the id, if it was ever dropped.
func (e *Epoch) End(id store.NodeID) (End, bool) {
	i, ok := e.findEnd(id)
	if !ok {
		return End{}, false
	}
	return e.Ends[i], true
}

func (e *Epoch) findEnd(id store.NodeID) (int, bool) {
	return slices.BinarySearchFunc(e.Ends, id, func(d End, id store.NodeID) int {
		return strings.Compare(string(d.Node), string(id))
	})
}

// Ended returns the last number of origin that counts, and whether there is one:
// its node was dropped, and was not a member again when the origin began. One that the
// end names has ended whatever its timestamps say.
func (e *Epoch) Ended(origin store.Origin) (last uint64, ended bool) {
	i, dropped := e.findEnd(origin.Node)
	if !dropped {
		return 0, false
	}
	last, named := e.Ends[i].Marks.Find(origin)
	if m, again := e.Member(origin.Node); !named && again && origin.Incarnation.Start.Compare(m.Since) > 0 {
		return 0, false
	}
	return last, true
}

// Excludes reports whether v, write seq of its origin, lies beyond the end of that and
// so counts nowhere.
func (e *Epoch) Excludes(v store.Version, seq uint64) bool {
	last, ended := e.Ended(v.Origin)
	if !ended || seq <= last {
		return false
	}
	end, _ := e.End(v.Origin.Node)
	return v.Timestamp.Compare(end.Through) > 0
}

func (e *Epoch) majority() int { return len(e.Members)/2 + 1 }

// A Ballot numbers one attempt to decide an epoch; the zero Ballot is before
// all others.
type Ballot struct {
	Round uint64
	Node  store.NodeID
}

// Compare orders ballots by round, then by who holds them.
func (b Ballot) Compare(c Ballot) int {
	switch {
	case b.Round < c.Round:
		return -1
	case b.Round > c.Round:
		return +1
	}
	return strings.Compare(string(b.Node), string(c.Node))
}

// A Ledger is what a node must not forget: the last epoch that it knows to be
// decided, and its part as acceptor in deciding the next.
type Ledger struct {
	Epoch    Epoch
	Promised Ballot
	Accepted Ballot
	Value    Epoch // what was accepted at Accepted
	// Bar is that of the node's own proposals for the next epoch, zero if it made
	// none. It stays whatever the node accepts later: others may have accepted its
	// proposal and bring it to its end.
	Bar clock.Timestamp
	// Refused are those whose streams this node takes no further until the next
	// epoch is decided, sorted: it said how far it holds them, so that they can be
	// dropped.
	Refused []store.NodeID
}

// Config tunes a Roster.
type Config struct {
	// Gather is how long a sponsor waits for more newcomers before it proposes: an
	// epoch for each costs two round trips. Ten nodes in five regions that start
	// together are ready after 1.3 s at 20 ms, 1.0 s at 100 and 1.5 s at 250.
	Gather time.Duration
	// Patience is how long an attempt, or an admission asked for, may take until
	// it is tried again. Each wait is drawn from one to two of it, so that rival
	// sponsors fall out of step.
	Patience time.Duration
	// Settle is how long after a change of granters no grant from before it is in
	// force any more: more than one lasts.
	Settle time.Duration
	// Silence is how long a member has to be silent until a newcomer of its name
	// and region takes its place.
	Silence time.Duration
	// Horizon is how long a member has to be silent until the others drop it.
	Horizon time.Duration
	// MaxMembers bounds a roster.
	MaxMembers int
}

// DefaultConfig returns settings for regions far apart.
func DefaultConfig() Config {
	return Config{
		Gather: 100 * time.Millisecond, Patience: 2 * time.Second, Settle: 1500 * time.Millisecond,
		Silence: 5 * time.Second, Horizon: 24 * time.Hour, MaxMembers: 1024,
	}
}

// MaxEnds bounds the ends that an epoch remembers: the oldest are forgotten, and a
// node that comes back after so many others were dropped has to begin on an empty
// disk.
const MaxEnds = 256

// A Step is the part that a Message plays.
type Step uint8

// The steps of an admission and of a decision.
const (
	Ask      Step = iota + 1 // a newcomer asks to be admitted
	Prepare                  // a sponsor opens a ballot …
	Promise                  // … which the sender joins, telling what it had accepted …
	Refuse                   // … or not, for it has promised a greater one
	Accept                   // the sponsor proposes Value in its ballot …
	Accepted                 // … which the sender has accepted
	Decided                  // Value is decided
	Leave                    // a member asks to be dropped
)

// A Message travels between two rosters.
type Message struct {
	Step   Step
	Number uint64 // of the epoch being decided
	Ballot Ballot
	// Accepted is the ballot in which the sender of a Promise accepted Value,
	// zero if it accepted nothing.
	Accepted Ballot
	Value    Epoch
	// Who is the sender of an Ask; Since is above all that it ever stamped, zero if
	// it stamped nothing.
	Who Member
	// Drop are those whom the sender of a Prepare would drop, sorted; Held is how
	// far the sender of a Promise holds their streams. In a Leave it names, with number
	// 0, streams of its sender that are to end; see Rejoin.
	Drop []store.NodeID
	Held store.Watermarks
	// What a Promise says for the sake of granters, see vow, and the node of another
	// region that is nearest to its sender, empty if it does not know.
	Settled, W clock.Timestamp
	Near       store.NodeID
}

// An Envelope is a message and the node it goes to.
type Envelope struct {
	To      store.NodeID
	Message Message
}
