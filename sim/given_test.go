package sim_test

import (
	"slices"
	"testing"
	"time"

	"hearsay/sim"
	"hearsay/store"
)

// given is a workload of two regions whose sessions ask ten times a second.
func given() sim.Workload {
	return sim.Workload{
		Sessions: 40, Weights: []int{3, 1},
		Gap:  sim.Table{{0, 0}, {65536, int64(200 * time.Millisecond)}},
		Keys: 4, Popularity: []uint64{1, 2, 3, 100},
		Mix: [4]int{700, 250, 50, 0}, Size: sim.Table{{0, 10}, {65536, 100}},
	}
}

// records runs loads on six machines in two regions and returns what all sessions did,
// each session's in its order.
func records(t *testing.T, loads ...sim.Workload) []sim.Record {
	t.Helper()
	var all []sim.Record
	cfg := sim.Config{Seed: 3, Nodes: 6, Regions: 2, For: 10 * time.Second, Workloads: loads, Faults: []sim.Fault{}}
	if r := sim.Run(cfg); r.Violation != nil {
		t.Fatal(r.Violation)
	}
	cfg.Record = func(r sim.Record) { all = append(all, r) }
	pass(t, cfg)
	all = all[:len(all)/2] // pass runs twice
	slices.SortStableFunc(all, func(a, b sim.Record) int { return a.Session - b.Session })
	return all
}

func TestGivenWorkload(t *testing.T) {
	all := records(t, given())
	if len(all) < 3800 || len(all) > 4200 {
		t.Errorf("40 sessions at 10 operations a second did %d in 10 s, want 4000, about", len(all))
	}
	var writes, east, hot, done int
	for _, r := range all {
		if r.Operation != sim.Get {
			writes++
		}
		if r.Machine%2 == 0 {
			east++
		}
		if r.Key.Name == "w0-000003" {
			hot++
		}
		if r.Outcome == sim.Done {
			done++
		}
	}
	for _, c := range []struct {
		what        string
		n           int
		least, most int // of a hundred
	}{
		{"are writes", writes, 27, 33},
		{"are asked in the region of weight 3", east, 55, 95},
		{"are of the most popular key", hot, 95, 99},
		{"are done", done, 95, 100},
	} {
		if got := c.n * 100; got < c.least*len(all) || got > c.most*len(all) {
			t.Errorf("%d of %d operations %s, want %d to %d of a hundred", c.n, len(all), c.what, c.least, c.most)
		}
	}
}

// behind counts the reads that found less than their session had written.
func behind(all []sim.Record) int {
	n := 0
	wrote := map[store.Key]store.Version{}
	for i, r := range all {
		if i > 0 && all[i-1].Session != r.Session {
			clear(wrote)
		}
		switch {
		case r.Operation != sim.Get && r.Outcome == sim.Done:
			wrote[r.Key] = r.Version
		case r.Operation == sim.Get && r.Outcome == sim.Done && r.Version.Compare(wrote[r.Key]) < 0:
			n++
		}
	}
	return n
}

// Who roams without a bookmark may miss his own writes, and with one does not.
func TestTokenKeepsOwnWrites(t *testing.T) {
	load := given()
	load.Weights = []int{1, 1}
	load.Roam = sim.Table{{0, int64(100 * time.Millisecond)}, {65536, int64(500 * time.Millisecond)}}
	load.Gap, load.Sessions = sim.Table{{0, 0}, {65536, int64(20 * time.Millisecond)}}, 4
	if n := behind(records(t, load)); n == 0 {
		t.Error("without bookmarks every session saw its own writes, which in 10 s of roaming it should not")
	}
	load.Token = true
	if n := behind(records(t, load)); n != 0 {
		t.Errorf("with bookmarks %d reads missed what their session had written", n)
	}
}

// A closed session thinks after each answer, and goes on where one never came.
func TestClosedWorkload(t *testing.T) {
	load := given()
	load.Closed, load.Sticky, load.Sessions = true, true, 6
	load.Gap = sim.Table{{0, int64(100 * time.Millisecond)}, {65536, int64(100 * time.Millisecond)}}
	all := records(t, load)
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if a.Session != b.Session {
			continue
		}
		if think := b.Invoked - a.Returned; think < 100*time.Millisecond || think > 101*time.Millisecond {
			t.Fatalf("session %d asked %v after its answer, want 100ms", a.Session, think)
		}
		if a.Machine != b.Machine {
			t.Fatalf("session %d is sticky, but asked machines %d and %d", a.Session, a.Machine, b.Machine)
		}
	}
}
