package memstore_test

import (
	"fmt"
	"runtime"
	"testing"

	"hearsay/clock"
	"hearsay/store"
	"hearsay/store/memstore"
	"hearsay/store/storetest"
)

func Benchmark(b *testing.B) {
	storetest.Benchmark(b, func(*testing.B) store.Store { return memstore.New() })
}

// BenchmarkReplicaMemory reports what one replica takes in a world that shares
// entries: ten thousand keys, written by a thousand origins.
func BenchmarkReplicaMemory(b *testing.B) {
	const keys, origins = 10_000, 1_000
	world := make([]*store.Entry, keys)
	for i := range world {
		o := store.Origin{
			Node:        store.NodeID(fmt.Sprintf("node-%04d", i%origins)),
			Incarnation: store.Incarnation{Start: clock.Timestamp{Wall: 1}},
		}
		world[i] = &store.Entry{
			Key:     store.Key{Namespace: "ns", Name: fmt.Sprintf("key-%05d", i*7919%keys)},
			Value:   make([]byte, 256),
			Version: store.Version{Timestamp: clock.Timestamp{Wall: int64(i + 2)}, Origin: o},
			Seq:     uint64(i/origins + 1),
		}
	}
	var replicas []*memstore.Store
	before := heap()
	for b.Loop() {
		replicas = append(replicas, replica(b, world))
	}
	b.ReportMetric(float64(heap()-before)/float64(len(replicas)), "B/replica")
	runtime.KeepAlive(replicas)
}

func replica(b *testing.B, world []*store.Entry) *memstore.Store {
	s := memstore.New()
	for _, e := range world {
		t := s.NewBatch()
		row := store.Row{Seq: e.Seq, Key: e.Key, Timestamp: e.Version.Timestamp}
		o := e.Version.Origin
		for _, err := range []error{t.Put(e), t.Log(o, row), t.SetMark(o, e.Seq), t.Commit(true), t.Close()} {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	return s
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
