package sim_test

import (
	"testing"
	"time"

	"hearsay/sim"
)

// oneOfThree is a region of three granters, one of which has the fault.
func oneOfThree(kind sim.FaultKind, amount time.Duration) sim.Config {
	return sim.Config{
		Seed: 1, Nodes: 3, Regions: 1, For: 40 * time.Second, Pace: 50 * time.Millisecond,
		Faults: []sim.Fault{{ID: 1, Kind: kind, At: 16 * time.Second, For: 16 * time.Second, A: []int{1}, Amount: amount}},
	}
}

// A full machine takes nothing; its region goes on without it, and it catches up.
func TestFullDisk(t *testing.T) {
	cfg := oneOfThree(sim.FullDisk, 0)
	refused := 0
	cfg.Trace = func(s sim.Step) {
		if s.Kind == sim.Refused && s.Machine == 1 {
			refused++
		}
	}
	r := pass(t, cfg)
	if s := &r.Stats; refused == 0 || s.Count("disk_full") != 1 || s.Count("disk_freed") != 1 || s.RegionWrites*20 < s.Acknowledged*17 {
		t.Errorf("full for 16 of 40 s, one of three refused %d writes, told %d and %d times of it, and %d of %d writes were acknowledged region; want some, 1, 1 and 17 of 20 at least",
			refused, s.Count("disk_full"), s.Count("disk_freed"), s.RegionWrites, s.Acknowledged)
	}
}

// A machine whose commits are slow leaves its region's view, for it is late.
func TestSlowDisk(t *testing.T) {
	r := pass(t, oneOfThree(sim.SlowDisk, 2*time.Second))
	if s := &r.Stats; s.RegionWrites*20 < s.Acknowledged*17 {
		t.Errorf("with one of three slow, %d of %d writes were acknowledged region, want 17 of 20 at least", s.RegionWrites, s.Acknowledged)
	}
}

// A node ends with a commit that fails, whether the disk has it or not, and all that
// it had acknowledged is there when it starts again.
func TestFailedSync(t *testing.T) {
	for seed := range uint64(3) {
		cfg := oneOfThree(sim.FailedSync, 0)
		cfg.Seed, cfg.For, cfg.Faults[0].For = seed, 24*time.Second, 3*time.Second
		if r := pass(t, cfg); r.Stats.FailedSyncs != 1 {
			t.Errorf("seed %d: %d nodes ended with a failed commit, want 1", seed, r.Stats.FailedSyncs)
		}
	}
}
