package history

// This file is what a session is owed by what it did itself. What others did is in
// causal.go.

// Sessions checks the guarantees of sessions: ReadYourWrites, MonotonicReads,
// MonotonicWrites, WritesFollowReads, PRAM, Causal, ConsistentPrefix,
// SequentialPerKey and SessionTokens.
func (x *Index) Sessions() []Finding {
	g := &guarantees{x: x, marks: make([]uint8, x.h.Len())}
	for i, p := range [...]Property{ReadYourWrites, MonotonicReads, MonotonicWrites, WritesFollowReads, PRAM, Causal,
		ConsistentPrefix, SequentialPerKey, SessionTokens} {
		g.findings[i].Property = p
	}
	g.ownSteps()
	newCausality(g).run()
	return g.findings[:]
}

// Guarantees are the findings of all checks of sessions.
type guarantees struct {
	x        *Index
	findings [tokens + 1]Finding
	marks    []uint8 // by operation: whether it violates PRAM, or causality
}

// Indices of guarantees.findings.
const (
	ryw = iota
	mr
	mw
	wfr
	pram
	causal
	prefix
	sequential
	tokens
)

// convict counts op against a guarantee, and against those that this is part of.
func (g *guarantees) convict(guarantee int, op, owed uint32, because string, via func() []uint32) {
	if guarantee != causal {
		g.x.convict(&g.findings[guarantee], op, owed, because, via)
	}
	if guarantee <= mw {
		g.once(pram, op, owed, because, via)
	}
	if guarantee <= wfr || guarantee == causal {
		g.once(causal, op, owed, because, via)
	}
}

func (g *guarantees) once(guarantee int, op, owed uint32, because string, via func() []uint32) {
	if bit := uint8(1) << guarantee; g.marks[op]&bit == 0 {
		g.marks[op] |= bit
		g.x.convict(&g.findings[guarantee], op, owed, because, via)
	}
}

// Known is what a session knows of one key. Slot 0 is nothing, so nothing is older.
type known struct {
	session     uint32 // one above that which it is of
	wrote, read uint32 // the newest slots
}

// ownSteps holds each operation against what its session did before.
func (g *guarantees) ownSteps() {
	x := g.x
	keys := make([]known, len(x.h.keys.texts))
	for s := range uint32(len(x.sessions.start) - 1) {
		ops := x.sessions.of(s)
		for len(ops) > 0 {
			step := x.step(ops)
			for _, op := range ops[:step] {
				k := &keys[x.h.key[op]]
				if k.session != s+1 {
					*k = known{session: s + 1}
				}
				g.hold(op, k)
			}
			for _, op := range ops[:step] {
				k, slot := &keys[x.h.key[op]], x.slot[op]
				switch {
				case !x.h.kind[op].isWrite():
					k.read = max(k.read, slot)
				case x.h.outcome[op] == OK:
					k.wrote = max(k.wrote, slot)
				}
			}
			ops = ops[step:]
		}
	}
}

// step returns how many of ops were invoked with the first.
func (x *Index) step(ops []uint32) int {
	n := 1
	for n < len(ops) && x.h.invoked[ops[n]] == x.h.invoked[ops[0]] {
		n++
	}
	return n
}

// hold holds op against what its session knows of its key.
func (g *guarantees) hold(op uint32, k *known) {
	x, slot, f := g.x, g.x.slot[op], &g.findings
	f[sequential].Checked++
	f[causal].Checked++
	f[pram].Checked++
	if flags := x.h.flags[op]; flags&presented != 0 {
		f[tokens].Checked++
		if flags&notCovered != 0 {
			x.convict(&f[tokens], op, none, "the bookmark that came back does not cover the one presented", nil)
		}
	}
	if x.h.kind[op].isWrite() {
		f[mw].Checked++
		if slot < k.wrote {
			g.convict(mw, op, k.wrote, ownWrite, nil)
		}
		if slot < k.read {
			g.once(causal, op, k.read, ownRead, nil)
		}
		if newest := max(k.wrote, k.read); slot <= newest && newest > 0 && x.writer[slot] == op {
			x.convict(&f[sequential], op, newest, ownSight, nil)
		}
		return
	}
	f[ryw].Checked++
	f[mr].Checked++
	if slot < k.wrote {
		g.convict(ryw, op, k.wrote, ownWrite, nil)
	}
	if slot < k.read {
		g.convict(mr, op, k.read, ownRead, nil)
	}
	switch {
	case slot < max(k.wrote, k.read):
		x.convict(&f[sequential], op, max(k.wrote, k.read), ownSight, nil)
	case x.isThinAir(op):
		x.convict(&f[sequential], op, none, "nobody wrote that", nil)
	}
}

// isThinAir reports whether a read found what nobody wrote.
func (x *Index) isThinAir(op uint32) bool {
	slot := x.slot[op]
	return x.writer[slot] == none && x.stamps[slot] != (stamp{})
}
