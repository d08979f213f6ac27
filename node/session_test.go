package node_test

import (
	"errors"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/node"
	"hearsay/store"
)

func stamp(s int64) clock.Timestamp { return clock.Timestamp{Wall: s * second} }

func origin(id store.NodeID) store.Origin {
	return store.Origin{Node: id, Incarnation: store.Incarnation{Start: stamp(1)}}
}

// saw returns the bookmark of who has seen write seq of id, made at s.
func saw(id store.NodeID, seq uint64, s int64) store.Bookmark {
	return store.Bookmark{}.Note(store.Version{Timestamp: stamp(s), Origin: origin(id)}, seq)
}

// dropped returns an epoch that dropped id, of which nothing counted that was stamped
// past s.
func dropped(id store.NodeID, s int64) roster.Epoch {
	return roster.Epoch{Number: 2, Ends: []roster.End{{Node: id, Epoch: 2, Through: stamp(s)}}}
}

// Below the floor a bookmark keeps what does not count: a node that shows it, until it has
// written it anew, has its readers keep it in mind, so that others do not show them less.
func TestShorten(t *testing.T) {
	f := &node.Front{Marks: store.Watermarks{{Origin: origin("a"), Seq: 5}}, W: stamp(10), Floor: stamp(7), Epoch: dropped("d", 5)}
	tests := []struct {
		name string
		b    store.Bookmark
		kept int
	}{
		{"what is covered", saw("a", 5, 7), 0},
		{"what is above the floor", saw("a", 5, 8), 1},
		{"past an end", saw("a", 6, 7), 1},
		{"of an origin that is retired", saw("c", 1, 7), 0},
		{"of an origin that had retired when its node was dropped", saw("d", 1, 5), 0},
		{"of an origin of which nothing counts", saw("d", 1, 6), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := f.Shorten(tt.b); len(got.Marks) != tt.kept || got.Floor != f.Floor {
				t.Errorf("Shorten = %+v, want %d marks and the floor", got, tt.kept)
			}
		})
	}
}

func TestServe(t *testing.T) {
	f := &node.Front{
		Marks:   store.Watermarks{{Origin: origin("a"), Seq: 5}, {Origin: origin("b"), Seq: 3}},
		W:       stamp(10),
		Floor:   stamp(7),
		MaxSkew: 500 * time.Millisecond,
		Epoch:   dropped("d", 5),
	}
	tests := []struct {
		name string
		b    store.Bookmark
		want error
	}{
		{"nothing", store.Bookmark{}, nil},
		{"what is covered", saw("a", 5, 12), nil},
		{"earlier than what is covered", saw("a", 4, 9), nil},
		{"more than what is covered", saw("a", 6, 12), node.ErrBehind},
		{"one of two covered", saw("a", 5, 12).And(saw("b", 4, 13)), node.ErrBehind},
		{"two covered", saw("a", 5, 12).And(saw("b", 3, 13)), nil},
		{"an origin that is not known here yet", saw("c", 1, 12), node.ErrBehind},
		{"through W", store.Bookmark{Through: stamp(10)}, nil},
		{"through more than W", store.Bookmark{Through: stamp(10).Next()}, node.ErrBehind},
		{"what was left out below a floor", store.Bookmark{Floor: stamp(10)}, nil},
		{"what was left out below a floor past W", store.Bookmark{Floor: stamp(10).Next()}, node.ErrBehind},
		{"past an end that W has passed", saw("a", 6, 10), node.ErrLost},
		{"of an origin that ended before it began", saw("c", 1, 8), node.ErrLost},
		{"of an origin that is retired", saw("c", 1, 7), nil},
		{"of an origin that had retired when its node was dropped", saw("d", 1, 5), nil},
		{"of an origin of which nothing counts", saw("d", 1, 6), node.ErrLost},
		{"of one that may have begun since its node was dropped", saw("d", 1, 11), node.ErrBehind},
		{"past an end that the floor has passed", saw("a", 6, 7), node.ErrLost},
		{"lost and behind", saw("a", 6, 9).And(saw("b", 4, 12)), node.ErrLost},
		{"behind and lost", saw("a", 6, 12).And(saw("b", 4, 9)), node.ErrLost},
		{"at the skew", saw("a", 5, 20).And(store.Bookmark{Marks: []store.Seen{{Mark: store.Mark{Origin: origin("b"), Seq: 3}, Timestamp: clock.Timestamp{Wall: 20*second + second/2}}}}), nil},
		{"past the skew", store.Bookmark{Marks: []store.Seen{{Mark: store.Mark{Origin: origin("b"), Seq: 3}, Timestamp: clock.Timestamp{Wall: 20*second + second/2 + 1}}}}, node.ErrAhead},
		{"through what is past the skew", store.Bookmark{Through: stamp(21)}, node.ErrAhead},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := f.Serve(at(20), tt.b); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("Serve = %v, want %v", err, tt.want)
			}
		})
	}
}

// A node that has not heard of everybody yet does not know what it misses of what every
// bookmark leaves out.
func TestNewcomerServesNoBookmark(t *testing.T) {
	f := &node.Front{Marks: store.Watermarks{{Origin: origin("a"), Seq: 5}}, MaxSkew: time.Second}
	if err := f.Serve(at(20), saw("a", 5, 12)); !errors.Is(err, node.ErrBehind) {
		t.Errorf("Serve without W = %v, want %v", err, node.ErrBehind)
	}
	if err := f.Serve(at(20), store.Bookmark{}); err != nil {
		t.Errorf("Serve of nothing seen = %v", err)
	}
}

// A write wins over what its client saw elsewhere, though this node did not.
func TestWriteIsAboveItsBookmark(t *testing.T) {
	n := open(t, "a", founded(t, "a"))
	seen := saw("b", 7, 20).Note(store.Version{Timestamp: clock.Timestamp{Wall: 20*second + 9}, Origin: origin("c")}, 1)
	w := put("k", "v")
	w.Seen = seen
	out := write(t, n, at(20), w)
	reply := out.Replies[0]
	if reply.Version.Timestamp.Compare(seen.Time()) <= 0 {
		t.Errorf("write is stamped %v, want it above the bookmark's %v", reply.Version.Timestamp, seen.Time())
	}
	e, err := out.Front.Entries.Get(key("k"))
	if err != nil || !e.Seen.Equal(seen) {
		t.Errorf("entry says that its writer had seen %+v (%v), want %+v", e.Seen, err, seen)
	}
	// One's own earlier writes go without saying.
	w.Seen = seen.Note(reply.Version, reply.Seq)
	out = write(t, n, at(21), w)
	if e, err = out.Front.Entries.Get(key("k")); err != nil || !e.Seen.Equal(seen) {
		t.Errorf("second entry says that its writer had seen %+v (%v), want %+v", e.Seen, err, seen)
	}
	if got, want := out.Replies[0].Seq, uint64(2); got != want {
		t.Errorf("reply names write %d, want %d", got, want)
	}
}

func TestWriteRefusesABookmarkFromTheFuture(t *testing.T) {
	n := open(t, "a", founded(t, "a"))
	w := put("k", "v")
	w.Seen = saw("b", 1, 21)
	if _, err := n.Write(at(20), w); !errors.Is(err, node.ErrAhead) {
		t.Errorf("Write with a bookmark 1 s ahead = %v, want ErrAhead", err)
	}
	if got := write(t, n, at(20), put("k", "v")).Replies[0].Version.Timestamp; got.Compare(stamp(21)) >= 0 {
		t.Errorf("the next write is stamped %v: the bookmark moved the clock", got)
	}
}

// What is read is seen, with what its writer had seen; so is a tombstone that
// reads as nothing, and whatever a list passes over.
func TestWitness(t *testing.T) {
	n := open(t, "a", founded(t, "a"))
	w := put("k", "v")
	w.Seen = saw("b", 7, 1)
	first := write(t, n, at(2), w).Replies[0]
	gone := put("gone", "")
	gone.Delete = true
	out := write(t, n, at(3), gone)
	second := out.Replies[0]

	read := func(name string) store.Bookmark {
		f := *out.Front
		witness := &node.Witness{Snapshot: f.Entries}
		f.Entries = witness
		value(t, at(4), &f, name)
		return witness.Seen
	}
	if got, want := read("k"), w.Seen.Note(first.Version, first.Seq); !got.Equal(want) {
		t.Errorf("who reads k has seen %+v, want %+v", got, want)
	}
	if got, want := read("gone"), (store.Bookmark{}).Note(second.Version, second.Seq); !got.Equal(want) {
		t.Errorf("who reads a deleted key has seen %+v, want %+v", got, want)
	}
	if got := read("never"); !got.IsZero() {
		t.Errorf("who reads a key that never was has seen %+v, want nothing", got)
	}
	f := *out.Front
	witness := &node.Witness{Snapshot: f.Entries, Seen: saw("c", 1, 1)}
	f.Entries = witness
	if _, _, err := node.Scan(at(4), &f, store.Key{}, store.Key{}, 10); err != nil {
		t.Fatal(err)
	}
	if got, want := witness.Seen, w.Seen.Note(second.Version, second.Seq).And(saw("c", 1, 1)); !got.Equal(want) {
		t.Errorf("who lists has seen %+v, want %+v", got, want)
	}
}
