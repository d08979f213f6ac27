package storetest

import (
	"fmt"
	"testing"

	"hearsay/clock"
	"hearsay/store"
)

var readCases = []testCase{
	{"an empty store holds nothing", func(t *testing.T, s store.Store) {
		wantMissing(t, s, key("a"))
		wantScan(t, s, store.Key{}, store.Key{}, 10)
		wantRows(t, s, origin("fra", 1), 0, 10)
		wantMarks(t, s, nil)
		wantNewest(t, s, clock.Timestamp{})
	}},

	{"an entry comes back whole", func(t *testing.T, s store.Store) {
		e := &store.Entry{
			Key:      store.Key{Namespace: "n\x00s", Name: "a\x00\xffb"},
			Value:    []byte("\x00value\xff"),
			Metadata: []byte(`{"a":1}`),
			Expires:  1_900_000_000,
			Version: store.Version{
				Timestamp: clock.Timestamp{Wall: 1<<63 - 1, Logical: 1<<32 - 1},
				Origin: store.Origin{Node: "n\x00\xff", Incarnation: store.Incarnation{
					Start: clock.Timestamp{Wall: 5, Logical: 6}, Nonce: 1<<32 - 1,
				}},
			},
			Seq: 1<<64 - 1,
		}
		commitEntries(t, s, e)
		wantEntry(t, s, e)
		wantScan(t, s, store.Key{}, store.Key{}, 10, e)
	}},

	{"an empty value is not a tombstone", func(t *testing.T, s store.Store) {
		e := put("a", "", 1)
		commitEntries(t, s, e)
		wantEntry(t, s, e)
	}},

	{"a tombstone is found", func(t *testing.T, s store.Store) {
		e := put("a", "", 2)
		e.Value, e.Tombstone = nil, true
		commitEntries(t, s, put("a", "1", 1))
		commitEntries(t, s, e)
		wantEntry(t, s, e)
		wantScan(t, s, store.Key{}, store.Key{}, 10, e)
		if got, err := s.Get(e.Key); err != nil || got.Value != nil {
			t.Errorf("value of a tombstone = %q, %v, want nil", got.Value, err)
		}
	}},

	{"the store does not decide who wins", func(t *testing.T, s store.Store) {
		older := put("a", "older", 1)
		commitEntries(t, s, put("a", "newer", 2))
		commitEntries(t, s, older)
		wantEntry(t, s, older)
	}},

	{"the longest key fits", func(t *testing.T, s store.Store) {
		e := put("", "x", 1)
		e.Key = store.Key{
			Namespace: string(make([]byte, store.MaxNamespace)),
			Name:      string(make([]byte, store.MaxName)),
		}
		commitEntries(t, s, e)
		wantEntry(t, s, e)
		wantScan(t, s, e.Key, store.Key{}, 1, e)
	}},

	{"a large value fits", func(t *testing.T, s store.Store) {
		e := put("a", string(make([]byte, 8<<20)), 1)
		commitEntries(t, s, e)
		wantEntry(t, s, e)
	}},

	{"scan goes by the bytes of namespace, then name", func(t *testing.T, s store.Store) {
		ordered := [][2]string{
			{"", "\x00"}, {"", "z"},
			{"a", ""}, {"a", "\x00"}, {"a", "\x00\x00"}, {"a", "\x00\x01"}, {"a", "\x00\xff"}, {"a", "\x01"},
			{"a", "a"}, {"a", "a\x00"}, {"a", "a\xff"}, {"a", "b"}, {"a", "é"}, {"a", "\xff"}, {"a", "\xff\xff"},
			{"a\x00", ""}, {"a\x00", "a"}, {"a\x00\x01", "a"}, {"a\x00\xff", "a"}, {"a\x01", "a"}, {"aa", ""},
			{"a\xff", "a"}, {"b", "a"}, {"\xff", "\xff"},
		}
		all := make([]*store.Entry, len(ordered))
		for i, k := range ordered {
			all[i] = put("", fmt.Sprint(i), int64(i+1))
			all[i].Key = store.Key{Namespace: k[0], Name: k[1]}
		}
		for i := range all { // not in their order
			commitEntries(t, s, all[(i*7+3)%len(all)])
		}
		wantScan(t, s, store.Key{}, store.Key{}, len(all)+1, all...)
		for i, start := range all {
			wantScan(t, s, start.Key, store.Key{}, len(all), all[i:]...)
			for j, end := range all {
				wantScan(t, s, start.Key, end.Key, len(all), all[i:max(i, j)]...)
			}
		}
	}},

	{"scan stops at its bounds and its limit", func(t *testing.T, s store.Store) {
		a, b, c := put("a", "1", 1), put("b", "2", 2), put("c", "3", 3)
		commitEntries(t, s, a, b, c)
		wantScan(t, s, key("a"), key("c"), 10, a, b)
		wantScan(t, s, key("a\x00"), key("c\x00"), 10, b, c)
		wantScan(t, s, key("c"), key("a"), 10)
		wantScan(t, s, key("b"), key("b"), 10)
		wantScan(t, s, key("a"), store.Key{}, 2, a, b)
		wantScan(t, s, key("a"), store.Key{}, 3, a, b, c)
		wantScan(t, s, key("a"), store.Key{}, 0)
		wantScan(t, s, key("a"), store.Key{}, -1)
		wantScan(t, s, key("d"), store.Key{}, 10)
		wantScan(t, s, store.Key{}, store.Key{Namespace: "ns"}, 10)
	}},
}
