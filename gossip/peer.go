package gossip

import (
	"slices"
	"strings"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// A peer is what the engine knows of another node and owes it.
type peer struct {
	Peer

	// What it holds, by its own word: have only rises while the stream is up.
	have     store.Watermarks
	haveHash uint64
	claim    *claim // its W, not covered here yet

	// What the next status to it has to be.
	ask       bool             // ask it for all its watermarks …
	askAfter  time.Duration    // … but not before
	tell      bool             // tell it all of ours
	confirm   bool             // tell it at once how far its frames brought us
	unsettled int              // bytes of its frames since the last status to it …
	origins   store.Watermarks // … and how far they went

	// Fresh frames under way to it.
	fresh       []sent
	freshBytes  int
	confirmedAt time.Duration // when it last confirmed any
	late        bool          // a relay that confirmed none for too long

	// Streams that it pulls from us, and the credit left for them.
	streams []store.Mark // cursors: the next frame begins past Seq
	credit  int

	// What we pull from it.
	received int           // bytes of its frames since our last grant
	progress time.Duration // when a frame of a pull last moved us on
	askedAt  time.Duration // when the pull now being measured left; 0 if none
	rtt      time.Duration // from a frame or pull to its answer; 0 if unknown
}

// sent is a fresh frame under way.
type sent struct {
	origin        store.Origin
	from, through uint64
	bytes         int
	at            time.Duration // Reading.Mono of the turn that sent it
}

// PeerUp tells the engine that a stream to p is there. A second call says that
// the stream broke and is there again: what was under way is lost.
func (e *Engine) PeerUp(now clock.Reading, p Peer) {
	fresh := &peer{Peer: p, ask: true, tell: true, askAfter: now.Mono}
	i, known := e.findPeer(p.ID)
	if known {
		old := e.peers[i]
		fresh.rtt = old.rtt
		e.moveOut(old)
		e.peers[i] = fresh
	} else {
		e.peers = slices.Insert(e.peers, i, fresh)
	}
	e.settleIn(fresh)
	e.releaseLacks(now, p.ID)
	e.replica.Observe(PeerUp{Peer: p})
}

// PeerDown tells the engine that the stream to a peer is gone.
func (e *Engine) PeerDown(now clock.Reading, id store.NodeID) {
	i, known := e.findPeer(id)
	if !known {
		return
	}
	p := e.peers[i]
	e.peers = slices.Delete(e.peers, i, i+1)
	e.moveOut(p)
	e.releaseLacks(now, id)
	e.replica.Observe(PeerDown{Peer: p.Peer})
}

func (e *Engine) findPeer(id store.NodeID) (int, bool) {
	return slices.BinarySearchFunc(e.peers, id, func(p *peer, id store.NodeID) int {
		return strings.Compare(string(p.ID), string(id))
	})
}

// peer returns the peer with id, or nil if no stream to it is up.
func (e *Engine) peer(id store.NodeID) *peer {
	if i, ok := e.findPeer(id); ok {
		return e.peers[i]
	}
	return nil
}

// learn notes that p holds origin up to seq. It reports false where that would
// pass the bound on origins.
func (p *peer) learn(origin store.Origin, seq uint64, maxOrigins int) bool {
	old := p.have.At(origin)
	if seq <= old {
		return true
	}
	if old == 0 && len(p.have) >= maxOrigins {
		return false
	}
	p.have.Set(origin, seq)
	p.haveHash += HashMark(origin, seq) - HashMark(origin, old)
	return true
}

// settle forgets the fresh frames that p has confirmed, and returns when the
// last of them was sent.
func (p *peer) settle(now time.Duration) (at time.Duration, any bool) {
	p.fresh = slices.DeleteFunc(p.fresh, func(s sent) bool {
		if p.have.At(s.origin) < s.through {
			return false
		}
		p.freshBytes -= s.bytes
		at, any = s.at, true
		return true
	})
	if any {
		p.confirmedAt, p.late = now, false
	}
	return at, any
}

// measure takes one round trip into the smoothed one, as TCP does.
func (p *peer) measure(d time.Duration) {
	if p.rtt == 0 {
		p.rtt = d
		return
	}
	p.rtt += (d - p.rtt) / 8
}

func (e *Engine) receiveStatus(now clock.Reading, from store.NodeID, s *Status) error {
	p := e.peer(from)
	if p == nil {
		e.replica.Observe(NoStream{From: from})
		return nil
	}
	e.roster.Heard(now.Mono, from, s.Facts.Epoch)
	if err := e.hearFacts(p, s.Facts); err != nil {
		return err
	}
	for _, m := range s.Marks {
		if !p.learn(m.Origin, m.Seq, e.cfg.MaxOrigins) {
			e.replica.Observe(MessageRefused{From: from, Why: "status names more origins than the bound"})
			return nil
		}
		if m.Origin != e.own && m.Seq > e.replica.Watermarks().At(m.Origin) {
			e.notice(now, m.Origin, m.Seq, e.feeds(p, m.Origin.Node))
		}
	}
	at, confirmed := p.settle(now.Mono)
	if s.answer() {
		if confirmed && e.far(p) {
			p.measure(now.Mono - at)
		}
		return nil
	}
	p.tell = p.tell || s.Want
	e.hearClosed(from, s)
	if p.haveHash == s.Hash {
		e.hearW(p, s.Facts)
		return nil
	}
	// A status was lost if those that came do not add up to what it holds.
	if now.Mono >= p.askAfter {
		p.ask = true
		p.askAfter = now.Mono + 2*e.cfg.StatusInterval + e.rtt(p)
	}
	return nil
}

// collectStatus sends each peer the status it is due, one message for all that
// are due the same. One that only waits for a confirmation gets an answer.
func (e *Engine) collectStatus() {
	var made [4]*Status
	for _, p := range e.peers {
		if !e.statusDue && !p.ask && !p.tell {
			if p.confirm {
				e.answer(p)
			}
			continue
		}
		kind := 0
		if p.ask {
			kind |= 1
		}
		if p.tell {
			kind |= 2
		}
		if made[kind] == nil {
			made[kind] = e.status(p.ask, p.tell)
		}
		e.send(p, made[kind])
		p.ask, p.tell = false, false
		p.settleUp()
	}
	if e.statusDue {
		e.statusDue, e.moved = false, nil
	}
}

// answer tells p how far its frames brought this node, and nothing else.
func (e *Engine) answer(p *peer) {
	s := &Status{Facts: e.facts()}
	for _, m := range p.origins {
		if seq := e.replica.Watermarks().At(m.Origin); seq > 0 {
			s.Marks.Set(m.Origin, seq)
		}
	}
	if len(s.Marks) > 0 {
		e.send(p, s)
	}
	p.settleUp()
}

// settleUp notes that p was told how far its frames brought this node.
func (p *peer) settleUp() {
	p.confirm, p.unsettled, p.origins = false, 0, nil
}

func (e *Engine) status(want, full bool) *Status {
	marks := e.moved
	if full {
		marks = e.replica.Watermarks()
	}
	return &Status{Marks: marks.Clone(), Full: full, Hash: e.hash, Want: want, Facts: e.facts(), Closed: e.closed}
}

// rtt returns the round trip to p, measured or assumed.
func (e *Engine) rtt(p *peer) time.Duration {
	switch {
	case p.rtt > 0:
		return p.rtt
	case p.Region == e.self.Region:
		return 0
	}
	return e.cfg.UnknownRTT
}
