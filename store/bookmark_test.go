package store_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hearsay/clock"
	"hearsay/store"
)

// write returns node's write number seq at wall, of a client that had seen b.
func write(node string, seq uint64, wall int64, b store.Bookmark) *store.Entry {
	return &store.Entry{Version: version(wall, 0, node, 1, 1), Seq: seq, Seen: b}
}

func TestBookmarkIsBounded(t *testing.T) {
	var b store.Bookmark
	for i := range int64(store.MaxMarks) {
		b = b.With(write(fmt.Sprintf("%02d", i), 1, 100+i, store.Bookmark{}))
	}
	if len(b.Marks) != store.MaxMarks || !b.Through.IsZero() {
		t.Fatalf("bookmark of %d origins has %d marks and is through %v, want all and nothing", store.MaxMarks, len(b.Marks), b.Through)
	}
	more := b.With(write("one more", 7, 200, store.Bookmark{}))
	if len(more.Marks) != store.MaxMarks || more.Through != wall(100) {
		t.Errorf("bookmark of one origin more has %d marks and is through %v, want %d and %v", len(more.Marks), more.Through, store.MaxMarks, wall(100))
	}
	// What is stamped at the time of the oldest goes with it.
	twins := b.With(write("a twin", 1, 100, store.Bookmark{}))
	if len(twins.Marks) != store.MaxMarks-1 || twins.Through != wall(100) {
		t.Errorf("bookmark of two oldest has %d marks and is through %v, want %d and %v", len(twins.Marks), twins.Through, store.MaxMarks-1, wall(100))
	}
}

func TestBookmarkAbove(t *testing.T) {
	b := store.Bookmark{Through: wall(10)}.With(write("a", 1, 20, store.Bookmark{})).With(write("b", 1, 30, store.Bookmark{}))
	for _, tt := range []struct {
		floor   int64
		through clock.Timestamp
		marks   int
	}{{9, wall(10), 2}, {10, clock.Timestamp{}, 2}, {20, clock.Timestamp{}, 1}, {29, clock.Timestamp{}, 1}, {30, clock.Timestamp{}, 0}} {
		got := b.Above(wall(tt.floor), func(store.Seen) bool { return true })
		if got.Through != tt.through || len(got.Marks) != tt.marks {
			t.Errorf("Above(%d) = %+v, want %d marks, through %v", tt.floor, got, tt.marks, tt.through)
		}
		if got.Floor != wall(tt.floor) || !got.By(store.Origin{}).Floor.IsZero() {
			t.Errorf("Above(%d) names floor %v, and an entry %v; want it, and none", tt.floor, got.Floor, got.By(store.Origin{}).Floor)
		}
	}
	if len(b.Marks) != 2 {
		t.Errorf("Above changed the bookmark to %+v", b)
	}
}

func TestBookmarkAboveKeepsWhatDoesNotCount(t *testing.T) {
	b := store.Bookmark{}.With(write("ended", 5, 20, store.Bookmark{})).With(write("retired", 5, 20, store.Bookmark{}))
	got := b.Above(wall(20), func(s store.Seen) bool { return s.Origin.Node == "retired" })
	if len(got.Marks) != 1 || got.Marks[0].Origin.Node != "ended" {
		t.Errorf("Above = %+v, want the write that does not count alone", got)
	}
}

func TestBookmarkTime(t *testing.T) {
	b := store.Bookmark{Through: wall(10)}
	if got := b.Time(); got != wall(10) {
		t.Errorf("Time of what is seen through 10 = %v", got)
	}
	b = b.With(write("b", 1, 30, store.Bookmark{})).With(write("c", 1, 20, store.Bookmark{}))
	if got := b.Time(); got != wall(30) {
		t.Errorf("Time = %v, want that of the last write, 30", got)
	}
}

// Bookmarks are the sets of all that clients saw: what is in one is covered by
// whoever covers the last write of each origin, unless its timestamp says it.
func TestBookmarkAgainstSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type written struct {
			e    *store.Entry
			past map[store.Mark]bool
		}
		type client struct {
			b    store.Bookmark
			past map[store.Mark]bool
		}
		nodes := make([]string, 40) // more than a bookmark has marks
		for i := range nodes {
			nodes[i] = fmt.Sprintf("%02d", i)
		}
		nodes = nodes[:rapid.SampledFrom([]int{2, 4, 40}).Draw(t, "nodes")]
		clients := make([]client, 3)
		for i := range clients {
			clients[i].past = map[store.Mark]bool{}
		}
		var all []written
		seqs := map[string]uint64{}
		for i := range int64(rapid.IntRange(1, 80).Draw(t, "operations")) {
			c := &clients[rapid.IntRange(0, 2).Draw(t, "client")]
			if len(all) > 0 && rapid.Bool().Draw(t, "reads") {
				w := all[rapid.IntRange(0, len(all)-1).Draw(t, "what")]
				c.b = c.b.With(w.e)
				maps.Copy(c.past, w.past)
				continue
			}
			node := rapid.SampledFrom(nodes).Draw(t, "node")
			seqs[node]++
			e := write(node, seqs[node], 100+i, store.Bookmark{})
			e.Seen = c.b.By(e.Version.Origin)
			c.past[store.Mark{Origin: e.Version.Origin, Seq: e.Seq}] = true
			c.b = c.b.With(e)
			all = append(all, written{e, maps.Clone(c.past)})
		}
		for _, c := range clients {
			if len(c.b.Marks) > store.MaxMarks || !slices.IsSortedFunc(c.b.Marks, func(s, u store.Seen) int { return s.Origin.Compare(u.Origin) }) {
				t.Fatalf("marks %v are too many, or not by origin", c.b.Marks)
			}
			covered := store.Watermarks{}
			for _, s := range c.b.Marks {
				covered.Set(s.Origin, s.Seq)
			}
			for _, w := range all {
				m := store.Mark{Origin: w.e.Version.Origin, Seq: w.e.Seq}
				in := covered.At(m.Origin) >= m.Seq || w.e.Version.Timestamp.Compare(c.b.Through) <= 0
				if c.past[m] && !in {
					t.Fatalf("%+v lacks %v, which its holder saw", c.b, m)
				}
			}
			for _, s := range c.b.Marks {
				if !c.past[s.Mark] {
					t.Fatalf("%+v has %v, which its holder did not see", c.b, s.Mark)
				}
			}
		}
	})
}
