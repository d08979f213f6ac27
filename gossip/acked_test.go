package gossip

import (
	"testing"

	"hearsay/clock"
)

// Up to half of the members may count by what others say for them, so that any majority
// has one that counts by its own word.
func TestFewerThanAMajorityAreSpokenFor(t *testing.T) {
	tests := []struct {
		name        string
		best, acked []int64
		want        int64
	}{
		{"nobody", []int64{5, 6, 7}, []int64{0, 0, 0}, 5},
		{"one of three", []int64{1, 6, 7}, []int64{5, 0, 0}, 5},
		{"less than others closed", []int64{1, 3, 7}, []int64{5, 0, 0}, 3},
		{"two of three", []int64{1, 2, 7}, []int64{5, 5, 0}, 2},
		{"two of four", []int64{1, 8, 2, 7}, []int64{5, 0, 6, 0}, 5},
		{"three of four", []int64{1, 8, 2, 3}, []int64{5, 0, 6, 7}, 3},
		{"two of five", []int64{1, 8, 2, 9, 9}, []int64{5, 0, 6, 0, 0}, 5},
		{"less than it had closed itself", []int64{6, 6, 7}, []int64{5, 0, 0}, 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &Engine{apart: true}
			for i := range tt.best {
				e.standings = append(e.standings, standing{best: clock.Timestamp{Wall: tt.best[i]}, acked: clock.Timestamp{Wall: tt.acked[i]}})
				e.least = earlier(e.standings[0].best, e.standings[i].best)
			}
			if got := e.leastAcked().Wall; got != tt.want {
				t.Errorf("leastAcked = %d, want %d", got, tt.want)
			}
		})
	}
}
