package history_test

import (
	"slices"

	"hearsay/sim/history"
	"hearsay/store"
)

// This file has every property by its definition, for small histories, without a
// thought for how long that takes.

// A brute is a history whose operations are looked at one by one.
type brute struct {
	*record
	ops []bruteOp // those that count
}

type bruteOp struct {
	history.Op
	id       int
	write    bool
	returned int64 // never if unknown
}

const never = 1 << 62

func newBrute(r *record) *brute {
	b := &brute{record: r}
	for i, op := range r.ops {
		write := op.Kind == history.Put || op.Kind == history.Delete
		returned := op.Returned
		if op.Outcome == history.Info {
			returned = never
		}
		counts := op.Outcome == history.OK || op.Outcome == history.Info && write && op.Version != (store.Version{}) && r.seen(op)
		if counts {
			b.ops = append(b.ops, bruteOp{op, i, write, returned})
		}
	}
	return b
}

func (r *record) seen(w history.Op) bool {
	return slices.ContainsFunc(r.ops, func(op history.Op) bool {
		return op.Outcome == history.OK && op.Kind >= history.Get && op.Key == w.Key && op.Version == w.Version
	}) || slices.ContainsFunc(r.applies, func(a applied) bool { return a.key == w.Key && a.version == w.Version })
}

func older(a, b bruteOp) bool { return a.Key == b.Key && a.Version.Compare(b.Version) < 0 }

// inSession reports whether a is before b in one session.
func inSession(a, b bruteOp) bool {
	return a.Session == b.Session && a.Session != history.NoSession && a.Invoked < b.Invoked
}

func acked(w bruteOp) bool { return w.write && w.Outcome == history.OK }

func readsFrom(r, w bruteOp) bool {
	return !r.write && w.write && r.Key == w.Key && r.Version == w.Version
}

// which returns the ids of the operations that are so.
func (b *brute) which(is func(op bruteOp) bool) (ids []int) {
	for _, op := range b.ops {
		if is(op) {
			ids = append(ids, op.id)
		}
	}
	return ids
}

func (b *brute) any(is func(op bruteOp) bool) bool { return slices.ContainsFunc(b.ops, is) }

// violations returns the operations that violate each property that operations can.
func (b *brute) violations() map[history.Property][]int {
	o := b.options
	sees := func(op bruteOp, owed func(w bruteOp) bool) bool {
		return b.any(func(w bruteOp) bool { return older(op, w) && owed(w) })
	}
	ryw := func(r bruteOp) bool {
		return !r.write && sees(r, func(w bruteOp) bool { return acked(w) && inSession(w, r) })
	}
	mr := func(r bruteOp) bool {
		return !r.write && sees(r, func(s bruteOp) bool { return !s.write && inSession(s, r) })
	}
	// afterReading reports whether r's session had read a write w2 of which is so.
	afterReading := func(r bruteOp, is func(w2 bruteOp) bool) bool {
		return b.any(func(r2 bruteOp) bool {
			return inSession(r2, r) && b.any(func(w2 bruteOp) bool { return readsFrom(r2, w2) && is(w2) })
		})
	}
	mw := func(op bruteOp) bool {
		return sees(op, func(w1 bruteOp) bool {
			return acked(w1) && (op.write && inSession(w1, op) ||
				!op.write && afterReading(op, func(w2 bruteOp) bool { return inSession(w1, w2) }))
		})
	}
	prefix := func(r bruteOp) bool {
		return !r.write && sees(r, func(w1 bruteOp) bool {
			return acked(w1) && afterReading(r, func(w2 bruteOp) bool { return w2.Key != r.Key && inSession(w1, w2) })
		})
	}
	wfr := func(r bruteOp) bool {
		return !r.write && sees(r, func(r1 bruteOp) bool {
			return !r1.write && afterReading(r, func(w2 bruteOp) bool { return inSession(r1, w2) })
		})
	}
	past := b.past()
	// knew reports whether w is in the past of what op's session did before. What op
	// itself reads brings more only where its write is a violation already.
	knew := func(op, w bruteOp) bool {
		return b.any(func(p bruteOp) bool { return inProgram(p, op) && (p.id == w.id || past[[2]int{w.id, p.id}]) })
	}
	isCausal := func(op bruteOp) bool {
		return op.Session != history.NoSession && (ryw(op) || mr(op) || mw(op) || wfr(op) ||
			op.write && sees(op, func(r bruteOp) bool { return !r.write && inSession(r, op) }) ||
			sees(op, func(w bruteOp) bool { return acked(w) && w.Session != history.NoSession && knew(op, w) }))
	}
	unwritten := func(r bruteOp) bool {
		return !r.write && r.Version != (store.Version{}) && !b.any(func(w bruteOp) bool { return readsFrom(r, w) })
	}
	thin := func(r bruteOp) bool {
		return unwritten(r) || b.any(func(w bruteOp) bool {
			return readsFrom(r, w) && (r.returned < w.Invoked || !w.Tombstone && r.Hash != w.Hash)
		})
	}
	inversion := func(w bruteOp) bool {
		return acked(w) && b.any(func(a bruteOp) bool { return a.returned < w.Invoked && older(w, a) })
	}
	resurrected := func(r bruteOp) bool {
		return !r.write && !r.Tombstone && r.Version != (store.Version{}) && sees(r, func(d bruteOp) bool {
			return acked(d) && d.Kind == history.Delete &&
				(o.Grace > 0 && d.returned+int64(o.Grace) < r.Invoked || o.Settled > 0 && d.returned <= o.Settled && o.Settled < r.Invoked)
		})
	}
	behind := func(w bruteOp) bool {
		return w.write && (b.any(func(v bruteOp) bool {
			return acked(v) && v.Node == w.Node && v.returned < w.Invoked && v.Version.Timestamp.Compare(w.Version.Timestamp) >= 0
		}) || slices.ContainsFunc(b.applies, func(a applied) bool {
			return a.node == w.Node && a.at < w.Invoked && a.version.Timestamp.Compare(w.Version.Timestamp) >= 0
		}))
	}
	ahead := func(w bruteOp) bool {
		return acked(w) && o.MaxOffset > 0 && w.Version.Timestamp.Wall-o.Epoch-w.returned > int64(o.MaxOffset)
	}
	bounded := func(r bruteOp) bool {
		stale, missed := b.staleness(r)
		return o.Bound > 0 && stale > int64(o.Bound) || o.Behind > 0 && missed > o.Behind
	}
	ttl := func(r bruteOp) bool {
		stale, _ := b.staleness(r)
		return o.TTL > 0 && stale > int64(o.TTL+o.Bound)
	}
	return map[history.Property][]int{
		history.ReadYourWrites: b.which(ryw), history.MonotonicReads: b.which(mr), history.MonotonicWrites: b.which(mw),
		history.ConsistentPrefix: b.which(prefix), history.WritesFollowReads: b.which(wfr),
		history.PRAM:           b.which(func(op bruteOp) bool { return ryw(op) || mr(op) || mw(op) }),
		history.Causal:         b.which(isCausal),
		history.NoThinAirReads: b.which(thin), history.LWWInversion: b.which(inversion), history.NoResurrection: b.which(resurrected),
		history.HLCMonotone: b.which(behind), history.HLCPhysicalAhead: b.which(ahead),
		history.BoundedStaleness: b.which(bounded), history.TTL: b.which(ttl),
	}
}

// staleness returns for how long what r read was superseded, and by how many writes.
func (b *brute) staleness(r bruteOp) (stale int64, missed uint64) {
	for _, w := range b.ops {
		if !r.write && acked(w) && older(r, w) && w.returned < r.Invoked {
			stale = max(stale, r.Invoked-w.returned)
			missed++
		}
	}
	return stale, missed
}

// past is the causal order, by pairs of ids. Nobody knows that a write happened which
// was never answered, so nothing follows from it but through who reads it.
func (b *brute) past() map[[2]int]bool {
	past := map[[2]int]bool{}
	for _, x := range b.ops {
		for _, y := range b.ops {
			past[[2]int{x.id, y.id}] = inSession(x, y) && (!x.write || acked(x)) || readsFrom(y, x)
		}
	}
	for _, via := range b.ops {
		for _, x := range b.ops {
			for _, y := range b.ops {
				past[[2]int{x.id, y.id}] = past[[2]int{x.id, y.id}] || past[[2]int{x.id, via.id}] && past[[2]int{via.id, y.id}]
			}
		}
	}
	return past
}

func (b *brute) cyclic() bool {
	past := b.past()
	return b.any(func(op bruteOp) bool { return past[[2]int{op.id, op.id}] })
}

// explained reports whether the operations on key have an order that keeps those
// that must be before others, in which every read finds the write before it; if rising
// also versions rise.
func (b *brute) explained(key uint32, rising bool, before func(x, y bruteOp) bool) bool {
	ops := slices.DeleteFunc(slices.Clone(b.ops), func(op bruteOp) bool { return op.Key != key })
	type state struct {
		done  int
		value store.Version
	}
	tried := map[state]bool{}
	var from func(s state) bool
	from = func(s state) bool {
		if s.done == 1<<len(ops)-1 {
			return true
		}
		if tried[s] {
			return false
		}
		tried[s] = true
		for i, op := range ops {
			blocked := s.done&(1<<i) != 0
			for j, other := range ops {
				blocked = blocked || s.done&(1<<j) == 0 && before(other, op)
			}
			if blocked || !op.write && op.Version != s.value || op.write && rising && op.Version.Compare(s.value) < 0 {
				continue
			}
			if from(state{s.done | 1<<i, op.Version}) {
				return true
			}
		}
		return false
	}
	return from(state{})
}

func inRealTime(x, y bruteOp) bool { return x.returned < y.Invoked }

// inProgram is the order of sessions. What follows a write that was never answered may
// come before it.
func inProgram(x, y bruteOp) bool { return inSession(x, y) && (!x.write || acked(x)) }

func (b *brute) keys() (keys []uint32) {
	for _, op := range b.ops {
		if !slices.Contains(keys, op.Key) {
			keys = append(keys, op.Key)
		}
	}
	return keys
}
