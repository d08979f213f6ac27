package gossip

import (
	"slices"
	"time"

	"hearsay/clock"
)

// This file is how far this machine's wall clock is from those of its peers, by
// the readings in their statuses.

const (
	// clockWindow is for how long a reading of a peer's clock counts, at least; at
	// most for twice as long.
	clockWindow = 10 * time.Second
	// wallEvery is in one of how many statuses a node says what its clock shows.
	wallEvery = 15
	// clockLate is how much longer than a round trip a reading may have been on its
	// way and waited for a turn, at the best of times in a window. In a busy cluster
	// that was 0.6 s, and its clocks were right all the same.
	clockLate = 1250 * time.Millisecond
	// clockReadings is how many readings of a peer count: the first may be late, but
	// not by farOff.
	clockReadings = 2
	farOff        = 30 * time.Second
)

// A peerClock is what the statuses of a peer say of its wall clock. One that was
// long on its way shows an early time; the latest shown is nearest to the truth.
type peerClock struct {
	latest [2]int64 // wall time at Reading.Mono 0: of this window, and of the last
	since  time.Duration
	read   int
}

// take takes in that the peer's clock showed wall when it sent what comes at now.
func (c *peerClock) take(now clock.Reading, wall int64) {
	shown := wall - int64(now.Mono)
	if c.read == 0 || now.Mono-c.since >= clockWindow {
		c.latest[1], c.since = c.latest[0], now.Mono
		if c.read == 0 {
			c.latest[1] = shown
		}
		c.latest[0] = shown
	}
	c.latest[0] = max(c.latest[0], shown)
	c.read++
}

// offset returns by how much the peer's clock is beyond the one of now at least,
// or behind it if that is negative, and whether enough is known. The best of its
// readings was under way, and waited for a turn, for no longer than late.
func (c *peerClock) offset(now clock.Reading, late time.Duration) (time.Duration, bool) {
	return c.judge(max(c.latest[0], c.latest[1]), now, late)
}

// recent is offset by the readings of this window alone: a clock that was ahead and was
// set right does not count as ahead for the one after it, too.
func (c *peerClock) recent(now clock.Reading, late time.Duration) (time.Duration, bool) {
	return c.judge(c.latest[0], now, late)
}

func (c *peerClock) judge(latest int64, now clock.Reading, late time.Duration) (time.Duration, bool) {
	if c.read == 0 || now.Mono-c.since > 2*clockWindow {
		return 0, false
	}
	least := time.Duration(latest + int64(now.Mono) - now.Wall)
	switch {
	case c.read < clockReadings && least.Abs() < farOff:
		return 0, false
	case least > 0:
		return least, true
	case least+late < 0:
		return least + late, true
	}
	return 0, true
}

// offsets returns by how much the wall clocks of the peers are beyond this machine's, of
// those where that is known.
func (e *Engine) offsets(now clock.Reading) []time.Duration {
	var offsets []time.Duration
	for _, p := range e.peers {
		if d, known := e.offset(now, p); known {
			offsets = append(offsets, d)
		}
	}
	return offsets
}

func (e *Engine) offset(now clock.Reading, p *peer) (time.Duration, bool) {
	return p.clock.offset(now, e.late(p))
}

// late is how long a reading of p's clock may have been on its way.
func (e *Engine) late(p *peer) time.Duration { return max(e.rtt(p), e.cfg.UnknownRTT) + clockLate }

// ClocksHeard returns how many peers, up now, have said what their clocks show.
func (e *Engine) ClocksHeard() int {
	heard := 0
	for _, p := range e.peers {
		if p.clock.read > 0 {
			heard++
		}
	}
	return heard
}

// ClockOff returns by how much the median of the wall clocks, this machine's and
// its peers', is at least beyond this machine's; behind it if that is negative.
// Of two in the middle the nearer one counts, so that one peer alone does not
// overrule this machine.
func (e *Engine) ClockOff(now clock.Reading) time.Duration {
	offsets := append(e.offsets(now), 0)
	slices.Sort(offsets)
	low, high := offsets[(len(offsets)-1)/2], offsets[len(offsets)/2]
	if low.Abs() < high.Abs() {
		return low
	}
	return high
}
