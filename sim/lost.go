package sim

import (
	"slices"

	"hearsay/node"
	"hearsay/store"
)

// This file checks C9: an update that was lost is counted where it was given up,
// and nothing is counted that its winner's origin had known.

// A lore is which writes of one key somebody knows, by origin and number: one
// that he surely knows, for he showed it or told that it lost, or it was known to
// who wrote such a one; and one that he may know, for it reached him or is covered.
type lore struct{ surely, maybe store.Watermarks }

func join(to *store.Watermarks, from store.Watermarks) {
	for _, m := range from {
		if m.Seq > to.At(m.Origin) {
			to.Set(m.Origin, m.Seq)
		}
	}
}

func (l lore) clone() lore { return lore{l.surely.Clone(), l.maybe.Clone()} }

// told is what a machine has told of lost updates, and what it knows of keys.
type told struct {
	of      map[store.Key]*lore
	held    map[store.Key]*store.Entry // shown by the last front
	touched []store.Key                // since then
	lost    map[store.Version]bool     // by loser, in all its lives
	open    []node.UpdateLost          // told since the last front
}

func newTold() told {
	return told{of: map[store.Key]*lore{}, held: map[store.Key]*store.Entry{}, lost: map[store.Version]bool{}}
}

func (t *told) lore(key store.Key) *lore {
	l := t.of[key]
	if l == nil {
		l = &lore{}
		t.of[key] = l
	}
	return l
}

// knowing is what an origin knew of its key when it made its write seq.
type knowing struct {
	seq  uint64
	past lore
}

// reached notes that e came to m in a frame.
func (c *checker) reached(m *machine, e *store.Entry) {
	t := &c.of[m.index].told
	l := t.lore(e.Key)
	join(&l.maybe, c.known[e.Version].past.maybe)
	join(&l.maybe, store.Watermarks{{Origin: e.Version.Origin, Seq: e.Seq}})
	t.touched = append(t.touched, e.Key)
}

// wrote notes that m's node has just made v of key, and covers marks since.
func (c *checker) wrote(m *machine, key store.Key, v store.Version, marks store.Watermarks) {
	t := &c.of[m.index].told
	l := t.lore(key)
	seq := marks.At(v.Origin)
	past := l.clone()
	join(&past.maybe, marks)
	c.known[v] = knowing{seq, past}
	join(&l.maybe, store.Watermarks{{Origin: v.Origin, Seq: seq}})
	t.touched = append(t.touched, key)
}

// lost checks that an update which m's node tells of was lost.
func (c *checker) lost(m *machine, e node.UpdateLost) {
	t := &c.of[m.index].told
	c.w.stats.Lost++
	t.lost[e.Loser] = true
	t.open = append(t.open, e)
	if e.Loser.Compare(e.Winner) >= 0 {
		c.w.violated("C9", m, "tells that %v lost to %v, which is not above it", e.Loser, e.Winner)
		return
	}
	if !e.Doubtful && c.known[e.Winner].past.surely.At(e.Loser.Origin) >= c.known[e.Loser].seq {
		c.w.violated("C9", m, "tells that %v of %v was lost to %v, whose origin had known it", e.Loser, e.Key, e.Winner)
	}
}

// showed looks at the keys that m's new front may show otherwise than the last.
func (c *checker) showed(m *machine) {
	t := &c.of[m.index].told
	for _, e := range t.open {
		join(&t.lore(e.Key).surely, store.Watermarks{{Origin: e.Loser.Origin, Seq: c.known[e.Loser].seq}})
		join(&t.lore(e.Key).surely, c.known[e.Loser].past.surely)
	}
	t.open = nil
	for _, key := range t.touched {
		now, err := m.front.Entries.Get(key)
		if err != nil {
			continue // the frame was held
		}
		c.returned(m, now)
		old := t.held[key]
		t.held[key] = now
		l := t.lore(key)
		join(&l.surely, c.known[now.Version].past.surely)
		join(&l.surely, store.Watermarks{{Origin: now.Version.Origin, Seq: now.Seq}})
		if old != nil && old.Version != now.Version && !t.lost[old.Version] && c.unseen(old, now) && !c.unaware(m, old) {
			c.w.violated("C9", m, "gave up %s for %s, whose origin had not known it, and did not tell", describe(old), describe(now))
			return
		}
	}
	t.touched = t.touched[:0]
}

// unseen reports whether neither the origin of now nor that of any write between
// the two can have known old.
func (c *checker) unseen(old, now *store.Entry) bool {
	if old.Version.Timestamp.Compare(c.calendar.floor) <= 0 {
		return false // everybody had it, and may have forgotten it
	}
	if c.refused(c.history(old.Key), old.Version) {
		return false // nobody else ever had it, and it is written anew
	}
	for _, n := range c.history(old.Key).versions {
		between := n.version.Compare(old.Version) > 0 && n.version.Compare(now.Version) <= 0
		if between && c.known[n.version].past.maybe.At(old.Version.Origin) >= old.Seq {
			return false
		}
	}
	return true
}

// wroteBy reports whether v is what a machine once made of the operation.
func (c *client) wroteBy(ordinal uint64, v store.Version) bool {
	return slices.Contains(c.wrote[ordinal], v)
}
