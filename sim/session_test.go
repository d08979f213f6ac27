package sim_test

import (
	"testing"
	"time"

	"hearsay/sim"
)

// What one machine wrote reaches another late, by a third, whose own writes reach
// it at once: so whoever reads the latter and has thereby seen the former is told
// to wait for it.
func TestSessionsFollowWhatTheyRead(t *testing.T) {
	var waited uint64
	for seed := range uint64(4) {
		r := pass(t, sim.Config{
			Seed: seed, Nodes: 3, Regions: 3, For: 6 * time.Second, Pace: 30 * time.Millisecond, Sessions: 12,
			Faults: []sim.Fault{{ID: 1, Kind: sim.CutOneWay, At: 500 * time.Millisecond, For: 5 * time.Second, A: []int{0}, B: []int{2}}},
		})
		waited += r.Stats.SessionsWaited
	}
	if waited == 0 {
		t.Error("no session had to wait")
	}
}
