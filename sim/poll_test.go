package sim

import (
	"errors"
	"slices"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// What most machines hold is right where the floor has passed an entry, and where nobody
// knows whose disk is bad: whether it was lost, changed, or came back when all others had
// collected it. Large values are fetched again.
func TestMostMachinesDecide(t *testing.T) {
	tests := []struct {
		name  string
		picks func(e *store.Entry, floor clock.Timestamp) bool
		spoil func(b store.Batch, e *store.Entry) error
		event string
	}{
		{"lost below the floor", smallBelow, func(b store.Batch, e *store.Entry) error { return b.Remove(e.Key) }, "entry_mended"},
		{"changed below the floor", smallBelow, func(b store.Batch, e *store.Entry) error {
			c := *e
			c.Metadata = []byte("rotten")
			return b.Put(&c)
		}, "entry_mended"},
		{"a large value lost below the floor", func(e *store.Entry, floor clock.Timestamp) bool {
			return e.Manifest != nil && e.Version.Timestamp.Compare(floor) <= 0
		}, func(b store.Batch, e *store.Entry) error {
			return errors.Join(b.Remove(e.Key), b.Release(e.Manifest.Upload))
		}, "entry_mended"},
		{"back from before it was collected", smallBelow, func(b store.Batch, e *store.Entry) error {
			c := *e
			c.Key.Name = "long gone"
			return b.Put(&c)
		}, "entry_struck"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := New(Config{
				Nodes: 5, Regions: 1, For: 12 * time.Second, Settle: 60 * time.Second, Links: Streams, Collection: Collect, Keys: 200, SyncEvery: SyncAlways,
				Faults: []Fault{{ID: 1, Kind: Duplicate, At: 0, For: time.Millisecond, Permille: 1}}, // with which disks are compared often
			})
			for !w.healed && w.Step() {
			}
			m := w.machines[2]
			all, err := m.front.Entries.Scan(store.Key{}, store.Key{}, 1000)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(all, func(e *store.Entry) bool { return !e.Tombstone && e.Expires == 0 && tt.picks(e, m.front.Floor) })
			if i < 0 {
				t.Fatal("the machine holds no such entry")
			}
			for m.busy && w.Step() {
			}
			w.check.rotten = true
			b := m.disk.NewBatch()
			if err := errors.Join(tt.spoil(b, all[i]), b.Commit(true), b.Close()); err != nil {
				t.Fatal(err)
			}
			if large := all[i].Manifest; large != nil {
				if err := m.disk.Drop(large.Upload); err != nil {
					t.Fatal(err)
				}
			}
			w.converged = 0
			for w.Step() {
			}
			r := w.Result()
			if r.Violation != nil {
				t.Fatal(r.Violation)
			}
			for _, event := range []string{"replicas_differ", tt.event} {
				if r.Stats.Count(event) == 0 {
					t.Errorf("no %s was told of", event)
				}
			}
		})
	}
}

func smallBelow(e *store.Entry, floor clock.Timestamp) bool {
	return e.Manifest == nil && e.Version.Timestamp.Compare(floor) <= 0
}
