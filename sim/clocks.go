package sim

import (
	"time"

	"hearsay/clock"
)

// dawn is the true wall time at which every run begins: 2026-01-01 UTC.
const dawn = 1767225600 * int64(time.Second)

// clocks are those of one machine. The wall clock is off and may jump; both run
// a little fast or slow.
type clocks struct {
	offset time.Duration // of the wall clock, within the skew
	jump   time.Duration // on top of it, perhaps beyond
	drift  int64         // ppm; positive is fast
	wander time.Duration // how far drift takes the wall clock before it is slewed back
	booted time.Duration // virtual time at which the monotonic clock began
}

// maxDrift is what an ordinary quartz may have, in ppm.
const maxDrift = 100

// drawClocks draws the clocks of a machine. Offset and drift keep the wall clock
// within a quarter of maxSkew of the truth, and so do steps: no machine is further
// than half of maxSkew from the others.
func drawClocks(seed uint64, machine int, maxSkew time.Duration) clocks {
	return clocks{
		offset: between(Draw(seed, "clock offset", uint64(machine)), -maxSkew/5, maxSkew/5),
		drift:  int64(below(Draw(seed, "clock drift", uint64(machine)), 2*maxDrift+1)) - maxDrift,
		wander: maxSkew / 20,
	}
}

// read returns what the clocks show at now.
func (c *clocks) read(now time.Duration) clock.Reading {
	return clock.Reading{
		Wall: dawn + int64(now+c.offset+c.jump) + swing(c.gained(now), int64(c.wander)),
		Mono: now - c.booted + time.Duration(c.gained(now-c.booted)),
	}
}

// gained is by how much a span of true time is shown longer, in nanoseconds. It
// changes by at most one in a nanosecond, so that no clock runs backwards.
func (c *clocks) gained(span time.Duration) int64 {
	return span.Microseconds() * c.drift / 1000
}

// swing folds x into the range from -limit to limit, back and forth.
func swing(x, limit int64) int64 {
	if limit == 0 {
		return 0
	}
	y := ((x+limit)%(4*limit) + 4*limit) % (4 * limit)
	return min(y, 4*limit-y) - limit
}

// when returns the first virtual time, or up to a microsecond later, at which
// the monotonic clock shows at least mono.
func (c *clocks) when(mono time.Duration) time.Duration {
	at := c.booted + mono - time.Duration(c.gained(mono))
	for c.read(at).Mono < mono {
		at += time.Microsecond
	}
	return at
}

// step makes the wall clock jump by by, but not further than limit off the truth.
func (c *clocks) step(by, limit time.Duration) {
	c.offset = max(-limit, min(limit, c.offset+by))
}
