package store_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"hearsay/clock"
	"hearsay/store"
)

func version(wall int64, logical uint32, node string, start int64, nonce uint32) store.Version {
	return store.Version{
		Timestamp: clock.Timestamp{Wall: wall, Logical: logical},
		Origin: store.Origin{Node: store.NodeID(node), Incarnation: store.Incarnation{
			Start: clock.Timestamp{Wall: start}, Nonce: nonce,
		}},
	}
}

// versions are few, so that two drawn ones often tie in a part.
var versions = rapid.Custom(func(t *rapid.T) store.Version {
	return version(
		rapid.Int64Range(0, 2).Draw(t, "wall"), rapid.Uint32Range(0, 2).Draw(t, "logical"),
		rapid.SampledFrom([]string{"", "a", "a\x00", "b", "\xff"}).Draw(t, "node"),
		rapid.Int64Range(0, 1).Draw(t, "start"), rapid.Uint32Range(0, 1).Draw(t, "nonce"))
})

// entries differ in their version alone: two writes never share one.
var entries = rapid.Map(versions, func(v store.Version) *store.Entry {
	return &store.Entry{Key: store.Key{Namespace: "ns", Name: "a"}, Value: []byte(v.String()), Version: v}
})

func merge(held, offered *store.Entry) *store.Entry {
	if offered.Supersedes(held) {
		return offered
	}
	return held
}

func TestVersionCompare(t *testing.T) {
	tests := []struct {
		name string
		v, w store.Version
		want int
	}{
		{"later wall wins", version(2, 0, "a", 1, 1), version(1, 9, "b", 2, 2), +1},
		{"logical breaks equal walls", version(1, 0, "b", 2, 2), version(1, 1, "a", 1, 1), -1},
		{"node breaks equal timestamps", version(1, 0, "b", 1, 1), version(1, 0, "a", 2, 2), +1},
		{"start breaks equal nodes", version(1, 0, "a", 1, 2), version(1, 0, "a", 2, 1), -1},
		{"nonce breaks equal starts", version(1, 0, "a", 1, 2), version(1, 0, "a", 1, 1), +1},
		{"a write ties only with itself", version(1, 0, "a", 1, 1), version(1, 0, "a", 1, 1), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.v.Compare(tt.w); got != tt.want {
				t.Errorf("%v.Compare(%v) = %d, want %d", tt.v, tt.w, got, tt.want)
			}
			if got := tt.w.Compare(tt.v); got != -tt.want {
				t.Errorf("%v.Compare(%v) = %d, want %d", tt.w, tt.v, got, -tt.want)
			}
		})
	}
}

func TestMergeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := entries.Draw(t, "a"), entries.Draw(t, "b"), entries.Draw(t, "c")
		if got := merge(nil, a); got != a {
			t.Fatalf("merge of nothing and %v = %v", a.Version, got.Version)
		}
		if got := merge(a, a); got != a {
			t.Fatalf("not idempotent: merge(%v, itself) = %v", a.Version, got.Version)
		}
		if x, y := merge(a, b), merge(b, a); x.Version != y.Version {
			t.Fatalf("not commutative: %v and %v give %v or %v", a.Version, b.Version, x.Version, y.Version)
		}
		if x, y := merge(merge(a, b), c), merge(a, merge(b, c)); x.Version != y.Version {
			t.Fatalf("not associative: %v, %v, %v give %v or %v", a.Version, b.Version, c.Version, x.Version, y.Version)
		}
		if (a.Version.Compare(b.Version) == 0) != (a.Version == b.Version) {
			t.Fatalf("%v and %v tie but differ", a.Version, b.Version)
		}
	})
}

func TestKeyCompare(t *testing.T) {
	ordered := []store.Key{
		{}, {Name: "\x00"}, {Name: "a"}, {Namespace: "a"}, {Namespace: "a", Name: "b"},
		{Namespace: "a\x00", Name: "a"}, {Namespace: "ab"}, {Namespace: "b", Name: "a"}, {Namespace: "\xff"},
	}
	for i, k := range ordered {
		for j, l := range ordered {
			if got, want := k.Compare(l), min(max(i-j, -1), 1); got != want {
				t.Errorf("%q.Compare(%q) = %d, want %d", k, l, got, want)
			}
		}
	}
}

func TestLive(t *testing.T) {
	second := int64(time.Second)
	tests := []struct {
		name string
		e    store.Entry
		wall int64
		want bool
	}{
		{"never expires", store.Entry{}, 1 << 62, true},
		{"a tombstone", store.Entry{Tombstone: true}, 0, false},
		{"a tombstone with an expiration", store.Entry{Tombstone: true, Expires: 100}, 0, false},
		{"long before", store.Entry{Expires: 100}, 0, true},
		{"the last nanosecond", store.Entry{Expires: 100}, 100*second - 1, true},
		{"the very moment", store.Entry{Expires: 100}, 100 * second, false},
		{"after", store.Entry{Expires: 100}, 101 * second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.e.Live(tt.wall); got != tt.want {
				t.Errorf("Live(%d) = %v, want %v", tt.wall, got, tt.want)
			}
		})
	}
}

func TestSizeCountsEveryPart(t *testing.T) {
	var empty store.Entry
	e := store.Entry{
		Key:      store.Key{Namespace: "ns", Name: "abc"},
		Value:    make([]byte, 1000),
		Metadata: make([]byte, 100),
		Version:  version(1, 0, "node", 1, 1),
	}
	if got, want := e.Size()-empty.Size(), 2+3+1000+100+4; got != want {
		t.Errorf("Size() is %d over an empty entry's, want %d", got, want)
	}
	if empty.Size() <= 0 {
		t.Errorf("Size() of an empty entry = %d: any number of them would fit a budget", empty.Size())
	}
}
