package sim

import (
	"testing"
	"time"
)

// others returns the machines of n but for the given ones.
func others(n int, but ...int) []int {
	var all []int
	for i := range n {
		found := false
		for _, b := range but {
			found = found || b == i
		}
		if !found {
			all = append(all, i)
		}
	}
	return all
}

// apart returns faults that cut some machines of n off from the others.
func apart(n int, at, span time.Duration, some ...int) []Fault {
	rest := others(n, some...)
	return []Fault{
		{ID: 101, Kind: CutOneWay, At: at, For: span, A: some, B: rest},
		{ID: 102, Kind: CutOneWay, At: at, For: span, A: rest, B: some},
	}
}

// A machine that is cut off goes on writing while the others forget it, and comes
// back: nothing that it acknowledged is lost. So too where others hold its writes in
// part, for a cut that loses most hits it first.
func TestForgottenReturns(t *testing.T) {
	var offered uint64
	for seed := range uint64(12) {
		const nodes = 5
		cfg := Config{Seed: seed, Nodes: nodes, For: 16 * time.Second, Pace: 60 * time.Millisecond}
		cfg.Faults = append(apart(nodes, 3*time.Second, 8*time.Second, 1),
			Fault{ID: 103, Kind: Loss, At: 2 * time.Second, For: time.Second, Permille: 600},
			Fault{ID: 104, Kind: Forget, At: 8500 * time.Millisecond, A: []int{1}, B: []int{0}})
		r := Run(cfg)
		if r.Violation != nil {
			t.Fatalf("seed %d: %v", seed, r.Violation)
		}
		offered += r.Stats.Offered
	}
	if offered == 0 {
		t.Error("nothing was offered anew")
	}
}

// A machine whose first write nobody else has is forgotten. Who saw that write and asks
// elsewhere, once the floor has passed it, is told that it is lost: it does not pass
// for one of an origin that has retired.
func TestLostWriteIsNotTakenForRetired(t *testing.T) {
	var lost uint64
	for seed := range uint64(12) {
		const nodes = 5
		cfg := Config{Seed: seed, Nodes: nodes, Regions: nodes, For: 24 * time.Second, Pace: 4 * time.Second, Sessions: 24, Collection: Collect, SyncEvery: SyncAlways}
		cfg.Faults = append(apart(nodes, 1500*time.Millisecond, 16*time.Second, 1),
			Fault{ID: 103, Kind: Forget, At: 5 * time.Second, A: []int{1}, B: []int{0}})
		r := Run(cfg)
		if r.Violation != nil {
			t.Fatalf("seed %d: %v", seed, r.Violation)
		}
		lost += r.Stats.BookmarksLost
	}
	if lost == 0 {
		t.Error("no bookmark was lost")
	}
}

// A node that is up and in touch with all is forgotten by force, in the midst of its
// writes.
func TestForgottenWhileUp(t *testing.T) {
	var offered uint64
	for seed := range uint64(12) {
		cfg := Config{Seed: seed, Nodes: 5, For: 12 * time.Second, Pace: 15 * time.Millisecond}
		cfg.Faults = []Fault{
			{ID: 1, Kind: Reorder, At: 3 * time.Second, For: 4 * time.Second, Permille: 500, Amount: 400 * time.Millisecond},
			{ID: 2, Kind: Loss, At: 3 * time.Second, For: 3 * time.Second, Permille: 100},
			{ID: 3, Kind: Forget, At: 4 * time.Second, A: []int{3}, B: []int{2}},
		}
		r := Run(cfg)
		if r.Violation != nil {
			t.Fatalf("seed %d: %v", seed, r.Violation)
		}
		offered += r.Stats.Offered
	}
	if offered == 0 {
		t.Error("nothing was offered anew")
	}
}

func TestWipedIsReplaced(t *testing.T) {
	for seed := range uint64(8) {
		w := New(Config{Seed: seed, Nodes: 4, For: 14 * time.Second, Faults: []Fault{
			{ID: 1, Kind: Wipe, At: 3 * time.Second, For: 2 * time.Second, A: []int{int(seed % 4)}},
		}})
		for w.Step() {
		}
		m := w.machines[seed%4]
		if v := w.Result().Violation; v != nil {
			t.Fatalf("seed %d: %v", seed, v)
		}
		_, old := w.check.epoch.Member(w.cfg.nodeID(m.index))
		if _, now := w.check.epoch.Member(m.peer.ID); !now || old || m.disks != 1 {
			t.Errorf("seed %d: members are %v, want %s in place of its former self", seed, w.check.epoch.Members, m.peer.ID)
		}
	}
}

// A minority neither forgets nor admits, whatever it is told.
func TestMinorityChangesNoRoster(t *testing.T) {
	for seed := range uint64(6) {
		const nodes = 5
		faults := apart(nodes, 3*time.Second, 17*time.Second, 0, 1)
		for i, a := range []int{2, 3, 4, 1} {
			faults = append(faults, Fault{ID: uint64(i), Kind: Forget, At: time.Duration(4+3*i) * time.Second, A: []int{a}, B: []int{0}})
		}
		// Its other half loses its disk, and is nobody to the one that is left.
		faults = append(faults, Fault{ID: 9, Kind: Wipe, At: 5 * time.Second, For: 2 * time.Second, A: []int{1}})
		w := New(Config{Seed: seed, Nodes: nodes, For: 20 * time.Second, Faults: faults})
		var before uint64
		for w.Now() < w.cfg.For && w.Step() {
			if w.Now() < 3500*time.Millisecond {
				before = w.machines[0].node.Roster().Number // what is under way may still arrive
			}
			if now := w.machines[0].node.Roster().Number; now != before {
				t.Fatalf("seed %d: at %v the minority has epoch %d, had %d when it was cut off", seed, w.Now(), now, before)
			}
		}
		for w.Step() {
		}
		if v := w.Result().Violation; v != nil {
			t.Fatalf("seed %d: %v", seed, v)
		}
	}
}
