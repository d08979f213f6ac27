package sim

import (
	"time"

	"hearsay/store"
)

// This file checks C4: a front misses nothing that any region had acknowledged by when
// it says.

// An ack is a client's being told that a region holds a write.
type ack struct {
	at time.Duration
	store.Seen
}

// ackedBy checks what m's new front claims beyond the one before it.
//
// What it claims is told by wall clocks, one of which may have been ahead of the true
// time. While none is by more than half the maximum skew this is stricter than what a
// reader is told, for that has the skew added.
func (c *checker) ackedBy(m *machine) {
	l := &c.of[m.index]
	if m.front.Acked.Compare(m.front.W) < 0 {
		c.w.violated("C4", m, "says that it misses nothing up to %v, but nothing acknowledged only up to %v", m.front.W, m.front.Acked)
		return
	}
	before := time.Duration(m.front.Acked.Wall-dawn) - c.ahead
	for ; l.acks < len(c.acks) && c.acks[l.acks].at < before; l.acks++ {
		a := c.acks[l.acks]
		if !c.w.cfg.covers(m.front.Marks, m.front.Floor, a.Origin, a.Seq) && !c.beyondEnd(a.Seen) {
			c.w.violated("C4", m, "says that it misses nothing acknowledged before %v, but does not cover write %d of %v, acknowledged at %v", before, a.Seq, a.Origin, a.at)
			return
		}
	}
}

// looks notes what m's wall clock shows, and by how much that is ahead of the truth.
func (c *checker) looks(m *machine, wall int64) {
	c.of[m.index].looked = wall
	c.ahead = max(c.ahead, time.Duration(wall-dawn)-c.w.now)
}

// stamped notes by how much v is ahead of the truth: who was just admitted stamps above
// the bar of his epoch, and claims are told by timestamps too.
func (c *checker) stamped(v store.Version) {
	ahead := time.Duration(v.Timestamp.Wall-dawn) - c.w.now
	c.ahead = max(c.ahead, ahead)
	if ahead > c.w.cfg.MaxSkew {
		c.farAhead[v] = true
	}
}
