package gossip

import (
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file is the receiving side of streams: taking frames in, and pulling
// what is missing from the nearest peer that has it.

// A lack is an origin with which this node is known to be behind.
type lack struct {
	origin store.Origin
	target uint64        // someone holds it up to here
	due    time.Duration // Reading.Mono: when to pull, or to give the pull up
	held   time.Duration // never before this: what comes next is ahead of our clock
	source store.NodeID  // whom it is pulled from, empty if it is not yet
	// spare leaves rows that only other regions hold to another node of this one,
	// which passes them on; so a region does not pull them once for each node.
	spare bool
}

// A span is a run of rows, from exclusive, applied above the watermark.
type span struct{ from, through uint64 }

func (e *Engine) receiveFrame(now clock.Reading, from store.NodeID, f *Frame) error {
	if e.resting {
		return nil
	}
	if why := e.refuses(f); why != "" {
		e.replica.Observe(MessageRefused{From: from, Why: why})
		return nil
	}
	if e.Fenced() {
		return nil // it comes again when there is what it follows
	}
	mark := e.reach(f.Origin)
	inOrder := f.From <= mark
	p := e.peer(from)
	if p != nil {
		if !p.tookIn(f.Origin, f.Through(), e.cfg.MaxOrigins) {
			e.replica.Observe(MessageRefused{From: from, Why: "frame of one origin more than the bound"})
			return nil
		}
		e.account(now, p, f, inOrder)
		if p.far {
			e.fromAfar(p, f, mark)
		}
	}
	if f.Origin == e.own && f.Through() > mark {
		e.replica.Observe(MessageRefused{From: from, Why: "frame of this node's own stream past its last write"})
		return nil
	}
	if e.Retired(f.Origin) {
		e.replica.Observe(BelowFloor{From: from, Origin: f.Origin})
		return nil
	}
	if f.Through() <= mark {
		e.replica.Observe(FrameRepeated{From: from, Origin: f.Origin})
		return nil
	}
	if e.full() && slices.ContainsFunc(f.Entries, func(en *store.Entry) bool { return en.Manifest != nil }) {
		e.hold(now, f, fullPause)
		return nil
	}
	if !inOrder && e.passedRows(f) > 0 {
		// They cannot be trimmed above a gap, and come again in order.
		e.notice(now, f.Origin, f.From, true)
		return nil
	}
	via := e.via(from, f, mark)
	applied, err := e.replica.Apply(now, f, via)
	if err != nil {
		return err
	}
	if err := e.trimPassed(f); err != nil {
		return err
	}
	e.await(f, applied)
	e.wantAll(now, f, applied, via)
	through, hold := applied.Through, applied.Hold
	if through > f.From {
		e.replica.Observe(FrameApplied{From: from, Origin: f.Origin, Rows: int(through - f.From), Ahead: !inOrder})
	}
	if hold > 0 {
		e.replica.Observe(OriginHeld{Origin: f.Origin, For: hold})
		e.hold(now, f, hold)
	}
	if !inOrder {
		e.noteAhead(f.Origin, span{from: f.From, through: through})
		e.replica.Observe(GapFound{Origin: f.Origin, Mark: mark, From: f.From})
		e.notice(now, f.Origin, f.From, true)
		return nil
	}
	if l := e.lackOf(f.Origin); l != nil && l.source == "" && hold == 0 {
		// The rest is coming too.
		l.due, l.spare = max(l.due, now.Mono+e.cfg.Grace), e.spared(f.Origin)
	}
	return e.moveUp(f.Origin, through)
}

// account keeps the books of p's frames: credit to renew, bytes to confirm, and
// whether a pull is getting on.
func (e *Engine) account(now clock.Reading, p *peer, f *Frame, inOrder bool) {
	size := f.Size()
	p.unsettled += size
	p.origins.Set(f.Origin, f.Through())
	if p.unsettled >= e.cfg.FreshWindow/2 {
		p.confirm, e.owes = true, true
	}
	l := e.lackOf(f.Origin)
	if l == nil || l.source != p.ID {
		return
	}
	l.target = max(l.target, f.Through())
	if inOrder {
		p.progress = now.Mono
		if p.askedAt > 0 {
			p.rtt = now.Mono - p.askedAt
			p.meter.answered(p.rtt)
			p.askedAt = 0
		}
	}
	p.received += size
	e.countPulled(now, &p.meter, size)
	if p.received >= p.meter.credit/2 {
		p.received = 0
		e.send(p, &Pull{Credit: p.meter.credit})
	}
}

// moveUp notes that origin is taken in up to through, and past the rows that were
// applied above it if they now join on.
func (e *Engine) moveUp(origin store.Origin, through uint64) error {
	if a, ok := e.ahead[origin]; ok && a.from <= through {
		through = max(through, a.through)
		delete(e.ahead, origin)
	}
	return e.takeIn(origin, through)
}

// noteAhead remembers one run of rows per origin: the one that will join first.
// Forgetting a run is harmless; its rows come again in order.
func (e *Engine) noteAhead(origin store.Origin, s span) {
	if s.through <= s.from {
		return
	}
	a, known := e.ahead[origin]
	switch {
	case !known && len(e.ahead) >= e.cfg.MaxOrigins:
		return
	case known && s.from <= a.through && a.from <= s.through:
		s = span{from: min(a.from, s.from), through: max(a.through, s.through)}
	case known && a.through < s.from:
		return
	}
	e.ahead[origin] = s
}

// notice marks that this node lacks origin up to target. Rows that were seen to
// be lost are pulled at once; others may be under way.
func (e *Engine) notice(now clock.Reading, origin store.Origin, target uint64, lost bool) {
	due := now.Mono
	if !lost {
		due += e.cfg.Grace
	}
	i, known := e.findLack(origin)
	if !known {
		e.lacks = slices.Insert(e.lacks, i, lack{origin: origin, target: target, due: due, spare: !lost && e.spared(origin)})
		return
	}
	l := &e.lacks[i]
	l.spare = l.spare && !lost
	switch {
	case l.source != "":
		// The pull under way ends where its source was when it was asked.
	case l.target <= e.reach(origin):
		l.target, l.due = target, due
	default:
		l.due = max(min(l.due, due), l.held)
	}
}

// maxHold is how long a stream is held at most before it is looked at again: it may
// have been this machine's clock that was wrong.
const maxHold = time.Second

// hold makes the rest of f wait until its timestamps are within the skew.
func (e *Engine) hold(now clock.Reading, f *Frame, hold time.Duration) {
	hold = min(hold, maxHold)
	i, known := e.findLack(f.Origin)
	if !known {
		e.lacks = slices.Insert(e.lacks, i, lack{origin: f.Origin})
	}
	e.lacks[i] = lack{origin: f.Origin, target: f.Through(), due: now.Mono + hold, held: now.Mono + hold}
}

// tickLacks drops what has come and pulls what is due.
func (e *Engine) tickLacks(now clock.Reading) {
	if e.Fenced() {
		e.lacks = nil
		return
	}
	if e.resting {
		return
	}
	kept := e.lacks[:0]
	var asked map[*peer]*Pull
	for _, l := range e.lacks {
		mark := e.reach(l.origin)
		if mark >= l.target {
			// What others have beyond the target gets its own grace.
			l = lack{origin: l.origin, target: e.mostHeld(l.origin), due: now.Mono + e.cfg.Grace, spare: e.spared(l.origin)}
			if l.target <= mark {
				continue
			}
		}
		if e.deadline(&l) > now.Mono {
			kept = append(kept, l)
			continue
		}
		if l.source != "" {
			e.replica.Observe(PullTimedOut{To: l.source, Origin: l.origin})
		}
		p := e.nearest(l.origin, mark, l.source)
		if p == nil {
			e.outrun(l.origin, mark)
			continue // whoever had it is gone; it will say so when it is back
		}
		if l.spare && p.far {
			l.spare, l.due = false, now.Mono+e.patience(p)
			kept = append(kept, l)
			continue
		}
		if asked == nil {
			asked = make(map[*peer]*Pull)
		}
		if asked[p] == nil {
			e.beginPull(now, &p.meter)
			asked[p] = &Pull{Credit: p.meter.credit}
		}
		asked[p].From = append(asked[p].From, store.Mark{Origin: l.origin, Seq: mark})
		l.source, l.target, l.due = p.ID, min(l.target, p.rows(l.origin)), now.Mono+e.patience(p)
		kept = append(kept, l)
	}
	e.lacks = kept
	if asked != nil {
		e.sendPulls(now, asked)
	}
}

func (e *Engine) sendPulls(now clock.Reading, asked map[*peer]*Pull) {
	for _, p := range e.peers {
		pull := asked[p]
		if pull == nil {
			continue
		}
		p.received, p.askedAt = 0, now.Mono
		e.send(p, pull)
		e.replica.Observe(Pulled{To: p.ID, Origins: len(pull.From)})
	}
}

// deadline returns when something is to be done about l. A pull has time as
// long as its source gets on with anything that is pulled from it.
func (e *Engine) deadline(l *lack) time.Duration {
	if p := e.peer(l.source); p != nil && l.source != "" {
		return max(l.due, p.progress+e.patience(p))
	}
	return l.due
}

// patience is how long a pull from p may bring nothing.
func (e *Engine) patience(p *peer) time.Duration {
	return e.rtt(p)*3/2 + e.cfg.PullTimeout
}

// nearest returns the peer with the shortest round trip that holds origin past
// mark, or nil. The one that has just failed is asked only if no other is left.
func (e *Engine) nearest(origin store.Origin, mark uint64, failed store.NodeID) *peer {
	var best *peer
	for _, p := range e.peers {
		if p.rows(origin) <= mark || p.behind || p.gone.At(origin) > mark {
			continue
		}
		if best == nil || e.nearer(p, best, origin, failed) {
			best = p
		}
	}
	return best
}

func (e *Engine) nearer(p, q *peer, origin store.Origin, failed store.NodeID) bool {
	if (p.ID == failed) != (q.ID == failed) {
		return q.ID == failed
	}
	if a, b := e.rtt(p), e.rtt(q); a != b {
		return a < b
	}
	// Equally near ones share the load.
	o := hashOrigin(origin)
	return e.draw("source", hashText(string(p.ID)), o) < e.draw("source", hashText(string(q.ID)), o)
}

// mostHeld returns how far the furthest peer is with origin.
func (e *Engine) mostHeld(origin store.Origin) uint64 {
	var most uint64
	for _, p := range e.peers {
		most = max(most, p.rows(origin))
	}
	return most
}

// releaseLacks makes pulls from a peer whose stream broke due at once.
func (e *Engine) releaseLacks(now clock.Reading, id store.NodeID) {
	for i := range e.lacks {
		if e.lacks[i].source == id {
			e.lacks[i].source, e.lacks[i].due = "", now.Mono
		}
	}
}

func (e *Engine) findLack(origin store.Origin) (int, bool) {
	return slices.BinarySearchFunc(e.lacks, origin, func(l lack, o store.Origin) int { return l.origin.Compare(o) })
}

func (e *Engine) lackOf(origin store.Origin) *lack {
	if i, ok := e.findLack(origin); ok {
		return &e.lacks[i]
	}
	return nil
}
