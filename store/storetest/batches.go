package storetest

import (
	"testing"

	"hearsay/clock"
	"hearsay/store"
)

var batchCases = []testCase{
	{"a batch reads through its writes", func(t *testing.T, s store.Store) {
		old, other := put("a", "old", 1), put("b", "other", 2)
		commitEntries(t, s, old, other)
		b := s.NewBatch()
		defer b.Close()
		wantEntry(t, b, old)
		first, second := put("a", "first", 3), put("a", "second", 4)
		must(t, b.Put(first))
		wantEntry(t, b, first)
		must(t, b.Put(second))
		wantEntry(t, b, second)
		wantEntry(t, b, other)
		wantMissing(t, b, key("c"))
		wantEntry(t, s, old)
		must(t, b.Commit(true))
		wantEntry(t, s, second)
	}},

	{"a batch shows nothing before it is committed", func(t *testing.T, s store.Store) {
		b := s.NewBatch()
		defer b.Close()
		o := origin("fra", 1)
		must(t, b.Put(put("a", "1", 9)))
		must(t, b.Log(o, row(1, "a")))
		must(t, b.SetMark(o, 1))
		must(t, b.SetMemo("m", []byte("memo")))
		wantMemo(t, s, "m", "")
		wantMissing(t, s, key("a"))
		wantScan(t, s, store.Key{}, store.Key{}, 10)
		wantRows(t, s, o, 0, 10)
		wantMarks(t, s, nil)
		wantNewest(t, s, clock.Timestamp{})
		must(t, b.Commit(false))
		wantMemo(t, s, "m", "memo")
		wantMemo(t, s, "other", "")
		wantEntry(t, s, put("a", "1", 9))
		wantRows(t, s, o, 0, 10, row(1, "a"))
		wantMarks(t, s, store.Watermarks{{Origin: o, Seq: 1}})
		wantNewest(t, s, clock.Timestamp{Wall: 9})
	}},

	{"a discarded batch leaves nothing", func(t *testing.T, s store.Store) {
		b := s.NewBatch()
		o := origin("fra", 1)
		must(t, b.Put(put("a", "1", 9)))
		must(t, b.Log(o, row(1, "a")))
		must(t, b.SetMark(o, 1))
		must(t, b.Close())
		commitEntries(t, s)
		wantMissing(t, s, key("a"))
		wantScan(t, s, store.Key{}, store.Key{}, 10)
		wantRows(t, s, o, 0, 10)
		wantMarks(t, s, nil)
		wantNewest(t, s, clock.Timestamp{})
	}},

	{"a memo is what was set last", func(t *testing.T, s store.Store) {
		for _, value := range []string{"first", "second"} {
			commit(t, s, true, func(b store.Batch) error { return b.SetMemo("m", []byte(value)) })
			wantMemo(t, s, "m", value)
		}
	}},

	{"a batch is used once", func(t *testing.T, s store.Store) {
		b := s.NewBatch()
		must(t, b.Put(put("a", "1", 1)))
		must(t, b.Commit(true))
		if err := b.Put(put("b", "2", 2)); err == nil {
			t.Error("Put after Commit = nil, want an error")
		}
		if err := b.Commit(true); err == nil {
			t.Error("second Commit = nil, want an error")
		}
		wantMissing(t, s, key("b"))
		must(t, b.Close())
		if _, err := b.Get(key("a")); err == nil {
			t.Error("Get of a closed batch = nil, want an error")
		}
	}},

	{"an empty batch may be committed", func(t *testing.T, s store.Store) {
		commitEntries(t, s)
		commit(t, s, false, func(store.Batch) error { return nil })
		wantScan(t, s, store.Key{}, store.Key{}, 10)
	}},

	{"a snapshot does not see later commits", func(t *testing.T, s store.Store) {
		old, other := put("a", "old", 1), put("c", "other", 2)
		commitEntries(t, s, old, other)
		snap := snapshot(t, s)
		newer, added := put("a", "newer", 3), put("b", "added", 4)
		commitEntries(t, s, newer, added)
		wantEntry(t, snap, old)
		wantMissing(t, snap, key("b"))
		wantScan(t, snap, store.Key{}, store.Key{}, 10, old, other)

		later := snapshot(t, s)
		wantEntry(t, later, newer)
		wantScan(t, later, store.Key{}, store.Key{}, 10, newer, added, other)
		must(t, snap.Close())
		wantEntry(t, later, newer)
		wantEntry(t, s, newer)
		must(t, later.Close())
	}},

	{"many snapshots keep apart", func(t *testing.T, s store.Store) {
		var snaps []store.Snapshot
		for i := range int64(50) {
			commitEntries(t, s, put("a", "same", i+1), put(string(rune('b'+i)), "own", i+1))
			snaps = append(snaps, snapshot(t, s))
		}
		for i, snap := range snaps {
			wantEntry(t, snap, put("a", "same", int64(i+1)))
			wantMissing(t, snap, key(string(rune('b'+i+1))))
			must(t, snap.Close())
		}
	}},

	{"a closed snapshot says so", func(t *testing.T, s store.Store) {
		snap := snapshot(t, s)
		must(t, snap.Close())
		_, err := snap.Get(key("a"))
		wantClosed(t, "Get", err)
		_, err = snap.Scan(store.Key{}, store.Key{}, 1)
		wantClosed(t, "Scan", err)
		wantClosed(t, "Close", snap.Close())
	}},
}

func must(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func snapshot(t tb, s store.Store) store.Snapshot {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatalf("Snapshot() = %v", err)
	}
	return snap
}
