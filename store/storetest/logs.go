package storetest

import (
	"errors"
	"math"
	"testing"

	"hearsay/clock"
	"hearsay/store"
)

var logCases = []testCase{
	{"rows come in order and within the limit", func(t *testing.T, s store.Store) {
		o := origin("fra", 1)
		logRows(t, s, o, 4, row(3, "c"), row(1, "a"), row(4, "a"), row(2, "b"))
		wantRows(t, s, o, 0, 10, row(1, "a"), row(2, "b"), row(3, "c"), row(4, "a"))
		wantRows(t, s, o, 0, 2, row(1, "a"), row(2, "b"))
		wantRows(t, s, o, 2, 2, row(3, "c"), row(4, "a"))
		wantRows(t, s, o, 3, math.MaxInt, row(4, "a"))
		wantRows(t, s, o, 4, 10)
		wantRows(t, s, o, 5, 10)
		wantRows(t, s, o, math.MaxUint64, 10)
		wantRows(t, s, o, 0, 0)
		wantRows(t, s, o, 0, -1)
	}},

	{"rows end before the first that is missing", func(t *testing.T, s store.Store) {
		o := origin("fra", 1)
		logRows(t, s, o, 2, row(1, "a"), row(2, "b"), row(3, "c"), row(5, "e"))
		wantRows(t, s, o, 0, 10, row(1, "a"), row(2, "b"), row(3, "c"))
		wantRows(t, s, o, 2, 10, row(3, "c"))
		wantRows(t, s, o, 3, 10)
		wantRows(t, s, o, 4, 10, row(5, "e"))
		logRows(t, s, o, 2, row(4, "d"))
		wantRows(t, s, o, 0, 10, row(1, "a"), row(2, "b"), row(3, "c"), row(4, "d"), row(5, "e"))
	}},

	{"a watermark may be set back, and out", func(t *testing.T, s store.Store) {
		o := origin("fra", 1)
		logRows(t, s, o, 3, row(1, "a"), row(2, "b"), row(3, "c"))
		commit(t, s, true, func(b store.Batch) error { return b.SetMark(o, 2) })
		wantMarks(t, s, store.Watermarks{{Origin: o, Seq: 2}})
		commit(t, s, true, func(b store.Batch) error { return b.SetMark(o, 0) })
		wantMarks(t, s, nil)
		logRows(t, s, o, 1)
		wantMarks(t, s, store.Watermarks{{Origin: o, Seq: 1}})
	}},

	{"rows need no watermark", func(t *testing.T, s store.Store) {
		o := origin("fra", 1)
		commit(t, s, true, func(b store.Batch) error { return b.Log(o, row(1, "a")) })
		wantRows(t, s, o, 0, 10, row(1, "a"))
		wantMarks(t, s, nil)
	}},

	{"rows never skip a gap", func(t *testing.T, s store.Store) {
		o := origin("fra", 1)
		logRows(t, s, o, 3, row(1, "a"), row(3, "c"))
		wantRows(t, s, o, 0, 1, row(1, "a"))
		if got, err := s.Rows(o, 0, 10); err == nil {
			t.Errorf("Rows over a missing row = %v, want an error", got)
		}
	}},

	{"a row may be logged twice", func(t *testing.T, s store.Store) {
		o := origin("fra", 1)
		logRows(t, s, o, 1, row(1, "a"), row(1, "a"), row(3, "c"), row(3, "c"))
		logRows(t, s, o, 3, row(1, "a"), row(2, "b"), row(3, "c"), row(2, "b"))
		wantRows(t, s, o, 0, 10, row(1, "a"), row(2, "b"), row(3, "c"))
	}},

	{"rows are numbered from 1", func(t *testing.T, s store.Store) {
		b := s.NewBatch()
		defer b.Close()
		if err := b.Log(origin("fra", 1), row(0, "a")); err == nil {
			t.Error("Log of row 0 = nil, want an error")
		}
	}},

	{"origins keep apart, whatever their bytes", func(t *testing.T, s store.Store) {
		origins := []store.Origin{ // in their order
			origin("", 1), origin("\x00", 1), origin("\x00\x01", 1), origin("\x00\xff", 1), origin("\x01", 1),
			origin("a", 1), origin("a", 2), origin("a", 256), origin("a\x00", 1), origin("a\x00\x01", 1),
			origin("a\x00\xff", 1), origin("a\x01", 1), origin("aa", 1), origin("\xff", 1), origin("\xff\xff", 1),
		}
		next := origins[len(origins)-1]
		next.Incarnation.Nonce++
		origins = append(origins, next)
		next.Incarnation.Start.Logical++
		origins = append(origins, next)
		var want store.Watermarks
		for i, o := range origins {
			want = append(want, store.Mark{Origin: o, Seq: uint64(i + 1)})
		}
		for i := range origins { // not in their order
			m := want[(i*5+2)%len(want)]
			var rows []store.Row
			for seq := range m.Seq {
				rows = append(rows, row(seq+1, string(m.Origin.Node)))
			}
			logRows(t, s, m.Origin, m.Seq, rows...)
		}
		wantMarks(t, s, want)
		for _, m := range want {
			got, err := s.Rows(m.Origin, 0, 100)
			if err != nil || uint64(len(got)) != m.Seq || got[0].Key.Name != string(m.Origin.Node) {
				t.Errorf("Rows(%q) = %v, %v, want its %d rows", m.Origin.Node, got, err, m.Seq)
			}
		}
	}},

	{"a row's key may hold any bytes", func(t *testing.T, s store.Store) {
		o := origin("fra", 1)
		r := store.Row{Seq: 1, Key: store.Key{Namespace: "\x00\xff", Name: "\xff\x00"}, Timestamp: clock.Timestamp{Wall: 3, Logical: 4}}
		logRows(t, s, o, 1, r)
		wantRows(t, s, o, 0, 1, r)
	}},

	{"newest is the greatest timestamp of entries and rows", func(t *testing.T, s store.Store) {
		commitEntries(t, s, put("a", "1", 5))
		wantNewest(t, s, clock.Timestamp{Wall: 5})
		commitEntries(t, s, put("b", "2", 3))
		wantNewest(t, s, clock.Timestamp{Wall: 5})
		logRows(t, s, origin("fra", 1), 0, row(7, "c"), row(6, "d"))
		wantNewest(t, s, clock.Timestamp{Wall: 7})
		commitEntries(t, s, put("a", "replaced", 6))
		wantNewest(t, s, clock.Timestamp{Wall: 7})
	}},

	{"what is returned does not follow later changes", func(t *testing.T, s store.Store) {
		o := origin("fra", 1)
		logRows(t, s, o, 1, row(1, "a"))
		commitEntries(t, s, put("a", "old", 1))
		marks, err := s.Watermarks()
		must(t, err)
		rows, err := s.Rows(o, 0, 10)
		must(t, err)
		e, err := s.Get(key("a"))
		must(t, err)
		all, err := s.Scan(store.Key{}, store.Key{}, 10)
		must(t, err)

		logRows(t, s, o, 2, row(2, "b"))
		commitEntries(t, s, put("a", "new", 2))
		if marks[0].Seq != 1 || rows[0] != row(1, "a") || string(e.Value) != "old" || string(all[0].Value) != "old" {
			t.Errorf("returned data changed: %v %v %s %s", marks, rows, show(e), show(all[0]))
		}
		marks[0].Seq, rows[0].Seq, all[0] = 99, 99, nil
		wantMarks(t, s, store.Watermarks{{Origin: o, Seq: 2}})
		wantRows(t, s, o, 0, 10, row(1, "a"), row(2, "b"))
		wantScan(t, s, store.Key{}, store.Key{}, 10, put("a", "new", 2))
	}},
}

var lifeCases = []testCase{
	{"a closed store says so", func(t *testing.T, s store.Store) {
		commitEntries(t, s, put("a", "1", 1))
		b := s.NewBatch()
		must(t, b.Put(put("b", "2", 2)))
		must(t, s.Close())

		_, err := s.Get(key("a"))
		wantClosed(t, "Get", err)
		_, err = s.Scan(store.Key{}, store.Key{}, 1)
		wantClosed(t, "Scan", err)
		_, err = s.Rows(origin("fra", 1), 0, 1)
		wantClosed(t, "Rows", err)
		_, err = s.Watermarks()
		wantClosed(t, "Watermarks", err)
		_, err = s.Trimmed()
		wantClosed(t, "Trimmed", err)
		_, err = s.Newest()
		wantClosed(t, "Newest", err)
		_, err = s.Memo("m")
		wantClosed(t, "Memo", err)
		_, err = s.Snapshot()
		wantClosed(t, "Snapshot", err)
		wantClosed(t, "Close", s.Close())

		for _, b := range []store.Batch{b, s.NewBatch()} {
			_, err = b.Get(key("a"))
			wantClosed(t, "Batch.Get", err)
			wantClosed(t, "Batch.Put", b.Put(put("a", "1", 1)))
			wantClosed(t, "Batch.Log", b.Log(origin("fra", 1), row(1, "a")))
			_, _, err = b.Collect(at(1), 1)
			wantClosed(t, "Batch.Collect", err)
			wantClosed(t, "Batch.Remove", b.Remove(key("a")))
			wantClosed(t, "Batch.Trim", b.Trim(origin("fra", 1), 1))
			wantClosed(t, "Batch.Forget", b.Forget(origin("fra", 1)))
			wantClosed(t, "Batch.SetMark", b.SetMark(origin("fra", 1), 1))
			wantClosed(t, "Batch.Commit", b.Commit(true))
			must(t, b.Close())
		}
	}},
}

func logRows(t tb, s store.Store, o store.Origin, mark uint64, rows ...store.Row) {
	t.Helper()
	commit(t, s, true, func(b store.Batch) error {
		for _, r := range rows {
			if err := b.Log(o, r); err != nil {
				return err
			}
		}
		if mark == 0 {
			return nil
		}
		return b.SetMark(o, mark)
	})
}

func wantClosed(t tb, call string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrClosed) {
		t.Errorf("%s = %v, want ErrClosed", call, err)
	}
}
