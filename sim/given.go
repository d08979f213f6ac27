package sim

import (
	"fmt"
	"slices"
	"time"

	"hearsay/node"
	"hearsay/store"
)

// This file is clients as a scenario gives them, in place of those in workload.go:
// sessions that come when, stay where, and ask for what a Workload says.

// A Workload is sessions of one kind.
type Workload struct {
	Sessions int
	Begin    time.Duration // when the first operations may come
	// Weights says where sessions begin, by region; they go where they roam alike.
	Weights []int
	// Gap is the time between two operations of one session, in nanoseconds: from one
	// to the next or, if it is Closed, from an answer on.
	Gap    Table
	Closed bool
	// Keys is how many keys these sessions have to themselves, of which key i is asked
	// for with the chance of Popularity[i]-Popularity[i-1] in Popularity[Keys-1]. Nil
	// is as often each.
	Keys       int
	Popularity []uint64
	// Mix is how many operations in a thousand are gets, puts, deletes and lists.
	Mix  [4]int
	Size Table // of values, in bytes
	// TTL is how long a value lasts, in nanoseconds; nil is for ever.
	TTL Table
	// Token says that a session passes its bookmark along.
	Token bool
	// Sticky says that a session stays at one node of a region, else it asks any.
	Sticky bool
	// Roam is the time until a session moves to another region; nil is never.
	Roam Table
	// Ack is how far a write shall be before it is acknowledged.
	Ack node.Ack
}

// A place is where a session is for now.
type place struct {
	region int
	moves  uint64
	until  time.Duration
}

// load returns the workload of a session, nil for none, and its number.
func (cfg *Config) load(session int) (*Workload, int) {
	for i := range cfg.Workloads {
		if session < cfg.Workloads[i].Sessions {
			return &cfg.Workloads[i], i
		}
		session -= cfg.Workloads[i].Sessions
	}
	return nil, 0
}

// givenOp returns what session s asks as its operation of that ordinal, now.
func (w *World) givenOp(s *session, ordinal uint64) operation {
	session := uint64(s.number)
	op := operation{author: w.cfg.Nodes + s.number, ordinal: ordinal, session: s, machine: w.whereTo(s, ordinal)}
	op.kind = s.load.kind(w.draw("given kind", session, ordinal))
	op.key = store.Key{
		Namespace: namespace,
		Name:      fmt.Sprintf("w%d-%06d", s.loadNumber, s.load.pick(w.draw("given key", session, ordinal))),
	}
	if op.kind == opPut && s.load.TTL != nil {
		op.ttl = time.Duration(s.load.TTL.at(w.draw("given ttl", session, ordinal)))
	}
	return op
}

func (l *Workload) kind(draw uint64) opKind {
	permille := int(below(draw, 1000))
	for kind, share := range [...]int{opRead: l.Mix[0], opPut: l.Mix[1], opDelete: l.Mix[2], opList: l.Mix[3]} {
		if permille < share {
			return opKind(kind)
		}
		permille -= share
	}
	return opRead
}

// pick draws a key.
func (l *Workload) pick(draw uint64) int {
	if l.Popularity == nil {
		return int(below(draw, uint64(l.Keys)))
	}
	at := below(draw, l.Popularity[l.Keys-1])
	i, _ := slices.BinarySearch(l.Popularity, at+1)
	return i
}

// whereTo returns the machine that session s asks now.
func (w *World) whereTo(s *session, ordinal uint64) int {
	session := uint64(s.number)
	for ; s.load.Roam != nil && w.now >= s.place.until; s.place.moves++ {
		if s.place.moves > 0 {
			s.place.region = w.settle(s, s.place.region)
		}
		s.place.until += max(time.Duration(s.load.Roam.at(w.draw("given stay", session, s.place.moves))), time.Millisecond)
	}
	in := w.regions[s.place.region]
	draw := w.draw("given node", session, ordinal)
	if s.load.Sticky {
		draw = w.draw("given home", session, s.place.moves)
	}
	return in[below(draw, uint64(len(in)))]
}

// settle draws the region to which session s goes, which is not from if there are others.
func (w *World) settle(s *session, from int) int {
	sum := 0
	for region, weight := range s.load.Weights {
		if region != from {
			sum += weight
		}
	}
	if sum == 0 {
		return from
	}
	at := int(below(w.draw("given region", uint64(s.number), s.place.moves), uint64(sum)))
	for region, weight := range s.load.Weights {
		if region == from {
			continue
		}
		if at < weight {
			return region
		}
		at -= weight
	}
	return from
}

// planGiven puts the next operation of a workload's session in the queue, if it comes
// before the end: a Gap after the one before or, if that is Closed, after now.
func (w *World) planGiven(s *session, ordinal uint64) {
	gap := time.Duration(s.load.Gap.at(w.draw("given gap", uint64(s.number), ordinal)))
	if s.load.Closed && ordinal > 0 {
		s.next = w.now
	}
	s.next += max(gap, time.Microsecond)
	if s.next < w.cfg.For {
		w.push(happening{at: s.next, kind: Roamed, machine: 0, other: s.number, id: ordinal})
	}
}

func (l *Workload) validate(regions int) error {
	switch {
	case l.Sessions < 1 || l.Sessions > 1<<20:
		return fmt.Errorf("sim: Workload.Sessions is %d, must be from 1 to %d", l.Sessions, 1<<20)
	case len(l.Weights) != regions:
		return fmt.Errorf("sim: Workload.Weights has %d regions of %d", len(l.Weights), regions)
	case len(l.Gap) == 0 || len(l.Size) == 0:
		return fmt.Errorf("sim: Workload has no Gap or no Size")
	case l.Keys < 1 || l.Popularity != nil && len(l.Popularity) != l.Keys:
		return fmt.Errorf("sim: Workload has %d Keys and the Popularity of %d", l.Keys, len(l.Popularity))
	case l.Mix[0]+l.Mix[1]+l.Mix[2]+l.Mix[3] != 1000:
		return fmt.Errorf("sim: Workload.Mix is %v, must sum to 1000", l.Mix)
	}
	sum := 0
	for _, weight := range l.Weights {
		if weight < 0 {
			return fmt.Errorf("sim: Workload.Weights is %v, none may be negative", l.Weights)
		}
		sum += weight
	}
	if sum == 0 {
		return fmt.Errorf("sim: Workload.Weights is %v, one must be positive", l.Weights)
	}
	return nil
}
