package storetest

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hearsay/clock"
	"hearsay/store"
)

func at(wall int64) clock.Timestamp { return clock.Timestamp{Wall: wall} }

func tombstone(name string, wall int64) *store.Entry {
	e := put(name, "", wall)
	e.Value, e.Tombstone = nil, true
	return e
}

// expiring returns an entry that expires in so many seconds of the epoch.
func expiring(name string, wall, seconds int64) *store.Entry {
	e := put(name, "v", wall)
	e.Expires = seconds
	return e
}

const second = int64(1e9)

var collectCases = []testCase{
	{"what is due is collected, and nothing else", func(t *testing.T, s store.Store) {
		live := put("live", "v", 1)
		late := expiring("late", 2, 9)
		young := tombstone("young", 5*second+1)
		commitEntries(t, s, live, late, young, tombstone("dead", 5*second), expiring("expired", 3, 5), expiring("expired early", 5*second, 1))
		wantCollected(t, s, at(5*second), 10, "dead", "expired", "expired early")
		wantScan(t, s, store.Key{}, store.Key{}, 10, late, live, young)
		wantCollected(t, s, at(5*second), 10)
		wantCollected(t, s, clock.Timestamp{Wall: 5*second + 1, Logical: 7}, 10, "young")
		wantCollected(t, s, at(8*second), 10)
		wantCollected(t, s, at(9*second), 10, "late")
		wantScan(t, s, store.Key{}, store.Key{}, 10, live)
	}},

	{"what was superseded is not collected for what it was", func(t *testing.T, s store.Store) {
		commitEntries(t, s, tombstone("back", 1), tombstone("again", 2))
		back, again := put("back", "v", 3), tombstone("again", 8)
		commitEntries(t, s, back, again)
		wantCollected(t, s, at(5), 10)
		wantScan(t, s, store.Key{}, store.Key{}, 10, again, back)
		wantCollected(t, s, at(8), 10, "again")
	}},

	{"system deletions stay", func(t *testing.T, s store.Store) {
		e := tombstone("id", 1)
		e.Key.Namespace = store.SystemPrefix + "namespaces"
		commitEntries(t, s, e)
		wantCollected(t, s, at(5), 10)
		wantEntry(t, s, e)
	}},

	{"an expiration beyond the end of time is never due", func(t *testing.T, s store.Store) {
		commitEntries(t, s, expiring("never", 1, 1<<62))
		wantCollected(t, s, at(1<<62), 10)
	}},

	{"a batch collects up to its limit, and says if there is more", func(t *testing.T, s store.Store) {
		commitEntries(t, s, tombstone("a", 1), tombstone("b", 2), tombstone("c", 3))
		for i, want := range []struct {
			removed int
			more    bool
		}{{2, true}, {1, false}, {0, false}} {
			commit(t, s, true, func(b store.Batch) error {
				removed, more, err := b.Collect(at(9), 2)
				if len(removed) != want.removed || more != want.more {
					t.Errorf("Collect number %d removed %s, more %v, want %d entries, %v", i, showAll(removed), more, want.removed, want.more)
				}
				return err
			})
		}
	}},

	{"what a batch has put stays, and what it removes is gone for it", func(t *testing.T, s store.Store) {
		commitEntries(t, s, tombstone("a", 1), tombstone("b", 2), put("c", "v", 3))
		back := put("a", "v", 4)
		commit(t, s, true, func(b store.Batch) error {
			must(t, b.Put(back))
			removed, _, err := b.Collect(at(9), 10)
			must(t, err)
			if len(removed) != 1 || removed[0].Key != key("b") {
				t.Errorf("Collect removed %s, want b", showAll(removed))
			}
			must(t, b.Remove(key("c")))
			wantMissing(t, b, key("b"))
			wantMissing(t, b, key("c"))
			wantEntry(t, s, put("c", "v", 3))
			return b.Remove(key("never there"))
		})
		wantScan(t, s, store.Key{}, store.Key{}, 10, back)
		wantNewest(t, s, at(4))
	}},

	{"a snapshot keeps what is collected", func(t *testing.T, s store.Store) {
		dead := tombstone("a", 1)
		commitEntries(t, s, dead)
		snap := snapshot(t, s)
		wantCollected(t, s, at(1), 1, "a")
		wantEntry(t, snap, dead)
		must(t, snap.Close())
		wantMissing(t, s, key("a"))
	}},

	{"rows that are trimmed are gone", func(t *testing.T, s store.Store) {
		o := origin("fra", 1)
		logRows(t, s, o, 4, row(1, "a"), row(2, "b"), row(3, "c"), row(4, "d"), row(6, "f"))
		trim(t, s, o, 2)
		wantTrimmed(t, s, store.Watermarks{{Origin: o, Seq: 2}})
		wantRows(t, s, o, 2, 10, row(3, "c"), row(4, "d"))
		wantNoRows(t, s, o, 1)
		trim(t, s, o, 1)
		wantTrimmed(t, s, store.Watermarks{{Origin: o, Seq: 2}})
		logRows(t, s, o, 6, row(5, "e"))
		wantRows(t, s, o, 3, 10, row(4, "d"), row(5, "e"), row(6, "f"))
		wantMarks(t, s, store.Watermarks{{Origin: o, Seq: 6}})
	}},

	{"a log may be trimmed past its end", func(t *testing.T, s store.Store) {
		o, p := origin("fra", 1), origin("iad", 1)
		logRows(t, s, o, 2, row(1, "a"), row(2, "b"), row(5, "e"), row(7, "g"))
		commit(t, s, true, func(b store.Batch) error {
			must(t, b.Trim(o, 6))
			must(t, b.SetMark(o, 7))
			must(t, b.Trim(p, 3))
			return b.SetMark(p, 3)
		})
		wantRows(t, s, o, 6, 10, row(7, "g"))
		wantRows(t, s, p, 3, 10)
		wantNoRows(t, s, o, 5)
		logRows(t, s, p, 4, row(4, "d"))
		wantRows(t, s, p, 3, 10, row(4, "d"))
	}},

	{"an origin that is forgotten leaves nothing", func(t *testing.T, s store.Store) {
		o, p := origin("fra", 1), origin("fra", 2)
		logRows(t, s, o, 2, row(1, "a"), row(2, "b"), row(3, "c"))
		logRows(t, s, p, 1, row(1, "d"))
		trim(t, s, o, 1)
		commit(t, s, true, func(b store.Batch) error { return b.Forget(o) })
		wantMarks(t, s, store.Watermarks{{Origin: p, Seq: 1}})
		wantTrimmed(t, s, nil)
		wantRows(t, s, o, 0, 10)
		wantRows(t, s, p, 0, 10, row(1, "d"))
	}},
}

func trim(t tb, s store.Store, o store.Origin, seq uint64) {
	t.Helper()
	commit(t, s, true, func(b store.Batch) error { return b.Trim(o, seq) })
}

// collect collects all that is due at floor, limit entries at a time, and returns
// it in the order of the keys.
func collect(t tb, s store.Store, floor clock.Timestamp, limit int) []*store.Entry {
	t.Helper()
	var all []*store.Entry
	for more := true; more; {
		commit(t, s, true, func(b store.Batch) error {
			removed, left, err := b.Collect(floor, limit)
			all, more = append(all, removed...), left
			return err
		})
	}
	return all
}

// wantCollected collects at floor and wants the entries of those names, in the
// order in which they became due.
func wantCollected(t tb, s store.Store, floor clock.Timestamp, limit int, names ...string) {
	t.Helper()
	got := collect(t, s, floor, limit)
	same := func(e *store.Entry, name string) bool { return e.Key == key(name) }
	if !slices.EqualFunc(got, names, same) {
		t.Fatalf("Collect(%v) removed %s, want %q", floor, showAll(got), names)
	}
}

func wantTrimmed(t tb, s store.Store, want store.Watermarks) {
	t.Helper()
	if got, err := s.Trimmed(); err != nil || !slices.Equal(got, want) {
		t.Fatalf("Trimmed() = %v, %v, want %v", got, err, want)
	}
}

func wantNoRows(t tb, s store.Store, o store.Origin, after uint64) {
	t.Helper()
	if got, err := s.Rows(o, after, 10); err == nil {
		t.Fatalf("Rows(%v, %d) = %v, want an error: they were trimmed", o, after, got)
	}
}

// collectActions are what RunSame does to both stores beside turns.
func (p *pair) collectActions(logged map[store.Mark]bool) map[string]func(*rapid.T) {
	both := func(rt *rapid.T, fill func(b store.Batch) error) {
		commit(rt, p.one, true, fill)
		commit(rt, p.other, true, fill)
	}
	return map[string]func(*rapid.T){
		"collect": func(rt *rapid.T) {
			floor := someTimestamps.Draw(rt, "floor")
			limit := rapid.IntRange(1, 3).Draw(rt, "limit")
			a, b := collect(rt, p.one, floor, limit), collect(rt, p.other, floor, limit)
			// Which of those that are due goes first is the store's choice.
			byKey := func(x, y *store.Entry) int { return x.Key.Compare(y.Key) }
			slices.SortFunc(a, byKey)
			slices.SortFunc(b, byKey)
			if !slices.EqualFunc(a, b, equal) {
				rt.Fatalf("Collect(%v) removed %s, from the other %s", floor, showAll(a), showAll(b))
			}
		},
		"remove": func(rt *rapid.T) {
			k := someKeys.Draw(rt, "key")
			both(rt, func(b store.Batch) error { return b.Remove(k) })
		},
		"trim": func(rt *rapid.T) {
			o, seq := someOrigins.Draw(rt, "origin"), rapid.Uint64Range(0, 7).Draw(rt, "seq")
			both(rt, func(b store.Batch) error { return b.Trim(o, seq) })
			for s := range seq {
				logged[store.Mark{Origin: o, Seq: s + 1}] = true // none is missing any more
			}
		},
		"forget": func(rt *rapid.T) {
			o := someOrigins.Draw(rt, "origin")
			both(rt, func(b store.Batch) error { return b.Forget(o) })
			for s := range uint64(7) {
				delete(logged, store.Mark{Origin: o, Seq: s + 1})
			}
		},
	}
}

// compareRows compares rows of both stores, or that both refuse.
func (p *pair) compareRows(rt *rapid.T) {
	o := someOrigins.Draw(rt, "origin")
	after := rapid.Uint64Range(0, 7).Draw(rt, "after")
	limit := rapid.IntRange(-1, 7).Draw(rt, "limit")
	a, errA := p.one.Rows(o, after, limit)
	b, errB := p.other.Rows(o, after, limit)
	if (errA == nil) != (errB == nil) || !slices.Equal(a, b) || errors.Is(errA, store.ErrClosed) {
		rt.Fatalf("Rows(%v, %d, %d) = %v, %v; the other: %v, %v", o, after, limit, a, errA, b, errB)
	}
}
