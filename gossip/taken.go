package gossip

import (
	"slices"

	"hearsay/clock"
	"hearsay/store"
)

// This file is about rows that are taken in while a watermark may not cover them
// yet, because the large value that one of them needs is not whole here. Such a
// row holds the watermark back, and neither the rows behind it nor what others
// are sent.

// A wait is a row that is covered once its key shows version or a later one.
type wait struct {
	origin  store.Origin
	seq     uint64
	key     store.Key
	version store.Version
}

// reach returns up to which number every row of origin is taken in.
func (e *Engine) reach(origin store.Origin) uint64 {
	return max(e.replica.Watermarks().At(origin), e.taken.At(origin))
}

// takeIn notes that every row of origin up to through is taken in, and raises its
// watermark as far as no row waits.
func (e *Engine) takeIn(origin store.Origin, through uint64) error {
	if through > e.reach(origin) {
		e.taken.Set(origin, through)
	}
	return e.settle(origin)
}

// settle raises the watermark of origin as far as no row waits, unless this node has
// said how far it holds origin and is to take no more of it.
func (e *Engine) settle(origin store.Origin) error {
	if e.roster.Refuses(origin.Node) {
		return nil
	}
	through := e.reach(origin)
	if i, _ := e.findWait(origin, 0); i < len(e.stalled) && e.stalled[i].origin == origin {
		through = min(through, e.stalled[i].seq-1)
	}
	if through >= e.taken.At(origin) {
		e.taken.Reset(origin, 0)
	}
	return e.raise(origin, through)
}

// await has the rows of f up to through wait that name an entry which is short.
func (e *Engine) await(f *Frame, a Applied) {
	mark := e.replica.Watermarks().At(f.Origin)
	for i, row := range f.Rows {
		seq := f.From + 1 + uint64(i)
		if seq > a.Through {
			return
		}
		if seq <= mark || !a.Short[row.Entry] {
			continue
		}
		en := f.Entries[row.Entry]
		if j, known := e.findWait(f.Origin, seq); !known {
			e.stalled = slices.Insert(e.stalled, j, wait{f.Origin, seq, en.Key, en.Version})
		}
	}
}

func (e *Engine) findWait(origin store.Origin, seq uint64) (int, bool) {
	return slices.BinarySearchFunc(e.stalled, seq, func(w wait, seq uint64) int {
		if c := w.origin.Compare(origin); c != 0 {
			return c
		}
		switch {
		case w.seq < seq:
			return -1
		case w.seq > seq:
			return 1
		}
		return 0
	})
}

// takeAnew forgets values beyond an end, and then also what is taken in past the
// watermarks: rows that waited for such a value have to come with another.
func (e *Engine) takeAnew() error {
	excluded := false
	for _, w := range slices.Clone(e.wants) {
		if w.entry != nil && e.beyond(store.Mark{Origin: w.entry.Version.Origin, Seq: w.entry.Seq}) {
			e.forget(w)
			e.drops = append(e.drops, w.manifest.Upload)
			excluded = true
		}
	}
	if !excluded && !slices.ContainsFunc(e.taken, e.beyond) {
		for _, m := range e.taken.Clone() {
			if err := e.settle(m.Origin); err != nil { // it may have been refused until now
				return err
			}
		}
		return nil
	}
	if e.catching != nil {
		e.beginScan() // it may have waited for one
	}
	taken := e.taken
	e.taken, e.stalled = nil, nil
	for _, m := range taken {
		e.forgetSending(m.Origin)
		if most := e.mostHeld(m.Origin); most > e.reach(m.Origin) {
			e.notice(clock.Reading{Mono: e.now}, m.Origin, most, true)
		}
	}
	return nil
}

// beyond reports whether m is beyond the end of its origin.
func (e *Engine) beyond(m store.Mark) bool {
	last, ended := e.roster.Epoch().Ended(m.Origin)
	return ended && m.Seq > last
}

// forgetSending ends what is being sent of origin because it was asked for, or is
// passed on.
func (e *Engine) forgetSending(origin store.Origin) {
	e.passages = slices.DeleteFunc(e.passages, func(s passage) bool { return s.origin == origin })
	for _, p := range e.peers {
		p.streams = slices.DeleteFunc(p.streams, func(m store.Mark) bool { return m.Origin == origin })
	}
}

// Showed tells the engine that the open turn makes en what its key shows.
func (e *Engine) Showed(en *store.Entry) {
	if len(e.stalled) > 0 || len(e.wants) > 0 {
		e.showed = append(e.showed, en)
	}
}

// settleShowed lets go of what waited for keys that were showed.
func (e *Engine) settleShowed() error {
	for len(e.showed) > 0 {
		s := e.showed[0]
		e.showed = e.showed[1:]
		var of []store.Origin
		e.stalled = slices.DeleteFunc(e.stalled, func(w wait) bool {
			over := w.key == s.Key && w.version.Compare(s.Version) <= 0
			if over && !slices.Contains(of, w.origin) {
				of = append(of, w.origin)
			}
			return over
		})
		for _, o := range of {
			if err := e.settle(o); err != nil {
				return err
			}
		}
		e.settleWants(s)
	}
	e.showed = nil
	return nil
}
