package gossip

import (
	"slices"

	"hearsay/store"
)

// This file is about what is written while a peer's fresh window is full: after a cut
// it is full of what could not come through, and the peer pulls all that it lacks in
// order. The latest frames are sent as soon as the window opens, so that what was
// written since the cut ended does not show last of all.

// maxMissed bounds what is remembered of it for a peer, in bytes. It is sent once more
// when the peer pulls.
const maxMissed = 64 << 10

// miss notes that f did not fit in p's window, and forgets what came longest ago.
func (p *peer) miss(f *Frame) {
	p.missed = append(p.missed, sent{origin: f.Origin, from: f.From, through: f.Through(), bytes: f.Size()})
	p.missedBytes += f.Size()
	n := 0
	for p.missedBytes > maxMissed {
		p.missedBytes -= p.missed[n].bytes
		n++
	}
	p.missed = slices.Delete(p.missed, 0, n)
}

// collectMissed sends what peers whose windows have opened missed last.
func (e *Engine) collectMissed() error {
	if !e.opened {
		return nil
	}
	e.opened = false
	for _, p := range e.peers {
		if p.freshBytes >= e.cfg.FreshWindow {
			continue
		}
		missed := p.missed
		p.missed, p.missedBytes = nil, 0
		for _, s := range missed {
			if err := e.pushMissed(p, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// pushMissed sends p what of s its region is not known to have and this node still has.
func (e *Engine) pushMissed(p *peer, s sent) error {
	from, through := max(s.from, e.replica.Trimmed().At(s.origin)), min(s.through, e.reach(s.origin))
	for _, q := range e.regionOf(p.Region).peers {
		if q == p || p.far {
			from = max(from, q.rows(s.origin))
		}
	}
	for from < through {
		f, err := e.frame(s.origin, from, through)
		if err != nil {
			return err
		}
		if from = f.Through(); !e.push(p, f) {
			return nil
		}
		if p.far && s.origin == e.own {
			e.replica.Observe(FreshCrossed{crossing(p, f)})
		}
	}
	return nil
}

// forgetMissed drops what is remembered of origin.
func (p *peer) forgetMissed(origin store.Origin) {
	p.missed = slices.DeleteFunc(p.missed, func(s sent) bool {
		if s.origin == origin {
			p.missedBytes -= s.bytes
		}
		return s.origin == origin
	})
}
