package history

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"
)

// Options are what some of the properties are measured by. What is zero is not
// checked.
type Options struct {
	// Bound and Behind are what bounded staleness allows: how much older than its
	// moment a read may be, and how many acknowledged writes it may miss.
	Bound  time.Duration
	Behind uint64
	// TTL is how long a cache may show what it has, beyond Bound.
	TTL time.Duration
	// Grace is how long after its acknowledgement a delete may go unseen.
	Grace time.Duration
	// Settled is the moment at which all has converged.
	Settled int64
	// Epoch is what a true clock shows at moment 0, and MaxOffset how far ahead of it
	// a version may be. Nodes in Astray have clocks that may be ahead of that.
	Epoch     int64
	MaxOffset time.Duration
	Astray    []uint32
	// Deadline is how long an available node takes to answer at most.
	Deadline time.Duration
	// Windows are spans of time of which availability is told apart.
	Windows []Window
	// Writers is how many writing sessions the causal properties follow, 64 if zero.
	// They are exact about what these wrote and read.
	Writers int
}

// A Window is the span from one moment to before another, such as that of a fault.
type Window struct {
	Name     string
	From, To int64
}

// An Index is a history that is ready for its checks. All versions of a key that
// anybody wrote, read or held have slots one after another, from the oldest to the
// newest, before them one for nothing. So of two operations on a key the one with the
// greater slot has the newer version.
type Index struct {
	h    *History
	o    Options
	rank []uint32 // by origin: its place among all of them

	base []uint32 // by key: its first slot; and one more
	// By slot.
	stamps []stamp // ranked
	writer []uint32
	began  []int64  // the write; never if it is not known to have happened
	acked  []int64  // never if it was not
	after  []int64  // the first ack of any newer version of the key
	buried []int64  // the first ack of any newer delete of it
	due    []uint32 // the newest slot from here down that may be collected

	slot        []uint32 // by operation; none if it does not count
	applied     []uint32 // by Apply
	held        []uint32 // by Hold
	doubled     [][2]uint32
	sessions    groups // operations that count, by session, as they were invoked
	invoked     groups // by key, as they were invoked
	returned    groups // by key, as they returned, if they did
	byInvoked   []uint32
	byApplied   []uint32 // numbers of Apply, by time
	byNode      groups   // writes by node, as they were invoked
	byNodeEnded groups   // and as they returned
}

const (
	always = -1 << 62 // before all moments
	never  = 1 << 62  // after them
)

// A write is a version and who wrote it, none if nobody did.
type write struct {
	stamp stamp
	key   uint32
	op    uint32
}

// Index sorts the history, which must not change any more, for its checks.
func (h *History) Index(o Options) *Index {
	if o.Writers == 0 {
		o.Writers = 64
	}
	x := &Index{h: h, o: o}
	x.rankOrigins()
	if unwritten := x.place(nil); unwritten != nil {
		x.place(unwritten)
	}
	x.dropUnseen()
	x.sort()
	return x
}

func (x *Index) rankOrigins() {
	origins := x.h.origins
	byOrder := upTo(len(origins))
	slices.SortFunc(byOrder, func(i, j uint32) int { return origins[i].Compare(origins[j]) })
	x.rank = make([]uint32, len(origins)+1)
	for place, i := range byOrder {
		x.rank[i+1] = uint32(place + 1)
	}
}

func (x *Index) ranked(s stamp) stamp {
	if s.origin != math.MaxUint32 {
		s.origin = x.rank[s.origin]
	}
	return s
}

// place gives every version and every operation its slot, and returns the versions
// that have none since nobody wrote them. These it gets once more as others.
func (x *Index) place(others []write) (unwritten []write) {
	h := x.h
	x.slot = filled(h.Len())
	written := 0
	for op, kind := range h.kind {
		if kind.isWrite() && h.outcome[op] != Fail {
			written++
		}
	}
	writes := append(make([]write, 0, len(others)+written), others...)
	for op, kind := range h.kind {
		if s := h.stamps[op]; kind.isWrite() && h.outcome[op] != Fail && s != (stamp{}) {
			writes = append(writes, write{x.ranked(s), h.key[op], uint32(op)})
		}
	}
	x.base = make([]uint32, len(h.keys.texts)+1)
	slots := len(writes) + len(x.base)
	x.stamps, x.writer = make([]stamp, 0, slots), make([]uint32, 0, slots)
	x.began, x.acked = make([]int64, 0, slots), make([]int64, 0, slots)
	x.doubled = nil
	writes = sortWrites(writes, len(h.keys.texts))
	for key := range h.keys.texts {
		x.base[key] = uint32(len(x.writer))
		x.addSlot(stamp{}, none, always, always)
		for ; len(writes) > 0 && writes[0].key == uint32(key); writes = writes[1:] {
			x.addWrite(writes[0])
		}
	}
	x.base[len(h.keys.texts)] = uint32(len(x.writer))
	x.lookAhead()

	find := func(key uint32, s stamp) uint32 {
		slot := x.find(key, x.ranked(s))
		if slot == none {
			unwritten = append(unwritten, write{x.ranked(s), key, none})
		}
		return slot
	}
	for op, kind := range h.kind {
		switch {
		case kind.isWrite() || h.outcome[op] != OK:
		case h.flags[op]&collected != 0:
			x.slot[op] = x.collectedAt(h.key[op], h.stamps[op])
		default:
			x.slot[op] = find(h.key[op], h.stamps[op])
		}
	}
	x.applied, x.held = make([]uint32, len(h.applied.key)), make([]uint32, len(h.held.key))
	for i, key := range h.applied.key {
		x.applied[i] = find(key, h.applied.stamps[i])
	}
	for i, key := range h.held.key {
		x.held[i] = find(key, h.held.stamps[i])
	}
	return unwritten
}

func filled(n int) []uint32 {
	s := make([]uint32, n)
	for i := range s {
		s[i] = none
	}
	return s
}

// sortWrites returns writes by key, then by stamp, then by operation.
func sortWrites(writes []write, keys int) []write {
	starts := make([]uint32, keys+1)
	for i := range writes {
		starts[writes[i].key+1]++
	}
	for i := range keys {
		starts[i+1] += starts[i]
	}
	sorted := make([]write, len(writes))
	next := slices.Clone(starts[:keys])
	for _, w := range writes {
		sorted[next[w.key]] = w
		next[w.key]++
	}
	for key := range keys {
		slices.SortFunc(sorted[starts[key]:starts[key+1]], func(a, b write) int {
			if c := a.stamp.compare(b.stamp); c != 0 {
				return c
			}
			return cmp.Compare(a.op, b.op)
		})
	}
	return sorted
}

func (x *Index) addSlot(s stamp, writer uint32, began, acked int64) {
	x.stamps = append(x.stamps, s)
	x.writer = append(x.writer, writer)
	x.began = append(x.began, began)
	x.acked = append(x.acked, acked)
}

// addWrite gives w the next slot, or that of the write whose version it shares: a
// client that asks again may be given the first answer.
func (x *Index) addWrite(w write) {
	h, last := x.h, len(x.writer)-1
	known := x.stamps[last] == w.stamp
	switch {
	case w.op == none && known:
		return
	case w.op == none:
		x.addSlot(w.stamp, none, never, never)
		return
	}
	began, acked := h.invoked[w.op], int64(never)
	if h.outcome[w.op] == OK {
		acked = h.returned[w.op]
	}
	if !known {
		last++
		x.addSlot(w.stamp, w.op, began, acked)
	} else {
		first := x.writer[last]
		if h.hash[first] != h.hash[w.op] || h.session[first] != h.session[w.op] || h.flags[first]&tombstone != h.flags[w.op]&tombstone {
			x.doubled = append(x.doubled, [2]uint32{first, w.op})
		}
		x.began[last], x.acked[last] = min(x.began[last], began), min(x.acked[last], acked)
	}
	x.slot[w.op] = uint32(last)
}

// lookAhead finds what is known from the newer slots of a key, or the older ones.
func (x *Index) lookAhead() {
	n := len(x.writer)
	x.after, x.buried, x.due = make([]int64, n), make([]int64, n), make([]uint32, n)
	for key := range x.h.keys.texts {
		from, to := x.base[key], x.base[key+1]
		after, buried := int64(never), int64(never)
		for s := to - 1; s != from-1; s-- {
			x.after[s], x.buried[s] = after, buried
			after = min(after, x.acked[s])
			if x.has(s, tombstone) {
				buried = min(buried, x.acked[s])
			}
		}
		x.due[from] = from
		for s := from + 1; s < to; s++ {
			x.due[s] = x.due[s-1]
			if x.has(s, tombstone|lapses) {
				x.due[s] = s
			}
		}
	}
}

// has reports whether the write of a slot is one of those that flags say.
func (x *Index) has(slot uint32, flags uint8) bool {
	w := x.writer[slot]
	return w != none && x.h.flags[w]&flags != 0
}

// find returns the slot of a version of key, none if it has no such.
func (x *Index) find(key uint32, s stamp) uint32 {
	from, to := x.base[key], x.base[key+1]
	if s == (stamp{}) {
		return from
	}
	i := from + uint32(sort.Search(int(to-from), func(i int) bool { return x.stamps[from+uint32(i)].compare(s) >= 0 }))
	if i == to || x.stamps[i] != s {
		return none
	}
	return i
}

// collectedAt returns the newest slot of key that may be what floor has collected.
func (x *Index) collectedAt(key uint32, floor stamp) uint32 {
	from, to := x.base[key], x.base[key+1]
	above := sort.Search(int(to-from), func(i int) bool { return x.stamps[from+uint32(i)].compare(floor) > 0 })
	return x.due[from+uint32(above)-1]
}

// dropUnseen takes out the writes of unknown outcome that nobody saw. What a floor
// may have collected of them it may have all the same.
func (x *Index) dropUnseen() {
	seen := make([]bool, len(x.writer))
	for op, slot := range x.slot {
		if slot != none && !x.h.kind[op].isWrite() {
			seen[slot] = true
		}
	}
	for _, slots := range [][]uint32{x.applied, x.held} {
		for _, slot := range slots {
			seen[slot] = true
		}
	}
	for op, slot := range x.slot {
		if x.h.outcome[op] == Info && slot != none && !seen[slot] && x.acked[slot] == never {
			x.slot[op], x.began[slot] = none, never
		}
	}
}

// sort puts the operations that count into the orders that checks sweep over.
func (x *Index) sort() {
	h := x.h
	ops, ended := make([]uint32, 0, h.Len()), make([]uint32, 0, h.Len())
	sessions := 0
	for op, slot := range x.slot {
		if slot == none {
			continue
		}
		ops = append(ops, uint32(op))
		if h.outcome[op] == OK {
			ended = append(ended, uint32(op))
		}
		if s := h.session[op]; s != NoSession {
			sessions = max(sessions, int(s)+1)
		}
	}
	byTime(ops, h.invoked)
	byTime(ended, h.returned)
	x.byInvoked = ops
	x.sessions = groupBy(ops, h.session, sessions)
	x.invoked = groupBy(ops, h.key, len(h.keys.texts))
	x.returned = groupBy(ended, h.key, len(h.keys.texts))
	x.byApplied = upTo(len(h.applied.at))
	byTime(x.byApplied, h.applied.at)
	isRead := func(op uint32) bool { return !h.kind[op].isWrite() }
	x.byNode = groupBy(slices.DeleteFunc(slices.Clone(ops), isRead), h.node, len(h.nodes.texts))
	x.byNodeEnded = groupBy(slices.DeleteFunc(ended, isRead), h.node, len(h.nodes.texts))
}
