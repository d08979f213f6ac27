package gossip

import (
	"slices"

	"hearsay/clock"
	"hearsay/store"
)

// This file is about differences in which neither of two replicas is right by itself:
// at or below the floor, where what the one lacks may have been collected, and where one
// version has two contents. All members are asked what they hold, and what most of them
// hold is right.

// A poll asks what the members hold at one place.
type poll struct {
	ground  Repair // what is compared; see Repair
	place   uint64
	votes   []vote // one of each member at most
	verdict uint64 // the print of what most hold …
	passed  bool   // … once that is known
}

// A vote is what a member holds, 0 for nothing.
type vote struct {
	node  store.NodeID
	print uint64
}

// dispute asks all members what they hold at a place, unless they are being asked about
// another one: that one comes up again.
func (e *Engine) dispute(m *Repair, place uint64) error {
	if e.poll != nil || !e.belongs {
		return nil
	}
	own, err := e.at(place)
	if err != nil {
		return err
	}
	e.poll = &poll{ground: m.ground(), place: place, votes: []vote{{e.self.ID, printOf(own)}}}
	ask := e.poll.ground
	ask.Step, ask.Wants = Ask, []uint64{place}
	for _, p := range e.peers {
		if p.seat >= 0 {
			e.send(p, &ask)
		}
	}
	return nil
}

// ground returns what m compares, and nothing of what it says.
func (m *Repair) ground() Repair {
	return Repair{Epoch: m.Epoch, Floor: m.Floor, Through: m.Through, Prefix: m.Prefix, Depth: m.Depth}
}

// at returns the entry at a place, nil if there is none.
func (e *Engine) at(place uint64) (*store.Entry, error) {
	entries, err := e.within(uint16(place >> 48))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(entries, func(en *store.Entry) bool { return en.Key.Place() == place })
	if i < 0 {
		return nil, nil
	}
	return entries[i], nil
}

// printOf returns the fingerprint by which en is told, 0 if it is nil.
func printOf(en *store.Entry) uint64 {
	if en == nil {
		return 0
	}
	return itemOf(en).Print
}

// still reports whether what m compares may be compared still: nothing newer was put
// there.
func (e *Engine) still(m *Repair) (bool, error) {
	digest, err := e.replica.Digest()
	if err != nil {
		return false, err
	}
	return digest[m.Prefix/parts].Newest.Compare(m.Through) <= 0, nil
}

// receiveAsk tells p what this node holds at a place.
func (e *Engine) receiveAsk(p *peer, m *Repair) error {
	if len(m.Wants) != 1 || uint16(m.Wants[0]>>48) != m.Prefix {
		return nil
	}
	if ok, err := e.still(m); !ok || err != nil {
		return err
	}
	held, err := e.at(m.Wants[0])
	if err != nil {
		return err
	}
	answer := m.ground()
	answer.Step, answer.Wants = Answer, m.Wants
	if held != nil {
		answer.Items = []Item{itemOf(held)}
	}
	e.send(p, &answer)
	return nil
}

// receiveAnswer counts the vote of p.
func (e *Engine) receiveAnswer(now clock.Reading, p *peer, m *Repair) error {
	v := e.poll
	if v == nil || v.passed || p.seat < 0 || len(m.Wants) != 1 || m.Wants[0] != v.place || m.Through != v.ground.Through || m.Floor != v.ground.Floor || m.Epoch != v.ground.Epoch ||
		slices.ContainsFunc(v.votes, func(v vote) bool { return v.node == p.ID }) {
		return nil
	}
	said := vote{node: p.ID}
	if len(m.Items) > 0 {
		said.print = m.Items[0].Print
	}
	v.votes = append(v.votes, said)
	same := 0
	for _, o := range v.votes {
		if o.print == said.print {
			same++
		}
	}
	if same <= len(e.standings)/2 {
		return nil
	}
	v.verdict, v.passed = said.print, true
	return e.settlePoll(now, p)
}

// settlePoll makes this node hold what most do: p is one of them.
func (e *Engine) settlePoll(now clock.Reading, p *peer) error {
	v := e.poll
	own, err := e.at(v.place)
	if err != nil {
		return err
	}
	switch ok, err := e.still(&v.ground); {
	case err != nil:
		return err
	case !ok, printOf(own) == v.verdict:
		return nil
	case v.verdict != 0:
		ask := v.ground
		ask.Step, ask.Wants = Differences, []uint64{v.place}
		e.send(p, &ask)
		return nil
	case own.Version.Timestamp.Compare(v.ground.Floor) > 0:
		return nil // nobody may have collected it
	}
	if _, err := e.replica.Restore(now, own.Key, nil); err != nil {
		return err
	}
	e.replica.Observe(EntryStruck{Key: own.Key, Version: own.Version})
	return nil
}

// decided reports whether en is what most members hold where own is held, nil for
// nothing, and is to take its place. Above the floor the greater version is right
// whatever they hold.
func (e *Engine) decided(m *Repair, own, en *store.Entry) bool {
	v := e.poll
	return v != nil && v.passed && en.Key.Place() == v.place && printOf(en) == v.verdict && m.Through == v.ground.Through &&
		(own == nil || own.Version == en.Version || own.Version.Timestamp.Compare(m.Floor) <= 0)
}
