package view_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip/view"
	"hearsay/store"
)

// calm returns a region that works.
func calm(t *testing.T, seed uint64, sh shape) *net {
	t.Helper()
	w := newNet(seed, sh, time.Millisecond)
	w.writes = 20
	if took, ok := w.until(time.Second, func() bool { return whole(w.nodes()) }); !ok {
		t.Fatalf("seed %d, %v: no view after %v", seed, sh, took)
	}
	return w
}

// recovers checks that within d sites are a view, and that a write that each
// makes then is acknowledged `region`.
func recovers(t *testing.T, w *net, d time.Duration, sites []*site) time.Duration {
	t.Helper()
	for _, s := range sites {
		s.turn(true)
	}
	made := make([]uint64, len(sites))
	for i, s := range sites {
		made[i] = s.own.Seq
	}
	took, ok := w.until(d, func() bool {
		for i, s := range sites {
			if s.region.Confirmed().Seq < made[i] {
				return false
			}
		}
		return whole(sites)
	})
	if w.failure != "" {
		t.Fatalf("%v: %s", w.shape, w.failure)
	}
	if !ok {
		for _, s := range sites {
			t.Logf("%s: view %v, hold %v of %v, confirmed %v of %v", s.id, s.region.View(), s.region.Hold(), s.reading(), s.region.Confirmed(), s.own)
		}
		t.Fatalf("%v: %v do not answer region after %v", w.shape, ids(sites), took)
	}
	return took
}

func TestFreshRegionAnswersAtOnce(t *testing.T) {
	for _, sh := range shapes {
		w := newNet(1, sh, time.Millisecond)
		took, ok := w.until(time.Second, func() bool { return whole(w.nodes()) })
		if !ok || took > 500*time.Millisecond {
			t.Errorf("%v: no view of all after %v, want one within 500ms: nobody has a lease yet", sh, took)
		}
	}
}

func TestDeadNodeCostsOneLease(t *testing.T) {
	for _, sh := range shapes[1:] {
		var worst time.Duration
		for seed := range uint64(12) {
			w := calm(t, seed, sh)
			for range w.rng.IntN(700) {
				w.step()
			}
			dead := w.rng.IntN(sh.nodes)
			w.sites[dead].crash(1 << 30)
			left := slices.Delete(slices.Clone(w.nodes()), dead, dead+1)
			worst = max(worst, recovers(t, w, 1300*time.Millisecond, left))

			w.sites[dead].down = 0
			recovers(t, w, 3*time.Second, w.nodes())
		}
		t.Logf("%v: without region for up to %v", sh, worst)
	}
}

// A node that is there but does not keep up may not hold up its region's writes.
func TestStuckNodeCostsOneLease(t *testing.T) {
	for _, sh := range shapes[1:] {
		w := calm(t, 1, sh)
		for _, s := range w.nodes() {
			s.turn(true)
		}
		stuck := w.sites[1]
		stuck.stuck = true
		left := slices.Delete(slices.Clone(w.nodes()), 1, 2)
		recovers(t, w, 1300*time.Millisecond, left)
		stuck.stuck = false
		recovers(t, w, 3*time.Second, w.nodes())
	}
}

func TestReturningNodeCostsNoLease(t *testing.T) {
	w := calm(t, 1, shape{5, 5})
	w.sites[4].crash(1 << 30)
	recovers(t, w, 1300*time.Millisecond, w.nodes()[:4])
	w.sites[4].down = 0
	gaps := 0
	_, ok := w.until(3*time.Second, func() bool {
		if !whole(w.nodes()[:4]) {
			gaps++
		}
		return whole(w.nodes())
	})
	if !ok || gaps > 200 {
		t.Errorf("a view of all 5: %v; the other 4 were none for %d ms meanwhile, want at most 200", ok, gaps)
	}
}

func TestPartition(t *testing.T) {
	tests := []struct {
		name  string
		shape shape
		cut   [][2]int // both ways
		view  []int    // the view that forms; nil for none
		out   []int    // who says stale
		deaf  []int    // what the first sends does not reach the second
	}{
		{"one of three", shape{3, 3}, [][2]int{{0, 2}, {1, 2}}, []int{0, 1}, []int{2}, nil},
		{"two of five", shape{5, 5}, [][2]int{{0, 2}, {0, 3}, {0, 4}, {1, 2}, {1, 3}, {1, 4}}, []int{2, 3, 4}, []int{0, 1}, nil},
		{"all from all", shape{3, 3}, [][2]int{{0, 1}, {0, 2}, {1, 2}}, nil, []int{0, 1, 2}, nil},
		{"half of four", shape{4, 4}, [][2]int{{0, 2}, {0, 3}, {1, 2}, {1, 3}}, nil, []int{0, 1, 2, 3}, nil},
		{"one of two, who reaches the borrowed granter", shape{2, 3}, [][2]int{{0, 1}}, []int{0}, []int{1}, nil},
		{"one of two, who does not", shape{2, 3}, [][2]int{{0, 1}, {0, 2}}, []int{1}, []int{0}, nil},
		{"one of two, whom the borrowed granter hears in vain", shape{2, 3}, [][2]int{{0, 1}}, []int{1}, []int{0}, []int{2, 0}},
		{"the borrowed granter", shape{2, 3}, [][2]int{{0, 2}, {1, 2}}, []int{0, 1}, nil, nil},
		{"two of three from each other", shape{3, 3}, [][2]int{{0, 1}}, []int{0, 2}, []int{1}, nil},
		{"who is no granter", shape{6, 5}, [][2]int{{0, 5}, {1, 5}, {2, 5}, {3, 5}, {4, 5}}, []int{0, 1, 2, 3, 4}, []int{5}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := calm(t, 1, tt.shape)
			for _, c := range tt.cut {
				w.cut[c], w.cut[[2]int{c[1], c[0]}] = 1<<30, 1<<30
			}
			within := 1500 * time.Millisecond
			if tt.deaf != nil {
				w.cut[[2]int{tt.deaf[0], tt.deaf[1]}] = 1 << 30
				within += time.Second // who is not answered has to notice first, and goes on asking
			}
			if tt.view != nil {
				sites := make([]*site, len(tt.view))
				for i, n := range tt.view {
					sites[i] = w.sites[n]
				}
				recovers(t, w, within, sites)
			}
			for range 3000 {
				w.step()
				for _, n := range tt.out {
					if w.elapsed() > 5*time.Second && w.sites[n].front.hold.On(w.sites[n].reading()) {
						t.Fatalf("%s says region at %v, want stale", w.sites[n].id, w.elapsed())
					}
				}
			}
			w.heal()
			recovers(t, w, 3*time.Second, w.nodes())
		})
	}
}

// Watermarks can be long; they are named on entering a view, not with each
// renewal.
func TestMarksAreNamedOnce(t *testing.T) {
	w := calm(t, 1, shape{3, 3})
	recovers(t, w, time.Second, w.nodes()) // and nobody is still being told
	named := 0
	for range 3000 {
		w.step()
		for _, f := range w.fly {
			if m, ok := f.message.(view.Message); ok && (len(m.Marks) > 0 || len(m.View.Nodes) > 0) {
				named++
			}
		}
	}
	if named > 0 {
		t.Errorf("%d messages name marks or nodes while nothing changes, want 0", named)
	}
}

func TestRegionIsBounded(t *testing.T) {
	cfg := view.DefaultConfig()
	cfg.MaxNodes = 2
	r := view.New("a", cfg, view.Ledger{}, clock.Reading{}, func(string, uint64, uint64) uint64 { return 0 })
	r.Place(1, []store.NodeID{"a", "b", "c"}, []store.NodeID{"a"})
	r.Tick(clock.Reading{})
	nodes := func(ids ...store.NodeID) view.View { return view.View{ID: view.ID{Number: 1, By: "b"}, Nodes: ids} }
	tests := []struct {
		name string
		from store.NodeID
		m    view.Message
	}{
		{"view of more than MaxNodes", "b", view.Message{Step: view.Ask, View: nodes("a", "b", "c")}},
		{"view of nobody", "b", view.Message{Step: view.Ask, View: nodes()}},
		{"view that is not sorted", "b", view.Message{Step: view.Ask, View: nodes("b", "a")}},
		{"view that names a node twice", "b", view.Message{Step: view.Ask, View: nodes("b", "b")}},
		{"stranger", "x", view.Message{Step: view.Ask, View: nodes("a", "b")}},
		{"long list of the deaf", "b", view.Message{Step: view.Ask, View: nodes("a", "b"), Deaf: make([]store.NodeID, 5)}},
	}
	for _, tt := range tests {
		r.Receive(clock.Reading{}, tt.from, &tt.m)
		if v := r.View(); v.Number != 0 {
			t.Errorf("%s: taken for %v, want it ignored", tt.name, v)
		}
	}
	at := func(d time.Duration) clock.Reading { return clock.Reading{Wall: int64(d), Mono: d} }
	for d := time.Duration(0); d < time.Second; d += 10 * time.Millisecond {
		for _, id := range []store.NodeID{"b", "c"} {
			r.Receive(at(d), id, &view.Message{Step: view.Ask})
		}
		r.Tick(at(d))
		r.Collect(nil, nothing)
	}
	if got := r.View().Nodes; !slices.Equal(got, []store.NodeID{"a", "b"}) {
		t.Errorf("with three nodes there, the view is of %v, want the first MaxNodes, [a b]", got)
	}
}

func TestHold(t *testing.T) {
	r := view.New("a", view.DefaultConfig(), view.Ledger{}, clock.Reading{}, func(string, uint64, uint64) uint64 { return 0 })
	r.Place(1, []store.NodeID{"a"}, []store.NodeID{"a"})
	at := func(mono, ahead time.Duration) clock.Reading {
		return clock.Reading{Wall: int64(time.Hour + mono + ahead), Mono: mono}
	}
	for d := time.Duration(0); d <= 2*time.Second; d += 10 * time.Millisecond {
		r.Tick(at(d, 0))
		r.Collect(nil, nothing)
	}
	tests := []struct {
		name string
		now  clock.Reading
		want bool
	}{
		{"now", at(2*time.Second, 0), true},
		{"before the lease is over", at(2700*time.Millisecond, 0), true},
		{"when it is over", at(3*time.Second, 0), false},
		{"after the machine slept", at(2*time.Second, 13*time.Millisecond), false},
		{"after the wall clock was set back", at(2*time.Second, -13*time.Millisecond), false},
		{"with clocks that drift a little", at(2*time.Second, 12*time.Millisecond), true},
	}
	for _, tt := range tests {
		if got := r.Hold().On(tt.now); got != tt.want {
			t.Errorf("%s: On = %v, want %v", tt.name, got, tt.want)
		}
	}
	if (view.Hold{}).On(clock.Reading{}) {
		t.Error("the zero Hold is on")
	}
}

// A granter counts a lease from its answer and a little longer than the asker,
// whose clock may be slow.
func TestGranterOutlastsAsker(t *testing.T) {
	cfg := view.DefaultConfig()
	r := view.New("g", cfg, view.Ledger{}, clock.Reading{}, func(string, uint64, uint64) uint64 { return 0 })
	r.Place(0, []store.NodeID{"a", "b"}, []store.NodeID{"a", "b", "g"})
	ask := func(at time.Duration, from store.NodeID, number uint64) bool {
		v := view.View{ID: view.ID{Number: number, By: from}, Nodes: []store.NodeID{from}}
		r.Receive(clock.Reading{Mono: at}, from, &view.Message{Step: view.Ask, View: v})
		out := r.Collect(nil, nothing)
		return len(out) == 1 && out[0].To == from && out[0].Message.Granted
	}
	const answered = 100 * time.Millisecond
	if !ask(answered, "a", 1) {
		t.Fatal("the first view asked for is not granted")
	}
	end := answered + cfg.Lease + cfg.Slack
	if ask(answered, "b", 2) {
		t.Error("another view is granted at once")
	}
	if ask(end-1, "a", 1) {
		t.Error("the first view is granted again although a higher one waits")
	}
	if ask(end-1, "b", 2) {
		t.Error("another view is granted before the lease of the first and its slack are over")
	}
	if !ask(end, "b", 2) {
		t.Error("the higher view is not granted once the lease and its slack are over")
	}
}

// pair returns the state of a, in a region of a and b where b alone grants.
func pair(ledger view.Ledger, life uint64) *view.Region {
	r := view.New("a", view.DefaultConfig(), ledger, clock.Reading{}, func(string, uint64, uint64) uint64 { return life })
	r.Place(1, []store.NodeID{"a", "b"}, []store.NodeID{"b"})
	return r
}

// first is the view that b proposed to a.
var first = view.View{ID: view.ID{Number: 1, By: "b"}, Nodes: []store.NodeID{"a", "b"}}

func TestAnswerToAFormerLifeIsVoid(t *testing.T) {
	at := clock.Reading{Wall: int64(time.Hour), Mono: time.Hour}
	r := pair(view.Ledger{View: first}, 2)
	r.Tick(at)
	asks := r.Collect(nil, nothing)
	if len(asks) != 1 {
		t.Fatalf("%d messages, want one ask", len(asks))
	}
	answer := asks[0].Message
	answer.Step, answer.Granted = view.Answer, true
	for _, tt := range []struct {
		name string
		life uint64
		want bool
	}{
		{"same life", 2, true},
		{"after a restart", 4, false},
	} {
		r := pair(view.Ledger{View: first}, tt.life)
		now := clock.Reading{Wall: int64(time.Hour), Mono: time.Hour}
		r.Tick(now)
		r.Receive(now, "b", &answer)
		r.Collect(nil, nothing)
		if got := r.Hold().On(now); got != tt.want {
			t.Errorf("%s: in the view by the answer = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestLateReportSaysNothingNew(t *testing.T) {
	r := pair(view.Ledger{View: first}, 2)
	own := store.Origin{Node: "a"}
	var now clock.Reading
	r.Wrote(now, store.Mark{Origin: own, Seq: 5})
	reports := []struct {
		name string
		seq  uint64
		tag  view.ID
		want uint64
	}{
		{"while in another view", 5, view.ID{Number: 2, By: "b"}, 0},
		{"late, of when it was in this view and held less", 3, first.ID, 0},
	}
	for _, tt := range reports {
		r.Held(now, "b", store.Mark{Origin: own, Seq: tt.seq}, view.Tag{View: tt.tag})
		r.Collect(nil, nothing)
		if got := r.Confirmed().Seq; got != tt.want {
			t.Errorf("%s: confirmed %d, want %d", tt.name, got, tt.want)
		}
	}
	r = pair(view.Ledger{View: first}, 2)
	r.Wrote(now, store.Mark{Origin: own, Seq: 5})
	for i, from := range []store.NodeID{"b", "b"} {
		mark := store.Mark{Origin: store.Origin{Node: []store.NodeID{"x", "a"}[i]}, Seq: 4}
		r.Held(now, from, mark, view.Tag{View: first.ID})
		r.Collect(nil, nothing)
		if got, want := r.Confirmed().Seq, uint64(4*i); got != want {
			t.Errorf("b holds %v: confirmed %d, want %d", mark, got, want)
		}
	}
}

func TestRestartedGranterWaits(t *testing.T) {
	w := calm(t, 1, shape{1, 1})
	w.sites[0].crash(1)
	took, ok := w.until(2*time.Second, func() bool { return w.sites[0].started && whole(w.nodes()) })
	if cfg := view.DefaultConfig(); !ok || took < cfg.Lease+cfg.Slack-20*time.Millisecond {
		t.Errorf("a view after %v, %v; want one after a lease and its slack", took, ok)
	}
}

// A node that leaves the region may still answer `region` for as long as it was
// granted.
func TestRemovedNodeKeepsItsLease(t *testing.T) {
	w := calm(t, 1, shape{4, 3})
	left, gone := w.sites[:3], w.sites[3]
	for _, s := range left {
		s.region.Place(2, ids(left), ids(left))
	}
	gone.paused = 1 << 30
	_, ok := w.until(2*time.Second, func() bool {
		if !gone.front.hold.On(gone.reading()) {
			return true
		}
		if whole(left) {
			t.Fatalf("%v are a view while %s is in the former one", ids(left), gone.id)
		}
		return false
	})
	if !ok {
		t.Fatalf("%s is in its view for ever", gone.id)
	}
	recovers(t, w, time.Second, left)
}

func TestSuspendedNodeAsksAnew(t *testing.T) {
	w := calm(t, 1, shape{3, 3})
	s := w.sites[1]
	s.asleep = w.now + 300
	for range 300 {
		w.step()
	}
	if s.front.hold.On(s.reading()) {
		t.Error("a machine that slept counts on the grants of before")
	}
	if took, ok := w.until(time.Second, func() bool { return whole(w.nodes()) }); !ok || took > 20*time.Millisecond {
		t.Errorf("in the view again after %v, %v; want it after one round trip", took, ok)
	}
}

func TestValidate(t *testing.T) {
	if err := view.DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		field string
		spoil func(c *view.Config)
	}{
		{"Lease", func(c *view.Config) { c.Lease = c.Silence }},
		{"Slack", func(c *view.Config) { c.Slack = 0 }},
		{"Renew", func(c *view.Config) { c.Renew = c.Retry - 1 }},
		{"Retry", func(c *view.Config) { c.Retry = 0 }},
		{"Silence", func(c *view.Config) { c.Silence = 2*c.Renew - 1 }},
		{"Settle", func(c *view.Config) { c.Settle = 0 }},
		{"MaxNodes", func(c *view.Config) { c.MaxNodes = 0 }},
	}
	for _, tt := range tests {
		c := view.DefaultConfig()
		tt.spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.field) {
			t.Errorf("Validate with a bad %s = %v, want an error that names it", tt.field, err)
		}
	}
}

func BenchmarkWriteInViewOfFive(b *testing.B) {
	w := newNet(1, shape{5, 5}, time.Millisecond)
	if _, ok := w.until(time.Second, func() bool { return whole(w.nodes()) }); !ok {
		b.Fatal("no view")
	}
	s := w.sites[0]
	now, tag := s.reading(), s.region.Tag()
	b.ReportAllocs()
	for b.Loop() {
		s.own.Seq++
		s.region.Wrote(now, s.own)
		for _, peer := range w.sites[1:] {
			s.region.Held(now, peer.id, s.own, tag)
		}
		s.region.Tick(now)
		s.region.Collect(s.synced, s.synced.Covers)
		if s.region.Confirmed() != s.own {
			b.Fatalf("confirmed %v, want %v", s.region.Confirmed(), s.own)
		}
	}
}

// A node that takes nothing in says so: the others form a view without it, and it is
// not in one again before it takes things in.
func TestRestingNodeCostsOneLease(t *testing.T) {
	for _, sh := range shapes[2:] {
		w := calm(t, 1, sh)
		resting := w.sites[1]
		resting.region.Rest(true)
		left := slices.Delete(slices.Clone(w.nodes()), 1, 2)
		if _, ok := w.until(2*time.Second, func() bool { return !left[0].region.View().Has(resting.id) }); !ok {
			t.Fatalf("%v: the resting node is in the view after 2s, though nobody writes", sh)
		}
		resting.stuck = true
		recovers(t, w, 1300*time.Millisecond, left)
		for range 3000 {
			if w.step(); resting.region.Hold().On(resting.reading()) {
				t.Fatalf("%v: the resting node answers region again", sh)
			}
		}
		recovers(t, w, 50*time.Millisecond, left)
		resting.stuck = false
		resting.region.Rest(false)
		recovers(t, w, 3*time.Second, w.nodes())
	}
}
