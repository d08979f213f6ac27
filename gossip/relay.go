package gossip

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file is how rows cross to other regions once each: the writer sends its
// fresh frames to one node of every region, its relay there, and that node
// passes them on to the others of its region.

// A region holds the peers that stand in it.
type region struct {
	name  string
	peers []*peer // the writer's first choice for a relay first

	spread uint64        // how far this node's own log was sent there as fresh
	due    time.Duration // Reading.Mono: when the rest goes, 0 if there is none

	// What was sent fresh past lost came to nothing and goes to another relay.
	hedge bool
	lost  uint64
}

// rank orders the nodes of a region by how gladly writer has them as relays: the
// greatest is its first choice. Each writer has its own order, so that all nodes
// relay for some, and a node that comes or goes moves nobody else's choice
// (rendezvous hashing). All nodes agree on it.
func rank(writer, relay store.NodeID) uint64 {
	return mix(hashText(string(writer)) + mix(hashText(string(relay))))
}

// regionOf returns where the peers of a region are, nil if there is none.
func (e *Engine) regionOf(name string) *region {
	if i, ok := e.findRegion(name); ok {
		return e.regions[i]
	}
	return nil
}

func (e *Engine) findRegion(name string) (int, bool) {
	return slices.BinarySearchFunc(e.regions, name, func(r *region, name string) int { return strings.Compare(r.name, name) })
}

// home returns the other nodes of this node's own region.
func (e *Engine) home() []*peer {
	if r := e.regionOf(e.self.Region); r != nil {
		return r.peers
	}
	return nil
}

// settleIn makes p one of its region.
func (e *Engine) settleIn(p *peer) {
	i, known := e.findRegion(p.Region)
	if !known {
		e.regions = slices.Insert(e.regions, i, &region{name: p.Region, spread: e.spread})
	}
	r := e.regions[i]
	r.peers = append(r.peers, p)
	slices.SortFunc(r.peers, func(p, q *peer) int {
		return cmp.Compare(rank(e.self.ID, q.ID), rank(e.self.ID, p.ID))
	})
}

// moveOut takes p, whose stream broke, out of its region. What was under way to
// it goes to another.
func (e *Engine) moveOut(p *peer) {
	i, _ := e.findRegion(p.Region)
	r := e.regions[i]
	r.peers = slices.DeleteFunc(r.peers, func(q *peer) bool { return q == p })
	if len(r.peers) == 0 {
		e.regions = slices.Delete(e.regions, i, i+1)
		return
	}
	if p.far && len(p.fresh) > 0 {
		r.retry(p.fresh[0].from)
	}
}

func (r *region) retry(from uint64) {
	if !r.hedge || from < r.lost {
		r.hedge, r.lost = true, from
	}
}

// relay returns the first choice of those that confirm what they get; if none
// does, the first of all, so that one that is back is found. A granter that this
// node's region has borrowed comes before all others: it gets every write anyway.
func (e *Engine) relay(r *region) *peer {
	if p := e.peer(e.lender); p != nil && p.Region == r.name && !p.late && !p.behind {
		return p
	}
	for _, p := range r.peers {
		if !p.late && !p.behind {
			return p
		}
	}
	return r.peers[0]
}

// tickRelays gives up relays that confirmed nothing for too long.
func (e *Engine) tickRelays(now clock.Reading) {
	if !e.crossing {
		return
	}
	e.crossing = false
	for _, r := range e.regions {
		for _, p := range r.peers {
			if !p.awaited() {
				continue
			}
			if e.lateAt(p) > now.Mono {
				e.crossing = true
				continue
			}
			e.giveUp(r, p)
		}
	}
}

// giveUp has others of r stand in for p until it is heard again.
func (e *Engine) giveUp(r *region, p *peer) {
	p.late, e.regroup = true, true
	if len(p.fresh) > 0 {
		r.retry(p.fresh[0].from)
	}
	e.replica.Observe(RelayLate{Peer: p.ID, Region: p.Region})
}

// awaited reports whether p relays and owes a confirmation.
func (p *peer) awaited() bool { return p.far && !p.late && len(p.fresh) > 0 }

// lateAt returns when p, which is awaited, counts as late. A relay with much to
// do is not late as long as it gets on.
func (e *Engine) lateAt(p *peer) time.Duration {
	return max(p.fresh[0].at, p.confirmedAt) + e.rtt(p)*3/2 + e.cfg.Hedge
}

// waits reports whether what was written since waits for more to go with it to r:
// not if nothing is on its way to the relay, and not for longer than Coalesce.
func (e *Engine) waits(r *region) bool {
	if e.relay(r).freshBytes == 0 {
		return false
	}
	if r.due == 0 {
		r.due = e.now + e.cfg.Coalesce
	}
	return e.now < r.due
}

// nextCrossing returns when the next relay is late if it confirms nothing, or what
// waits for company has to go, or limit if that is earlier.
func (e *Engine) nextCrossing(limit time.Duration) time.Duration {
	if !e.crossing {
		return limit
	}
	for _, r := range e.regions {
		if r.due > 0 {
			limit = min(limit, r.due)
		}
		for _, p := range r.peers {
			if p.awaited() {
				limit = min(limit, e.lateAt(p))
			}
		}
	}
	return limit
}

// collectHedges sends what a relay did not confirm to another one, unless the
// region has it by now or nobody is left there: then it will pull.
func (e *Engine) collectHedges() error {
	for _, r := range e.regions {
		if !r.hedge {
			continue
		}
		r.hedge = false
		p := e.relay(r)
		if p.late || p.behind {
			continue
		}
		from := max(r.lost, e.replica.Trimmed().At(e.own))
		for _, q := range r.peers {
			from = max(from, q.rows(e.own))
		}
		for from < r.spread {
			f, err := e.frame(e.own, from, r.spread)
			if err != nil {
				return err
			}
			if !e.push(p, f) {
				break
			}
			e.replica.Observe(HedgeCrossed{crossing(p, f)})
			from = f.Through()
		}
	}
	return nil
}

// A passage is what this node passes on to its region: rows of a writer in
// another one, past from exclusive and up to through.
type passage struct {
	origin        store.Origin
	from, through uint64
}

// fromAfar takes note of f, which came from p in another region when rows were
// taken in up to mark. What its writer sent, or a relay pulled, others of this region wait
// for, and for what went missing before it: so one node pulls that, and not all.
func (e *Engine) fromAfar(p *peer, f *Frame, mark uint64) {
	if p.ID == f.Origin.Node {
		p.confirm, e.owes = true, true
	} else if e.spared(f.Origin) {
		return
	}
	if f.Through() <= mark || len(e.home()) == 0 {
		return
	}
	i, known := slices.BinarySearchFunc(e.passages, f.Origin, func(s passage, o store.Origin) int { return s.origin.Compare(o) })
	switch {
	case known:
		e.passages[i].through = max(e.passages[i].through, f.Through())
	case len(e.passages) < e.cfg.MaxOrigins:
		e.passages = slices.Insert(e.passages, i, passage{origin: f.Origin, from: mark, through: f.Through()})
	}
}

// collectPassages passes on, in order, what was taken in.
func (e *Engine) collectPassages() error {
	kept := e.passages[:0]
	for _, s := range e.passages {
		reach := e.reach(s.origin)
		for s.from < reach {
			f, err := e.frame(s.origin, s.from, reach)
			if err != nil {
				return err
			}
			if s.from = f.Through(); !e.passOn(f) {
				s.from = reach // whoever lacks the rest will pull it
			}
		}
		if s.from < s.through {
			kept = append(kept, s)
		}
	}
	e.passages = kept
	return nil
}

// passOn sends f to those of this region that are not known to hold it, and reports
// whether any took it.
func (e *Engine) passOn(f *Frame) bool {
	sent := 0
	for _, p := range e.home() {
		if p.rows(f.Origin) < f.Through() && e.push(p, f) {
			sent++
		}
	}
	if sent > 0 {
		e.replica.Observe(FrameRelayed{Origin: f.Origin, Rows: len(f.Rows), Peers: sent})
	}
	return sent > 0
}

// relayOf returns who of this node's region, itself included, writer has as its
// first choice.
func (e *Engine) relayOf(writer store.NodeID) store.NodeID {
	if lent := e.lentTo(writer); lent != "" {
		return lent
	}
	best := e.self.ID
	for _, p := range e.home() {
		if rank(writer, p.ID) > rank(writer, best) {
			best = p.ID
		}
	}
	return best
}

// spared reports whether another node of this region is to pull what only other
// regions hold of origin.
func (e *Engine) spared(origin store.Origin) bool { return e.relayOf(origin.Node) != e.self.ID }

// feeds reports whether p is the one that sends this node the fresh rows of
// writer.
func (e *Engine) feeds(p *peer, writer store.NodeID) bool {
	w := e.peer(writer)
	if w == nil {
		return false
	}
	if w.far {
		if relay := e.relayOf(writer); relay != e.self.ID {
			return p.ID == relay
		}
	}
	return p == w
}

func crossing(p *peer, f *Frame) Crossing {
	return Crossing{To: p.ID, Origin: f.Origin, Rows: len(f.Rows)}
}
