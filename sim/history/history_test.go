package history_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/sim/history"
	"hearsay/store"
)

func TestBookmarksThatCover(t *testing.T) {
	mark := func(node string, seq uint64, wall int64) store.Bookmark {
		return store.Bookmark{}.Note(store.Version{Timestamp: clock.Timestamp{Wall: wall}, Origin: store.Origin{Node: store.NodeID(node)}}, seq)
	}
	through := func(wall int64) store.Bookmark { return store.Bookmark{Through: clock.Timestamp{Wall: wall}} }
	floor := func(wall int64) store.Bookmark { return store.Bookmark{Floor: clock.Timestamp{Wall: wall}} }
	tests := []struct {
		name    string
		in, out store.Bookmark
		covers  bool
	}{
		{"the same", mark("a", 2, 20), mark("a", 2, 20), true},
		{"a later one", mark("a", 2, 20), mark("a", 3, 30), true},
		{"an earlier one", mark("a", 2, 20), mark("a", 1, 10), false},
		{"another's", mark("a", 2, 20), mark("b", 3, 30), false},
		{"nothing", mark("a", 2, 20), store.Bookmark{}, false},
		{"through its time", mark("a", 2, 20), through(20), true},
		{"through a time before", mark("a", 2, 20), through(19), false},
		{"a floor at its time", mark("a", 2, 20), floor(20), true},
		{"a floor before", mark("a", 2, 20), floor(19), false},
		{"a time through a later", through(20), through(30), true},
		{"a time through an earlier", through(20), through(19), false},
		{"a time through a floor", through(20), floor(20), true},
		{"a floor through a time", floor(20), through(30), false},
		{"one of two", mark("a", 2, 20).And(mark("b", 2, 20)), mark("a", 2, 20), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &history.History{}
			h.Add(history.Op{Node: h.Node("n", "r"), Key: h.Key("k"), Kind: history.Get, In: tt.in, Out: tt.out})
			f := history.Check(h, history.Options{}).Finding(history.SessionTokens)
			if f.Checked != 1 || f.Holds() != tt.covers {
				t.Errorf("of %d bookmarks, %+v covers %+v: %v, want %v", f.Checked, tt.out, tt.in, f.Holds(), tt.covers)
			}
		})
	}
}

func TestLevel(t *testing.T) {
	tests := []struct {
		name, text string
		want       []history.Property
	}{
		{"nothing", "", []history.Property{history.LinearizableInOrder}},
		{"stale", `
0-1 s0 a put x 10@a
2-3 s1 b get x -`, []history.Property{history.SequentialPerKey, history.Causal, history.LWWInversion}},
		{"prefix", `
0-1 s0 a put x 10@a
2-3 s0 a put y 20@a
4-5 s1 b get y 20@a
6-7 s1 b get x -`, []history.Property{history.SequentialPerKey, history.LWWInversion, history.WritesFollowReads}},
		{"own write", `
0-1 s0 a put x 10@a
2-3 s0 b get x -`, []history.Property{history.LWWInversion, history.MonotonicWrites, history.WritesFollowReads, history.MonotonicReads}},
		{"inverted", `
0-1 s0 a put x 20@a
2-3 s1 b put x 10@b
4-5 s2 b get x 10@b`, []history.Property{history.Linearizable, history.SequentialPerKey, history.Causal}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := parse(t, tt.text)
			if got := history.Check(&r.h, r.options).Level(); !slices.Equal(got, tt.want) {
				t.Errorf("Level() = %q, want %q", got, tt.want)
			}
		})
	}
}

// The bounds of the chances are those of Wilson's formula.
func TestCurve(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 30 {
		n, share := 1+rng.IntN(500), rng.Float64()
		if rng.IntN(5) == 0 {
			share = float64(rng.IntN(2))
		}
		h := &history.History{}
		near, far, key := h.Node("near", "here"), h.Node("far", "there"), h.Key("k")
		v := store.Version{Timestamp: clock.Timestamp{Wall: 1}}
		h.Add(history.Op{Node: near, Key: key, Returned: 1, Version: v})
		fresh := 0
		for range n {
			op := history.Op{Session: history.NoSession, Node: far, Key: key, Kind: history.Get, Invoked: int64(time.Second) + rng.Int64N(1000)}
			if rng.Float64() < share {
				op.Version = v
				fresh++
			}
			op.Returned = op.Invoked + 1
			h.Add(op)
		}
		s := history.Check(h, history.Options{}).Staleness
		if len(s.Pairs) != 1 || s.Pairs[0].From != "here" || s.Pairs[0].To != "there" || len(s.Pairs[0].Curve()) != 1 {
			t.Fatalf("%+v, want one point from here to there", s.Pairs)
		}
		const z = 1.96
		p := s.Pairs[0].Curve()[0]
		k, m := float64(fresh), float64(n)
		middle, spread := (k+z*z/2)/(m+z*z), z/(m+z*z)*math.Sqrt(k*(m-k)/m+z*z/4)
		if off := max(math.Abs(float64(p.Low)-1e6*max(middle-spread, 0)), math.Abs(float64(p.High)-1e6*min(middle+spread, 1))); off > 2 ||
			p.Reads != uint64(n) || p.Fresh != uint64(fresh) {
			t.Errorf("%d of %d are %+v, want bounds of %.0f and %.0f", fresh, n, p, 1e6*(middle-spread), 1e6*(middle+spread))
		}
		if after := int64(time.Second) - 1; p.After > after || p.After < after*4/5 {
			t.Errorf("the point begins at %d, want at most %d and at least four fifths of that", p.After, after)
		}
	}
}

// A histogram tells quantiles to a thirty-second.
func TestLatency(t *testing.T) {
	h := &history.History{}
	near, far, key := h.Node("near", "here"), h.Node("far", "there"), h.Key("k")
	const n = 1000
	for i := range int64(n) {
		v := store.Version{Timestamp: clock.Timestamp{Wall: i + 1}}
		h.Add(history.Op{Node: near, Key: key, Invoked: i, Returned: i, Version: v})
		h.Apply(near, key, v, i)
		if i != 10 { // of that far hears only with the next
			h.Apply(far, key, v, i+1000*(i+1))
		}
	}
	latencies := history.Check(h, history.Options{}).Latencies
	if len(latencies) != 1 || latencies[0].From != "here" || latencies[0].To != "there" || latencies[0].Time.Count() != n {
		t.Fatalf("%+v, want %d from here to there", latencies, n)
	}
	for _, permille := range []uint64{1, 12, 500, 990, 1000} {
		want := int64(permille) * 1000 * n / 1000
		if got := latencies[0].Time.Quantile(permille); got < want || got > want+want/32+1 {
			t.Errorf("Quantile(%d) = %d, want %d or a thirty-second more", permille, got, want)
		}
	}
}

func TestShares(t *testing.T) {
	h := &history.History{}
	a, b, key := h.Node("a", "east"), h.Node("b", "west"), h.Key("k")
	for i := range int64(10) {
		h.Add(history.Op{Session: history.NoSession, Node: a, Key: key, Kind: history.Get, Invoked: i, Returned: i + i%3})
		h.Add(history.Op{Session: history.NoSession, Node: b, Key: key, Kind: history.Get, Invoked: i, Returned: i, Outcome: history.Outcome(i % 2)})
	}
	r := history.Check(h, history.Options{Deadline: 1, Windows: []history.Window{{Name: "cut", From: 2, To: 6}}})
	want := []history.Share{
		{Region: "east", Kind: history.Get, Asked: 10, Answered: 7},
		{Region: "east", Window: "cut", Kind: history.Get, Asked: 4, Answered: 2},
		{Region: "west", Kind: history.Get, Asked: 10, Answered: 5},
		{Region: "west", Window: "cut", Kind: history.Get, Asked: 4, Answered: 2},
	}
	if !slices.Equal(r.Shares, want) {
		t.Errorf("Shares = %+v, want %+v", r.Shares, want)
	}
	if f := r.Finding(history.Availability); f.Checked != 20 || f.Violations != 8 || !slices.Equal(f.Witness, []uint32{3}) {
		t.Errorf("%d of %d are violations, witness %d; want 8 of 20, operation 3", f.Violations, f.Checked, f.Witness)
	}
}

// Nodes whose clocks are known to be astray are not judged by them.
func TestAstray(t *testing.T) {
	r := parse(t, "0-1 s0 a put x 200@a\n0-1 s1 b put y 300@b")
	r.options.MaxOffset = 50
	r.options.Astray = []uint32{0}
	f := history.Check(&r.h, r.options).Finding(history.HLCPhysicalAhead)
	if f.Checked != 1 || !slices.Equal(f.Witness, []uint32{1}) {
		t.Errorf("%d were checked and the witness is %d, want 1 and operation 1", f.Checked, f.Witness)
	}
}

// TestSentence pins how a violation is told.
func TestSentence(t *testing.T) {
	r := parse(t, "0-1 s0 a put x 10@a\n2-3 s0 b list x -\n2-3 someone b get x -\n4-5 s0 b delete x 5@b")
	report := history.Check(&r.h, history.Options{Bound: 1})
	for p, want := range map[history.Property]string{
		history.ReadYourWrites:   "session 0 listed x at b (operation 1) and found nothing, though it had itself written 10.0@a of operation 0 before",
		history.MonotonicWrites:  "session 0 deleted x at b (operation 3) as 5.0@b of operation 3, though it had itself written 10.0@a of operation 0 before",
		history.LWWInversion:     "session 0 deleted x at b (operation 3) as 5.0@b of operation 3, though what had ended before it began had written or read 10.0@a of operation 0",
		history.BoundedStaleness: "",
	} {
		if got := report.Finding(p).Says; got != want {
			t.Errorf("%s says %q, want %q", p, got, want)
		}
	}
}
