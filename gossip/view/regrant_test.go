package view_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip/view"
	"hearsay/store"
)

// What the owner of a Region has to see to when granters change; see
// gossip/roster.
const (
	changeUnknown breach = "granters change before all adopted the former ones"
	changeGranted breach = "granters change while former grants run"
	changeTwo     breach = "two granters change at once"
)

// settle is longer than any grant lasts, by any clock.
const settle = 1200 * time.Millisecond

// regrant lets sites adopt other granters, and makes such. Whom it does not concern
// is slow to.
func (w *net) regrant() {
	for _, s := range w.sites {
		slow := 20
		if !slices.Contains(w.concerned(), s.i) {
			slow = 1000
		}
		if s.started && s.asleep <= w.now && s.paused <= w.now && s.config+1 < len(w.configs) && w.rng.IntN(slow) == 0 {
			s.config++
			s.adopted = w.now
			s.place()
		}
	}
	if w.rng.IntN(5) > 0 || !w.settled() {
		return
	}
	next := slices.Clone(w.configs[len(w.configs)-1])
	for range 1 + w.two() {
		i := w.rng.IntN(len(w.sites))
		switch at, has := slices.BinarySearch(next, i); {
		case has && len(next) > 1:
			next = slices.Delete(next, at, at+1)
		case !has && len(next) < 5:
			next = slices.Insert(next, at, i)
		}
	}
	w.configs = append(w.configs, next)
}

func (w *net) two() int {
	if w.breach == changeTwo {
		return 1
	}
	return 0
}

// concerned returns the last granters and those before.
func (w *net) concerned() []int {
	n := len(w.configs) - 1
	return slices.Concat(w.configs[n], w.configs[max(0, n-1)])
}

// settled reports whether nothing rests on former granters any more.
func (w *net) settled() bool {
	if len(w.configs) == 1 || w.breach == changeUnknown {
		return true
	}
	n := len(w.configs) - 1
	present := w.configs[n]
	concerned := w.concerned()
	for _, i := range concerned {
		s := w.sites[i]
		if !s.started || s.config < n {
			return false
		}
		if w.breach != changeGranted && time.Duration(w.now-s.adopted)*w.tick < settle {
			return false
		}
	}
	for _, i := range present {
		for _, j := range concerned {
			if !w.sites[i].synced.Covers(w.sites[j].synced) {
				return false
			}
		}
	}
	return true
}

// place tells s of the granters that it knows.
func (s *site) place() {
	w := s.net
	granters := make([]store.NodeID, len(w.configs[s.config]))
	for i, g := range w.configs[s.config] {
		granters[i] = w.sites[g].id
	}
	s.region.Place(uint64(s.config), ids(w.nodes()), granters)
}

// TestGrantersChange runs regions whose granters come and go.
func TestGrantersChange(t *testing.T) {
	var acks, fresh, changes int
	for seed := range uint64(seeds / 5) {
		sh := shapes[3+seed%3]
		w := regranted(seed, sh, "")
		acks, fresh, changes = acks+w.acks, fresh+w.fresh, changes+len(w.configs)-1
		if w.failure != "" {
			t.Fatalf("seed %d, %v: %s", seed, sh, w.failure)
		}
	}
	t.Logf("%d writes acknowledged region, %d reads say it, %d changes of granters", acks, fresh, changes)
	if acks == 0 || fresh == 0 || changes < seeds/5 {
		t.Errorf("%d writes acknowledged region, %d reads say it, %d changes of granters: too few to mean anything", acks, fresh, changes)
	}
}

func TestChangeOfGrantersHasRules(t *testing.T) {
	for _, b := range []breach{changeUnknown, changeGranted, changeTwo} {
		t.Run(string(b), func(t *testing.T) {
			for seed := range uint64(seeds) {
				sh := shapes[3+seed%3]
				if w := regranted(seed, sh, b); w.failure != "" {
					t.Logf("seed %d, %v: %s", seed, sh, w.failure)
					return
				}
			}
			t.Error("no seed notices")
		})
	}
}

// regranted is harm with granters that change.
func regranted(seed uint64, sh shape, b breach) *net {
	w := newNet(seed, sh, 5*time.Millisecond)
	w.breach, w.loss, w.lazy = b, 50, 30
	w.writes = []int{30, 100, 300, 1000}[seed/uint64(len(shapes))%4]
	w.configs = [][]int{{0}}
	if sh.granters > 1 && seed%2 == 0 {
		w.configs[0] = append(w.configs[0], 1)
	}
	for w.failure == "" && w.elapsed() < 15*time.Second {
		w.fault()
		w.regrant()
		w.step()
	}
	if w.failure != "" {
		w.failure += fmt.Sprint(", granters were ", w.configs)
	}
	return w
}

// A granter that knows of other granters than the asker does not count for a
// majority of those.
func TestGranterRefusesWhoIsBehind(t *testing.T) {
	for _, tt := range []struct {
		config uint64
		want   bool
	}{{6, false}, {7, true}, {8, true}} {
		r := view.New("g", view.DefaultConfig(), view.Ledger{}, clock.Reading{}, func(string, uint64, uint64) uint64 { return 0 })
		r.Place(7, []store.NodeID{"a", "b"}, []store.NodeID{"b", "g"})
		ask := view.Message{Step: view.Ask, View: view.View{ID: view.ID{Number: 1, By: "a"}, Nodes: []store.NodeID{"a"}}, Config: tt.config}
		r.Receive(clock.Reading{}, "a", &ask)
		if out := r.Collect(nil, nothing); len(out) != 1 || out[0].Message.Granted != tt.want {
			t.Errorf("g knows granters 7 and a asks under %d: answered %+v, want granted = %v", tt.config, out, tt.want)
		}
	}
}

// What former granters named covers what majorities of theirs held, and no more.
func TestOtherGrantersNameAnew(t *testing.T) {
	r := pair(view.Ledger{View: first}, 2)
	r.Tick(clock.Reading{})
	ask := r.Collect(nil, nothing)[0].Message
	answer := ask
	answer.Step, answer.Granted = view.Answer, true
	r.Receive(clock.Reading{}, "b", &answer)
	r.Collect(nil, nothing)
	if !r.Hold().On(clock.Reading{}) {
		t.Fatal("a is not in the view that b granted")
	}
	r.Place(2, []store.NodeID{"a", "b"}, []store.NodeID{"b", "g"})
	r.Tick(clock.Reading{})
	out := r.Collect(nil, nothing)
	if r.Hold().On(clock.Reading{}) {
		t.Error("a is in the view by what b named under other granters")
	}
	for _, env := range out {
		if m := env.Message; m.Step == view.Ask && (m.Known || m.Config != 2) {
			t.Errorf("a asks %s with Known %v under granters %d, want all named anew under 2", env.To, m.Known, m.Config)
		}
	}
	if len(out) != 2 {
		t.Errorf("a asks %d granters, want b and g", len(out))
	}
}
