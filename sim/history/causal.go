package history

import (
	"cmp"
	"slices"
)

// This file is what a session is owed by what it read: whoever reads a write is
// shown nothing older than what the writer had written or read before it.

// A causality goes through all sessions at once, in an order in which a read comes
// after the write that it read from. It follows a bounded number of the sessions that
// write, each in a column.
//
// The operations of a session have consecutive positions in Index.sessions. So the
// past of a session is, by column, the position up to which it knows the writes of
// that session.
type causality struct {
	*guarantees
	width  int
	column []uint32 // by session; none if it is not followed

	// What the followed sessions did with each key: a run for each of them.
	runs  []run
	first []uint32 // by key: its first run; and one more
	steps []step

	row   []uint32 // by session: its row in past and shown, none before it has one
	past  []uint32
	shown []shown

	wanted   []bool   // by slot: somebody reads it
	position []uint32 // by slot: that of its write, none before it is reached
	carried  []uint32 // by slot: where the past that its writer had begins in carries
	carries  []uint32
	newest   []uint32 // by key: the newest slot that was reached

	next, reached []uint32 // by session: positions
	waiting       []bool   // by session
	waiters       map[uint32][]uint32
	ready         []uint32 // sessions that may go on
}

// A run is what one session did with one key: some steps, in its order, and how far
// it has come with them.
type run struct {
	column, from, reached uint32
	newest                [2]uint32 // of the last step that is reached
}

// A step is an operation of a run, with the newest slots that its session had
// read, or written with an answer, up to and with it.
type step struct {
	position uint32
	newest   [2]uint32
}

// Indices of newest.
const (
	byWriting = iota
	byReading
)

// Shown is of the writes of one session those that another has read: the last
// position and its key, and the last one of any other key.
type shown struct{ last, key, other uint32 }

func newCausality(g *guarantees) *causality {
	x := g.x
	sessions, keys, slots := len(x.sessions.start)-1, len(x.h.keys.texts), len(x.writer)
	c := &causality{
		guarantees: g,
		row:        filled(sessions),
		wanted:     make([]bool, slots),
		position:   filled(slots),
		carried:    filled(slots),
		newest:     make([]uint32, keys),
		next:       make([]uint32, sessions),
		reached:    make([]uint32, sessions),
		waiting:    make([]bool, sessions),
		waiters:    map[uint32][]uint32{},
	}
	copy(c.next, x.sessions.start)
	copy(c.reached, x.sessions.start)
	wanted := 0
	for op, slot := range x.slot {
		if slot != none && !x.h.kind[op].isWrite() && !c.wanted[slot] && x.writer[slot] != none {
			c.wanted[slot] = true
			wanted++
		}
	}
	c.follow()
	c.carries = make([]uint32, 0, wanted*c.width)
	c.collectRuns()
	return c
}

// follow chooses the sessions to be followed, evenly from all that write.
func (c *causality) follow() {
	x := c.x
	c.column = filled(len(c.row))
	var writers []uint32
	for s := range c.column {
		for _, op := range x.sessions.of(uint32(s)) {
			if x.h.kind[op].isWrite() {
				writers = append(writers, uint32(s))
				break
			}
		}
	}
	c.width = min(len(writers), x.o.Writers)
	for i := range c.width {
		c.column[writers[i*len(writers)/c.width]] = uint32(i)
	}
}

func (c *causality) collectRuns() {
	x := c.x
	var positions []uint32
	key := make([]uint32, len(x.sessions.all)) // by position
	for s, column := range c.column {
		for i := x.sessions.start[s]; column != none && i < x.sessions.start[s+1]; i++ {
			key[i] = x.h.key[x.sessions.all[i]]
			positions = append(positions, i)
		}
	}
	byKey := groupBy(positions, key, len(c.newest))
	c.first = make([]uint32, len(c.newest)+1)
	c.steps = make([]step, len(byKey.all))
	for k := range c.newest {
		c.first[k] = uint32(len(c.runs))
		for i := byKey.start[k]; i < byKey.start[k+1]; i++ {
			op := x.sessions.all[byKey.all[i]]
			st := step{position: byKey.all[i]}
			column := c.column[x.h.session[op]]
			if n := len(c.runs); n == int(c.first[k]) || c.runs[n-1].column != column {
				c.runs = append(c.runs, run{column: column, from: i, reached: i})
			} else {
				st.newest = c.steps[i-1].newest
			}
			switch {
			case !x.h.kind[op].isWrite():
				st.newest[byReading] = max(st.newest[byReading], x.slot[op])
			case x.h.outcome[op] == OK:
				st.newest[byWriting] = max(st.newest[byWriting], x.slot[op])
			}
			c.steps[i] = st
		}
	}
	c.first[len(c.newest)] = uint32(len(c.runs))
}

// reach takes the run of a column forward by a step of key.
func (c *causality) reach(key, column uint32) {
	runs := c.runs[c.first[key]:c.first[key+1]]
	i, _ := slices.BinarySearchFunc(runs, column, func(r run, column uint32) int { return cmp.Compare(r.column, column) })
	r := &runs[i]
	r.newest = c.steps[r.reached].newest
	r.reached++
}

// above returns the first step of r at which what it had of kind was above slot. There
// is one, mostly not long ago.
func (c *causality) above(r *run, kind int, slot uint32) step {
	to := r.reached - 1
	from := to
	for far := uint32(1); from > r.from && c.steps[from].newest[kind] > slot; far *= 2 {
		to = from
		from -= min(far, from-r.from)
	}
	if c.steps[from].newest[kind] > slot {
		return c.steps[from]
	}
	for to-from > 1 {
		if mid := from + (to-from)/2; c.steps[mid].newest[kind] > slot {
			to = mid
		} else {
			from = mid
		}
	}
	return c.steps[to]
}

// run goes through the operations as they were invoked. A session that reads what
// was not written yet waits for that; if it waits in the end, for itself or for
// others that wait, causality has a cycle.
func (c *causality) run() {
	for _, op := range c.x.byInvoked {
		s := c.x.h.session[op]
		if s == NoSession {
			continue
		}
		c.reached[s]++
		if at := c.reached[s]; at < c.x.sessions.start[s+1] && c.x.h.invoked[c.x.sessions.all[at]] == c.x.h.invoked[op] {
			continue // the rest of the step comes with it
		}
		c.ready = append(c.ready, s)
		for len(c.ready) > 0 {
			s = c.ready[len(c.ready)-1]
			c.ready = c.ready[:len(c.ready)-1]
			c.advance(s)
		}
	}
	for s, waits := range c.waiting {
		if waits {
			c.once(causal, c.x.sessions.all[c.next[s]], none, "by causality that was written only after it", nil)
		}
	}
}

// advance takes the steps of a session as far as they are reached.
func (c *causality) advance(s uint32) {
	for !c.waiting[s] && c.next[s] < c.reached[s] {
		from := c.next[s]
		ops := c.x.sessions.all[from:c.x.sessions.start[s+1]]
		ops = ops[:c.x.step(ops)]
		if from+uint32(len(ops)) > c.reached[s] || !c.mayRead(s, ops) {
			return
		}
		for _, op := range ops {
			c.check(s, op)
		}
		for i, op := range ops {
			c.learn(s, op, from+uint32(i))
		}
		c.next[s] += uint32(len(ops))
	}
}

// mayRead reports whether all that ops read is written, or else lets s wait.
func (c *causality) mayRead(s uint32, ops []uint32) bool {
	for _, op := range ops {
		slot := c.x.slot[op]
		if c.position[slot] != none || c.x.h.kind[op].isWrite() {
			continue
		}
		if w := c.x.writer[slot]; w == none || c.x.h.session[w] == NoSession {
			continue
		}
		c.waiting[s] = true
		c.waiters[slot] = append(c.waiters[slot], s)
		return false
	}
	return true
}

// check holds an operation against the past of its session.
func (c *causality) check(s, op uint32) {
	x, key, slot := c.x, c.x.h.key[op], c.x.slot[op]
	isRead := !x.h.kind[op].isWrite()
	if isRead {
		c.findings[mw].Checked++
		c.findings[wfr].Checked++
		c.findings[prefix].Checked++
	}
	if slot >= c.newest[key] || c.row[s] == none {
		return
	}
	row := int(c.row[s]) * c.width
	past, shown := c.past[row:row+c.width], c.shown[row:row+c.width]
	var written, elsewhere, readBy, inPast claim
	runs := c.runs[c.first[key]:c.first[key+1]]
	for i := range runs {
		r := &runs[i]
		sh := shown[r.column]
		if r.newest[byWriting] > slot && (past[r.column] > 0 || sh.last > 0) {
			newer := c.above(r, byWriting, slot)
			inPast.raise(newer, byWriting, past[r.column])
			if isRead {
				written.raise(newer, byWriting, sh.last)
				if sh.key == key {
					sh.last = sh.other
				}
				elsewhere.raise(newer, byWriting, sh.last)
			}
		}
		if sh = shown[r.column]; isRead && r.newest[byReading] > slot && sh.last > 0 {
			readBy.raise(c.above(r, byReading, slot), byReading, sh.last)
		}
	}
	if written.slot > slot {
		c.convict(mw, op, written.slot, writtenByWriter, func() []uint32 { return c.reading(s, written.write) })
	}
	if elsewhere.slot > slot {
		c.convict(prefix, op, elsewhere.slot, writtenByWriter, func() []uint32 { return c.reading(s, elsewhere.write) })
	}
	if readBy.slot > slot {
		c.convict(wfr, op, readBy.slot, readByWriter, func() []uint32 {
			reader := x.h.session[x.sessions.all[readBy.write]]
			return append([]uint32{c.find(reader, readBy.slot)}, c.reading(s, readBy.write)...)
		})
	}
	if inPast.slot > slot {
		c.convict(causal, op, inPast.slot, inItsPast, func() []uint32 { return c.chain(s, inPast.slot) })
	}
}

// A claim is a slot that a session is owed for what it knows of another up to a
// position, where that may have a write that it has read.
type claim struct{ slot, write uint32 }

// raise takes in a step, if it comes before that position.
func (c *claim) raise(s step, kind int, before uint32) {
	if s.position < before && s.newest[kind] > c.slot {
		*c = claim{s.newest[kind], before}
	}
}

// reading returns the write at a position and an operation of s that read it.
func (c *causality) reading(s, position uint32) []uint32 {
	w := c.x.sessions.all[position]
	return []uint32{w, c.find(s, c.x.slot[w])}
}

// find returns the first operation with which s read slot.
func (c *causality) find(s, slot uint32) uint32 {
	for _, op := range c.x.sessions.of(s) {
		if c.x.slot[op] == slot && !c.x.h.kind[op].isWrite() {
			return op
		}
	}
	return none
}

// chain returns the operations by which the write of a slot came into the past of s.
func (c *causality) chain(s, slot uint32) (ops []uint32) {
	from := c.x.h.session[c.x.writer[slot]]
	for s != from {
		read, written := c.source(s, from, c.position[slot])
		ops = append(ops, read, written)
		s = c.x.h.session[written]
	}
	slices.Reverse(ops)
	return ops
}

// source returns with which operation s first read of what the session from had done
// at position, and the write that it read.
func (c *causality) source(s, from, position uint32) (read, written uint32) {
	x := c.x
	for _, op := range x.sessions.of(s) {
		slot := x.slot[op]
		w := x.writer[slot]
		if x.h.kind[op].isWrite() || w == none || c.position[slot] == none {
			continue
		}
		at := c.carried[slot]
		if x.h.session[w] == from && c.position[slot] >= position ||
			at != none && c.carries[int(at)*c.width+int(c.column[from])] > position {
			return op, w
		}
	}
	panic("history: a session knows what it has not read of")
}

// learn adds an operation to the past of its session.
func (c *causality) learn(s, op, position uint32) {
	x, key, slot := c.x, c.x.h.key[op], c.x.slot[op]
	c.newest[key] = max(c.newest[key], slot)
	if column := c.column[s]; column != none {
		c.reach(key, column)
	}
	if !x.h.kind[op].isWrite() {
		if w := x.writer[slot]; w != none && x.h.session[w] != NoSession {
			c.learnRead(s, slot, key, w)
		}
		return
	}
	if c.row[s] != none && c.wanted[slot] {
		c.carried[slot] = uint32(len(c.carries) / c.width)
		row := int(c.row[s]) * c.width
		c.carries = append(c.carries, c.past[row:row+c.width]...)
	}
	c.position[slot] = position
	for _, waiter := range c.waiters[slot] {
		c.waiting[waiter] = false
		c.ready = append(c.ready, waiter)
	}
	delete(c.waiters, slot)
}

// learnRead adds to the past of s what it read in slot, a write w to key.
func (c *causality) learnRead(s, slot, key, w uint32) {
	column := c.column[c.x.h.session[w]]
	if !c.x.lasts(s) || column == none && c.carried[slot] == none {
		return
	}
	row := c.rowOf(s) * c.width
	past := c.past[row : row+c.width]
	if at := c.carried[slot]; at != none {
		for i, p := range c.carries[int(at)*c.width:][:len(past)] {
			past[i] = max(past[i], p)
		}
	}
	if column == none {
		return
	}
	position, sh := c.position[slot], &c.shown[row+int(column)]
	past[column] = max(past[column], position+1)
	switch {
	case position > sh.last && key == sh.key:
		sh.last = position
	case position > sh.last:
		*sh = shown{last: position, key: key, other: sh.last}
	case key != sh.key:
		sh.other = max(sh.other, position)
	}
}

// lasts reports whether a session has a second operation, which may be owed something.
func (x *Index) lasts(s uint32) bool { return x.sessions.start[s+1]-x.sessions.start[s] > 1 }

// rowOf returns the row of a session, a new one if it has none.
func (c *causality) rowOf(s uint32) int {
	if c.row[s] == none {
		c.row[s] = uint32(len(c.past) / c.width)
		c.past = append(c.past, make([]uint32, c.width)...)
		c.shown = append(c.shown, make([]shown, c.width)...)
	}
	return int(c.row[s])
}
