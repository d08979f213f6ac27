package gossip

import (
	"slices"
	"strings"

	"hearsay/clock"
	"hearsay/gossip/view"
	"hearsay/store"
)

// This file is this node's part in who may answer `region` (package view): in its
// own region, and in each that has borrowed it as a granter.

// A Seat is what a node must not forget of its part in one region.
type Seat struct {
	Region string
	Ledger view.Ledger
}

// A seat is the part itself.
type seat struct {
	name   string
	region *view.Region
	told   view.Tag // goes with the last status to each node of the region
}

// seatIn returns this node's part in a region, nil if it has none.
func (e *Engine) seatIn(region string) *seat {
	if i, has := e.findSeat(region); has {
		return e.seats[i]
	}
	return nil
}

func (e *Engine) findSeat(region string) (int, bool) {
	return slices.BinarySearchFunc(e.seats, region, func(s *seat, name string) int { return strings.Compare(s.name, name) })
}

// sit takes the seats that the roster gives, as far as it changed.
func (e *Engine) sit(now clock.Reading) {
	epoch := e.roster.Epoch()
	if epoch.Number == e.seated {
		return
	}
	e.seated = epoch.Number
	for _, r := range epoch.Regions {
		i, has := e.findSeat(r.Name)
		if !has && (r.Name == e.self.Region || slices.Contains(r.Granters, e.self.ID)) {
			s := &seat{name: r.Name, region: view.New(e.self.ID, e.cfg.View, e.remembered(r.Name), now, e.draw)}
			s.region.Rest(e.resting)
			e.seats = slices.Insert(e.seats, i, s)
		}
	}
	for _, s := range e.seats {
		// A node that is in its seat no more gets no part in it by this.
		r := epoch.Region(s.name)
		s.region.Place(r.Since, epoch.Nodes(s.name), r.Granters)
	}
	e.excuse(now)
	e.lender = ""
	for _, id := range epoch.Region(e.self.Region).Granters {
		if m, _ := epoch.Member(id); m.Region != e.self.Region {
			e.lender = id
		}
	}
}

// lentTo returns the node of this region that writer's region has borrowed as a
// granter, if there is one and it is up.
func (e *Engine) lentTo(writer store.NodeID) store.NodeID {
	epoch := e.roster.Epoch()
	w, member := epoch.Member(writer)
	if !member || w.Region == e.self.Region {
		return ""
	}
	for _, id := range epoch.Region(w.Region).Granters {
		if p := e.peer(id); id == e.self.ID || p != nil && !p.far {
			return id
		}
	}
	return ""
}

// excuse has nobody wait for what this node wrote beyond an end that an epoch set for
// it: nobody takes that, and is not to count as one who lags.
func (e *Engine) excuse(now clock.Reading) {
	s := e.seatIn(e.self.Region)
	if _, ended := e.roster.Epoch().Ended(e.own); ended && s != nil {
		s.region.Wrote(now, store.Mark{})
	}
}

func (e *Engine) remembered(region string) view.Ledger {
	for _, s := range e.ledgers {
		if s.Region == region {
			return s.Ledger
		}
	}
	return view.Ledger{}
}

// SaveSeats returns what has to be durable of the views before Collect, if it
// changed since the last call. The caller owns it.
func (e *Engine) SaveSeats() ([]Seat, bool) {
	changed := false
	for _, s := range e.seats {
		ledger, dirty := s.region.Save()
		if !dirty {
			continue
		}
		changed = true
		i := slices.IndexFunc(e.ledgers, func(l Seat) bool { return l.Region == s.name })
		if i < 0 {
			i = len(e.ledgers)
			e.ledgers = append(e.ledgers, Seat{Region: s.name})
		}
		e.ledgers[i].Ledger = ledger
	}
	return slices.Clone(e.ledgers), changed
}

// asking returns the seats for which this node asks to be in a view: none while it is
// fenced. As a granter it answers all the same.
func (e *Engine) asking() []*seat {
	if e.Fenced() {
		return nil
	}
	return e.seats
}

// Hold returns how long this node may answer `region`, as of the last Collect.
func (e *Engine) Hold() view.Hold {
	if s := e.seatIn(e.self.Region); s != nil && !e.Fenced() {
		return s.region.Hold()
	}
	return view.Hold{}
}

// Confirmed returns how far the region holds what this node has written in this
// life, as of the last Collect: that is acknowledged `region`.
func (e *Engine) Confirmed() store.Mark {
	if s := e.seatIn(e.self.Region); s != nil {
		return s.region.Confirmed()
	}
	return store.Mark{}
}

func (e *Engine) receiveView(now clock.Reading, from store.NodeID, m *View) {
	if s := e.seatIn(m.Region); s != nil {
		s.region.Receive(now, from, &m.Message)
	}
}

// held takes in how far p said that it holds this node's own writes.
func (e *Engine) held(now clock.Reading, p *peer, tag view.Tag) {
	if s := e.seatIn(e.self.Region); s != nil {
		s.region.Held(now, p.ID, store.Mark{Origin: e.own, Seq: p.have.At(e.own)}, tag)
	}
}

// owe has origin's node told at once how far this node is with it, if a write of
// its region may wait for that.
func (e *Engine) owe(origin store.Origin, seq uint64) {
	if p := e.peer(origin.Node); p != nil && e.seatIn(p.Region) != nil {
		p.confirm, e.owes = true, true
		p.origins.Set(origin, seq)
	}
}

// askWhoWaits asks those for all their marks who left unconfirmed what this node had
// written by the last status already: whose answer was lost, and, where a client
// waits for all members, those who had no reason to answer.
func (e *Engine) askWhoWaits() {
	for _, p := range e.peers {
		if !p.far || p.ID == e.lender {
			p.ask = p.ask || p.have.At(e.own) < e.unconfirmed
		} else {
			p.ask = p.ask || p.have.At(e.own) < e.forAll
		}
	}
	e.unconfirmed = e.replica.Watermarks().At(e.own)
}

// AwaitAll has this node find out whether all members hold its write number seq; see
// HeldByAll.
func (e *Engine) AwaitAll(seq uint64) { e.forAll = max(e.forAll, seq) }

// HeldByAll returns how far all members of the cluster are known to hold what this
// node has written in this life.
func (e *Engine) HeldByAll() uint64 {
	least := e.replica.Watermarks().At(e.own)
	for _, m := range e.roster.Epoch().Members {
		if m.Node == e.self.ID {
			continue
		}
		p := e.peer(m.Node)
		if p == nil {
			return 0
		}
		least = min(least, p.have.At(e.own))
	}
	return least
}

// tag returns what goes with a status to p.
func (e *Engine) tag(p *peer) view.Tag {
	if s := e.seatIn(p.Region); s != nil {
		return s.told
	}
	return view.Tag{}
}

// collectViews sends what the views have to say, once the ledgers are durable, and
// has those told at once who wait for what this node has granted.
func (e *Engine) collectViews() {
	for _, s := range e.seats {
		for _, env := range s.region.Collect(e.replica.Watermarks(), e.holdsAll) {
			e.out = append(e.out, Envelope{To: env.To, Message: &View{Region: s.name, Message: env.Message}})
		}
		if tag := s.region.Tag(); tag != s.told {
			s.told = tag
			if r := e.regionOf(s.name); r != nil {
				for _, p := range r.peers {
					p.news, e.owes = true, true
				}
			}
		}
	}
}
