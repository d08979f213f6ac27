package sim_test

import (
	"fmt"
	"testing"
	"time"

	"hearsay/sim"
)

// BenchmarkHappenings runs healthy clusters; one op is one run.
func BenchmarkHappenings(b *testing.B) {
	for _, size := range []struct {
		nodes int
		span  time.Duration
		pace  time.Duration // of each machine's operations
	}{
		{6, 20 * time.Second, 20 * time.Millisecond},
		{100, 10 * time.Second, 2 * time.Second},
	} {
		b.Run(fmt.Sprintf("nodes=%d", size.nodes), func(b *testing.B) {
			b.ReportAllocs()
			var happenings, applied uint64
			var virtual time.Duration
			for i := range b.N {
				r := sim.Run(sim.Config{Seed: uint64(i), Nodes: size.nodes, For: size.span, Pace: size.pace, Faults: []sim.Fault{}})
				if r.Violation != nil {
					b.Fatal(r.Violation)
				}
				happenings += r.Happenings
				applied += r.Stats.Applied
				virtual += size.span + r.Converged
			}
			b.ReportMetric(float64(happenings)/b.Elapsed().Seconds(), "happenings/s")
			b.ReportMetric(float64(applied)/b.Elapsed().Seconds(), "applies/s")
			b.ReportMetric(virtual.Seconds()/b.Elapsed().Seconds(), "x-real-time")
		})
	}
}

// BenchmarkPropagation tells, in virtual time, how long after its commit a write
// is visible everywhere: two nodes in each of five regions, links with jitter.
func BenchmarkPropagation(b *testing.B) {
	for _, permille := range []int{0, 10} {
		b.Run(fmt.Sprintf("loss=%d‰", permille), func(b *testing.B) {
			cfg := sim.Config{Nodes: 10, Regions: 5, For: 60 * time.Second, Pace: 500 * time.Millisecond, Links: sim.Streams}
			cfg.Faults = []sim.Fault{{ID: 1, Kind: sim.Loss, For: cfg.For, Permille: permille}}
			var r *sim.Result
			for range b.N {
				r = sim.Run(cfg)
			}
			if r.Violation != nil {
				b.Fatal(r.Violation)
			}
			b.ReportMetric(float64(r.Stats.Everywhere.Quantile(500).Microseconds())/1000, "virtual-ms-p50")
			b.ReportMetric(float64(r.Stats.Everywhere.Quantile(990).Microseconds())/1000, "virtual-ms-p99")
		})
	}
}
