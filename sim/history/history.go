// Package history judges what clients of a store saw. It keeps a record of their
// operations, and says which properties the record has: from the guarantees of a
// session to linearizability, how stale reads were and how soon writes were visible.
//
// A write is given a version and a read tells the version it found, so it is known
// which write a read saw, and which of two writes wins. With that nearly every
// property can be checked in one sweep over sorted operations, exactly, a million of
// them in a second or two. DESIGN.md has for each property what it means, how it is
// checked, what that costs and which test holds it to its meaning.
//
// To use it: record the operations with Add, what replicas held with Apply, End and
// Hold, then take the verdict from Check.
package history

import (
	"math"

	"hearsay/clock"
	"hearsay/store"
)

// A Kind is what a client asked for.
type Kind uint8

// The kinds of operations. A List is one operation for each key it visited.
const (
	Put Kind = iota
	Delete
	Get
	List
	kinds
)

func (k Kind) String() string { return [...]string{"put", "delete", "get", "list"}[k] }

func (k Kind) isWrite() bool { return k <= Delete }

// An Outcome is what a client knows of how its operation ended.
type Outcome uint8

const (
	// OK is an operation that was answered.
	OK Outcome = iota
	// Fail is one that surely had no effect.
	Fail
	// Info is one of which nobody knows, as after a timeout.
	Info
)

// NoSession is the session of operations that follow from no other.
const NoSession = math.MaxUint32

// An Op is one operation on one key.
type Op struct {
	// Session says who asked: a number from 0 without large gaps, or NoSession. A
	// session asks again only after it was answered or gave up. What it asks at one
	// moment, such as the keys of a list, is one step: none of it is after the other.
	Session uint32
	Node    uint32 // that answered: a number from History.Node
	Key     uint32 // a number from History.Key
	Kind    Kind
	Outcome Outcome
	// Invoked and Returned are moments of one true clock, in nanoseconds; Returned
	// counts only if Outcome is OK. What ends at the moment at which another begins is
	// concurrent with it. Who times operations by several clocks has to widen them by
	// how far these may differ, lest what was concurrent seem in order. What returned
	// before it was invoked counts as having returned at once.
	Invoked, Returned int64
	// Version is what a write was given, or a read found; zero for nothing. A write of
	// unknown outcome may have one too, if it is known from elsewhere. It counts once
	// somebody read or held that.
	Version store.Version
	// Tombstone tells of a read that what it found is deleted or expired.
	Tombstone bool
	// Lapses tells of a put that it expires once, and may be collected then.
	Lapses bool
	// Hash stands for all the content that was written or found; of a tombstone it does
	// not count.
	Hash uint64
	// Collected is the floor of a read that found nothing: what could be collected up
	// to there may have been.
	Collected clock.Timestamp
	// In is the bookmark that the client presented, Out the one it was given. Only
	// whether Out covers In is kept.
	In, Out store.Bookmark
}

const (
	tombstone  = 1 << iota
	lapses     // a put that expires
	collected  // the stamp is a floor
	presented  // a bookmark
	notCovered // by the bookmark that was given for it
)

// A stamp is a version in 16 bytes. Origins are numbered from 1 as they come.
type stamp struct {
	wall            int64
	logical, origin uint32
}

func (s stamp) compare(t stamp) int {
	switch {
	case s.wall != t.wall:
		return order(s.wall < t.wall)
	case s.logical != t.logical:
		return order(s.logical < t.logical)
	case s.origin != t.origin:
		return order(s.origin < t.origin)
	}
	return 0
}

func order(less bool) int {
	if less {
		return -1
	}
	return 1
}

// A History is the record of one run. Its zero value is empty. It takes up to about
// four billion operations, 53 bytes each, and belongs to one goroutine.
type History struct {
	keys, nodes, regions names
	regionOf             []uint32 // by node
	origins              []store.Origin
	originOf             map[store.Origin]uint32

	// By operation.
	session, node, key []uint32
	kind               []Kind
	outcome            []Outcome
	flags              []uint8
	invoked, returned  []int64
	stamps             []stamp
	hash               []uint64

	applied, held holdings
	ended         []ending
}

// Holdings are versions at nodes.
type holdings struct {
	node, key []uint32
	stamps    []stamp
	at        []int64  // of what was applied: when
	hash      []uint64 // of what was held in the end, 0 for a tombstone
}

type ending struct {
	node  uint32
	floor stamp
}

// Names are texts and their numbers, in the order in which they came.
type names struct {
	texts   []string
	numbers map[string]uint32
}

func (n *names) number(text string) uint32 {
	if i, known := n.numbers[text]; known {
		return i
	}
	if n.numbers == nil {
		n.numbers = map[string]uint32{}
	}
	i := uint32(len(n.texts))
	n.numbers[text] = i
	n.texts = append(n.texts, text)
	return i
}

// Key returns the number of the key of that name.
func (h *History) Key(name string) uint32 { return h.keys.number(name) }

// Node returns the number of the node of that name, which stands in region.
func (h *History) Node(name, region string) uint32 {
	i := h.nodes.number(name)
	if int(i) == len(h.regionOf) {
		h.regionOf = append(h.regionOf, h.regions.number(region))
	}
	return i
}

// Len returns how many operations there are.
func (h *History) Len() int { return len(h.key) }

// Add records an operation and returns its number, by which findings name it: how
// many were added before it.
func (h *History) Add(op Op) uint32 {
	var flags uint8
	set := func(bit uint8, is bool) {
		if is {
			flags |= bit
		}
	}
	at := h.stamp(op.Version)
	if op.Version == (store.Version{}) && !op.Collected.IsZero() {
		flags, at = collected, through(op.Collected)
	}
	set(tombstone, op.Tombstone || op.Kind == Delete)
	set(lapses, op.Lapses)
	set(presented, !op.In.IsZero())
	set(notCovered, !op.In.IsZero() && op.Outcome == OK && !covers(op.Out, op.In))

	h.session = append(h.session, op.Session)
	h.node = append(h.node, op.Node)
	h.key = append(h.key, op.Key)
	h.kind = append(h.kind, op.Kind)
	h.outcome = append(h.outcome, op.Outcome)
	h.flags = append(h.flags, flags)
	h.invoked = append(h.invoked, op.Invoked)
	h.returned = append(h.returned, max(op.Returned, op.Invoked))
	h.stamps = append(h.stamps, at)
	h.hash = append(h.hash, op.Hash)
	return uint32(len(h.key) - 1)
}

// Apply records that node holds version of key from the moment at on, and that no
// crash takes it back.
func (h *History) Apply(node, key uint32, version store.Version, at int64) {
	h.applied.at = append(h.applied.at, at)
	h.applied.add(node, key, h.stamp(version))
}

// End records that node is there at the end, when all should have converged, and
// has collected up to floor. Of the keys for which Hold is not called it holds nothing.
func (h *History) End(node uint32, floor clock.Timestamp) {
	h.ended = append(h.ended, ending{node, through(floor)})
}

// Hold records what node holds of key at the end. Of a tombstone the content does not
// count.
func (h *History) Hold(node, key uint32, version store.Version, tombstone bool, hash uint64) {
	if tombstone {
		hash = 0
	} else {
		hash |= 1
	}
	h.held.hash = append(h.held.hash, hash)
	h.held.add(node, key, h.stamp(version))
}

func (s *holdings) add(node, key uint32, at stamp) {
	s.node = append(s.node, node)
	s.key = append(s.key, key)
	s.stamps = append(s.stamps, at)
}

func (h *History) stamp(v store.Version) stamp {
	if v == (store.Version{}) {
		return stamp{}
	}
	n, known := h.originOf[v.Origin]
	if !known {
		if h.originOf == nil {
			h.originOf = map[store.Origin]uint32{}
		}
		h.origins = append(h.origins, v.Origin)
		n = uint32(len(h.origins))
		h.originOf[v.Origin] = n
	}
	return stamp{v.Timestamp.Wall, v.Timestamp.Logical, n}
}

// through returns the greatest stamp at t.
func through(t clock.Timestamp) stamp { return stamp{t.Wall, t.Logical, math.MaxUint32} }

// covers reports whether whoever has seen out has seen all that in says.
func covers(out, in store.Bookmark) bool {
	everywhere := out.Floor
	if out.Through.Compare(everywhere) > 0 {
		everywhere = out.Through
	}
	if in.Through.Compare(everywhere) > 0 || in.Floor.Compare(out.Floor) > 0 {
		return false
	}
	for _, s := range in.Marks {
		if s.Timestamp.Compare(everywhere) > 0 && !marked(out.Marks, s.Mark) {
			return false
		}
	}
	return true
}

func marked(marks []store.Seen, m store.Mark) bool {
	for _, s := range marks {
		if s.Origin == m.Origin {
			return s.Seq >= m.Seq
		}
	}
	return false
}
