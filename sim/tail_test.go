package sim_test

import (
	"testing"
	"time"

	"hearsay/sim"
)

// Machines that put syncs off lose what was acknowledged local since the last one, and
// nothing else.
func TestSyncsPutOff(t *testing.T) {
	var unsynced, takenBack uint64
	for seed := range uint64(6) {
		r := pass(t, sim.Config{
			Seed: seed, Nodes: 6, For: 12 * time.Second, Pace: 20 * time.Millisecond, SyncEvery: 100 * time.Millisecond,
			Faults: []sim.Fault{
				{ID: 1, Kind: sim.Crash, At: 4 * time.Second, For: time.Second, A: []int{0, 1}},
				{ID: 2, Kind: sim.Crash, At: 6 * time.Second, For: time.Second, A: []int{0, 1, 2, 3, 4, 5}},
				{ID: 3, Kind: sim.FailedSync, At: 9 * time.Second, For: time.Second, A: []int{2, 3}},
			},
		})
		unsynced += r.Stats.Unsynced
		takenBack += r.Stats.TakenBack
	}
	if unsynced == 0 || takenBack == 0 {
		t.Errorf("%d turns were not synced and crashes took back %d writes, want some of both", unsynced, takenBack)
	}
}
