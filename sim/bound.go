package sim

import (
	"time"

	"hearsay/store"
)

// This file checks C3: what a region had acknowledged is readable at every node that is
// up, within the bound of its acknowledgement, or the node has told that it may not be;
// and it is readable for certain if nothing was wrong since.

// inTime checks what m shows at the end of a turn. It looks only at the first
// acknowledged write that m does not show yet.
//
// A node judges by its own clock, and what it has heard was told by others', which may
// be ahead; one that has just started has as long to catch up, from the latest time on
// that an earlier life may have shown, and so has one that took a snapshot.
func (c *checker) inTime(m *machine) {
	l := &c.of[m.index]
	if l.since == 0 {
		l.since = m.front.Wall
	}
	for l.shown < len(c.acks) && c.shows(m, c.acks[l.shown]) {
		l.shown++
	}
	if l.shown == len(c.acks) {
		return
	}
	a := c.acks[l.shown]
	if due := max(dawn+int64(a.at+c.ahead), l.since) + int64(c.w.cfg.Bound); l.looked > due && m.node.Progress().Late == 0 {
		c.w.violated("C3", m, "does not show write %d of %v, acknowledged at %v, and has not told that the bound of %v is exceeded", a.Seq, a.Origin, a.at, c.w.cfg.Bound)
		return
	}
	if m.node.Progress().Snapshot != nil {
		l.behind = c.w.now
	}
	if since := max(a.at, m.clocks.booted, l.behind); c.w.now > since+c.w.cfg.Bound && c.w.quiet(since) {
		c.w.violated("C3", m, "does not show write %d of %v, acknowledged at %v, though nothing was wrong for the bound of %v", a.Seq, a.Origin, a.at, c.w.cfg.Bound)
	}
}

// shows reports whether m shows what a stands for, or what supersedes it.
func (c *checker) shows(m *machine, a ack) bool {
	if c.w.cfg.covers(m.front.Marks, m.front.Floor, a.Origin, a.Seq) || c.beyondEnd(a.Seen) {
		return true
	}
	known := c.find(a.Origin, a.Seq)
	_, ok := c.holds(m, known.key.key, store.Version{Timestamp: known.timestamp, Origin: a.Origin})
	return ok
}

// quiet reports whether no fault lasted at since or began later.
func (w *World) quiet(since time.Duration) bool {
	for i, f := range w.faults {
		if w.lasting[i] || f.At <= w.now && f.At+f.For >= since {
			return false
		}
	}
	return true
}
