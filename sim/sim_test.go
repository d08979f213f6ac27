package sim_test

import (
	"flag"
	"testing"
	"time"

	"hearsay/sim"
)

var (
	seeds     = flag.Int("seeds", 40, "how many seeds TestSeeds runs")
	firstSeed = flag.Uint64("first-seed", 1, "the first of them")
)

// seedConfig returns what TestSeeds runs under a seed. It sets only what the
// replay command tells.
func seedConfig(seed uint64) sim.Config {
	nodes := [...]int{6, 7, 8, 9, 3, 4, 5, 6, 7, 8, 3, 4, 5, 6, 9, 3, 4, 5, 12, 20}
	return sim.Config{Seed: seed, Nodes: nodes[seed%uint64(len(nodes))], For: 20 * time.Second}
}

// runTwice runs cfg twice, which must be the same run.
func runTwice(t *testing.T, cfg sim.Config) *sim.Result {
	t.Helper()
	a, b := sim.Run(cfg), sim.Run(cfg)
	if d := a.Compare(b); d != nil {
		t.Errorf("%v\nreplay: %s", d, a.Command())
	}
	return a
}

func TestSeeds(t *testing.T) {
	var all sim.Stats
	var failed uint64 // fetches
	if testing.Short() {
		*seeds = min(*seeds, 5)
	}
	for i := range uint64(*seeds) {
		r := runTwice(t, seedConfig(*firstSeed+i))
		if r.Violation != nil {
			t.Errorf("%v\nreplay: %s", r.Violation, r.Command())
		}
		for kind, n := range r.Stats.Faults {
			all.Faults[kind] += n
		}
		all.TakenBack += r.Stats.TakenBack
		all.FailedSyncs += r.Stats.FailedSyncs
		all.Survived += r.Stats.Survived
		all.Dropped += r.Stats.Dropped
		all.ReadsInTurn += r.Stats.ReadsInTurn
		all.Duplicated += r.Stats.Duplicated
		all.LostOnTheWay += r.Stats.LostOnTheWay
		all.LostDown += r.Stats.LostDown
		all.Repeated += r.Stats.Repeated
		all.Lost += r.Stats.Lost
		all.Large += r.Stats.Large
		all.Chunks += r.Stats.Chunks
		failed += r.Stats.Count("fetch_failed")
		all.SessionsServed += r.Stats.SessionsServed
		all.SessionsWaited += r.Stats.SessionsWaited
		all.SessionsRefused += r.Stats.SessionsRefused
		all.SessionsGaveUp += r.Stats.SessionsGaveUp
		all.RegionWrites += r.Stats.RegionWrites
		all.RegionReads += r.Stats.RegionReads
	}
	if *seeds < 40 {
		return // too few to expect everything
	}
	// What never happens proves nothing.
	for kind, n := range all.Faults {
		if n == 0 && sim.FaultKind(kind) != sim.Rot {
			t.Errorf("no seed had a fault of the kind %v", sim.FaultKind(kind))
		}
	}
	for _, sometimes := range []struct {
		what string
		n    uint64
	}{
		{"a crash left an open turn on the disk", all.Survived},
		{"a crash lost an open turn", all.Dropped},
		{"a crash took back writes that were not synced", all.TakenBack},
		{"a commit failed", all.FailedSyncs},
		{"a read fell between an apply and its sync", all.ReadsInTurn},
		{"a message was repeated", all.Duplicated},
		{"a message was lost on the way", all.LostOnTheWay},
		{"a message reached a machine that was down", all.LostDown},
		{"a retry found its first try", all.Repeated},
		{"an update was lost", all.Lost},
		{"a large value was put", all.Large},
		{"a chunk was fetched", all.Chunks},
		{"a fetch failed", failed},
		{"a session was served", all.SessionsServed},
		{"a session had to wait", all.SessionsWaited},
		{"a session waited in vain", all.SessionsRefused},
		{"a session never heard how its write ended", all.SessionsGaveUp},
		{"a write was acknowledged region", all.RegionWrites},
		{"a read said region", all.RegionReads},
	} {
		if sometimes.n == 0 {
			t.Errorf("in no seed did it happen that %s", sometimes.what)
		}
	}
}
