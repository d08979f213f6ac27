package gossip

import (
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/gossip/view"
	"hearsay/store"
)

// This file is what nodes tell each other of how far they are.

func (e *Engine) receiveStatus(now clock.Reading, from store.NodeID, s *Status) error {
	p := e.peer(from)
	if p == nil {
		e.replica.Observe(NoStream{From: from})
		return nil
	}
	if err := e.recognize(p, s); err != nil {
		return err
	}
	if s.Wall > 0 {
		p.clock.take(now, s.Wall)
	}
	if s.Facts.Epoch < e.epoch || !e.belongs {
		e.roster.Heard(now.Mono, from, s.Facts.Epoch)
	}
	if err := e.hearFacts(p, s); err != nil {
		return err
	}
	for _, m := range e.counted(s.Marks) {
		if !p.learn(m.Origin, m.Seq, e.cfg.MaxOrigins) {
			e.replica.Observe(MessageRefused{From: from, Why: "status names more origins than the bound"})
			return nil
		}
		e.noticeAt(now, p, m)
	}
	for _, m := range e.counted(s.Taken) {
		if !p.tookIn(m.Origin, m.Seq, e.cfg.MaxOrigins) {
			e.replica.Observe(MessageRefused{From: from, Why: "status names more origins than the bound"})
			return nil
		}
		e.noticeAt(now, p, m)
	}
	e.held(now, p, s.Tag)
	if e.cfg.Sweep > 0 {
		p.prune()
	}
	at, confirmed := p.settle(now.Mono)
	late := p.late
	if p.late && (confirmed || s.answer() && len(p.fresh) == 0) {
		p.late, e.regroup = false, true
	}
	if s.Want {
		p.tell, e.owes = true, true
	}
	if s.answer() {
		switch {
		case !p.far:
		case confirmed && !late: // else it may be the answer to something later
			p.measure(now.Mono - at)
		case p.rtt == 0 && p.toldAt > 0 && now.Mono-p.toldAt < answerEvery*e.cfg.StatusInterval:
			p.measure(now.Mono - p.toldAt)
		}
		p.toldAt, p.answeredAt = 0, now.Mono
		return nil
	}
	if p.far {
		e.answerWriter(now, p, s)
	}
	if p.haveHash == s.Hash {
		e.vouch(p, s)
		e.hear(p, s)
		return nil
	}
	// A status was lost if those that came do not add up to what it holds.
	if now.Mono >= p.askAfter {
		p.ask, e.owes = true, true
		p.askAfter = now.Mono + 2*e.cfg.StatusInterval + e.rtt(p)
	}
	return nil
}

// noticeAt marks what p has and this node lacks.
func (e *Engine) noticeAt(now clock.Reading, p *peer, m store.Mark) {
	if m.Origin != e.own && m.Seq > e.reach(m.Origin) && !e.Retired(m.Origin) {
		e.notice(now, m.Origin, m.Seq, e.feeds(p, m.Origin.Node))
	}
}

// answerWriter has p, for which this node relays, know now and then that the
// stream is whole, how long the way is, and how far this node is with what p wrote.
func (e *Engine) answerWriter(now clock.Reading, p *peer, s *Status) {
	if !s.Full && now.Mono < p.answerAt {
		return
	}
	p.confirm, e.owes = true, true
	for _, m := range p.have.Of(p.ID) {
		p.origins.Set(m.Origin, m.Seq)
	}
}

// answerMoved has writers for which this node relays know how far it came with what
// they wrote, should an answer to their frames be lost or the rows come from others.
func (e *Engine) answerMoved() {
	for _, m := range e.moved {
		if p := e.peer(m.Origin.Node); p != nil && p.far && e.now < p.answerAt {
			p.origins.Set(m.Origin, m.Seq)
			p.confirm, e.owes = true, true
		}
	}
}

// settle forgets the fresh frames that p has confirmed, and returns when the
// last of them was sent.
func (p *peer) settle(now time.Duration) (at time.Duration, any bool) {
	p.fresh = slices.DeleteFunc(p.fresh, func(s sent) bool {
		if p.rows(s.origin) < s.through {
			return false
		}
		p.freshBytes -= s.bytes
		at, any = s.at, true
		return true
	})
	if any {
		p.confirmedAt = now
	}
	return at, any
}

// collectStatus tells the listeners how far this node is when that is due, others
// when they asked for it, and those whose frames it took how far these went. It
// makes one message for all that are due the same.
func (e *Engine) collectStatus() {
	if e.statusDue {
		e.answerMoved()
		e.askWhoWaits()
		e.round++
	}
	if e.regroup {
		e.chooseListeners()
	}
	if !e.statusDue && !e.owes {
		return
	}
	e.owes = false
	made := map[kind]*Status{}
	for _, p := range e.peers {
		switch {
		case p.tell, p.listens && e.statusDue:
			k := kind{want: p.ask, full: p.tell}
			if p.news || p.tell {
				k.tag = e.tag(p)
			}
			if p.tell {
				k.yours = e.closedBy(p)
			}
			if made[k] == nil {
				made[k] = e.status(k)
			}
			e.send(p, made[k])
			if p.tell {
				p.toldAt = e.now
			}
			p.tell = false
		case p.ask, p.confirm, p.news, e.statusDue && p.unsettled > 0:
			e.send(p, e.answer(p))
			p.answerAt = e.now + answerEvery*e.cfg.StatusInterval
		default:
			continue
		}
		p.ask, p.confirm, p.news, p.unsettled, p.origins = false, false, false, 0, nil
	}
	if e.statusDue {
		e.statusDue, e.moved = false, nil
	}
}

// answer returns how far p's frames brought this node, and nothing else.
func (e *Engine) answer(p *peer) *Status {
	s := &Status{Want: p.ask, Facts: e.facts(), Tag: e.tag(p)}
	for _, m := range p.origins {
		if seq := e.replica.Watermarks().At(m.Origin); seq > 0 {
			s.Marks.Set(m.Origin, seq)
		}
		if seq := e.taken.At(m.Origin); seq > 0 {
			s.Taken.Set(m.Origin, seq)
		}
	}
	return s
}

// floorEvery is in one of how many statuses the floor is spoken of: it moves once a
// minute.
const floorEvery = 30

// A kind is by what the statuses of one turn differ.
type kind struct {
	want, full bool
	tag        view.Tag
	yours      clock.Timestamp
}

func (e *Engine) status(k kind) *Status {
	marks := e.moved
	if k.full {
		marks = e.replica.Watermarks()
	}
	s := &Status{Marks: marks.Clone(), Full: k.full, Taken: e.taken.Clone(), Hash: e.hash, Want: k.want, Facts: e.facts(), Closed: e.word(), Tally: e.tally, Tag: k.tag, Yours: k.yours, Wall: e.wall}
	if e.round%floorEvery != 0 && !k.full {
		s.Facts.Floor, s.Tally = clock.Timestamp{}, nil
	}
	if e.round%wallEvery != 0 && !k.full {
		s.Wall = 0
	}
	return s
}

func (e *Engine) facts() Facts {
	return Facts{W: e.w, Floor: e.floor, Epoch: e.roster.Epoch().Number, Behind: e.Fenced()}
}
