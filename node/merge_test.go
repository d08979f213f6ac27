package node_test

import (
	"errors"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/node"
	"hearsay/store"
	"hearsay/store/memstore"
)

// Value, metadata, expiration and deletion win or lose together, whichever comes
// first: what an entry superseded never shows through it again, not even where it
// was nowhere else.
func TestOlderWriteNeverShowsThrough(t *testing.T) {
	older := put("k", "older")
	older.Metadata, older.Expires = []byte("{}"), 300
	for _, tt := range []struct {
		name  string
		newer func(w *node.Write)
		want  string // at 100 s
	}{
		{"a put without expiration", func(w *node.Write) { w.Expires = 0 }, "newer"},
		{"a put that expired", func(w *node.Write) { w.Expires = 100 }, "-"},
		{"a deletion", func(w *node.Write) { w.Value, w.Expires, w.Delete = nil, 0, true }, "-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			newer := put("k", "newer")
			tt.newer(&newer)
			a, b := open(t, "a", founded(t, "a")), open(t, "b", founded(t, "b"))
			a.PeerUp(at(1), gossip.Peer{ID: "x"})
			b.PeerUp(at(1), gossip.Peer{ID: "x"})
			first, second := frames(write(t, a, at(10), older))[0], frames(write(t, b, at(20), newer))[0]
			for _, late := range [][]*gossip.Frame{{first, second}, {second, first}, {first, second, first}} {
				c := open(t, "c", founded(t, "c"))
				c.PeerUp(at(1), gossip.Peer{ID: "x"})
				flush(t, c)
				for _, f := range late {
					c.Receive(at(100), f.Origin.Node, f)
				}
				f := flush(t, c).Front
				if got := value(t, at(100), f, "k"); got != tt.want {
					t.Errorf("k = %q after %d frames, the first of %s, want %q", got, len(late), late[0].Origin.Node, tt.want)
				}
				e, err := f.Entries.Get(key("k"))
				if err != nil || e.Version != second.Entries[0].Version || e.Metadata != nil || e.Expires != newer.Expires {
					t.Errorf("c holds %+v (%v), want the newer write whole", e, err)
				}
				// That it expired is no write: nothing is logged, nothing goes out.
				before := c.Watermarks()
				c.Tick(at(400))
				if fs := frames(flush(t, c)); len(fs) > 0 || !before.Covers(c.Watermarks()) {
					t.Errorf("c sends %d frames and holds %v after the expiration, had %v", len(fs), c.Watermarks(), before)
				}
			}
		})
	}
}

// After a crash a node whose clock was set back takes no writes until it has passed
// whatever the node's former life may have promised to stamp nothing at or below.
func TestRestartWaitsForWhatItClosed(t *testing.T) {
	st := memstore.New()
	n := open(t, "a", st)
	for s := range int64(20) { // a turn closes, and the next one by what it knows then
		n.Tick(at(100 + s))
		flush(t, n)
	}
	n.Tick(at(120))
	closed := flush(t, n).Front.W
	if closed.Compare(stamp(119)) < 0 {
		t.Fatalf("W = %v at 120 s, want the node to have closed about that", closed)
	}
	n = open(t, "a", st)
	if _, err := n.Write(at(115), put("k", "v")); !errors.Is(err, node.ErrNotReady) {
		t.Errorf("Write with the clock 5 s back = %v, want ErrNotReady", err)
	}
	flush(t, n)
	if got := write(t, n, at(122), put("k", "v")).Replies[0].Version.Timestamp; got.Compare(closed) <= 0 {
		t.Errorf("write has %v, want it above %v, which was closed", got, closed)
	}
}

// What is stamped at or below the floor has been everywhere, and may have been
// collected: a copy that comes late, by a row that this node lacks, is dropped, and
// the row counts.
func TestLateCopyBelowTheFloorIsDropped(t *testing.T) {
	var dropped int
	cfg := node.DefaultConfig()
	cfg.ID, cfg.Region, cfg.Found = "a", "r", true
	cfg.Gossip.Sweep, cfg.Gossip.FloorAge, cfg.Gossip.FloorStep = 100, 10*time.Second, time.Second
	cfg.Draw = func(_ string, a, b uint64) uint64 { return a ^ b }
	cfg.Observe = func(e node.Event) {
		if _, late := e.(node.EntryBelowFloor); late {
			dropped++
		}
	}
	n, err := node.New(cfg, memstore.New())
	if err != nil {
		t.Fatal(err)
	}
	from := store.Origin{Node: "x", Incarnation: store.Incarnation{Start: stamp(50)}}
	row := func(seq uint64, stamped clock.Timestamp, name string) *gossip.Frame {
		e := &store.Entry{Key: key(name), Value: []byte(name), Version: store.Version{Timestamp: stamped, Origin: from}, Seq: seq}
		return &gossip.Frame{Origin: from, From: seq - 1, Rows: []gossip.FrameRow{{Timestamp: stamped}}, Entries: []*store.Entry{e}}
	}
	n.Receive(at(60), "x", row(1, stamp(50), "early"))
	for s := range int64(40) {
		n.Tick(at(61 + s))
		flush(t, n)
	}
	n.Receive(at(101), "x", row(2, stamp(51), "late"))
	n.Receive(at(101), "x", row(3, stamp(100), "young"))
	f := flush(t, n).Front
	if f.Floor.Compare(stamp(51)) < 0 || f.Floor.Compare(stamp(100)) >= 0 {
		t.Fatalf("the floor is %v, want it between 51 and 100 s", f.Floor)
	}
	for name, want := range map[string]string{"early": "early", "late": "-", "young": "young"} {
		if got := value(t, at(101), f, name); got != want {
			t.Errorf("%s = %q with the floor at %v, want %q", name, got, f.Floor, want)
		}
	}
	if got := f.Marks.At(from); got != 3 || dropped != 1 {
		t.Errorf("watermark = %d with %d copies dropped, want 3 with one", got, dropped)
	}
	// Its row names nothing, so it is not kept either: there is nothing to pass on.
	n.PeerUp(at(102), gossip.Peer{ID: "b", Region: "r"})
	for seq, want := range map[uint64]int{1: 0, 2: 1} {
		n.Receive(at(102), "b", &gossip.Pull{From: store.Watermarks{{Origin: from, Seq: seq}}, Credit: 1 << 20})
		if fs := frames(flush(t, n)); len(fs) != want {
			t.Errorf("%d frames for who lacks rows past %d, want %d", len(fs), seq, want)
		}
	}
}
