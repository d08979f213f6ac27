package sim

import (
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

// This file checks the floor and what is collected: everything stamped at or below
// the floor is everywhere, and nothing that a deletion up to there had hidden ever
// shows again.

// The floor moves every second here, so that a run of some seconds sees it
// pass most of what is written.
const (
	floorAge  = 500 * time.Millisecond
	floorStep = time.Second
)

// collectConfig sets how a node collects. In every other seed logs are so short that
// who is away for some seconds is behind them.
func (cfg Config) collectConfig(c *gossip.Config) {
	c.FloorAge, c.FloorStep = floorAge, floorStep
	c.Sweep = 0
	if cfg.Collection != Collect {
		return
	}
	c.Sweep = 64
	if happens(Draw(cfg.Seed, "short logs"), 500) {
		c.MaxRows = 24 * cfg.Nodes * int(max(1, 150*time.Millisecond/cfg.Pace))
	}
}

// covers reports whether a replica with marks and floor holds write seq of
// origin, or what superseded it, or had it: an origin that it does not know and
// that began at or below the floor has retired.
func (cfg Config) covers(marks store.Watermarks, floor clock.Timestamp, origin store.Origin, seq uint64) bool {
	at := marks.At(origin)
	return at >= seq || cfg.Collection == Collect && at == 0 && origin.Incarnation.Start.Compare(floor) <= 0
}

// floored checks the floor of m's new front against the one before it.
func (c *checker) floored(m *machine) {
	l, floor := &c.of[m.index], m.front.Floor
	switch {
	case floor.Compare(l.floor) < 0:
		c.w.violated("I3", m, "floor went back from %v to %v", l.floor, floor)
	case floor.Compare(m.front.W) > 0:
		c.w.violated("I5", m, "floor %v is above its W %v", floor, m.front.W)
	}
	if l.fenced && !m.front.Fenced {
		c.freed(m)
	}
	l.floor, l.fenced = floor, m.front.Fenced
}

// everywhere checks that all members cover the writes at or below a floor that
// was not known before.
func (c *checker) everywhere(m *machine) {
	floor := m.front.Floor
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
			if l := &c.of[other.index]; !c.w.cfg.covers(l.marks, l.floor, t.origin, t.seq) {
				c.w.violated("I5", m, "says that everything up to %v is everywhere, but %s does not cover write %d of %v at %v",
					floor, other.peer.ID, t.seq, t.origin, t.timestamp)
				return
			}
		}
	}
	c.bury(floor)
	c.calendar.floor = floor
	c.w.stats.Floors++
}

// retired reports whether a later origin of the node of o, of those in marks,
// began at or below the floor.
func (cfg Config) retired(o store.Origin, marks store.Watermarks, floor clock.Timestamp) bool {
	for _, m := range marks.Of(o.Node) {
		if cfg.Collection == Collect && m.Origin.Compare(o) > 0 && m.Origin.Incarnation.Start.Compare(floor) <= 0 {
			return true
		}
	}
	return false
}

// holds reports whether what m holds under key is what a replica may hold that
// covers v, and returns it, nil for nothing: v, or what supersedes it, or nothing
// where that was collected.
func (c *checker) holds(m *machine, key store.Key, v store.Version) (*store.Entry, bool) {
	e, ok := m.holds(key, v)
	return e, ok || e == nil && c.collected(key, v, c.of[m.index].floor)
}

// collected reports whether a replica with that floor may hold nothing where it
// held v: the greatest version that counts up to the floor, which everybody holds, is due.
func (c *checker) collected(key store.Key, v store.Version, floor clock.Timestamp) bool {
	if c.w.cfg.Collection != Collect || v.Timestamp.Compare(floor) > 0 {
		return false
	}
	for _, n := range slices.Backward(c.history(key).versions) {
		if n.version.Timestamp.Compare(floor) <= 0 && !c.excluded(n.version, n.seq) {
			due, ever := c.dues[n.version]
			return ever && due.Compare(floor) <= 0
		}
	}
	return false
}
