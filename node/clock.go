package node

import (
	"time"

	"hearsay/clock"
)

// This file keeps a clock that is wrong from stamping writes: they would win over
// what was written later, or lose to what was written before.

// clockOff reports whether this machine's clock is further from the median of its
// peers' than half the maximum skew. Then two clocks may be further apart than
// that, and this one is to blame.
func (n *Node) clockOff(now clock.Reading) bool {
	return n.engine.ClockOff(now).Abs() > n.cfg.MaxSkew/2
}

// clockPatience is how long after its start a node waits for two peers, who together
// can outvote it, to say what their clocks show before it takes writes: a write that a
// far wrong clock stamped cannot be taken back. Who is cut off has to do without.
const clockPatience = 5 * time.Second

// clockUnheard reports whether the node still waits for that. Who is alone, or founds
// the cluster, does not.
func (n *Node) clockUnheard(now clock.Reading) bool {
	members := len(n.Roster().Members)
	n.clockHeard = n.clockHeard || n.engine.ClocksHeard() >= max(1, min(2, members-1)) || now.Mono-n.booted > clockPatience
	return !n.clockHeard && members != 1 && (members > 0 || !n.cfg.Found)
}

// watchClock tells when the clock begins to be off and when it is right again.
func (n *Node) watchClock() {
	off := n.clockOff(n.now)
	if off == n.clockWrong {
		return
	}
	n.clockWrong = off
	if off {
		n.wrongAt = n.now.Mono
		n.observe(ClockOff{Behind: n.engine.ClockOff(n.now)})
	} else {
		n.observe(ClockRight{After: n.now.Mono - n.wrongAt})
	}
}

type (
	// ClockOff says that this machine's clock is so far behind the median of its
	// peers' at least, or ahead if that is negative, and that the node takes no writes.
	ClockOff struct{ Behind time.Duration }
	// ClockRight says that it is not any more, after so long.
	ClockRight struct{ After time.Duration }
)

func (ClockOff) EventName() string   { return "clock_off" }
func (ClockRight) EventName() string { return "clock_right" }
