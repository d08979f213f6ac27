package gossip_test

import (
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

func TestClockOff(t *testing.T) {
	cfg := gossip.DefaultConfig()
	late := cfg.UnknownRTT + 1250*time.Millisecond
	tests := []struct {
		name  string
		sites []string
		by    time.Duration // what this machine's clock shows too much
		quiet time.Duration // since when nobody is heard
		want  time.Duration
	}{
		{"right", []string{"a1", "a2", "a3"}, 0, 0, 0},
		{"behind", []string{"a1", "a2", "a3"}, -time.Second, 0, time.Second},
		{"ahead", []string{"a1", "a2", "a3"}, 2 * time.Second, 0, late - 2*time.Second},
		{"ahead by no more than readings may be late", []string{"a1", "a2", "a3"}, late, 0, 0},
		{"against one peer", []string{"a1", "a2"}, -time.Second, 0, 0},
		{"against nobody", []string{"a1"}, -time.Second, 0, 0},
		{"against regions afar", []string{"a1", "b1", "c1"}, -time.Second, 0, time.Second},
		{"nobody heard for a while", []string{"a1", "a2", "a3"}, -time.Second, 5 * time.Second, time.Second},
		{"nobody heard for long", []string{"a1", "a2", "a3"}, -time.Second, 21 * time.Second, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := newNet(t, cfg, tt.sites...)
			n.run(9 * time.Second)
			if tt.quiet > 0 {
				n.lose = func(store.NodeID, store.NodeID, gossip.Message) bool { return true }
				n.run(tt.quiet)
			}
			now := n.now
			now.Wall += int64(tt.by)
			if got := n.sites[0].ClockOff(now); got < tt.want-50*time.Millisecond || got > tt.want {
				t.Errorf("ClockOff = %v, want %v", got, tt.want)
			}
		})
	}
}

// Readings that come late, as after a pause, are no clocks that went back.
func TestLateReadingsDoNotCount(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "a2", "a3")
	n.run(9 * time.Second)
	n.delay = func(_, to store.NodeID, _ gossip.Message) time.Duration {
		if to == "a1" {
			return 3 * time.Second
		}
		return 0
	}
	n.run(4 * time.Second)
	if got := n.sites[0].ClockOff(n.now); got != 0 {
		t.Errorf("ClockOff with readings 3 s late = %v, want 0", got)
	}
}
