package store_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hearsay/clock"
	"hearsay/store"
)

func origin(node string, start int64) store.Origin {
	return store.Origin{Node: store.NodeID(node), Incarnation: store.Incarnation{Start: clock.Timestamp{Wall: start}}}
}

func TestWatermarks(t *testing.T) {
	var w store.Watermarks
	if got := w.At(origin("a", 1)); got != 0 {
		t.Errorf("At of an unknown origin = %d, want 0", got)
	}
	w.Set(origin("b", 1), 5)
	w.Set(origin("a", 2), 7)
	w.Set(origin("a", 1), 3)
	want := store.Watermarks{{Origin: origin("a", 1), Seq: 3}, {Origin: origin("a", 2), Seq: 7}, {Origin: origin("b", 1), Seq: 5}}
	if !slices.Equal(w, want) {
		t.Fatalf("after three Sets: %v, want %v", w, want)
	}
	if w.Raise(origin("b", 1), 5) || w.Raise(origin("b", 1), 4) || w.At(origin("b", 1)) != 5 {
		t.Errorf("Raise to no more than 5 moved it: %v", w)
	}
	if !w.Raise(origin("b", 1), 6) || w.At(origin("b", 1)) != 6 {
		t.Errorf("Raise to 6 did not move it: %v", w)
	}
	for _, id := range []store.NodeID{"", "a", "aa", "b", "c"} {
		var of store.Watermarks
		for _, m := range w {
			if m.Origin.Node == id {
				of = append(of, m)
			}
		}
		if got := w.Of(id); !slices.Equal(got, of) {
			t.Errorf("Of(%q) = %v, want %v", id, got, of)
		}
	}
	w.Set(origin("b", 1), 2)
	if got := w.At(origin("b", 1)); got != 2 {
		t.Errorf("At after Set to a lower one = %d, want 2", got)
	}
	w.Reset(origin("c", 1), 0)
	if w.Raise(origin("c", 1), 0) || len(w) != 3 {
		t.Errorf("Raise of a new origin to 0 = %v, want no change", w)
	}
}

func TestCovers(t *testing.T) {
	a1b2 := store.Watermarks{{Origin: origin("a", 1), Seq: 1}, {Origin: origin("b", 1), Seq: 2}}
	tests := []struct {
		name string
		w, v store.Watermarks
		want bool
	}{
		{"nothing covers nothing", nil, nil, true},
		{"anything covers nothing", a1b2, nil, true},
		{"nothing does not cover something", nil, a1b2, false},
		{"itself", a1b2, a1b2, true},
		{"behind with one", a1b2, store.Watermarks{{Origin: origin("b", 1), Seq: 3}}, false},
		{"another incarnation", a1b2, store.Watermarks{{Origin: origin("a", 2), Seq: 1}}, false},
		{"of 0 nothing is needed", a1b2, store.Watermarks{{Origin: origin("c", 1), Seq: 0}}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.w.Covers(tt.v); got != tt.want {
				t.Errorf("%v.Covers(%v) = %v, want %v", tt.w, tt.v, got, tt.want)
			}
		})
	}
}

// Watermarks are a map kept as a sorted list, and a clone is apart from it.
func TestWatermarksAreASortedMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w store.Watermarks
		want := map[store.Origin]uint64{}
		origins := rapid.Custom(func(t *rapid.T) store.Origin {
			return origin(rapid.SampledFrom([]string{"", "a", "a\x00", "b"}).Draw(t, "node"), rapid.Int64Range(0, 2).Draw(t, "start"))
		})
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				o, seq := origins.Draw(t, "origin"), rapid.Uint64().Draw(t, "seq")
				w.Set(o, seq)
				want[o] = seq
			},
			"raise": func(t *rapid.T) {
				o, seq := origins.Draw(t, "origin"), rapid.Uint64().Draw(t, "seq")
				if moved := w.Raise(o, seq); moved != (seq > want[o]) {
					t.Fatalf("Raise(%v, %d) from %d = %v", o, seq, want[o], moved)
				} else if moved {
					want[o] = seq
				}
			},
			"reset": func(t *rapid.T) {
				o, seq := origins.Draw(t, "origin"), rapid.Uint64Max(2).Draw(t, "seq")
				w.Reset(o, seq)
				want[o] = seq
				if seq == 0 {
					delete(want, o)
				}
			},
			"change a clone": func(t *rapid.T) {
				c := w.Clone()
				for i := range c {
					c[i].Seq++
				}
				c.Set(origin("z", 1), 1)
			},
			"": func(t *rapid.T) {
				if len(w) != len(want) {
					t.Fatalf("%d marks, want %d", len(w), len(want))
				}
				if !slices.IsSortedFunc(w, func(m, n store.Mark) int { return m.Origin.Compare(n.Origin) }) {
					t.Fatalf("not sorted: %v", w)
				}
				for _, m := range w {
					if m.Seq != want[m.Origin] || w.At(m.Origin) != m.Seq {
						t.Fatalf("%v: mark %d, At %d, want %d", m.Origin, m.Seq, w.At(m.Origin), want[m.Origin])
					}
				}
			},
		})
	})
}
