package sim

import (
	"time"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/store"
)

// This file is reads, and C1: who says `region` shows every write that the region
// had acknowledged before he began.

// A look is a read under way: it has taken the clock, and will take the front.
type look struct {
	op   operation
	now  clock.Reading
	owes store.Version // the greatest under its key that the region has acknowledged
}

// lookTime is how long a read takes between the clock and the front: mostly nothing.
var lookTime = Table{{0, 0}, {49152, 0}, {62259, 2_000_000}, {65536, 40_000_000}}

// read lets a client begin to read at m, beside any turn that is open there.
func (w *World) read(m *machine, op operation) {
	now := m.clocks.read(w.now)
	l := look{op: op, now: now, owes: w.check.history(op.key).region[w.network.regions[m.index]]}
	after := time.Duration(lookTime.at(w.draw("look", uint64(op.author), op.ordinal)))
	if after == 0 {
		w.finish(m, l)
		return
	}
	id := op.name()
	m.looks[id] = l
	w.push(happening{at: w.now + after, kind: Looked, machine: m.index, id: id})
}

// name tells op from all others on its machine.
func (op *operation) name() uint64 {
	if op.session == nil {
		return op.ordinal
	}
	return uint64(op.session.number+1)<<40 | op.ordinal
}

// looked lets a read take the front, once its machine runs.
func (w *World) looked(m *machine, name uint64) {
	l, under := m.looks[name]
	if !under {
		return // its machine crashed
	}
	if m.pauses > 0 {
		w.push(happening{at: w.now + 20*time.Millisecond, kind: Looked, machine: m.index, id: name})
		return
	}
	delete(m.looks, name)
	w.finish(m, l)
}

func (w *World) finish(m *machine, l look) {
	if m.front == nil {
		w.stats.NobodyHome++
		if l.op.session != nil {
			w.ended(l.op.session, Record{Outcome: Failed})
		}
		return
	}
	w.stats.Reads++
	if m.busy {
		w.stats.ReadsInTurn++
	}
	e, err := node.Read(l.now, m.front, l.op.key)
	w.showed(m, l.now, l.op, e, err)
	if m.front.Region(l.now) {
		w.stats.RegionReads++
		w.check.owed(m, l)
	}
	if s := l.op.session; s != nil && s.op.ordinal == l.op.ordinal {
		held, err := m.front.Entries.Get(l.op.key)
		if err != nil {
			held = nil
		}
		w.found(m, s, l.now, store.Bookmark{}, store.Bookmark{}, held)
	}
}

// owed checks C1 for a read at m that says `region`.
func (c *checker) owed(m *machine, l look) {
	if l.owes.Timestamp.IsZero() {
		return
	}
	if h := c.history(l.op.key); c.excluded(l.owes, h.seq(l.owes)) {
		return // the granters who held it were forgotten; it counts when it is written anew
	}
	held, err := m.front.Entries.Get(l.op.key)
	if err != nil {
		held = nil
	}
	if held == nil && !c.collected(l.op.key, l.owes, m.front.Floor) || held != nil && held.Version.Compare(l.owes) < 0 {
		c.w.violated("C1", m, "answers region with %s for %v, whose write %v the region had acknowledged before the read began", describe(held), l.op.key, l.owes)
	}
}

// inRegion notes that a client was told that the region holds v.
func (c *checker) inRegion(m *machine, h *history, v store.Version) {
	c.w.stats.RegionWrites++
	if r := &h.region[c.w.network.regions[m.index]]; v.Compare(*r) > 0 {
		*r = v
	}
}
