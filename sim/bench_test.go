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

// BenchmarkSteady runs clusters that are healthy and have met; one op is 10 s of
// virtual time.
func BenchmarkSteady(b *testing.B) {
	for _, load := range []struct {
		name  string
		nodes int
		pace  time.Duration // of each machine's operations
	}{
		{"idle/nodes=100", 100, time.Hour},
		{"light/nodes=100", 100, 100 * time.Second},
		{"idle/nodes=300", 300, time.Hour},
		{"writes/nodes=20", 20, 20 * time.Millisecond},
	} {
		b.Run(load.name, func(b *testing.B) {
			const meet, span = 20 * time.Second, 10 * time.Second
			b.ReportAllocs()
			b.StopTimer()
			var statuses, applied uint64
			for i := range b.N {
				w := sim.New(sim.Config{
					Seed: uint64(i), Nodes: load.nodes, Regions: 5, For: meet + span, Pace: load.pace,
					Links: sim.Streams, Faults: []sim.Fault{},
				})
				for w.Now() < meet && w.Step() {
				}
				before := w.Result()
				b.StartTimer()
				for w.Now() < meet+span && w.Step() {
				}
				b.StopTimer()
				r := w.Result()
				if r.Violation != nil {
					b.Fatal(r.Violation)
				}
				statuses += r.Stats.Received - before.Stats.Received
				applied += r.Stats.Applied - before.Stats.Applied
			}
			b.ReportMetric(float64(statuses)/b.Elapsed().Seconds(), "messages/s")
			b.ReportMetric(float64(applied)/b.Elapsed().Seconds(), "applies/s")
			b.ReportMetric(float64(b.N)*span.Seconds()/b.Elapsed().Seconds(), "x-real-time")
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
