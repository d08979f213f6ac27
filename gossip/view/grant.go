package view

import (
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// ask asks every granter for the view, which also tells that this node is there,
// and that it gave up every lower view.
func (r *Region) ask() {
	r.asking = never
	if self := r.peer(r.self); self == nil || !self.node {
		return
	}
	r.round++
	r.rounds[r.round%uint64(len(r.rounds))] = r.now
	m := Message{Step: Ask, Round: r.round, Config: r.config, Deaf: r.deaf()}
	for _, p := range r.peers {
		m.Known = p.grant.named
		switch {
		case !p.granter:
		case p.id == r.self:
			m.View = r.ledger.View
			r.receiveAsk(p, &m)
		default:
			r.send(p, m)
		}
	}
	r.asking = r.now.Mono + r.cfg.Retry
	if r.hold.On(r.now) {
		r.asking = r.now.Mono + r.cfg.Renew
	}
}

// receiveAsk is the granter's side.
func (r *Region) receiveAsk(p *peer, m *Message) {
	if r.silent(p.heard) {
		r.watching = r.now.Mono
	}
	p.heard, p.deaf = r.now.Mono, m.Deaf
	if m.View.Compare(r.ledger.Granted) > 0 {
		p.lent = r.now.Mono // given up
	}
	a := Message{Step: Answer, Round: m.Round, Granted: m.Config >= r.config && r.grants(p, m.View.ID), Known: m.Known}
	if p.id == r.self {
		a.View, a.Known = r.ledger.View, false
		r.receiveAnswer(p, &a)
		return
	}
	a.Deaf = r.deaf()
	r.send(p, a)
}

// grants reports whether this node now supports p in view v.
func (r *Region) grants(p *peer, v ID) bool {
	self := r.peer(r.self)
	if self == nil || !self.granter || r.now.Mono < r.opens {
		return false
	}
	if v != r.ledger.View.ID || !r.ledger.View.Has(p.id) {
		return false
	}
	if v != r.ledger.Granted {
		for _, q := range r.peers {
			if q.lent > r.now.Mono {
				return false
			}
		}
		r.ledger.Granted = v
		r.dirty = true
	}
	p.lent = r.now.Mono + r.cfg.Lease + r.cfg.Slack
	return true
}

// receiveAnswer is the asker's side.
func (r *Region) receiveAnswer(p *peer, m *Message) {
	asked, known := r.askedIn(m.Round)
	if !known {
		return
	}
	if r.silent(p.answered) {
		r.watching = r.now.Mono
	}
	p.answered, p.deaf = max(p.answered, asked.Mono), m.Deaf
	if !m.Granted || !p.granter || m.View.ID != r.ledger.View.ID {
		return
	}
	g := &p.grant
	switch {
	case !g.named && m.Known:
		return
	case !g.named:
		*g = grant{named: true, marks: m.Marks, asked: asked}
	case asked.Mono > g.asked.Mono:
		g.asked = asked
	}
}

// askedIn returns when a round of this life was, unless it is too long ago.
func (r *Region) askedIn(round uint64) (asked clock.Reading, known bool) {
	ago := r.round - round
	if ago >= min(uint64(len(r.rounds)), r.round-r.first) {
		return clock.Reading{}, false
	}
	return r.rounds[round%uint64(len(r.rounds))], true
}

// settleHold finds until when a majority's grants last, of those whose marks this
// node covers.
func (r *Region) settleHold(covers func(store.Watermarks) bool) {
	r.hold = Hold{}
	if !r.ledger.View.Has(r.self) {
		return
	}
	asked := make([]time.Duration, 0, r.granters)
	for _, p := range r.peers {
		g := &p.grant
		if !p.granter || !g.named {
			continue
		}
		if !g.covered && covers(g.marks) {
			g.covered, g.marks = true, nil
		}
		if g.covered && !r.suspended(g.asked) {
			asked = append(asked, g.asked.Mono)
		}
	}
	if at, ok := greatest(asked, r.majority()); ok {
		r.hold = Hold{Until: at + r.cfg.Lease, Offset: offset(r.now), drift: r.drift()}
	}
}

// drift is by how much the difference of the two clocks may change until the
// machine passes for suspended: from an ask to the turn that counts its grant,
// and again from there to a read.
func (r *Region) drift() time.Duration { return r.cfg.Slack / 4 }

// suspended reports whether the machine was, since then.
func (r *Region) suspended(then clock.Reading) bool {
	return (offset(r.now) - offset(then)).Abs() > r.drift()
}

// Hold returns how long this node is in the view, as of the last Collect.
func (r *Region) Hold() Hold { return r.hold }
