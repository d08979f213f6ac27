package gossip

import (
	"cmp"
	"slices"
)

// This file chooses the listeners: the peers that a node tells all the time how far
// it is. What one says travels on through others.

// maxNear bounds the listeners in the own region.
const maxNear = 6

// How often the two ends of a stream between regions make sure of each other, in
// statuses: a listener answers at least one of so many, and one that has not
// answered for so many is silent.
const (
	answerEvery = 5
	silentAfter = 10
)

// chooseListeners makes listeners of this node's relays in other regions, late ones
// and who stands in for them, and of those of its own region that stand next to it on a ring or some way off. The
// ring holds the region together whoever dies, and its chords keep ways short. A
// new listener is told everything first.
func (e *Engine) chooseListeners() {
	e.regroup = false
	var chosen []*peer
	for _, r := range e.regions {
		if r.name == e.self.Region {
			chosen = append(chosen, e.near(r.peers)...)
		} else {
			for _, p := range r.peers {
				chosen = append(chosen, p)
				if !p.late && !p.behind {
					break
				}
			}
		}
	}
	for _, p := range e.peers {
		was := p.listens
		p.listens = slices.Contains(chosen, p)
		if p.listens && !was {
			p.tell, p.answeredAt, e.owes = true, e.now, true
		}
	}
}

// silence gives up relays that do not answer.
func (e *Engine) silence() {
	for _, p := range e.peers {
		if p.listens && p.far && !p.late && e.now-p.answeredAt > silentAfter*e.cfg.StatusInterval+e.rtt(p) {
			e.giveUp(e.regionOf(p.Region), p)
		}
	}
}

// near returns this node's listeners among the other nodes of its region: all of
// them if there are at most maxNear.
func (e *Engine) near(home []*peer) []*peer {
	if len(home) <= maxNear {
		return home
	}
	// The others, from the one after this node on.
	ring := slices.Clone(home)
	own := mix(hashText(string(e.self.ID)))
	slices.SortFunc(ring, func(p, q *peer) int { return cmp.Compare(p.place-own, q.place-own) })
	// With steps of 1, a and a², a the cube root, any other is some 3a/2 steps off.
	a := 1
	for (a+1)*(a+1)*(a+1) <= len(home)+1 {
		a++
	}
	var near []*peer
	for _, step := range []int{1, a, a * a} {
		near = append(near, ring[step-1], ring[len(ring)-step])
	}
	return near
}
