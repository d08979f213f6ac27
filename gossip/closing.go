package gossip

import (
	"sort"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// This file computes W: the timestamp up to which this node misses nothing that
// any member of the roster has ever written.

// A standing is how far a member's closed timestamps are known to be covered.
type standing struct {
	node store.NodeID
	// best is the greatest closed timestamp that this node covers.
	best clock.Timestamp
	// w is the greatest W that the member has said it has.
	w clock.Timestamp
	// first and last are words not covered yet. The first one stays until it is,
	// whatever follows, so that a node that is always a little behind gets on.
	first, last *Closed
}

// A Standing is how far a node misses nothing of one member of the roster.
type Standing struct {
	Node   store.NodeID
	Region string
	// Covered is a timestamp at or below which the member stamps nothing more, and
	// all of whose writes up to there the node holds; zero if none is known.
	Covered clock.Timestamp
}

// Standings returns how far this node misses nothing of each member, in the
// order of their ids, as of the last Tick. Whoever has the least holds W
// back. The caller owns them.
func (e *Engine) Standings() []Standing {
	all := make([]Standing, len(e.standings))
	for i, st := range e.standings {
		m, _ := e.roster.Epoch().Member(st.node)
		all[i] = Standing{Node: st.node, Region: m.Region, Covered: st.best}
		if e.w.Compare(st.best) > 0 {
			all[i].Covered = e.w // which was taken over from a peer
		}
	}
	return all
}

// Roster is who belongs to the cluster as far as this node knows.
func (e *Engine) Roster() *roster.Roster { return e.roster }

// W returns the timestamp up to which what the last Tick found misses nothing;
// zero if that is unknown.
func (e *Engine) W() clock.Timestamp { return e.w }

func (e *Engine) facts() Facts {
	return Facts{W: e.w, Floor: e.floor, Epoch: e.roster.Epoch().Number}
}

// close makes this node's next closed timestamp. Everything that it has written
// in this turn is below, everything later above.
func (e *Engine) close() error {
	if !e.roster.Belongs() {
		return nil
	}
	c, err := e.replica.Close()
	if err != nil {
		return err
	}
	if bar, held := e.roster.Bar(); held && c.Compare(bar) > 0 {
		c = bar
	}
	if e.closed != nil && c.Compare(e.closed.C) <= 0 {
		return nil
	}
	e.closed = &Closed{
		C:      c,
		Origin: e.own,
		Seq:    e.replica.Watermarks().At(e.own),
		Past:   e.past(e.self.ID, e.own, c),
	}
	e.hear(e.self.ID, e.closed)
	return nil
}

// past returns the hash of the watermarks of node's origins that began at or
// below c, present aside. One that begins later is named by a later timestamp.
func (e *Engine) past(node store.NodeID, present store.Origin, c clock.Timestamp) uint64 {
	marks := e.replica.Watermarks()
	i := sort.Search(len(marks), func(i int) bool { return marks[i].Origin.Node >= node })
	var h uint64
	for ; i < len(marks) && marks[i].Origin.Node == node; i++ {
		if o := marks[i].Origin; o != present && o.Incarnation.Start.Compare(c) <= 0 {
			h += HashMark(o, marks[i].Seq)
		}
	}
	return h
}

// hearClosed takes in the closed timestamp of a status. One that names an epoch
// which this node has not adopted may not be used: a newcomer may hide behind
// it. It comes again.
func (e *Engine) hearClosed(from store.NodeID, s *Status) {
	if s.Closed != nil && s.Facts.Epoch <= e.roster.Epoch().Number {
		e.hear(from, s.Closed)
	}
}

func (e *Engine) hear(from store.NodeID, c *Closed) {
	e.follow()
	st := e.standing(from)
	if st == nil || c.C.Compare(st.best) <= 0 {
		return
	}
	switch {
	case st.first == nil:
		st.first = c
	case c.C.Compare(st.first.C) > 0 && (st.last == nil || c.C.Compare(st.last.C) > 0):
		st.last = c
	}
	e.recount = true
}

// standing returns how far a member is covered, nil if id is none.
func (e *Engine) standing(id store.NodeID) *standing {
	i := sort.Search(len(e.standings), func(i int) bool { return e.standings[i].node >= id })
	if i == len(e.standings) || e.standings[i].node != id {
		return nil
	}
	return &e.standings[i]
}

// follow brings the standings in line with the roster. A newcomer stands where
// it was admitted.
func (e *Engine) follow() {
	now := e.roster.Epoch()
	if now.Number == e.epoch {
		return
	}
	old := e.standings
	e.standings = make([]standing, len(now.Members))
	for i, m := range now.Members {
		e.standings[i] = standing{node: m.Node, best: m.Since}
		if j := sort.Search(len(old), func(j int) bool { return old[j].node >= m.Node }); j < len(old) && old[j].node == m.Node {
			e.standings[i] = old[j]
		}
	}
	e.epoch = now.Number
	e.recount = true
	e.replica.Observe(EpochAdopted{Number: now.Number, Members: len(now.Members)})
}

// covers reports whether this node holds all that node had written when it said
// c.
func (e *Engine) covers(node store.NodeID, c *Closed) bool {
	if c.Seq > 0 && e.replica.Watermarks().At(c.Origin) < c.Seq {
		return false
	}
	return e.past(node, c.Origin, c.C) == c.Past
}

// countW raises W to the least closed timestamp over the roster that this node
// covers, or to a peer's W if that is more.
func (e *Engine) countW() {
	e.follow()
	if !e.recount || len(e.standings) == 0 {
		return
	}
	e.recount = false
	var w clock.Timestamp
	for i := range e.standings {
		st := &e.standings[i]
		e.advanceStanding(st)
		if i == 0 || st.best.Compare(w) < 0 {
			w = st.best
		}
	}
	e.raiseW(w)
	for _, p := range e.peers {
		e.takeW(p)
	}
}

// advanceStanding moves st up to what of its node's words this node has come to cover.
func (e *Engine) advanceStanding(st *standing) {
	switch {
	case st.last != nil && e.covers(st.node, st.last):
		st.best, st.first, st.last = st.last.C, nil, nil
	case st.first != nil && e.covers(st.node, st.first):
		st.best, st.first, st.last = st.first.C, st.last, nil
	}
}

// A claim is a peer's W with the watermarks that it had when it said so: what is
// true of them is true of whoever covers them.
type claim struct {
	w     clock.Timestamp
	marks store.Watermarks
}

// hearW takes in the W of a peer whose watermarks are known in full. As with
// closed timestamps the first claim stays until it is covered, for a peer that
// moves on all the time has always more by the time that its status is here.
func (e *Engine) hearW(p *peer, f Facts) {
	if p.claim != nil || f.W.Compare(e.w) <= 0 || f.Epoch > e.roster.Epoch().Number {
		return
	}
	p.claim = &claim{w: f.W, marks: p.have.Clone()}
	e.recount = true
}

// takeW takes over what p has claimed, if this node covers it.
func (e *Engine) takeW(p *peer) {
	c := p.claim
	if c == nil || c.w.Compare(e.w) > 0 && !e.replica.Watermarks().Covers(c.marks) {
		return
	}
	e.raiseW(c.w)
	p.claim = nil
}

func (e *Engine) raiseW(w clock.Timestamp) {
	if w.Compare(e.w) > 0 {
		e.w = w
	}
}

func (e *Engine) collectRoster() {
	for _, env := range e.roster.Collect() {
		e.out = append(e.out, Envelope{To: env.To, Message: &Roster{env.Message}})
	}
}

func (e *Engine) peerIDs() []store.NodeID {
	ids := make([]store.NodeID, len(e.peers))
	for i, p := range e.peers {
		ids[i] = p.ID
	}
	return ids
}
