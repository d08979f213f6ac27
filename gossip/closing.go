package gossip

import (
	"slices"
	"sort"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// This file computes W: the timestamp up to which this node misses nothing that
// any member of the roster has ever written.

// A standing is the greatest timestamp up to which this node is known to miss
// nothing of a member, who stamps nothing more at or below it.
type standing struct {
	node  store.NodeID
	since clock.Timestamp // when it was admitted
	best  clock.Timestamp
	// acked is the same for what is acknowledged `region`; see acked.go.
	acked clock.Timestamp
	// w is the greatest W that the member is known to have had.
	w clock.Timestamp
}

// A Standing is how far a node misses nothing of one member of the roster.
type Standing struct {
	Node   store.NodeID
	Region string
	Name   string // a label for people, empty for none
	// Covered is when the last write of the member may have been acknowledged `region`
	// that the node is known to hold; zero if none is known. What is acknowledged
	// later it may lack.
	Covered clock.Timestamp
}

// Standings returns how far this node misses nothing of each member, in the
// order of their ids, as of the last Tick. Whoever has the least holds W
// back. The caller owns them.
func (e *Engine) Standings() []Standing {
	all := make([]Standing, len(e.standings))
	for i, st := range e.standings {
		m, _ := e.roster.Epoch().Member(st.node)
		// What is said of all members may be taken over from a peer.
		all[i] = Standing{Node: st.node, Region: m.Region, Name: m.Name, Covered: later(st.ackedTo(), e.acked)}
	}
	return all
}

// Roster is who belongs to the cluster as far as this node knows.
func (e *Engine) Roster() *roster.Roster { return e.roster }

// W returns the timestamp up to which what the last Tick found misses nothing;
// zero if that is unknown.
func (e *Engine) W() clock.Timestamp { return e.w }

// close makes this node's next closed timestamp, if it may close. Everything that it
// has written in this turn is below, everything later above.
func (e *Engine) close() error {
	e.follow()
	if !e.belongs {
		return nil
	}
	may := e.vouched() && !e.roster.Admitting()
	var c clock.Timestamp
	if may {
		var err error
		if c, err = e.replica.Close(); err != nil {
			return err
		}
	} else {
		c = e.replica.Stamp() // an old disk has to stay known by its bound
	}
	if bar, held := e.roster.Bar(); held && c.Compare(bar) > 0 {
		c = bar
	}
	e.base = later(e.base, c)
	if may {
		e.stand(e.standing(e.self.ID), c)
	}
	return nil
}

// standing returns how far a member is covered, nil if id is none.
func (e *Engine) standing(id store.NodeID) *standing {
	if i := e.seat(id); i >= 0 {
		return &e.standings[i]
	}
	return nil
}

// seat returns the index of a member, -1 if id is none.
func (e *Engine) seat(id store.NodeID) int {
	i := sort.Search(len(e.standings), func(i int) bool { return e.standings[i].node >= id })
	if i == len(e.standings) || e.standings[i].node != id {
		return -1
	}
	return i
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
		e.standings[i] = standing{node: m.Node, since: m.Since, best: m.Since}
		for len(old) > 0 && old[0].node < m.Node {
			old = old[1:]
		}
		if len(old) > 0 && old[0].node == m.Node && old[0].since == m.Since {
			e.standings[i] = old[0]
		}
	}
	e.epoch, e.tally, e.ended = now.Number, nil, false
	e.recount = true
	e.belongs = e.seat(e.self.ID) >= 0
	for _, p := range e.peers {
		p.seat = e.seat(p.ID)
	}
	e.confine()
	e.followLives()
	e.replica.Observe(EpochAdopted{Number: now.Number, Members: len(now.Members)})
}

// stand notes that this node misses nothing of a member up to t.
func (e *Engine) stand(st *standing, t clock.Timestamp) {
	if t.Compare(st.best) > 0 {
		e.recount = e.recount || e.apart || st.best.Compare(e.least) <= 0
		st.best = t
	}
}

// A claim is what a peer said of itself: its W and how far it misses nothing of each
// member. All that is true of its watermarks, and so of whoever covers them.
type claim struct {
	seat   int // of the peer, -1 if it is no member
	facts  Facts
	closed *Closed // nil for none
	// lacks are the peer's watermarks of then that this node does not cover yet.
	lacks store.Watermarks
}

// hear takes in what p, whose watermarks are known in full, says of itself. What
// names an epoch that this node has not adopted may not be used: a newcomer may
// hide behind it. It comes again.
//
// A claim that is not covered yet stays until it is, whatever follows: a peer that
// moves on all the time has always more by the time that its status is here.
// Unless what follows takes no more.
func (e *Engine) hear(p *peer, s *Status) {
	e.follow()
	if s.Facts.Epoch > e.epoch || e.Fenced() {
		return
	}
	c := claim{seat: p.seat, facts: s.Facts, closed: s.Closed}
	if s.Hash != e.hash {
		c.lacks = e.lacking(p.have)
	}
	e.take(&c)
	switch {
	case len(c.lacks) == 0:
	case p.claim == nil:
		p.claim = new(c)
		e.claims++
	case slices.Equal(c.lacks, p.claim.lacks):
		*p.claim = c
	}
}

// lacking returns those of marks that this node does not cover.
func (e *Engine) lacking(marks store.Watermarks) store.Watermarks {
	var lacks store.Watermarks
	own := e.replica.Watermarks()
	for _, m := range marks {
		for len(own) > 0 && own[0].Origin.Compare(m.Origin) < 0 {
			own = own[1:]
		}
		if known := len(own) > 0 && own[0].Origin == m.Origin; known && own[0].Seq < m.Seq || !known && !e.Retired(m.Origin) {
			lacks = append(lacks, m)
		}
	}
	return lacks
}

// take takes over what c says of those members whose writes it names this node
// covers, and its W if that is all of them.
func (e *Engine) take(c *claim) {
	if len(c.lacks) == 0 && c.facts.W.Compare(e.told) > 0 {
		e.told = c.facts.W
		e.recount = true
	}
	// The order of members is that of the epoch.
	if c.closed == nil || c.facts.Epoch != e.epoch || len(c.closed.Lags) != lagBytes(len(e.standings)) {
		return
	}
	if n := len(c.closed.Acked); n > 0 && n != len(c.closed.Lags) {
		return
	}
	lacks := c.lacks
	told := c.closed.told()
	for i := range e.standings {
		st := &e.standings[i]
		for len(lacks) > 0 && lacks[0].Origin.Node < st.node {
			lacks = lacks[1:]
		}
		switch {
		case len(lacks) > 0 && lacks[0].Origin.Node == st.node:
		case i == c.seat && lag(c.closed.Lags, i) == 0:
			e.stand(st, c.closed.C)
		default:
			if t := told[lag(c.closed.Lags, i)]; t > st.best.Wall {
				e.stand(st, clock.Timestamp{Wall: t})
			}
			if c.closed.Acked != nil {
				e.standAcked(st, clock.Timestamp{Wall: told[lag(c.closed.Acked, i)]})
			}
		}
	}
}

// countW raises W to the least that this node stands at with any member, or to a
// peer's W if that is more.
func (e *Engine) countW() {
	e.follow()
	if e.claims > 0 && e.covering {
		for _, p := range e.peers {
			e.review(p)
		}
	}
	// Whether the ends are covered turns on the watermarks too.
	e.recount = e.recount || e.covering && !e.ended
	e.covering = false
	if !e.recount || len(e.standings) == 0 {
		return
	}
	e.recount = false
	e.least = e.standings[0].best
	for i := range e.standings {
		e.least = earlier(e.least, e.standings[i].best)
	}
	if e.coversEnds() {
		e.w = later(e.w, e.least)
		e.acked = later(e.acked, e.leastAcked())
	}
	e.w = later(e.w, e.told)
	e.acked = later(e.acked, e.w)
}

// review takes over what this node has come to cover of p's claim.
func (e *Engine) review(p *peer) {
	c := p.claim
	if c == nil {
		return
	}
	kept := c.lacks[:0]
	for _, m := range c.lacks {
		if !e.Holds(m.Origin, m.Seq) {
			kept = append(kept, m)
		}
	}
	if len(kept) == len(c.lacks) {
		return
	}
	c.lacks = kept
	e.take(c)
	if len(kept) == 0 {
		p.claim = nil
		e.claims--
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
