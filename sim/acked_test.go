package sim

import (
	"testing"
	"time"
)

// A region goes on without a node that is gone, and nobody anywhere is staler for it,
// though W stands still until the node is dropped.
func TestGoneNodeMakesNobodyStale(t *testing.T) {
	for _, nodes := range []int{6, 9} {
		w := New(Config{
			Seed: 1, Nodes: nodes, Regions: 3, For: 20 * time.Second,
			Faults: []Fault{{ID: 1, Kind: Crash, At: 3 * time.Second, For: 17 * time.Second, A: []int{4}}},
		})
		for w.now < 19*time.Second && w.Step() {
		}
		for _, m := range w.machines {
			if m.index == 4 {
				continue
			}
			stale, known := m.front.Staleness(m.clocks.read(w.now))
			behind := w.now - time.Duration(m.front.W.Wall-dawn)
			if !known || stale > 2500*time.Millisecond || behind < 15*time.Second {
				t.Errorf("of %d nodes, %s is %v stale and its W %v behind, 16 s after another node went; want 2.5 s at most, and the 16 s", nodes, m.peer.ID, stale, behind)
			}
		}
		for w.Step() {
		}
		if v := w.Result().Violation; v != nil {
			t.Error(v)
		}
	}
}
