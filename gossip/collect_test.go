package gossip_test

import (
	"fmt"
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// rowsOf returns how many rows s has of all logs.
func (s *site) rowsOf() int {
	n := 0
	for _, m := range s.replica.marks {
		n += int(m.Seq - s.replica.trimmed.At(m.Origin))
	}
	return n
}

// frames returns all frames of origin that were sent.
func (n *net) frames(origin store.Origin) []*gossip.Frame {
	var all []*gossip.Frame
	for _, m := range n.sent {
		if f, ok := m.message.(*gossip.Frame); ok && f.Origin == origin {
			all = append(all, f)
		}
	}
	return all
}

func TestLogsAreTrimmedAtTheFloor(t *testing.T) {
	n := newFloorCluster(t, "a1", "b1")
	a := n.sites[0]
	for i := range 20 {
		n.write(a, fmt.Sprint("k", i), 10)
		n.run(100 * time.Millisecond)
	}
	for _, s := range n.sites {
		kept := 0
		for _, e := range n.wrote {
			if e.Version.Timestamp.Compare(s.Floor()) > 0 {
				kept++
			}
		}
		if got := s.rowsOf(); got != kept || kept == 0 || kept == 20 {
			t.Errorf("%s keeps %d rows, want the %d above its floor, which is some of 20", s.peer.ID, got, kept)
		}
		if s.Swept() != s.Floor() {
			t.Errorf("%s has swept up to %v, want its floor %v", s.peer.ID, s.Swept(), s.Floor())
		}
	}
}

func TestDeletionsAreCollectedAtTheFloor(t *testing.T) {
	n := newFloorCluster(t, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	dead := n.write(a, "k", 0)
	*dead = store.Entry{Key: dead.Key, Version: dead.Version, Seq: dead.Seq, Tombstone: true}
	n.run(n.cfg.FloorAge / 2)
	if len(a.replica.entries) != 1 || len(b.replica.entries) != 1 {
		t.Fatalf("a and b hold %d and %d entries, want the deletion: it is younger than the floor", len(a.replica.entries), len(b.replica.entries))
	}
	n.run(2 * n.cfg.FloorAge)
	for _, s := range n.sites {
		if len(s.replica.entries) != 0 {
			t.Errorf("%s still holds the deletion", s.peer.ID)
		}
	}
}

// A turn clears so much and no more, and the next goes on at once.
func TestSweepIsBounded(t *testing.T) {
	cfg := floorConfig()
	cfg.Sweep = 3
	n := newNet(t, cfg, "a1")
	a := n.sites[0]
	a.Roster().Found()
	n.run(time.Second)
	for i := range 10 {
		e := n.write(a, fmt.Sprint("k", i), 0)
		*e = store.Entry{Key: e.Key, Version: e.Version, Seq: e.Seq, Tombstone: true}
	}
	n.run(cfg.FloorAge)
	most := 0
	for len(a.replica.entries) > 0 {
		n.now.Mono += 10 * time.Millisecond
		n.now.Wall += int64(10 * time.Millisecond)
		was := len(a.replica.entries)
		if err := a.Tick(n.now); err != nil {
			t.Fatal(err)
		}
		if left := len(a.replica.entries); left < was && left > 0 && a.NextTick() != 0 {
			t.Fatalf("the next tick is at %v with %d entries left, want it at once", a.NextTick(), left)
		}
		most = max(most, was-len(a.replica.entries))
		if n.now.Mono > time.Minute {
			t.Fatal("the sweep did not end in a minute")
		}
	}
	if most != cfg.Sweep {
		t.Errorf("a turn cleared %d entries at most, want %d", most, cfg.Sweep)
	}
}

func TestRowsAreBounded(t *testing.T) {
	cfg := gossip.DefaultConfig()
	cfg.MaxRows, cfg.Sweep = 100, 512
	n := newNet(t, cfg, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	n.write(b, "b", 10)
	for i := range 500 {
		n.write(a, fmt.Sprint("k", i), 10)
		n.settle()
		for _, s := range n.sites {
			if got := s.rowsOf(); got > cfg.MaxRows {
				t.Fatalf("%s keeps %d rows, want at most %d", s.peer.ID, got, cfg.MaxRows)
			}
		}
	}
	n.covers(b, a.origin, 500)
	if b.replica.trimmed.At(b.origin) != 0 {
		t.Error("b lost the row of its own short log, want the long one trimmed")
	}
}

// More than a log may have is written in one turn: it is sent before its rows go.
func TestRowsAreSentBeforeTheyGo(t *testing.T) {
	cfg := gossip.DefaultConfig()
	cfg.MaxRows, cfg.Sweep = 100, 512
	n := newNet(t, cfg, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	for i := range 250 {
		n.write(a, fmt.Sprint("k", i), 10)
	}
	n.run(time.Second)
	if len(b.replica.entries) != 250 || b.replica.marks.At(a.origin) != 250 {
		t.Errorf("b holds %d entries and covers %d, want all 250", len(b.replica.entries), b.replica.marks.At(a.origin))
	}
	if got := a.rowsOf(); got > cfg.MaxRows {
		t.Errorf("a keeps %d rows, want at most %d", got, cfg.MaxRows)
	}
}

// An origin that ended below the floor leaves the tables of all, who go on to
// agree; and nothing that comes of it late is taken for news.
func TestOriginsRetireAtTheFloor(t *testing.T) {
	n := newFloorCluster(t, "a1", "b1", "c1")
	a, b := n.sites[0], n.sites[1]
	n.write(a, "k", 10)
	n.settle()
	former := a.origin
	late := n.frames(former)
	n.restart(a)
	n.run(3 * n.cfg.FloorAge)
	for _, s := range n.sites {
		n.covers(s, former, 1) // nothing followed it
	}
	n.write(a, "k", 10)
	n.run(3 * n.cfg.FloorAge)
	sent := len(n.sent)
	n.run(n.cfg.FloorAge)
	for _, s := range n.sites {
		n.covers(s, former, 0)
		n.covers(s, a.origin, 1)
		n.follows(s, 3*n.cfg.StatusInterval)
		if !s.Holds(former, 1) {
			t.Errorf("%s says that it lacks what the retired origin wrote", s.peer.ID)
		}
	}
	for _, m := range n.sent[sent:] {
		if s, ok := m.message.(*gossip.Status); ok && (s.Want || s.Full) {
			t.Fatalf("%s and %s still do not agree on their watermarks", m.from, m.to)
		}
	}
	if err := b.Receive(n.now, "c1", late[0]); err != nil {
		t.Fatal(err)
	}
	n.run(time.Second)
	n.covers(b, former, 0)
	if got := b.replica.count("below_floor"); got != 1 {
		t.Errorf("b dropped %d late frames, want 1", got)
	}
}
