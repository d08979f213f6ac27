package history_test

import (
	"flag"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"hearsay/clock"
	"hearsay/sim/history"
	"hearsay/store"
)

var histories = flag.Int("histories", 3000, "how many random histories to check against the definitions")

// random returns a history of at most eight operations, in which nearly everything
// goes wrong from time to time.
func random(seed uint64) *record {
	rng := rand.New(rand.NewPCG(seed, 1))
	return randomOf(rng, 2+rng.IntN(7))
}

func randomOf(rng *rand.Rand, operations int) *record {
	r := &record{}
	for _, node := range []string{"a", "b"} {
		r.h.Node(node, node)
	}
	for _, key := range []string{"x", "y"} {
		r.h.Key(key)
	}
	sessions, keys := 1+rng.IntN(3), 1+rng.IntN(2)
	free := make([]int64, sessions) // by session: when it may ask again
	used := map[store.Version]bool{}
	var ops []history.Op
	for range operations {
		s := rng.IntN(sessions)
		op := history.Op{Session: uint32(s), Node: uint32(rng.IntN(2)), Key: uint32(rng.IntN(keys))}
		op.Invoked = free[s] + rng.Int64N(4)
		op.Returned = op.Invoked + rng.Int64N(8)
		free[s] = op.Returned + 1
		op.Kind = history.Kind(rng.IntN(4))
		if rng.IntN(20) == 0 {
			op.Session = history.NoSession
		}
		if op.Kind <= history.Delete {
			op.Tombstone = op.Kind == history.Delete
			for used[op.Version] || op.Version == (store.Version{}) {
				op.Version.Timestamp = clock.Timestamp{Wall: 1 + op.Invoked + rng.Int64N(8), Logical: uint32(rng.IntN(2))}
				op.Version.Origin.Node = store.NodeID(nodeName(op.Node))
			}
			used[op.Version] = true
			op.Hash = rng.Uint64N(1000) + 1
			op.Outcome = []history.Outcome{history.OK, history.OK, history.OK, history.OK, history.OK, history.Info, history.Fail}[rng.IntN(7)]
		}
		ops = append(ops, op)
	}
	for i := range ops {
		read := &ops[i]
		if read.Kind <= history.Delete {
			continue
		}
		for _, w := range ops {
			ordinary := w.Invoked <= read.Returned && w.Outcome != history.Fail
			if w.Kind <= history.Delete && w.Key == read.Key && (ordinary && rng.IntN(2) == 0 || rng.IntN(60) == 0) {
				read.Version, read.Hash, read.Tombstone = w.Version, w.Hash, w.Tombstone
			}
		}
		if rng.IntN(60) == 0 {
			read.Hash++
		}
	}
	for _, op := range ops {
		r.add(op)
		if op.Kind <= history.Delete && op.Outcome != history.Fail {
			for node := range uint32(2) {
				if rng.IntN(4) > 0 {
					a := applied{node, op.Key, op.Version, op.Invoked + rng.Int64N(20)}
					r.applies = append(r.applies, a)
					r.h.Apply(a.node, a.key, a.version, a.at)
				}
			}
		}
	}
	limit := func() time.Duration { return time.Duration(rng.IntN(8)) }
	r.options = history.Options{Bound: limit(), Behind: uint64(rng.IntN(2)), TTL: limit(), Grace: limit(), Settled: int64(limit()), MaxOffset: limit()}
	return r
}

// TestAgainstDefinitions holds every check against the definition of what it checks.
func TestAgainstDefinitions(t *testing.T) {
	verdicts := map[history.Property][2]int{} // how often it held, and did not
	for seed := range uint64(*histories) {
		r := random(seed)
		report, b := history.Check(&r.h, r.options), newBrute(r)
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("seed %d: "+format+"\n%s", append(append([]any{seed}, args...), r.text())...)
		}
		tally := func(p history.Property, violated bool) {
			v := verdicts[p]
			if violated {
				v[1]++
			} else {
				v[0]++
			}
			verdicts[p] = v
		}
		b.checkOperations(report, tally, fail)
		b.checkOrders(report, tally, fail)
		b.checkMeasures(report, fail)
	}
	for _, p := range slices.Sorted(maps.Keys(verdicts)) {
		if v := verdicts[p]; *histories >= 3000 && min(v[0], v[1]) < 5 {
			t.Errorf("%s held %d times and was violated %d times, which is too one-sided to tell", p, v[0], v[1])
		}
	}
}

// checkOperations holds what single operations violate.
func (b *brute) checkOperations(report *history.Report, tally func(history.Property, bool), fail func(string, ...any)) {
	cyclic := b.cyclic()
	if found := report.Finding(history.Causal); cyclic && found.Holds() {
		fail("causal holds, but causality has a cycle")
	}
	want := b.violations()
	for _, p := range slices.Sorted(maps.Keys(want)) {
		f, ids := report.Finding(p), want[p]
		tally(p, len(ids) > 0)
		if cyclic && slices.Contains(p.Implies(), history.ConsistentPrefix) || cyclic && slices.Contains([]history.Property{history.Causal,
			history.PRAM, history.WritesFollowReads, history.ConsistentPrefix}, p) {
			continue // who waits for what never comes is judged no further
		}
		if int(f.Violations) != len(ids) {
			fail("%s: %d violations, want operations %v; it says %q", p, f.Violations, ids, f.Says)
		}
		if len(ids) == 0 {
			continue
		}
		last := f.Witness[len(f.Witness)-1]
		first := slices.MinFunc(ids, func(i, j int) int { return int(b.record.ops[i].Invoked - b.record.ops[j].Invoked) })
		if !slices.Contains(ids, int(last)) || b.record.ops[last].Invoked != b.record.ops[first].Invoked {
			fail("%s: the witness is %v, want one that ends with operation %d", p, f.Witness, first)
		}
	}
}

// checkOrders holds what an order of all operations decides.
func (b *brute) checkOrders(report *history.Report, tally func(history.Property, bool), fail func(string, ...any)) {
	inOrder, sequential := true, true
	unordered, porcupined := 0, 0
	var far int64
	for _, key := range b.keys() {
		inOrder = inOrder && b.explained(key, true, inRealTime)
		sequential = sequential && b.ofSessions().explained(key, true, inProgram)
		if !b.explained(key, false, inRealTime) {
			unordered++
			far = max(far, b.distance(key))
		}
		if !porcupine.CheckOperations(register, b.operations(key)) {
			porcupined++
		}
	}
	for _, tt := range []struct {
		p        history.Property
		violated bool
	}{{history.LinearizableInOrder, !inOrder}, {history.SequentialPerKey, !sequential}, {history.Linearizable, unordered > 0}} {
		tally(tt.p, tt.violated)
		if f := report.Finding(tt.p); f.Holds() == tt.violated {
			fail("%s holds: %v, want %v; it says %q", tt.p, f.Holds(), !tt.violated, f.Says)
		}
	}
	if f := report.Finding(history.Linearizable); int(f.Violations) != unordered || unordered != porcupined {
		fail("%d keys are not linearizable, want %d by definition, and %d by Porcupine", f.Violations, unordered, porcupined)
	}
	if report.Linearizable != far {
		fail("reads have to begin %d earlier for all to be linearizable, want %d", report.Linearizable, far)
	}
	for _, p := range implications() {
		if report.Finding(p[0]).Holds() && !report.Finding(p[1]).Holds() && report.Finding(history.NoThinAirReads).Holds() {
			fail("%s holds and does not imply %s: %q", p[0], p[1], report.Finding(p[1]).Says)
		}
	}
}

// ofSessions leaves out the reads of no session.
func (b *brute) ofSessions() *brute {
	return &brute{b.record, slices.DeleteFunc(slices.Clone(b.ops), func(op bruteOp) bool { return !op.write && op.Session == history.NoSession })}
}

// distance returns how much earlier the reads of key have to begin to be linearizable,
// 0 if that is to no avail.
func (b *brute) distance(key uint32) int64 {
	for earlier := range int64(100) {
		stretched := &brute{b.record, slices.Clone(b.ops)}
		for i := range stretched.ops {
			if op := &stretched.ops[i]; !op.write {
				op.Invoked -= earlier
			}
		}
		if stretched.explained(key, false, inRealTime) {
			return earlier
		}
	}
	return 0
}

// register is a register as Porcupine has it, of versions.
var register = porcupine.Model{
	Init: func() any { return store.Version{} },
	Step: func(state, input, _ any) (bool, any) {
		op := input.(bruteOp)
		return op.write || op.Version == state, op.Version
	},
}

func (b *brute) operations(key uint32) (ops []porcupine.Operation) {
	for _, op := range b.ops {
		if op.Key == key {
			ops = append(ops, porcupine.Operation{Input: op, Call: op.Invoked, Return: op.returned})
		}
	}
	return ops
}

// checkMeasures holds what is measured and not judged.
func (b *brute) checkMeasures(report *history.Report, fail func(string, ...any)) {
	var stale, times, mostTime uint64
	var mostMissed, longest uint64
	reads, fresh := uint64(0), uint64(0)
	for _, r := range b.ops {
		if r.write {
			continue
		}
		s, missed := b.staleness(r)
		if missed > 0 {
			stale++
		}
		mostTime, mostMissed = max(mostTime, uint64(s)), max(mostMissed, missed)
		var latest *bruteOp
		for i, w := range b.ops {
			if acked(w) && w.Key == r.Key && w.returned < r.Invoked && (latest == nil || w.returned >= latest.returned) {
				latest = &b.ops[i]
			}
		}
		if latest != nil {
			reads++
			if r.Version.Compare(latest.Version) >= 0 {
				fresh++
			}
		}
	}
	st := &report.Staleness
	if st.Stale != stale || st.Time.Quantile(1000) != int64(mostTime) || st.Missed.Quantile(1000) != int64(mostMissed) {
		fail("%d reads are stale, by at most %d, and miss at most %d; want %d, %d, %d",
			st.Stale, st.Time.Quantile(1000), st.Missed.Quantile(1000), stale, mostTime, mostMissed)
	}
	for _, pair := range st.Pairs {
		for _, p := range pair.Curve() {
			reads, fresh = reads-p.Reads, fresh-p.Fresh
		}
	}
	if reads != 0 || fresh != 0 {
		fail("the curves lack %d reads and %d fresh ones", int64(reads), int64(fresh))
	}
	for _, w := range b.ops {
		for node := range uint32(2) {
			soonest := int64(never)
			for _, a := range b.applies {
				if a.node == node && a.key == w.Key && a.version.Compare(w.Version) >= 0 {
					soonest = min(soonest, a.at)
				}
			}
			if acked(w) && node != w.Node && soonest < never {
				times++
				longest = max(longest, uint64(max(soonest-w.returned, 0)))
			}
		}
	}
	for _, l := range report.Latencies {
		times -= l.Time.Count()
		if uint64(l.Time.Quantile(1000)) > longest {
			fail("a write took %d to be visible, want at most %d", l.Time.Quantile(1000), longest)
		}
	}
	if times != 0 {
		fail("the latencies lack %d cases", int64(times))
	}
}

// implications are all pairs of properties of which the first implies the second.
func implications() (pairs [][2]history.Property) {
	for _, f := range history.Check(&history.History{}, history.Options{}).Findings {
		for _, q := range f.Property.Implies() {
			pairs = append(pairs, [2]history.Property{f.Property, q})
		}
	}
	return pairs
}

// TestLongHistories is for what takes longer histories than can be tried in all orders.
func TestLongHistories(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 4))
		r := randomOf(rng, 40)
		newBrute(r).checkOperations(history.Check(&r.h, r.options), func(history.Property, bool) {}, func(format string, args ...any) {
			t.Helper()
			t.Fatalf("seed %d: "+format+"\n%s", append(append([]any{seed}, args...), r.text())...)
		})
	}
}

// altered returns r with every time so many times as long, and its operations added
// in another order.
func (r *record) altered(factor int64, rng *rand.Rand) *record {
	a := &record{options: r.options}
	for _, name := range []string{"a", "b"} {
		a.h.Node(name, name)
	}
	for _, d := range []*time.Duration{&a.options.Bound, &a.options.TTL, &a.options.Grace, &a.options.MaxOffset} {
		*d *= time.Duration(factor)
	}
	a.options.Settled *= factor
	for _, name := range []string{"x", "y"} {
		a.h.Key(name)
	}
	stretch := func(v *store.Version) { v.Timestamp.Wall *= factor }
	for _, i := range rng.Perm(len(r.ops)) {
		op := r.ops[i]
		op.Invoked, op.Returned = op.Invoked*factor, op.Returned*factor
		stretch(&op.Version)
		a.add(op)
	}
	for _, i := range rng.Perm(len(r.applies)) {
		v := r.applies[i]
		stretch(&v.version)
		a.h.Apply(v.node, v.key, v.version, v.at*factor)
	}
	return a
}

// TestUnitsAndOrderDoNotMatter measures histories in other units of time, and records
// them in other orders.
func TestUnitsAndOrderDoNotMatter(t *testing.T) {
	for seed := range uint64(500) {
		r := random(seed)
		want := history.Check(&r.h, r.options)
		factor := int64(1) << (seed % 40)
		a := r.altered(factor, rand.New(rand.NewPCG(seed, 2)))
		got := history.Check(&a.h, a.options)
		for i, f := range want.Findings {
			if g := got.Findings[i]; g.Violations != f.Violations || g.Checked != f.Checked {
				t.Errorf("seed %d, times %d: %s has %d violations of %d, want %d of %d\n%s", seed, factor, f.Property,
					g.Violations, g.Checked, f.Violations, f.Checked, r.text())
			}
		}
		if got.Linearizable != want.Linearizable*factor {
			t.Errorf("seed %d: reads are %d too late, want %d times %d", seed, got.Linearizable, want.Linearizable, factor)
		}
	}
}

// TestFewWriters follows one writing session of several: what is found is so, and what
// one session did to itself is found all the same.
func TestFewWriters(t *testing.T) {
	missed := 0
	for seed := range uint64(1000) {
		r := random(seed)
		exact := history.Check(&r.h, r.options)
		r.options.Writers = 1
		for i, f := range history.Check(&r.h, r.options).Findings {
			all := exact.Findings[i]
			if f.Violations > all.Violations {
				t.Errorf("seed %d: %s has %d violations, but %d if all sessions are followed", seed, f.Property, f.Violations, all.Violations)
			}
			if f.Violations < all.Violations {
				missed++
			}
			if slices.Contains([]history.Property{history.ReadYourWrites, history.MonotonicReads}, f.Property) && f.Violations != all.Violations {
				t.Errorf("seed %d: %s has %d violations, want %d", seed, f.Property, f.Violations, all.Violations)
			}
		}
	}
	if missed == 0 {
		t.Error("nothing was missed: this test sees no difference")
	}
}

// TestEndsAgainstDefinitions holds what replicas hold in the end against what it means.
func TestEndsAgainstDefinitions(t *testing.T) {
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		r := random(seed)
		floor := clock.Timestamp{Wall: rng.Int64N(30)}
		type hold struct {
			version store.Version
			gone    bool
		}
		var held [2][2]hold // by node and key
		for node := range uint32(2) {
			r.h.End(node, floor)
			for key := range uint32(2) {
				h := &held[node][key]
				for _, op := range r.ops {
					if op.Key == key && op.Kind <= history.Delete && op.Outcome == history.OK && rng.IntN(4) > 0 && op.Version.Compare(h.version) > 0 {
						*h = hold{op.Version, op.Tombstone}
					}
				}
				if h.version != (store.Version{}) {
					r.h.Hold(node, key, h.version, h.gone, 5)
				}
			}
		}
		var differ, lost, superseded uint64
		for key := range uint32(2) {
			a, b := held[0][key], held[1][key]
			shows := func(h hold) store.Version {
				if h.gone {
					return store.Version{}
				}
				return h.version
			}
			if shows(a) != shows(b) {
				differ++
			}
			newest := a.version
			if b.version.Compare(newest) > 0 {
				newest = b.version
			}
			if a.version == (store.Version{}) || b.version == (store.Version{}) {
				for _, op := range r.ops {
					if op.Key == key && op.Kind == history.Delete && op.Outcome != history.Fail &&
						op.Version.Timestamp.Compare(floor) <= 0 && op.Version.Compare(newest) > 0 {
						newest = op.Version
					}
				}
			}
			isLost := false
			for _, op := range r.ops {
				if op.Key == key && op.Kind <= history.Delete && op.Outcome == history.OK {
					switch c := op.Version.Compare(newest); {
					case c > 0:
						isLost = true
					case c < 0:
						superseded++
					}
				}
			}
			if isLost {
				lost++
			}
		}
		report := history.Check(&r.h, r.options)
		if f := report.Finding(history.Convergence); f.Violations != differ {
			t.Errorf("seed %d: %d keys differ, want %d: %s\n%s", seed, f.Violations, differ, f.Says, r.text())
		}
		if f := report.Finding(history.NoLostAckedWrite); f.Violations != lost || f.Superseded != superseded {
			t.Errorf("seed %d: %d keys have lost writes, %d writes are superseded, want %d and %d: %s\n%s", seed, f.Violations, f.Superseded,
				lost, superseded, f.Says, r.text())
		}
	}
}
