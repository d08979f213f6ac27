package store_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hearsay/clock"
	"hearsay/store"
)

// wrote returns an entry that node wrote at wall, knowing k.
func wrote(node string, wall int64, k store.Known) *store.Entry {
	return &store.Entry{Version: version(wall, 0, node, 1, 1), Known: k}
}

func wall(n int64) clock.Timestamp { return clock.Timestamp{Wall: n} }

func TestKnew(t *testing.T) {
	e := wrote("c", 20, store.Known{
		Through: wall(5), Maybe: wall(12),
		Versions: []store.Version{version(10, 0, "a", 1, 1), version(15, 0, "b", 1, 1)},
	})
	tests := []struct {
		name       string
		v          store.Version
		knew, sure bool
	}{
		{"at the bound", version(5, 0, "x", 1, 1), true, true},
		{"above it", version(5, 1, "x", 1, 1), false, false},
		{"its own", version(19, 0, "c", 1, 1), true, true},
		{"another life's own", version(19, 0, "c", 0, 1), false, true},
		{"listed", version(10, 0, "a", 1, 1), true, true},
		{"before one listed", version(9, 0, "a", 1, 1), true, true},
		{"after one listed", version(13, 0, "a", 1, 1), false, true},
		{"after one listed, perhaps known", version(11, 0, "a", 1, 1), false, false},
		{"at the end of doubt", version(12, 0, "x", 1, 1), false, false},
		{"past doubt", version(12, 1, "x", 1, 1), false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if knew, sure := e.Knew(tt.v); knew != tt.knew || sure != tt.sure {
				t.Errorf("Knew(%v) = %v, %v, want %v, %v", tt.v, knew, sure, tt.knew, tt.sure)
			}
		})
	}
}

func TestKnownIsBounded(t *testing.T) {
	var k store.Known
	for i := range int64(store.MaxKnown) {
		k = k.With(wrote(fmt.Sprintf("%02d", i), 100+i, store.Known{}))
	}
	if len(k.Versions) != store.MaxKnown || !k.Maybe.IsZero() {
		t.Fatalf("known of %d origins lists %d and doubts up to %v, want all and nothing", store.MaxKnown, len(k.Versions), k.Maybe)
	}
	more := k.With(wrote("one more", 200, store.Known{}))
	if len(more.Versions) != store.MaxKnown || more.Maybe != wall(100) {
		t.Errorf("known of one origin more lists %d and doubts up to %v, want %d and %v", len(more.Versions), more.Maybe, store.MaxKnown, wall(100))
	}
	e := wrote("me", 300, more)
	if knew, sure := e.Knew(version(100, 0, "00", 1, 1)); knew || sure {
		t.Errorf("Knew(the oldest) = %v, %v, want doubt", knew, sure)
	}
	if knew, sure := e.Knew(version(150, 0, "a stranger's", 1, 1)); knew || !sure {
		t.Errorf("Knew(a stranger's) = %v, %v, want a sure no", knew, sure)
	}
	covered := more.By(version(0, 0, "me", 1, 1).Origin, wall(100))
	if covered.Through != wall(100) || !covered.Maybe.IsZero() {
		t.Errorf("with W at the end of doubt it is known through %v and doubted up to %v, want %v and nothing", covered.Through, covered.Maybe, wall(100))
	}
}

// Known versions, without bound, are the sets of all that is in them.
func TestKnownAgainstSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Each origin in turn writes one key, having seen what some others wrote.
		type written struct {
			e    *store.Entry
			past map[store.Version]bool
		}
		var all []written
		seen := map[string][]int{}
		for i := range int64(rapid.IntRange(1, 14).Draw(t, "writes")) {
			node := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "node")
			for j := range all {
				if rapid.Bool().Draw(t, "sees") {
					seen[node] = append(seen[node], j)
				}
			}
			var k store.Known
			past := map[store.Version]bool{}
			for _, j := range seen[node] {
				k = k.With(all[j].e)
				past[all[j].e.Version] = true
				for v := range all[j].past {
					past[v] = true
				}
			}
			e := wrote(node, 10+i, store.Known{})
			e.Known = k.By(e.Version.Origin, clock.Timestamp{})
			seen[node] = append(seen[node], len(all))
			all = append(all, written{e, past})
		}
		for i, w := range all {
			if !slices.IsSortedFunc(w.e.Known.Versions, func(v, u store.Version) int { return v.Origin.Compare(u.Origin) }) {
				t.Fatalf("versions %v are not by origin", w.e.Known.Versions)
			}
			for _, older := range all[:i] {
				if knew, sure := w.e.Knew(older.e.Version); knew != w.past[older.e.Version] || !sure {
					t.Fatalf("%v knew %v: %v, %v, want %v, surely", w.e.Version, older.e.Version, knew, sure, w.past[older.e.Version])
				}
			}
		}
	})
}
