package sim_test

import (
	"testing"
	"time"

	"hearsay/sim"
)

// A disk that loses or changes an entry says nothing; the others tell.
func TestRotIsMended(t *testing.T) {
	tests := []struct {
		name     string
		permille int
	}{
		{"lost", 0},
		{"changed", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const span = 15 * time.Second
			cfg := sim.Config{Nodes: 5, Regions: 5, For: span, Settle: 40 * time.Second, Links: sim.Streams}
			cfg.Faults = []sim.Fault{{ID: 3, Kind: sim.Rot, At: span - time.Millisecond, A: []int{2}, Permille: tt.permille}}
			s := pass(t, cfg).Stats
			for _, event := range []string{"bucket_bad", "replicas_differ", "entry_mended"} {
				if s.Count(event) == 0 {
					t.Errorf("no %s was told of", event)
				}
			}
		})
	}
}

// Without a spoilt disk no difference is ever told of, whether they collect or not.
func TestSoundReplicasDoNotDiffer(t *testing.T) {
	for _, c := range []sim.Collection{sim.KeepAll, sim.Collect} {
		s := pass(t, sim.Config{Nodes: 6, Seed: 5, Collection: c}).Stats
		if got := s.Count("replicas_differ") + s.Count("bucket_bad"); got != 0 {
			t.Errorf("collection %d: %d differences were told of, want none", c, got)
		}
		if s.Buckets == 0 || (s.Collected > 0) != (c == sim.Collect) {
			t.Errorf("collection %d: buckets were compared %d times and %d entries collected", c, s.Buckets, s.Collected)
		}
	}
}
