package sim

import (
	"time"

	"hearsay/clock"
)

// This file checks the floor: everything stamped at or below it is everywhere.

// floored checks what m's new front claims beyond the one before it: every
// member covers what is at or below its floor.
func (c *checker) floored(m *machine) {
	l, floor := &c.of[m.index], m.front.Floor
	switch {
	case floor.Compare(l.floor) < 0:
		c.w.violated("I3", m, "floor went back from %v to %v", l.floor, floor)
		return
	case floor.Compare(m.front.W) > 0:
		c.w.violated("I5", m, "floor %v is above its W %v", floor, m.front.W)
		return
	}
	l.floor = floor
	c.everywhere(m, floor)
}

// everywhere checks that all members cover the writes at or below a floor that
// was not known before.
func (c *checker) everywhere(m *machine, floor clock.Timestamp) {
	if floor.Compare(c.calendar.floor) <= 0 {
		return
	}
	members := m.node.Progress().Members
	for _, t := range c.calendar.writes[c.calendar.after(c.calendar.floor):c.calendar.after(floor)] {
		for _, member := range members {
			other := c.w.machines[c.w.byID[member.Node]]
			if other.peer.ID != member.Node {
				continue // its disk is lost
			}
			if c.of[other.index].marks.At(t.origin) < t.seq {
				c.w.violated("I5", m, "says that everything up to %v is everywhere, but %s does not cover write %d of %v at %v",
					floor, other.peer.ID, t.seq, t.origin, t.timestamp)
				return
			}
		}
	}
	c.calendar.floor = floor
	c.w.stats.Floors++
}

// The floor moves every second here, so that a run of some seconds sees it
// pass most of what is written.
const (
	floorAge  = 500 * time.Millisecond
	floorStep = time.Second
)
