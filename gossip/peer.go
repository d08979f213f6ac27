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
	far  bool // it stands in another region
	seat int  // its index in the roster's members, -1 if it is none

	fetching fetching // see ask

	// What it holds, by its own word: have only rises while the stream is up.
	have     store.Watermarks
	haveHash uint64
	took     store.Watermarks // rows that it has taken in, where that is past have
	claim    *claim           // what it says of the members, not covered here yet
	floor    clock.Timestamp
	behind   bool             // it is fenced: no source, and takes no frames
	gone     store.Watermarks // rows that its logs do not hold any more

	// What it is to be told.
	place      uint64           // on the ring of its region
	listens    bool             // how far we are, every StatusInterval
	tell       bool             // all our watermarks, at once
	toldAt     time.Duration    // when they left, until it answers; 0 if it owes none
	answeredAt time.Duration    // when it last answered, or began to listen
	answerAt   time.Duration    // when a status from it is to be answered
	ask        bool             // that we want all its watermarks …
	askAfter   time.Duration    // … but not before
	confirm    bool             // at once how far its frames brought us
	news       bool             // at once what we granted
	unsettled  int              // bytes of its frames since it was last told that …
	origins    store.Watermarks // … and how far they went

	// Fresh frames under way to it.
	fresh       []sent
	freshBytes  int
	confirmedAt time.Duration // when it last confirmed any
	late        bool          // a relay that confirmed none for too long

	// Streams that it pulls from us, and the credit left for them.
	streams []store.Mark // cursors: the next frame begins past Seq
	credit  int

	scanning scanning // the snapshot that it takes from us

	// What we pull from it.
	received int           // bytes of its frames since our last grant
	meter    meter         // of its frames
	progress time.Duration // when a frame of a pull last moved us on
	askedAt  time.Duration // when the pull now being measured left; 0 if none
	clock    peerClock     // its wall clock
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
	fresh := &peer{Peer: p, far: p.Region != e.self.Region, seat: e.seat(p.ID), haveHash: HashMarks(nil), place: mix(hashText(string(p.ID))), askAfter: now.Mono}
	i, known := e.findPeer(p.ID)
	if known {
		old := e.peers[i]
		fresh.rtt, fresh.claim, fresh.clock = old.rtt, old.claim, old.clock // all stay true
		e.moveOut(old)
		e.peers[i] = fresh
	} else {
		e.peers = slices.Insert(e.peers, i, fresh)
	}
	e.byID[p.ID] = fresh
	e.settleIn(fresh)
	e.regroup = true
	e.releaseLacks(now, p.ID)
	e.releaseWants(now, p.ID)
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
	delete(e.byID, id)
	e.moveOut(p)
	e.regroup = true
	if p.claim != nil {
		e.claims--
	}
	e.releaseLacks(now, id)
	e.releaseWants(now, id)
	e.replica.Observe(PeerDown{Peer: p.Peer})
}

func (e *Engine) findPeer(id store.NodeID) (int, bool) {
	return slices.BinarySearchFunc(e.peers, id, func(p *peer, id store.NodeID) int {
		return strings.Compare(string(p.ID), string(id))
	})
}

// peer returns the peer with id, or nil if no stream to it is up.
func (e *Engine) peer(id store.NodeID) *peer { return e.byID[id] }

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
	if seq >= p.took.At(origin) {
		p.took.Reset(origin, 0)
	}
	return true
}

// tookIn notes that p has the rows of origin up to seq, which it may not cover.
// It reports false where that would pass the bound on origins.
func (p *peer) tookIn(origin store.Origin, seq uint64, maxOrigins int) bool {
	old := p.rows(origin)
	if seq <= old {
		return true
	}
	if old == 0 && len(p.have)+len(p.took) >= maxOrigins {
		return false
	}
	p.took.Set(origin, seq)
	return true
}

// holds reports whether p is known to hold origin up to seq. All of an origin that
// has retired at its floor it held.
func (p *peer) holds(origin store.Origin, seq uint64) bool {
	have := p.have.At(origin)
	return have >= seq || have == 0 && beganBelow(origin, p.floor)
}

func (p *peer) holdsAll(marks store.Watermarks) bool {
	return !slices.ContainsFunc(marks, func(m store.Mark) bool { return !p.holds(m.Origin, m.Seq) })
}

// rows returns how far p can send rows of origin.
func (p *peer) rows(origin store.Origin) uint64 { return max(p.have.At(origin), p.took.At(origin)) }

// measure takes one round trip into the smoothed one, as TCP does.
func (p *peer) measure(d time.Duration) {
	if p.rtt == 0 {
		p.rtt = d
		return
	}
	p.rtt += (d - p.rtt) / 8
}

// rtt returns the round trip to p, measured or assumed.
func (e *Engine) rtt(p *peer) time.Duration {
	switch {
	case p.rtt > 0:
		return p.rtt
	case !p.far:
		return 0
	}
	return e.cfg.UnknownRTT
}
