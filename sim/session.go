package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/store"
)

// A session is one client that roams: it asks any machine, one thing after
// another, and passes its bookmark along. What it asks follows from the seed, its
// number and the ordinal.
type session struct {
	number int
	token  string // its bookmark, empty at first
	// op is what it asked last. It asks nothing else before it has the answer, or
	// has given up and never hears how that ended.
	op    operation
	asked time.Duration
	waits bool // for an answer
	past  past

	load       *Workload // nil for what every run has
	loadNumber int
	place      place
	next       time.Duration // when its next operation was due
}

const (
	// sessionWait is how long a session waits for an answer, and asks again where a
	// machine is behind.
	sessionWait = 2 * time.Second
	// sessionPoll is the time between two askings.
	sessionPoll = 20 * time.Millisecond
	// stay is how many operations a session asks of one machine.
	stay = 3
	// sessionKeys is how many keys the sessions have to themselves: others would
	// overwrite what one sees before another can miss it.
	sessionKeys = 16
	// maxListed bounds the keys that a list visits.
	maxListed = 8
)

// sessionOp returns what a session asks as its operation of that ordinal.
func (cfg Config) sessionOp(session int, ordinal uint64) operation {
	draw := Draw(cfg.Seed, "session operation", uint64(session), ordinal)
	op := operation{
		machine: int(below(Draw(cfg.Seed, "session place", uint64(session), ordinal/stay), uint64(cfg.Nodes))),
		author:  cfg.Nodes + session,
		ordinal: ordinal,
		key:     cfg.pickKey(mix(draw)),
	}
	if happens(Draw(cfg.Seed, "session key", uint64(session), ordinal), 700) {
		op.key = store.Key{Namespace: namespace, Name: fmt.Sprintf("s%d", below(mix(draw), sessionKeys))}
	}
	switch kind := below(draw, 100); {
	case kind < 45:
		op.kind = opRead
	case kind < 55:
		op.kind = opList
	case kind < 85:
		op.kind = opPut
	default:
		op.kind = opDelete
	}
	return op
}

// planSession puts a session's operation in the queue, one in each Pace, if it
// comes before the end.
func (w *World) planSession(s *session, ordinal uint64) {
	if s.load != nil {
		w.planGiven(s, ordinal)
		return
	}
	draw := w.draw("session at", uint64(s.number), ordinal)
	at := time.Duration(ordinal)*w.cfg.Pace + time.Duration(below(draw, uint64(w.cfg.Pace)))
	if at < w.cfg.For {
		w.push(happening{at: at, kind: Roamed, machine: w.cfg.sessionOp(s.number, ordinal).machine, other: s.number, id: ordinal})
	}
}

// roam lets a session ask for its next operation, unless it waits for one.
func (w *World) roam(s *session, ordinal uint64) {
	closed := s.load != nil && s.load.Closed
	if !closed {
		w.planSession(s, ordinal+1)
	}
	if s.waits && (w.now < s.asked+sessionWait || closed && s.op.ordinal+1 != ordinal) {
		return
	}
	if s.waits {
		w.stats.SessionsGaveUp++
		w.ended(s, Record{Outcome: Unknown})
	}
	if closed && w.now != s.next {
		return // thinks first
	}
	if !w.cfg.keeps(w.cfg.Nodes+s.number, ordinal) {
		if closed {
			w.planSession(s, ordinal+1)
		}
		return
	}
	s.asked, s.waits = w.now, true
	if s.load != nil {
		s.op = w.givenOp(s, ordinal)
	} else {
		s.op = w.cfg.sessionOp(s.number, ordinal)
	}
	if closed && w.now+sessionWait < w.cfg.For {
		w.push(happening{at: w.now + sessionWait, kind: Roamed, other: s.number, id: ordinal + 1})
	}
	w.attempt(s)
}

// ended lets a session stop waiting for the operation that it asked last.
func (w *World) ended(s *session, r Record) {
	if !s.waits {
		return
	}
	s.waits = false
	w.record(s, r)
	if s.load != nil && s.load.Closed {
		w.planSession(s, s.op.ordinal+1)
	}
}

// attempt lets a session ask, for the first time or again.
func (w *World) attempt(s *session) {
	m := w.machines[s.op.machine]
	if !m.running() || m.front == nil {
		w.stats.NobodyHome++
		w.ended(s, Record{Outcome: Failed})
		return
	}
	if s.load != nil && !s.load.Token {
		w.serve(m, s, m.clocks.read(w.now), store.Bookmark{})
		return
	}
	seen, err := w.seen(s)
	if err != nil {
		w.violated("C8", m, "takes %q, the bookmark of session %d, for none: %v", s.token, s.number, err)
		return
	}
	now := m.clocks.read(w.now)
	err = m.front.Serve(now, seen)
	switch {
	case err == nil && w.check.serves(m, s, seen):
		w.serve(m, s, now, seen)
	case err == nil:
	case errors.Is(err, node.ErrLost) && (w.check.beyond(seen) || w.check.isTakenBack(seen)):
		s.token, s.past = "", nil
		w.stats.BookmarksLost++
		w.ended(s, Record{Outcome: Failed})
	case errors.Is(err, node.ErrLost):
		// Every other acknowledged write survives.
		w.violated("C8", m, "tells session %d that its bookmark is lost: %v", s.number, err)
	case errors.Is(err, node.ErrBehind) && w.now+sessionPoll < s.asked+sessionWait:
		w.push(happening{at: w.now + sessionPoll, kind: Again, machine: m.index, other: s.number, id: s.op.ordinal})
	default:
		w.stats.SessionsRefused++
		w.ended(s, Record{Outcome: Failed})
		w.effect(Step{Kind: Refused, Machine: m.index, Other: s.number, ID: s.op.ordinal, Note: err.Error()})
	}
}

// again lets a session ask again, unless it has given up.
func (w *World) again(s *session, ordinal uint64) {
	if s.waits && s.op.ordinal == ordinal {
		w.stats.SessionsWaited++
		w.attempt(s)
	}
}

// seen opens the bookmark of s.
func (w *World) seen(s *session) (store.Bookmark, error) {
	if s.token == "" {
		return store.Bookmark{}, nil
	}
	return w.bookmarks.Open(s.token)
}

// serve lets m, which holds all that the client had seen, do its operation.
func (w *World) serve(m *machine, s *session, now clock.Reading, seen store.Bookmark) {
	op := s.op
	token := s.load == nil || s.load.Token
	switch {
	case op.kind == opPut || op.kind == opDelete:
		op.session, op.seen, op.past = s, seen, slices.Clone(s.past)
		w.deliver(m, input{kind: Asked, op: op})
		return
	case op.kind == opRead && !token:
		w.read(m, op)
		return
	case op.kind == opRead:
		in := seen
		e := w.sessionRead(m, now, op, &seen)
		w.check.sessionRead(m, s, op.key, e)
		w.found(m, s, now, in, seen, e)
	default:
		in := seen
		held := w.sessionList(m, s, now, op, &seen, token)
		w.found(m, s, now, in, seen, held...)
	}
}

// found lets a session hear that its read, or its list, found entries, nil for nothing:
// it had passed the bookmark in and has now seen out.
func (w *World) found(m *machine, s *session, now clock.Reading, in, out store.Bookmark, entries ...*store.Entry) {
	w.stats.SessionsServed++
	if s.load == nil || s.load.Token {
		out = m.front.Shorten(out)
		s.token = w.bookmarks.Seal(out)
	}
	for i, e := range entries {
		r := m.finding(now, e)
		r.In, r.Out = in, out
		if e != nil {
			r.Key = e.Key
		}
		if i == len(entries)-1 {
			w.ended(s, r)
		} else {
			w.record(s, r)
		}
	}
	if len(entries) == 0 {
		w.ended(s, Record{Outcome: Failed}) // nobody can tell what an empty list misses
	}
}

// refused lets a session hear that the write of its operation is refused.
func (w *World) refused(s *session, op operation) {
	if s.op.ordinal == op.ordinal {
		w.ended(s, Record{Outcome: Failed})
	}
}

// wrote lets a session hear that the write of its operation is done.
func (w *World) wrote(s *session, op operation, r node.Reply) {
	if !s.waits || s.op.ordinal != op.ordinal {
		return
	}
	ended := Record{Version: r.Version, Region: r.Ack != node.AckLocal, In: op.seen}
	if s.load == nil || s.load.Token {
		s.past.learn(fact{op.key, r.Version, wroteIt})
		ended.Out = op.seen.Note(r.Version, r.Seq)
		s.token = w.bookmarks.Seal(ended.Out)
	}
	w.stats.SessionsServed++
	w.ended(s, ended)
}

// sessionRead reads the key of op at m, adds what it shows to seen, and returns
// what the key holds, live or not.
func (w *World) sessionRead(m *machine, now clock.Reading, op operation, seen *store.Bookmark) *store.Entry {
	front, witness := watched(m.front, *seen)
	shown, err := node.Read(now, front, op.key)
	*seen = witness.Seen
	w.stats.Reads++
	w.showed(m, now, op, shown, err)
	held, err := m.front.Entries.Get(op.key)
	if err != nil {
		return nil
	}
	return held
}

// sessionList lists some keys at m from that of op on, has the checker look at them,
// adds what they show to seen, and returns what these keys hold, live or not.
func (w *World) sessionList(m *machine, s *session, now clock.Reading, op operation, seen *store.Bookmark, token bool) []*store.Entry {
	front, witness := watched(m.front, *seen)
	end := store.Key{Namespace: op.key.Namespace, Name: "\xff"}
	_, next, err := node.Scan(now, front, op.key, end, maxListed)
	if err != nil {
		w.violated("read", m, "list from %v at %s: %v", op.key, m.peer.ID, err)
		return nil
	}
	*seen = witness.Seen
	w.stats.Lists++
	if next != (store.Key{}) {
		end = next
	}
	held, err := m.front.Entries.Scan(op.key, end, maxListed)
	if err != nil {
		w.violated("read", m, "list from %v at %s: %v", op.key, m.peer.ID, err)
		return nil
	}
	w.effect(Step{Kind: Read, Machine: m.index, Other: s.number, ID: uint64(len(held))})
	if token {
		w.check.sessionListed(m, s, op.key, end, held)
	}
	return held
}

// watched returns f as a client reads it that has seen seen.
func watched(f *node.Front, seen store.Bookmark) (*node.Front, *node.Witness) {
	witness := &node.Witness{Snapshot: f.Entries, Seen: seen}
	client := *f
	client.Entries = witness
	return &client, witness
}
