package gossip

import (
	"slices"
	"sort"

	"hearsay/clock"
	"hearsay/store"
)

// This file takes out what nobody needs any more: what the floor has passed, and
// rows beyond the bound on logs.

// A sweep is how far the replica is cleared of what the floor has passed. First
// the logs lose their rows, so that none names an entry that is gone.
type sweep struct {
	floor clock.Timestamp // what is to be cleared
	logs  store.Origin    // those before it are trimmed …
	rows  bool            // … all of them
	done  bool
}

// Swept returns the floor up to which the replica is cleared: only then two that
// have the same floor hold the same.
func (e *Engine) Swept() clock.Timestamp {
	if e.sweep.done {
		return e.sweep.floor
	}
	return clock.Timestamp{}
}

func (e *Engine) sweeping() bool {
	return e.cfg.Sweep > 0 && !e.floor.IsZero() && (e.sweep.floor != e.floor || !e.sweep.done) || e.rows > e.cfg.MaxRows
}

// sweepOn clears a bounded part of what there is to clear.
func (e *Engine) sweepOn() error {
	if e.cfg.Sweep == 0 {
		return nil
	}
	if err := e.boundRows(); err != nil {
		return err
	}
	if e.floor != e.sweep.floor {
		e.sweep = sweep{floor: e.floor}
	}
	s := &e.sweep
	switch {
	case s.done || s.floor.IsZero():
		return nil
	case !s.rows:
		return e.sweepLogs()
	case !e.replica.Cleared():
		return nil // it may hold a deletion that counts nowhere, and hides what counts
	}
	more, err := e.replica.Collect(s.floor, e.cfg.Sweep)
	s.done = !more
	return err
}

// sweepLogs trims the next logs as far as the floor.
func (e *Engine) sweepLogs() error {
	marks := e.replica.Watermarks()
	i := sort.Search(len(marks), func(i int) bool { return marks[i].Origin.Compare(e.sweep.logs) >= 0 })
	for range e.cfg.Sweep {
		if i == len(marks) {
			e.sweep.rows = true
			return nil
		}
		m := marks[i]
		seq, err := e.passed(m)
		if err != nil {
			return err
		}
		if err := e.trim(m.Origin, seq); err != nil {
			return err
		}
		i++
	}
	if i < len(marks) {
		e.sweep.logs = marks[i].Origin
	} else {
		e.sweep.rows = true
	}
	return nil
}

// passed returns the last row of a log that is at or below the floor. Rows are in
// the order of their timestamps.
func (e *Engine) passed(m store.Mark) (uint64, error) {
	base := e.replica.Trimmed().At(m.Origin)
	var failed error
	n := sort.Search(e.logged(m), func(i int) bool {
		rows, err := e.replica.Rows(m.Origin, base+uint64(i), 1)
		if err != nil {
			failed = err
		}
		// What the open turn has brought cannot be read yet, and is younger.
		return len(rows) == 0 || rows[0].Timestamp.Compare(e.floor) > 0
	})
	return base + uint64(n), failed
}

// boundRows trims the longest log if all are too long together.
func (e *Engine) boundRows() error {
	over := e.rows - e.cfg.MaxRows
	if over <= 0 {
		return nil
	}
	var longest store.Mark
	most := 0
	for _, m := range e.replica.Watermarks() {
		if n := e.logged(m); n > most {
			longest, most = m, n
		}
	}
	// Some more, so that not every turn has to look for the longest.
	cut := min(most, over+e.cfg.MaxRows/64)
	seq := longest.Seq - uint64(most-cut)
	if longest.Origin == e.own {
		seq = min(seq, e.spread) // the rest is sent first
	}
	return e.trim(longest.Origin, seq)
}

// logged returns how many rows up to m its log holds. A watermark that was cut
// back may stand below where its log begins.
func (e *Engine) logged(m store.Mark) int {
	return int(max(m.Seq, e.replica.Trimmed().At(m.Origin)) - e.replica.Trimmed().At(m.Origin))
}

func (e *Engine) trim(origin store.Origin, seq uint64) error {
	base := e.replica.Trimmed().At(origin)
	if seq <= base {
		return nil
	}
	e.passOver(origin, seq)
	e.rows -= e.logged(store.Mark{Origin: origin, Seq: min(seq, e.replica.Watermarks().At(origin))})
	return e.replica.Trim(origin, seq)
}

// passOver takes what is still to be sent of origin's log past rows that are
// dropped: who lacks them has to ask.
func (e *Engine) passOver(origin store.Origin, seq uint64) {
	for i := range e.passages {
		if s := &e.passages[i]; s.origin == origin {
			s.from = max(s.from, seq)
		}
	}
	if origin != e.own {
		return
	}
	e.spread = max(e.spread, seq)
	for _, r := range e.regions {
		r.spread = max(r.spread, seq)
	}
}

// retired reports whether marks[i] is of an origin that needs no mark any more at
// floor: a later one of its node began at or below the floor, and before that one
// stamped anything its node had closed all that the former ones wrote. So whoever
// has this floor holds them to their ends. All nodes see it alike.
func retired(marks store.Watermarks, i int, floor clock.Timestamp) bool {
	return i+1 < len(marks) && marks[i+1].Origin.Node == marks[i].Origin.Node && beganBelow(marks[i+1].Origin, floor)
}

// beganBelow reports whether origin began at or below floor, which may be unknown.
func beganBelow(origin store.Origin, floor clock.Timestamp) bool {
	return !floor.IsZero() && origin.Incarnation.Start.Compare(floor) <= 0
}

// Holds reports whether the replica holds origin's writes up to seq, or what
// superseded them. All of an origin that has retired was held.
func (e *Engine) Holds(origin store.Origin, seq uint64) bool {
	return e.replica.Watermarks().At(origin) >= seq || e.Retired(origin)
}

func (e *Engine) holdsAll(marks store.Watermarks) bool {
	return !slices.ContainsFunc(marks, func(m store.Mark) bool { return !e.Holds(m.Origin, m.Seq) })
}

// Retired reports whether origin ended below the floor: the replica does not know
// it, though it began there.
func (e *Engine) Retired(origin store.Origin) bool {
	return e.cfg.Sweep > 0 && beganBelow(origin, e.floor) && e.replica.Watermarks().At(origin) == 0
}

// Passed reports whether what is stamped t may have been collected here.
func (e *Engine) Passed(t clock.Timestamp) bool {
	return e.cfg.Sweep > 0 && !e.floor.IsZero() && t.Compare(e.floor) <= 0
}

// trimPassed drops rows of f that the floor has passed, and all before them: no row
// may name an entry that was not taken in.
func (e *Engine) trimPassed(f *Frame) error {
	n := e.passedRows(f)
	if n == 0 {
		return nil
	}
	return e.trim(f.Origin, f.From+uint64(n))
}

// passedRows returns how many rows of f there are up to the last that the floor has
// passed.
func (e *Engine) passedRows(f *Frame) int {
	n := len(f.Rows)
	for n > 0 && !e.Passed(f.Rows[n-1].Timestamp) {
		n--
	}
	return n
}

// retire forgets the origins that need no mark any more.
func (e *Engine) retire() error {
	if e.cfg.Sweep == 0 {
		return nil
	}
	marks := e.replica.Watermarks().Clone()
	for i, m := range marks {
		if !retired(marks, i, e.floor) || m.Origin == e.own {
			continue
		}
		if err := e.trim(m.Origin, m.Seq); err != nil {
			return err
		}
		if err := e.replica.Forget(m.Origin); err != nil {
			return err
		}
		e.hash -= HashMark(m.Origin, m.Seq)
		e.moved.Reset(m.Origin, 0)
		delete(e.ahead, m.Origin)
		e.lacks = slices.DeleteFunc(e.lacks, func(l lack) bool { return l.origin == m.Origin })
		e.forgetBeyond(m.Origin, 0)
		e.replica.Observe(OriginRetired{Origin: m.Origin})
	}
	return nil
}

// prune takes out of what p is known to hold what p itself has forgotten at its
// floor, so that both add up to one hash.
func (p *peer) prune() {
	kept := p.have[:0]
	for i, m := range p.have {
		if retired(p.have, i, p.floor) {
			p.haveHash -= HashMark(m.Origin, m.Seq)
			continue
		}
		kept = append(kept, m)
	}
	p.have = kept
}
