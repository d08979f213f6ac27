package gossip

import (
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file is how the chunks of this node's own large values come to its region
// before the write is stamped: a write whose chunks the region's nodes hold keeps
// none of their watermarks waiting.

// An offer is an upload of this node's own that its region is to fetch.
type offer struct {
	manifest *store.Manifest
	waiting  []waiting // sorted by nobody; in the order of the region's peers
	again    time.Duration
}

// waiting is a peer that does not have all of an upload yet.
type waiting struct {
	peer  store.NodeID
	heard time.Duration // when it last asked for some of it
}

// Offer has the nodes of this region fetch m, which is whole here. Offered says
// when they have.
func (e *Engine) Offer(now clock.Reading, m *store.Manifest) {
	o := &offer{manifest: m, again: now.Mono}
	for _, p := range e.home() {
		o.waiting = append(o.waiting, waiting{p.ID, now.Mono})
	}
	e.offers = append(e.offers, o)
}

// Offered reports whether every node of this region has u or was given up: its
// stream broke, or it asks for none of it. Then the offer is over.
func (e *Engine) Offered(u store.Upload) bool {
	for i, o := range e.offers {
		if o.manifest.Upload != u {
			continue
		}
		if len(o.waiting) > 0 {
			return false
		}
		e.offers = slices.Delete(e.offers, i, i+1)
		return true
	}
	return true
}

func (e *Engine) receiveOffer(now clock.Reading, from store.NodeID, o *Offer) {
	if p := e.peer(from); p == nil || p.far {
		e.replica.Observe(NoStream{From: from})
		return
	}
	e.wantsDue = true
	w := e.wanted(o.Manifest.Upload)
	if w == nil {
		if e.full() || e.resting {
			return // it is offered again
		}
		w = newWant(now.Mono, o.Manifest)
		e.wants = append(e.wants, w)
	}
	w.offered, w.told = from, false
}

// receiveHas notes that a peer has all of an upload.
func (e *Engine) receiveHas(now clock.Reading, from store.NodeID, h *Has) {
	if w := e.wanted(h.Upload); w != nil && w.source == "" {
		w.has, w.progress, e.wantsDue = from, now.Mono, true
	}
	for _, o := range e.offers {
		if o.manifest.Upload == h.Upload {
			o.waiting = slices.DeleteFunc(o.waiting, func(w waiting) bool { return w.peer == from })
		}
	}
}

// hearOf notes that p asks for some of u.
func (e *Engine) hearOf(p *peer, u store.Upload) {
	for _, o := range e.offers {
		for i := range o.waiting {
			if o.manifest.Upload == u && o.waiting[i].peer == p.ID {
				o.waiting[i].heard = e.now
			}
		}
	}
}

// tickOffers gives up who is silent, and tells the others again.
func (e *Engine) tickOffers(now clock.Reading) {
	for _, o := range e.offers {
		o.waiting = slices.DeleteFunc(o.waiting, func(w waiting) bool {
			return e.peer(w.peer) == nil || now.Mono >= w.heard+e.cfg.OfferPatience
		})
		if now.Mono < o.again {
			continue
		}
		o.again = now.Mono + e.cfg.StatusInterval
		for _, w := range o.waiting {
			e.send(e.peer(w.peer), &Offer{Manifest: o.manifest})
		}
	}
}

// nextOffers returns when tickOffers has work to do, or limit if that is earlier.
func (e *Engine) nextOffers(limit time.Duration) time.Duration {
	for _, o := range e.offers {
		limit = min(limit, o.again)
		if len(o.waiting) == 0 {
			return 0 // its write can be accepted
		}
	}
	return limit
}
