package storetest

import (
	"errors"
	"fmt"
	"testing"

	"hearsay/clock"
	"hearsay/store"
)

// benchKeys is how many keys a store holds when it is read from.
const benchKeys = 100_000

// Benchmark measures the turns of one writer and the reads beside it, on values
// of 256 bytes. Open returns an empty store; it is closed here.
func Benchmark(b *testing.B, open func(b *testing.B) store.Store) {
	for _, sync := range []bool{true, false} {
		b.Run(fmt.Sprintf("Commit/sync=%v", sync), func(b *testing.B) {
			s := open(b)
			defer s.Close()
			b.ReportAllocs()
			seq := uint64(0)
			for b.Loop() {
				seq++
				fillStore(b, s, seq, seq, sync)
			}
		})
	}
	b.Run("Commit/entries=100", func(b *testing.B) {
		s := open(b)
		defer s.Close()
		b.ReportAllocs()
		seq := uint64(0)
		for b.Loop() {
			fillStore(b, s, seq+1, seq+100, true)
			seq += 100
		}
	})

	s := open(b)
	defer s.Close()
	for seq := uint64(1); seq <= benchKeys; seq += 1000 {
		fillStore(b, s, seq, seq+999, false)
	}
	snap := snapshot(b, s)
	defer snap.Close()
	b.Run("Get/hit", func(b *testing.B) {
		b.ReportAllocs()
		seq := uint64(0)
		for b.Loop() {
			seq = (seq + 7919) % benchKeys
			if _, err := snap.Get(benchEntry(seq + 1).Key); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Get/miss", func(b *testing.B) {
		b.ReportAllocs()
		seq := uint64(0)
		for b.Loop() {
			seq = (seq + 7919) % benchKeys
			k := benchEntry(seq + 1).Key
			k.Name += "x"
			if _, err := snap.Get(k); !errors.Is(err, store.ErrNotFound) {
				b.Fatal(err)
			}
		}
	})
	b.Run("Scan/entries=100", func(b *testing.B) {
		b.ReportAllocs()
		seq := uint64(0)
		for b.Loop() {
			seq = (seq + 7919) % (benchKeys - 100)
			if got, err := snap.Scan(benchEntry(seq+1).Key, store.Key{}, 100); err != nil || len(got) != 100 {
				b.Fatal(len(got), err)
			}
		}
	})
	b.Run("Rows/rows=100", func(b *testing.B) {
		b.ReportAllocs()
		seq := uint64(0)
		for b.Loop() {
			seq = (seq + 7919) % (benchKeys - 100)
			if got, err := s.Rows(origin("fra", 1), seq, 100); err != nil || len(got) != 100 {
				b.Fatal(len(got), err)
			}
		}
	})
	b.Run("Snapshot", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(b, snapshot(b, s).Close())
		}
	})
}

// fillStore commits the writes numbered first to last as one batch, each looked
// up first, as a turn does.
func fillStore(t tb, s store.Store, first, last uint64, sync bool) {
	o := origin("fra", 1)
	commit(t, s, sync, func(b store.Batch) error {
		for seq := first; seq <= last; seq++ {
			e := benchEntry(seq)
			if _, err := b.Get(e.Key); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if err := b.Put(e); err != nil {
				return err
			}
			if err := b.Log(o, store.Row{Seq: seq, Key: e.Key, Timestamp: e.Version.Timestamp}); err != nil {
				return err
			}
		}
		return b.SetMark(o, last)
	})
}

var benchValue = make([]byte, 256)

func benchEntry(seq uint64) *store.Entry {
	return &store.Entry{
		Key:     store.Key{Namespace: "bench", Name: fmt.Sprintf("key-%012d", seq)},
		Value:   benchValue,
		Version: store.Version{Timestamp: clock.Timestamp{Wall: int64(seq)}, Origin: origin("fra", 1)},
		Seq:     seq,
	}
}
