package gossip

import (
	"maps"
	"slices"

	"hearsay/store"
)

// This file keeps to the ends that the roster sets to the streams of those who
// were dropped: nothing beyond one is taken, and what was taken is given back.

// refuses returns why f is not taken, empty if it is.
func (e *Engine) refuses(f *Frame) string {
	if e.roster.Refuses(f.Origin.Node) {
		return "frame of a node that is being dropped"
	}
	if last, ended := e.roster.Epoch().Ended(f.Origin); ended && f.Through() > last {
		return "frame beyond the end of a node that was dropped"
	}
	if !f.stands() {
		return "frame with an entry that does not stand for its row"
	}
	return ""
}

// counted returns marks as far as they count.
func (e *Engine) counted(marks store.Watermarks) store.Watermarks {
	if len(e.roster.Epoch().Ends) == 0 {
		return marks
	}
	var all store.Watermarks
	for _, m := range marks {
		if last, ended := e.roster.Epoch().Ended(m.Origin); ended {
			m.Seq = min(m.Seq, last)
		}
		if m.Seq > 0 {
			all = append(all, m)
		}
	}
	return all
}

// coversEnds reports whether this node holds all that those who were dropped had
// written up to their ends. Until then it is as if they were members still, of
// whom nothing is heard.
func (e *Engine) coversEnds() bool {
	if e.ended {
		return true
	}
	for _, end := range e.roster.Epoch().Ends {
		if !e.holdsAll(end.Marks) {
			return false
		}
	}
	e.ended = true
	return true
}

// confine takes what this node knows of others back to the ends of a new epoch.
func (e *Engine) confine() {
	if len(e.roster.Epoch().Ends) == 0 {
		return
	}
	for _, p := range e.peers {
		p.claim = nil
		p.have, p.took = e.counted(p.have), e.counted(p.took)
		p.haveHash = HashMarks(p.have)
	}
	e.claims = 0
	ended := func(o store.Origin) bool {
		_, ended := e.roster.Epoch().Ended(o)
		return ended
	}
	// What of those counts comes again in order.
	maps.DeleteFunc(e.ahead, func(o store.Origin, _ span) bool { return ended(o) })
	e.lacks = slices.DeleteFunc(e.lacks, func(l lack) bool { return ended(l.origin) })
	for _, end := range e.roster.Epoch().Ends {
		for _, m := range end.Marks {
			if most := e.mostHeld(m.Origin); !e.Holds(m.Origin, most) {
				i, _ := e.findLack(m.Origin)
				e.lacks = slices.Insert(e.lacks, i, lack{origin: m.Origin, target: most, due: e.now})
			}
		}
	}
}

// cutBack takes this node's own watermarks back to the ends of an epoch that is
// durable: mostly those of a node that was dropped and did not know. What it wrote in
// the turn in which it learned that is told as it is.
func (e *Engine) cutBack() error {
	if e.cut == e.durable || e.durable != e.roster.Epoch().Number {
		return nil
	}
	for _, m := range e.replica.Watermarks().Clone() {
		last, ended := e.roster.Epoch().Ended(m.Origin)
		if !ended || m.Seq <= last {
			continue
		}
		e.rows -= e.logged(m) - e.logged(store.Mark{Origin: m.Origin, Seq: last})
		if err := e.replica.Cut(m.Origin, last); err != nil {
			return err
		}
		e.hash += HashMark(m.Origin, last) - HashMark(m.Origin, m.Seq)
		e.forgetBeyond(m.Origin, last)
	}
	e.cut = e.durable
	e.recount = true
	return e.takeAnew()
}

// forgetBeyond stops whatever goes on with origin past last.
func (e *Engine) forgetBeyond(origin store.Origin, last uint64) {
	if origin == e.own {
		e.begin(store.Origin{}, 0)
	}
	if e.moved.At(origin) > last {
		e.moved.Reset(origin, last)
	}
	e.forgetSending(origin)
	for _, p := range e.peers {
		p.origins.Reset(origin, min(p.origins.At(origin), last))
		p.fresh = slices.DeleteFunc(p.fresh, func(s sent) bool {
			if s.origin != origin || s.through <= last {
				return false
			}
			p.freshBytes -= s.bytes
			return true
		})
	}
}

// Handed reports whether two other members, or the only other one, are known to
// hold all that this node ever wrote.
func (e *Engine) Handed() bool {
	wrote := e.replica.Watermarks().Of(e.self.ID)
	need := min(2, len(e.standings)-1)
	for _, p := range e.peers {
		if e.standing(p.ID) != nil && p.holdsAll(wrote) {
			need--
		}
	}
	return need <= 0
}
