package sim

import (
	"errors"
	"fmt"
	"slices"

	"hearsay/node"
	"hearsay/store"
)

// This file checks C8: what a session reads is never older than what it had
// written or read before, nor than what the writer of anything that it read had.

// A fact is that a session cannot be shown less than this version of a key.
type fact struct {
	key     store.Key
	version store.Version
	how     string
}

// How a session came to a fact: the guarantees by their names.
const (
	wroteIt   = "had written (read your writes)"
	readIt    = "had read (monotonic reads)"
	hadBefore = "was seen or written by a session before it wrote what this one read (writes follow reads, monotonic writes)"
)

// A past is the facts of one session, by key.
type past []fact

func (p past) find(key store.Key) (int, bool) {
	return slices.BinarySearchFunc(p, key, func(f fact, key store.Key) int { return f.key.Compare(key) })
}

// learn takes in a fact, unless p has a greater one.
func (p *past) learn(f fact) {
	i, known := p.find(f.key)
	switch {
	case !known:
		*p = slices.Insert(*p, i, f)
	case f.version.Compare((*p)[i].version) > 0:
		(*p)[i] = f
	}
}

// sawEntry takes in that e was read, and with it what its writer had seen.
func (c *checker) sawEntry(s *session, e *store.Entry) {
	s.past.learn(fact{e.Key, e.Version, readIt})
	for _, f := range c.before[e.Version] {
		f.how = hadBefore
		s.past.learn(f)
	}
}

// sessionRead checks what m shows a session of key, nil for nothing.
func (c *checker) sessionRead(m *machine, s *session, key store.Key, held *store.Entry) {
	c.sessionListed(m, s, key, store.Key{Namespace: key.Namespace, Name: key.Name + "\x00"}, entries(held))
}

func entries(e *store.Entry) []*store.Entry {
	if e == nil {
		return nil
	}
	return []*store.Entry{e}
}

// sessionListed checks what m shows a session of the keys from start on and
// before end.
func (c *checker) sessionListed(m *machine, s *session, start, end store.Key, held []*store.Entry) {
	from, _ := s.past.find(start)
	through, _ := s.past.find(end)
	for _, f := range s.past[from:through] {
		i, ok := slices.BinarySearchFunc(held, f.key, func(e *store.Entry, key store.Key) int { return e.Key.Compare(key) })
		if !ok && c.collected(f.key, f.version, m.front.Floor) && !c.excluded(f.version, c.history(f.key).seq(f.version)) {
			continue // what superseded it is gone too
		}
		if !ok || held[i].Version.Compare(f.version) < 0 {
			var shown *store.Entry
			if ok {
				shown = held[i]
			}
			c.w.violated("C8", m, "shows session %d %s for %v, whose version %v it %s", s.number, describe(shown), f.key, f.version, f.how)
			return
		}
	}
	for _, e := range held {
		c.sawEntry(s, e)
	}
}

// sessionAccepted notes what the session had seen when it asked for the write that
// became v, and checks that v wins over that.
func (c *checker) sessionAccepted(m *machine, op operation, v store.Version) {
	c.before[v] = op.past
	if i, ok := op.past.find(op.key); ok && v.Compare(op.past[i].version) <= 0 {
		c.w.violated("C8", m, "makes %v of a write of session %d to %v, whose version %v it %s", v, op.session.number, op.key, op.past[i].version, op.past[i].how)
	}
}

// serves checks that the bookmark of a session that m serves names nothing that lies
// beyond an end, unless m holds it still.
func (c *checker) serves(m *machine, s *session, seen store.Bookmark) bool {
	for _, mark := range seen.Marks {
		if c.beyondEnd(mark) && m.front.Marks.At(mark.Origin) < mark.Seq {
			c.w.violated("C8", m, "serves session %d, whose bookmark names write %d of %v, which is lost", s.number, mark.Seq, mark.Origin)
			return false
		}
	}
	return true
}

// unserved returns why m does not serve the bookmark of every session, empty
// if it does.
func (c *checker) unserved(m *machine) string {
	for _, s := range c.w.sessions {
		seen, err := c.w.seen(s)
		if err == nil {
			err = m.front.Serve(m.clocks.read(c.w.now), seen)
		}
		switch {
		case c.beyond(seen) && !errors.Is(err, node.ErrLost):
			return fmt.Sprintf("%s does not tell session %d that its bookmark is lost, but %v", m.peer.ID, s.number, err)
		case err != nil && !(errors.Is(err, node.ErrLost) && (c.beyond(seen) || c.isTakenBack(seen))):
			return fmt.Sprintf("%s does not serve session %d: %v", m.peer.ID, s.number, err)
		}
	}
	return ""
}
