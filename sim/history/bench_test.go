package history_test

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/sim/history"
	"hearsay/store"
)

// A load is the history of a store without faults: every region sees a write of
// another after a delay, of up to some 200 ms.
type load struct {
	operations, sessions, keys int
	writes                     int // of a hundred operations
	roam                       bool
}

const (
	loadRegions = 5
	loadNodes   = 2 * loadRegions
	loadStep    = 20 * time.Microsecond // between two operations
)

// A loadWrite is one write and when it shows, by region.
type loadWrite struct {
	version store.Version
	shows   [loadRegions]int64
	gone    bool
}

func (l load) history() *history.History {
	rng := rand.New(rand.NewPCG(1, uint64(l.operations)))
	popular := rand.NewZipf(rng, 1.1, 8, uint64(l.keys-1))
	h := &history.History{}
	var nodes [loadNodes]uint32
	for i := range nodes {
		nodes[i] = h.Node(fmt.Sprint("node-", i), fmt.Sprint("region-", i%loadRegions))
	}
	keys := make([][]loadWrite, l.keys)
	for i := range keys {
		h.Key(fmt.Sprint("key-", i))
	}
	free := make([]int64, l.sessions)
	var now int64
	var applies []applied
	for i := range l.operations {
		now += int64(loadStep)
		session := rng.IntN(l.sessions)
		at := session % loadNodes
		if l.roam {
			at = rng.IntN(loadNodes)
		}
		region, key := at%loadRegions, popular.Uint64()
		op := history.Op{Session: uint32(session), Node: nodes[at], Key: uint32(key), Invoked: max(now, free[session]+1)}
		op.Returned = op.Invoked + 1 + rng.Int64N(int64(2*time.Millisecond))
		free[session] = op.Returned
		if rng.IntN(100) < l.writes {
			op.Version = store.Version{
				Timestamp: clock.Timestamp{Wall: op.Invoked + rng.Int64N(int64(time.Millisecond)), Logical: uint32(i)},
				Origin:    store.Origin{Node: store.NodeID(fmt.Sprint("node-", at))},
			}
			op.Hash = uint64(i)
			if rng.IntN(10) == 0 {
				op.Kind = history.Delete
			}
			w := loadWrite{version: op.Version, gone: op.Kind == history.Delete}
			for r := range w.shows {
				w.shows[r] = op.Returned
				if r != region {
					w.shows[r] += rng.Int64N(int64(time.Duration(20+10*(r+region)) * time.Millisecond))
				}
			}
			for node, number := range nodes {
				applies = append(applies, applied{number, op.Key, op.Version, w.shows[node%loadRegions]})
			}
			keys[key] = append(keys[key], w)
		} else {
			op.Kind = history.Get
			written := keys[key]
			for j := len(written) - 1; j >= 0; j-- {
				if w := written[j]; w.shows[region] <= op.Invoked && w.version.Compare(op.Version) > 0 {
					op.Version, op.Tombstone, op.Hash = w.version, w.gone, uint64(w.version.Timestamp.Logical)
				}
				if j < len(written)-20 {
					break
				}
			}
		}
		h.Add(op)
	}
	slices.SortFunc(applies, func(a, b applied) int { return cmp.Compare(a.at, b.at) })
	for _, a := range applies {
		h.Apply(a.node, a.key, a.version, a.at)
	}
	for _, node := range nodes {
		h.End(node, clock.Timestamp{})
		for key, written := range keys {
			var held loadWrite
			for _, w := range written {
				if w.version.Compare(held.version) > 0 {
					held = w
				}
			}
			if len(written) > 0 {
				h.Hold(node, uint32(key), held.version, held.gone, uint64(held.version.Timestamp.Logical))
			}
		}
	}
	return h
}

var operations = flag.Int("operations", 1_000_000, "how many operations BenchmarkCheck judges; ten million take gigabytes to make")

// BenchmarkCheck runs every check; one op is one history.
func BenchmarkCheck(b *testing.B) {
	for _, l := range []load{
		{*operations, 200, *operations / 50, 10, false},
		{*operations, 1_000, 200, 50, true},
	} {
		b.Run(fmt.Sprintf("operations=%d/sessions=%d/keys=%d/writes=%d%%", l.operations, l.sessions, l.keys, l.writes), func(b *testing.B) {
			h := l.history()
			options := history.Options{Bound: time.Second, TTL: time.Second, Grace: time.Second, MaxOffset: 500 * time.Millisecond, Deadline: time.Second}
			before := live()
			b.ReportAllocs()
			b.ResetTimer()
			var r *history.Report
			for b.Loop() {
				r = history.Check(h, options)
			}
			b.StopTimer()
			b.ReportMetric(float64(l.operations)*float64(b.N)/b.Elapsed().Seconds(), "operations/s")
			b.ReportMetric(float64(before)/float64(l.operations), "history-bytes/operation")
			if !r.Finding(history.NoThinAirReads).Holds() || r.Finding(history.ReadYourWrites).Checked == 0 {
				b.Errorf("%+v", r.Finding(history.NoThinAirReads))
			}
		})
	}
}

// live returns how many bytes are in use.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
