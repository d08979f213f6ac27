package sim

import (
	"slices"
	"sort"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file checks I2: W is at or below every timestamp that could still arrive.

// A timed write is one that is durable at its origin.
type timed struct {
	timestamp clock.Timestamp
	origin    store.Origin
	seq       uint64
}

func (t timed) version() store.Version {
	return store.Version{Timestamp: t.timestamp, Origin: t.origin}
}

// A calendar holds all durable writes in the order of their timestamps, and how
// far the nodes have said that they miss nothing.
type calendar struct {
	writes []timed
	most   clock.Timestamp // the greatest W of any front
	floor  clock.Timestamp // the greatest of any front
}

// after returns the index of the first write past t.
func (c *calendar) after(t clock.Timestamp) int {
	return sort.Search(len(c.writes), func(i int) bool { return c.writes[i].timestamp.Compare(t) > 0 })
}

// whole checks what m's new front claims beyond the one before it: it misses no
// write that is stamped at or below its W.
func (c *checker) whole(m *machine) {
	l, w := &c.of[m.index], m.front.W
	if w.Compare(l.w) < 0 {
		c.w.violated("I3", m, "W went back from %v to %v", l.w, w)
		return
	}
	for _, t := range c.calendar.writes[c.calendar.after(l.w):c.calendar.after(w)] {
		if !c.w.cfg.covers(m.front.Marks, m.front.Floor, t.origin, t.seq) {
			c.w.violated("I2", m, "says that it misses nothing up to %v, but does not cover write %d of %v at %v", w, t.seq, t.origin, t.timestamp)
			return
		}
	}
	if w != l.w && !l.w.IsZero() {
		c.w.stats.Behind.add(max(c.w.now-time.Duration(l.w.Wall-dawn), 0))
	}
	l.w = w
	if w.Compare(c.calendar.most) > 0 {
		c.calendar.most = w
	}
}

// enter notes a write of m that has become durable: nobody has said before that
// he misses nothing at its timestamp.
func (c *checker) enter(m *machine, t timed) {
	if c.excluded(t.version(), t.seq) {
		return
	}
	if t.timestamp.Compare(c.calendar.most) <= 0 {
		c.w.violated("I2", m, "makes write %d of %v durable at %v, where a node had said that it misses nothing up to %v", t.seq, t.origin, t.timestamp, c.calendar.most)
		return
	}
	i := c.calendar.after(t.timestamp)
	c.calendar.writes = slices.Insert(c.calendar.writes, i, t)
}
