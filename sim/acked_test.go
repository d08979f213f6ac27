package sim

import (
	"testing"
	"time"
)

// A region goes on without a node that is gone, and nobody anywhere is staler for it,
// though W stands still until the node is dropped. Nor if another one of the region
// starts anew meanwhile, which closes nothing before it has heard the one that is gone.
func TestGoneNodeMakesNobodyStale(t *testing.T) {
	for _, nodes := range []int{6, 9} {
		w := New(Config{
			Seed: 1, Nodes: nodes, Regions: 3, For: 20 * time.Second,
			Faults: []Fault{
				{ID: 1, Kind: Crash, At: 3 * time.Second, For: 17 * time.Second, A: []int{4}},
				{ID: 2, Kind: Crash, At: 8 * time.Second, For: 2 * time.Second, A: []int{1}},
			},
		})
		until := func(end time.Duration) {
			for w.now < end && w.Step() {
			}
			for _, m := range w.machines {
				if m.index == 4 {
					continue
				}
				stale, known := m.front.Staleness(m.clocks.read(w.now))
				behind := w.now - time.Duration(m.front.W.Wall-dawn)
				if !known || stale > 2500*time.Millisecond || behind < end-4*time.Second {
					t.Errorf("of %d nodes, at %v %s is %v stale and its W %v behind, want 2.5 s at most, and all the time since another node went", nodes, end, m.peer.ID, stale, behind)
				}
			}
		}
		until(7 * time.Second)
		until(19 * time.Second)
		for w.Step() {
		}
		if v := w.Result().Violation; v != nil {
			t.Error(v)
		}
	}
}
