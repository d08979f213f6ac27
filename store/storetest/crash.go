package storetest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hearsay/clock"
	"hearsay/store"
)

// RunCrash checks what a crash leaves: every commit up to the last synced one,
// and of those after it the oldest or none, each whole. Open returns an empty
// store and a function that crashes it and returns what a restart finds; after
// that only the store that it returned is used.
func RunCrash(t *testing.T, open func(t *testing.T) (s store.Store, crash func() store.Store)) {
	t.Run("what is synced survives", func(t *testing.T) {
		s, crash := open(t)
		o := origin("fra", 1)
		kept := put("a", "synced", 3)
		commit(t, s, true, func(b store.Batch) error {
			must(t, b.Log(o, row(1, "a")))
			must(t, b.SetMark(o, 1))
			must(t, b.SetMemo("m", []byte("synced")))
			return b.Put(kept)
		})
		s = crash()
		wantMemo(t, s, "m", "synced")
		wantEntry(t, s, kept)
		wantRows(t, s, o, 0, 10, row(1, "a"))
		wantMarks(t, s, store.Watermarks{{Origin: o, Seq: 1}})
		wantNewest(t, s, clock.Timestamp{Wall: 3})
		must(t, s.Close())
	})

	t.Run("what was collected and trimmed is as whole as the rest", func(t *testing.T) {
		s, crash := open(t)
		o, p := origin("fra", 1), origin("fra", 2)
		dead := tombstone("a", 1)
		commitEntries(t, s, dead)
		logRows(t, s, o, 2, row(1, "a"), row(2, "b"))
		logRows(t, s, p, 1, row(1, "c"))
		commit(t, s, false, func(b store.Batch) error {
			_, _, err := b.Collect(at(1), 1)
			must(t, err)
			must(t, b.Trim(o, 1))
			return b.Forget(p)
		})
		s = crash()
		if _, err := s.Get(key("a")); err == nil {
			wantCollected(t, s, at(1), 1, "a")
			wantTrimmed(t, s, nil)
			wantRows(t, s, o, 0, 2, row(1, "a"), row(2, "b"))
			wantRows(t, s, p, 0, 2, row(1, "c"))
			wantMarks(t, s, store.Watermarks{{Origin: o, Seq: 2}, {Origin: p, Seq: 1}})
		} else {
			wantTrimmed(t, s, store.Watermarks{{Origin: o, Seq: 1}})
			wantRows(t, s, o, 1, 2, row(2, "b"))
			wantRows(t, s, p, 0, 2)
			wantMarks(t, s, store.Watermarks{{Origin: o, Seq: 2}})
		}
		must(t, s.Close())
	})

	t.Run("a synced commit carries the earlier ones, even if empty", func(t *testing.T) {
		s, crash := open(t)
		early := put("a", "1", 1)
		commit(t, s, false, func(b store.Batch) error { return b.Put(early) })
		commit(t, s, true, func(store.Batch) error { return nil })
		s = crash()
		wantEntry(t, s, early)
		must(t, s.Close())
	})

	t.Run("rows that were taken back are gone", func(t *testing.T) {
		s, crash := open(t)
		o := origin("fra", 1)
		commit(t, s, true, func(b store.Batch) error { return b.Log(o, row(6, "a")) })
		commit(t, s, false, func(b store.Batch) error {
			must(t, b.SetMemo("lost", []byte("memo")))
			return b.Put(put("lost", "", 1))
		})
		for _, seq := range []uint64{1, 2, 4} {
			commit(t, s, false, func(b store.Batch) error { return b.Log(o, row(seq, "a")) })
		}
		s = crash()
		if _, err := s.Get(key("lost")); err == nil {
			t.Skip("the crash did not take all back, as it may")
		}
		wantMemo(t, s, "lost", "")
		commit(t, s, true, func(b store.Batch) error {
			for _, seq := range []uint64{1, 2, 3} {
				must(t, b.Log(o, row(seq, "again")))
			}
			return b.SetMark(o, 6)
		})
		wantRows(t, s, o, 0, 3, row(1, "again"), row(2, "again"), row(3, "again"))
		if got, err := s.Rows(o, 3, 1); err == nil {
			t.Errorf("Rows past 3 = %v, want an error: row 4 was taken back", got)
		}
		logRows(t, s, o, 6, row(4, "again"), row(5, "again"))
		wantRows(t, s, o, 3, 10, row(4, "again"), row(5, "again"), row(6, "a"))
		must(t, s.Close())
	})

	t.Run("a batch from before is refused or never existed", func(t *testing.T) {
		s, crash := open(t)
		b := s.NewBatch()
		must(t, b.Put(put("a", "1", 1)))
		s = crash()
		_ = b.Commit(true)
		must(t, b.Close())
		wantMissing(t, s, key("a"))
		must(t, s.Close())
	})

	t.Run("what is staged and synced survives", func(t *testing.T) {
		s, crash := open(t)
		kept, loose := upload(1), upload(2)
		stage(t, s, kept, 0, "kept")
		must(t, s.SyncStaged(kept))
		must(t, s.Stage(loose, 0, []byte("loose")))
		commitEntries(t, s, large("a", kept, 4))
		s = crash()
		must(t, s.Sweep())
		wantStaged(t, s, kept, 0, "kept")
		wantNotStaged(t, s, loose, 0, 5)
		must(t, s.Close())
	})

	t.Run("what is kept is taken back with its entry", func(t *testing.T) {
		s, crash := open(t)
		u, old := upload(1), upload(2)
		stage(t, s, u, 0, "u")
		stage(t, s, old, 0, "old")
		commitEntries(t, s, large("a", old, 3))
		commit(t, s, false, func(b store.Batch) error {
			must(t, b.Release(old))
			return b.Put(large("a", u, 1))
		})
		s = crash()
		e, err := s.Get(key("a"))
		must(t, err)
		must(t, s.Sweep())
		for _, at := range []store.Upload{u, old} {
			if at == e.Manifest.Upload {
				wantStaged(t, s, at, 0, "")
			} else {
				wantNotStaged(t, s, at, 0, 1)
			}
		}
		must(t, s.Close())
	})

	t.Run("random", rapid.MakeCheck(func(rt *rapid.T) {
		s, crash := open(t)
		defer func() { must(rt, s.Close()) }()
		logged := map[store.Mark]bool{}
		for range rapid.IntRange(1, 4).Draw(rt, "crashes") {
			states := []state{observe(rt, s)}
			synced := 0
			for range rapid.IntRange(0, 6).Draw(rt, "turns") {
				w := drawTurn(rt, logged)
				commit(rt, s, w.sync, w.fill)
				states = append(states, observe(rt, s))
				if w.sync {
					synced = len(states) - 1
				}
			}
			s = crash()
			got := observe(rt, s)
			wantDigest(rt, s)
			if !slices.ContainsFunc(states[synced:], got.equal) {
				rt.Fatalf("after a crash: %v\nwant one of the %d states since the last sync, the first %v",
					got, len(states)-synced, states[synced])
			}
			logged = map[store.Mark]bool{}
			for _, l := range got.rows {
				for seq := range l.Seq {
					logged[store.Mark{Origin: l.Origin, Seq: seq + 1}] = true
				}
			}
		}
	}))
}

// A state is all that can be seen of a store.
type state struct {
	entries []*store.Entry
	rows    store.Watermarks // per origin, how many it has
	marks   store.Watermarks
	newest  clock.Timestamp
}

func observe(t tb, s store.Store) state {
	t.Helper()
	var v state
	var err error
	v.entries, err = s.Scan(store.Key{}, store.Key{}, 1000)
	must(t, err)
	v.marks, err = s.Watermarks()
	must(t, err)
	v.newest, err = s.Newest()
	must(t, err)
	for _, m := range v.marks {
		rows, err := s.Rows(m.Origin, 0, 1000)
		must(t, err)
		for i, r := range rows {
			if r != rowOf(m.Origin, uint64(i+1)) {
				t.Fatalf("Rows(%v)[%d] = %v, want %v", m.Origin, i, r, rowOf(m.Origin, uint64(i+1)))
			}
		}
		v.rows.Set(m.Origin, uint64(len(rows)))
	}
	return v
}

func (v state) equal(w state) bool {
	return slices.EqualFunc(v.entries, w.entries, equal) && slices.Equal(v.rows, w.rows) &&
		slices.Equal(v.marks, w.marks) && v.newest == w.newest
}
