package sim

import (
	"errors"
	"slices"

	"hearsay/node"
	"hearsay/store"
)

// This file is machines that put syncs off: a crash takes back several turns. What
// is given up for that is what was acknowledged local within them; who was told of
// such a write, by an answer or a bookmark, is owed nothing for it any more. All
// else is checked as ever.

// ackOf returns how far op's client wants it to be: mostly local where that is less
// than synced, else region.
func (w *World) ackOf(op operation) node.Ack {
	if op.session != nil && op.session.load != nil {
		return op.session.load.Ack
	}
	if w.cfg.SyncEvery <= SyncAlways {
		return node.AckRegion
	}
	switch d := below(w.draw("ack", uint64(op.author), op.ordinal), 16); {
	case d == 0:
		return node.AckAll
	case d <= 3:
		return node.AckRegion
	}
	return node.AckLocal
}

// synced notes what m's disk holds for good, once a turn is over.
func (c *checker) synced(m *machine) {
	if m.disk.Unsynced() {
		c.w.stats.Unsynced++
		return
	}
	l := &c.of[m.index]
	l.synced = l.marks
	for _, mark := range l.marks.Of(m.peer.ID) {
		if s := c.streams[mark.Origin]; s != nil {
			s.synced = max(s.synced, mark.Seq)
		}
	}
}

// isSynced reports whether write seq of origin is on its disk for good.
func (c *checker) isSynced(origin store.Origin, seq uint64) bool {
	s := c.streams[origin]
	return s != nil && seq <= s.synced
}

// keepTail has the disk of m, whose power fails, hold what was not synced, if a draw
// says so.
func (w *World) keepTail(m *machine, f *Fault) {
	if !m.disk.Unsynced() || !happens(w.draw("tail survives", f.ID, uint64(m.index)), 300) {
		return
	}
	b := m.disk.NewBatch()
	// A disk that fails keeps nothing.
	if err := errors.Join(b.Commit(true), b.Close()); err == nil {
		w.check.synced(m)
	}
}

// takeBack forgets what m's crash took back: what was not synced.
func (c *checker) takeBack(m *machine) {
	l := &c.of[m.index]
	left, err := m.disk.Watermarks()
	if err != nil {
		c.w.violated("store", m, "read watermarks of %s: %v", m.peer.ID, err)
		return
	}
	was := l.marks
	l.marks = nil
	for _, mark := range was {
		seq := min(mark.Seq, max(left.At(mark.Origin), l.synced.At(mark.Origin)))
		if seq > 0 {
			l.marks.Set(mark.Origin, seq)
		}
		if seq == mark.Seq {
			continue
		}
		s := c.streams[mark.Origin]
		for i := seq; i < mark.Seq; i++ {
			s.writes[i].holders--
		}
		if mark.Origin.Node == m.peer.ID {
			c.truncate(m, mark.Origin, seq)
		}
	}
	l.synced = l.marks
	l.acked = slices.DeleteFunc(l.acked, func(a acknowledged) bool {
		_, held := c.holds(m, a.key, a.version)
		return a.local && !held
	})
	c.forgetShown(m)
}

// truncate forgets the writes of origin past seq, which nobody but m ever had.
func (c *checker) truncate(m *machine, origin store.Origin, seq uint64) {
	s := c.streams[origin]
	for i := seq; i < uint64(len(s.writes)); i++ {
		c.w.stats.TakenBack++
		h := s.writes[i].key
		v := store.Version{Timestamp: s.writes[i].timestamp, Origin: origin}
		h.versions = slices.DeleteFunc(h.versions, func(n numbered) bool { return n.version == v })
		h.forgive(func(a store.Version) bool { return a == v })
		h.recent = slices.DeleteFunc(h.recent, func(e *store.Entry) bool { return e.Version == v })
		for _, s := range c.w.sessions {
			s.past = slices.DeleteFunc(s.past, func(f fact) bool { return f.version == v })
		}
	}
	s.writes = s.writes[:seq]
	c.takenBack[origin] = seq
	c.calendar.writes = slices.DeleteFunc(c.calendar.writes, func(t timed) bool { return t.origin == origin && t.seq > seq })
}

// isTakenBack reports whether b names a write that a crash took back.
func (c *checker) isTakenBack(b store.Bookmark) bool {
	return slices.ContainsFunc(b.Marks, func(s store.Seen) bool {
		left, cut := c.takenBack[s.Origin]
		return cut && s.Seq > left
	})
}

// forgetShown has m know of each key what its disk holds, where that is not what it
// had shown.
func (c *checker) forgetShown(m *machine) {
	t := &c.of[m.index].told
	for _, h := range c.order {
		shown := t.held[h.key]
		now, err := m.disk.Get(h.key)
		if err != nil {
			now = nil
		}
		if shown == nil || now == shown {
			continue
		}
		l := t.lore(h.key)
		l.surely = nil
		delete(t.held, h.key)
		if now != nil {
			t.held[h.key] = now
			join(&l.surely, c.known[now.Version].past.surely)
			join(&l.surely, store.Watermarks{{Origin: now.Version.Origin, Seq: now.Seq}})
		}
	}
}

// promised checks that what a reply says of its write is so for good, unless it is
// local.
func (c *checker) promised(m *machine, r node.Reply) {
	if r.Ack != node.AckLocal && !c.isSynced(r.Version.Origin, r.Seq) {
		c.w.violated("C6", m, "acknowledges write %d of %v as %v, which is not synced", r.Seq, r.Version.Origin, r.Ack)
	}
	if c.w.cfg.SyncEvery <= SyncAlways && !c.isSynced(r.Version.Origin, r.Seq) {
		c.w.violated("C6", m, "acknowledges write %d of %v, which is not synced", r.Seq, r.Version.Origin)
	}
}
