package gossip

import (
	"time"

	"hearsay/clock"
)

// This file is how much a node lets a peer have under way to it of what it pulls. That
// is what fresh writes from there queue behind, in the network and at this node, so it is
// what comes in within a round trip and CreditTime, by the rate at which it did so far.

// meterTime is the least time over which a rate is measured: a turn takes in at once
// what came during the last one.
const meterTime = 50 * time.Millisecond

// A meter is what a pull brings, and what credit that is good for.
type meter struct {
	credit int           // to grant; 0 before the first pull
	bytes  int           // taken in …
	since  time.Duration // … from this Reading.Mono on
	way    time.Duration // the shortest time from a pull to its first frame, 0 if none was measured
}

// answered notes how long the first frame of a pull took.
func (m *meter) answered(after time.Duration) {
	if m.way == 0 || after < m.way {
		m.way = after
	}
}

// beginPull starts to measure a pull.
func (e *Engine) beginPull(now clock.Reading, m *meter) {
	if m.credit == 0 {
		m.credit = max(e.cfg.Credit/4, 1)
	}
	m.bytes, m.since = 0, now.Mono
}

// countPulled notes that so many bytes of a pull were taken in. The credit changes by half at
// most, and never below an eighth of the greatest.
func (e *Engine) countPulled(now clock.Reading, m *meter, bytes int) {
	m.bytes += bytes
	took := now.Mono - m.since
	if took < meterTime {
		return
	}
	credit := int(int64(m.bytes) * int64(m.way+e.cfg.CreditTime) / int64(took))
	least, most := max(m.credit/2, e.cfg.Credit/8, 1), min(2*m.credit, e.cfg.Credit)
	m.credit = max(min(credit, most), min(least, most))
	m.bytes, m.since = 0, now.Mono
}
