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
}

// Floor returns the timestamp at or below which everything is everywhere; zero
// if that is unknown.
func (e *Engine) Floor() clock.Timestamp { return e.floor }

// hearFacts notes what a peer says of itself: its W counts for the floor if it is
// a member, and its floor holds here too once this node has adopted the epoch over
// which it counts.
func (e *Engine) hearFacts(p *peer, f Facts) error {
	e.follow()
	if st := e.standing(p.ID); st != nil && f.W.Compare(st.w) > 0 {
		st.w = f.W
	}
	if f.Epoch > e.roster.Epoch().Number || f.Floor.Compare(e.floor) <= 0 || e.w.Compare(f.Floor) < 0 {
		return nil
	}
	return e.adoptFloor(f.Floor)
}

// raiseFloor makes the least W over the roster the floor, in whole steps and not
// younger than its age.
func (e *Engine) raiseFloor(now clock.Reading) error {
	if len(e.standings) == 0 {
		return nil
	}
	floor := clock.Timestamp{Wall: max(0, now.Wall-int64(e.cfg.FloorAge))}
	for i := range e.standings {
		w := e.standings[i].w
		if e.standings[i].node == e.self.ID {
			w = e.w
		}
		if w.Compare(floor) < 0 {
			floor = w
		}
	}
	floor = clock.Timestamp{Wall: e.step(floor) * int64(e.cfg.FloorStep)}
	if floor.Compare(e.floor) <= 0 {
		return nil
	}
	return e.adoptFloor(floor)
}

// step returns how many whole steps of the floor lie below t.
func (e *Engine) step(t clock.Timestamp) int64 { return t.Wall / int64(e.cfg.FloorStep) }

func (e *Engine) adoptFloor(floor clock.Timestamp) error {
	e.floor = floor
	e.replica.Observe(FloorRaised{Floor: floor})
	return e.keep()
}

// keep has the replica remember what Kept says, in the open turn.
func (e *Engine) keep() error {
	if e.floor == e.kept.Floor && e.step(e.w) == e.step(e.kept.W) {
		return nil
	}
	e.kept = Kept{W: e.w, Floor: e.floor}
	return e.replica.Keep(e.kept)
}
