package view

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"hearsay/store"
)

// watch sees which set of nodes fits now, and proposes it as a view if it is
// another than the view's and stays so. Only granters of the region propose.
func (r *Region) watch() {
	r.watching = never
	if self := r.peer(r.self); self == nil || !self.node || !self.granter {
		return
	}
	set := r.fitting()
	if slices.Equal(set, r.ledger.View.Nodes) || !slices.Contains(set, r.self) {
		set = nil
	}
	if !slices.Equal(set, r.wanted) {
		r.wanted, r.due = set, r.now.Mono+r.patience()
	}
	if r.wanted != nil && r.now.Mono >= r.due {
		r.propose(r.wanted)
		r.wanted = nil
	}
	r.watching = r.now.Mono + r.cfg.Silence/4
	if r.wanted != nil {
		r.watching = min(r.watching, r.due)
	}
	for _, p := range r.peers {
		if p.node && !r.silent(p.heard) {
			r.watching = min(r.watching, p.heard+r.cfg.Silence)
		}
	}
}

// propose makes set the next view, and tells everybody.
func (r *Region) propose(set []store.NodeID) {
	r.learn(View{ID{r.ledger.View.Number + 1, r.self}, set})
	for _, p := range r.peers {
		if p.id != r.self {
			r.send(p, Message{Step: Answer})
		}
	}
}

// patience is drawn, so that granters seldom propose at once.
func (r *Region) patience() time.Duration {
	jitter := r.draw("view patience", r.ledger.View.Number, uint64(r.now.Mono)) % uint64(r.cfg.Retry)
	return r.cfg.Settle + time.Duration(jitter)
}

// A candidate is a node that could be of a view.
type candidate struct {
	id         store.NodeID
	deaf       []store.NodeID
	complaints int // of other candidates
}

// fitting returns the nodes that could be a view together: each reaches a
// majority of the granters, and has none of the others in its deaf list. Where
// two exclude each other, the one with fewer complaints against it stays: all
// choose alike.
func (r *Region) fitting() []store.NodeID {
	all := r.candidates()
	for i := range all {
		for _, c := range all {
			if slices.Contains(c.deaf, all[i].id) {
				all[i].complaints++
			}
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.complaints, b.complaints), strings.Compare(string(a.id), string(b.id)))
	})
	var chosen []candidate
	for _, c := range all {
		fits := len(chosen) < r.cfg.MaxNodes
		for _, d := range chosen {
			fits = fits && !slices.Contains(c.deaf, d.id) && !slices.Contains(d.deaf, c.id)
		}
		if fits {
			chosen = append(chosen, c)
		}
	}
	set := make([]store.NodeID, len(chosen))
	for i, c := range chosen {
		set[i] = c.id
	}
	slices.Sort(set)
	return set
}

func (r *Region) candidates() []candidate {
	var all []candidate
	for _, p := range r.peers {
		switch {
		case p.id == r.self:
			if deaf := r.deaf(); r.reached(deaf) >= r.majority() {
				all = append(all, candidate{id: p.id, deaf: deaf})
			}
		case !p.node:
		case !r.silent(p.heard):
			if r.reached(p.deaf) >= r.majority() {
				all = append(all, candidate{id: p.id, deaf: p.deaf})
			}
		case r.supported(p) >= r.majority():
			// Cut off from this node alone: which of the two stays, both have to
			// choose alike.
			all = append(all, candidate{id: p.id, deaf: []store.NodeID{r.self}})
		}
	}
	return all
}

// supported counts the granters that, by what they answer to this node, p reaches.
func (r *Region) supported(p *peer) int {
	n := 0
	for _, g := range r.peers {
		if g.granter && g.id != r.self && (g == p || !r.silent(g.answered) && !slices.Contains(g.deaf, p.id)) {
			n++
		}
	}
	return n
}

// reached counts the granters that are not in deaf.
func (r *Region) reached(deaf []store.NodeID) int {
	n := 0
	for _, p := range r.peers {
		if p.granter && !slices.Contains(deaf, p.id) {
			n++
		}
	}
	return n
}

// deaf returns the peers, sorted, that do not answer this node, are not heard by
// it or do not hear it, or do not confirm its writes; all of them if it rests.
func (r *Region) deaf() []store.NodeID {
	self := r.peer(r.self)
	var deaf []store.NodeID
	for _, p := range r.peers {
		switch {
		case p.id == r.self:
		case r.resting,
			self.node && p.granter && r.silent(p.answered),
			self.granter && p.node && r.silent(p.heard),
			!self.node && slices.Contains(p.deaf, r.self), // a borrowed granter asks nobody
			p.node && r.lags(p):
			deaf = append(deaf, p.id)
		}
	}
	return deaf
}

func (r *Region) silent(since time.Duration) bool { return r.now.Mono-since >= r.cfg.Silence }
