package sim_test

import (
	"testing"
	"time"

	"hearsay/sim"
)

// from runs cfg and returns what came out from one moment on: what nodes do once,
// when they meet, is not what they do all the time.
func from(t *testing.T, cfg sim.Config, begin time.Duration) *sim.Result {
	t.Helper()
	w := sim.New(cfg)
	for w.Now() < begin && w.Step() {
	}
	before := w.Result()
	for w.Step() {
	}
	r := w.Result()
	if r.Violation != nil {
		t.Fatal(r.Violation)
	}
	r.At -= before.At
	r.Stats.SentBytes -= before.Stats.SentBytes
	r.Stats.Sent -= before.Stats.Sent
	return r
}

// An idle node tells a few others how far it is, whatever the size of the cluster.
func TestIdleTraffic(t *testing.T) {
	tests := []struct {
		nodes, regions int
		bytes          uint64 // a second and node, at most
		behind         time.Duration
	}{
		{5, 5, 2000, 700 * time.Millisecond},
		{20, 5, 3000, 800 * time.Millisecond},
		{100, 5, 6000, time.Second},
	}
	for _, tt := range tests {
		cfg := sim.Config{Nodes: tt.nodes, Regions: tt.regions, For: 64 * time.Second, Pace: time.Hour, Links: sim.Streams, Faults: []sim.Fault{}}
		r := from(t, cfg, 60*time.Second)
		if got := r.Stats.SentBytes * uint64(time.Second) / uint64(r.At) / uint64(tt.nodes); got > tt.bytes {
			t.Errorf("each of %d idle nodes sends %d bytes a second, want at most %d", tt.nodes, got, tt.bytes)
		}
		if got := r.Stats.Behind.Quantile(990); got > tt.behind {
			t.Errorf("W of %d nodes is %v behind at its rises at p99, want at most %v", tt.nodes, got, tt.behind)
		}
	}
}
