package gossip

import "hearsay/clock"

// This file computes the floor: a timestamp at or below which everything is
// everywhere, so that nothing needs to be kept to tell it to somebody.

// Kept is how whole a node was, which it must not forget over a restart.
type Kept struct {
	// W is the node's W when that last passed a step of the floor: no floor that
	// counts what the node has said is above it.
	W     clock.Timestamp
	Floor clock.Timestamp
	// Fenced says that others have collected what the node has not seen.
	Fenced bool
}

// Floor returns the timestamp at or below which everything is everywhere; zero
// if that is unknown.
func (e *Engine) Floor() clock.Timestamp { return e.floor }

// hearFacts notes what a peer says of itself: its W counts for the floor if it is
// a member, and its floor holds here too once this node has adopted the epoch over
// which it counts.
func (e *Engine) hearFacts(p *peer, s *Status) error {
	e.follow()
	f := s.Facts
	if f.Floor.Compare(p.floor) > 0 {
		p.floor = f.Floor
	}
	if p.behind != f.Behind {
		p.behind, e.regroup = f.Behind, true
	}
	if p.seat >= 0 {
		e.standings[p.seat].has(f.W)
	}
	if t := s.Tally; t != nil && f.Epoch == e.epoch && len(t.Have) == tallyBytes(len(e.standings)) {
		for i := range e.standings {
			if t.Have[i/8]>>(i%8)&1 == 1 {
				e.standings[i].has(t.Floor)
			}
		}
	}
	switch {
	case f.Epoch > e.roster.Epoch().Number || f.Floor.Compare(e.floor) <= 0 || e.Fenced():
		return nil
	case e.w.Compare(f.Floor) < 0 && e.cfg.Sweep > 0:
		return e.fence()
	case e.w.Compare(f.Floor) < 0:
		return nil
	}
	return e.adoptFloor(f.Floor)
}

// has notes that the member's W is w or more.
func (st *standing) has(w clock.Timestamp) {
	if w.Compare(st.w) > 0 {
		st.w = w
	}
}

// raiseFloor makes the least W over the roster the floor, in whole steps and not
// younger than its age. Most members are heard through others: as long as the floor
// is lower than this node's own W lets it be, it passes on who has as much.
func (e *Engine) raiseFloor(now clock.Reading) error {
	own := e.standing(e.self.ID)
	if own == nil || e.Fenced() {
		return nil // this node has no part in it
	}
	own.has(e.w)
	oldest := clock.Timestamp{Wall: max(0, now.Wall-int64(e.cfg.FloorAge))}
	floor := earlier(oldest, e.w) // who is no member yet has none that counts
	for i := range e.standings {
		floor = earlier(floor, e.standings[i].w)
	}
	if floor = e.whole(floor); floor.Compare(e.floor) > 0 {
		if err := e.adoptFloor(floor); err != nil {
			return err
		}
	}
	e.tally = nil
	if goal := e.whole(earlier(oldest, e.w)); goal.Compare(e.floor) > 0 {
		e.tally = e.count(goal)
	}
	return nil
}

// count returns which members have their W at goal or above.
func (e *Engine) count(goal clock.Timestamp) *Tally {
	t := &Tally{Floor: goal, Have: make([]byte, tallyBytes(len(e.standings)))}
	for i := range e.standings {
		if e.standings[i].w.Compare(goal) >= 0 {
			t.Have[i/8] |= 1 << (i % 8)
		}
	}
	return t
}

// tallyBytes returns the bytes that a tally of so many members takes.
func tallyBytes(members int) int { return (members + 7) / 8 }

// whole returns t down to a whole step of the floor.
func (e *Engine) whole(t clock.Timestamp) clock.Timestamp {
	return clock.Timestamp{Wall: e.step(t) * int64(e.cfg.FloorStep)}
}

func earlier(t, u clock.Timestamp) clock.Timestamp {
	if u.Compare(t) < 0 {
		return u
	}
	return t
}

// step returns how many whole steps of the floor lie below t.
func (e *Engine) step(t clock.Timestamp) int64 { return t.Wall / int64(e.cfg.FloorStep) }

func (e *Engine) adoptFloor(floor clock.Timestamp) error {
	e.floor, e.covering = floor, true // what has retired counts as covered
	if err := e.retire(); err != nil {
		return err
	}
	e.replica.Observe(FloorRaised{Floor: floor})
	return e.keep()
}

// keep has the replica remember what Kept says, in the open turn.
func (e *Engine) keep() error {
	if e.floor == e.kept.Floor && e.step(e.w) == e.step(e.kept.W) && e.Fenced() == e.kept.Fenced {
		return nil
	}
	e.kept = Kept{W: e.w, Floor: e.floor, Fenced: e.Fenced()}
	return e.replica.Keep(e.kept)
}
