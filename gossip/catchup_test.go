package gossip_test

import (
	"fmt"
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// newSwept returns a cluster that has written count keys and deleted one, "dead", and
// has collected and trimmed all of that.
func newSwept(t *testing.T, cfg gossip.Config, count int, names ...string) *net {
	t.Helper()
	n := newNet(t, cfg, names...)
	n.sites[0].Roster().Found()
	n.admit()
	for i := range count {
		n.write(n.sites[i%2], fmt.Sprintf("k%04d", i), 100)
		n.settle()
	}
	n.delete(n.sites[0], "dead")
	n.run(3 * cfg.FloorAge)
	for _, s := range n.sites {
		if got := len(s.replica.entries); got != count || s.rowsOf() > 0 {
			t.Fatalf("%s holds %d entries and %d rows, want %d and none", s.peer.ID, got, s.rowsOf(), count)
		}
	}
	return n
}

func (n *net) delete(s *site, name string) {
	dead := n.write(s, name, 0)
	*dead = store.Entry{Key: dead.Key, Version: dead.Version, Seq: dead.Seq, Tombstone: true}
}

// pages returns the pages that were sent to a site, and by whom.
func (n *net) pages(to store.NodeID) (pages []*gossip.Page, from []store.NodeID) {
	for _, m := range n.sent {
		if p, ok := m.message.(*gossip.Page); ok && m.to == to {
			pages, from = append(pages, p), append(from, m.from)
		}
	}
	return pages, from
}

// until runs until done says so, for ten seconds at most.
func (n *net) until(what string, done func() bool) {
	n.t.Helper()
	for range 1000 {
		if done() {
			return
		}
		n.run(10 * time.Millisecond)
	}
	n.t.Fatalf("after 10 s it is not so that %s", what)
}

func (s *site) caughtUp() bool {
	_, catching := s.CatchingUp()
	return !catching && s.replica.count("caught_up") > 0
}

// sameAs fails the test unless s holds what other holds, covers what it covers, and
// has its floor.
func (n *net) sameAs(s, other *site) {
	n.t.Helper()
	if !s.replica.marks.Covers(other.replica.marks) {
		n.t.Errorf("%s covers %v, want %v", s.peer.ID, s.replica.marks, other.replica.marks)
	}
	for key, e := range other.replica.entries {
		if s.replica.entries[key] != e {
			n.t.Fatalf("%s holds %v under %v, want that of %s", s.peer.ID, s.replica.entries[key], key, other.peer.ID)
		}
	}
	if got, want := len(s.replica.entries), len(other.replica.entries); got != want {
		n.t.Errorf("%s holds %d entries, want the %d of %s", s.peer.ID, got, want, other.peer.ID)
	}
	if s.Fenced() {
		n.t.Errorf("%s is fenced still", s.peer.ID)
	}
	n.follows(s, 5*n.cfg.StatusInterval)
	if age := n.floorAge(s); age > 2*n.cfg.FloorAge {
		n.t.Errorf("the floor of %s is %v old", s.peer.ID, age)
	}
}

// Logs cannot help a newcomer whom the floor has passed. Until it has a snapshot it
// is no source, and W of the others does not wait for it.
func TestNewcomerTakesASnapshot(t *testing.T) {
	n := newSwept(t, floorConfig(), 500, "a1", "b1", "b2")
	c := n.join("b3")
	var fenced bool
	n.lose = func(from, to store.NodeID, m gossip.Message) bool {
		if _, page := m.(*gossip.Page); page && n.now.Mono < 20*time.Second {
			return true
		}
		if _, frame := m.(*gossip.Frame); frame && (from == "b3" || to == "b3") && c.Fenced() {
			t.Errorf("a frame from %s to %s, one of which is fenced", from, to)
		}
		fenced = fenced || c.Fenced()
		return false
	}
	for n.now.Mono < 20*time.Second {
		n.run(200 * time.Millisecond)
		n.write(n.sites[0], fmt.Sprint("new", n.now.Mono), 10)
		if c.Fenced() {
			n.behindAtMost(n.sites[0], 2*time.Second)
		}
		if age := n.floorAge(n.sites[0]); c.Fenced() && n.sites[0].Floor().Compare(c.W()) <= 0 {
			t.Fatalf("the floor is %v old, and the newcomer fenced all the same", age)
		}
	}
	if !fenced || !c.Fenced() {
		t.Fatal("the newcomer is not fenced while no page comes")
	}
	before := n.sites[0].Floor()
	n.run(2 * n.cfg.FloorAge)
	n.until("it has caught up", c.caughtUp)
	n.run(3 * n.cfg.FloorAge)
	n.sameAs(c, n.sites[0])
	if n.sites[0].Floor().Compare(before) <= 0 {
		t.Error("the floor does not rise any more")
	}
	if _, from := n.pages("b3"); from[len(from)-1] == "a1" {
		t.Error("the snapshot came from another region, want the own one")
	}
}

// What a node holds that is below the floor may be deleted since. It gives none of it,
// whoever asks for what.
func TestFencedNodeGivesNothing(t *testing.T) {
	n := newCluster(t, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	n.write(b, "k", 10)
	n.run(3 * time.Second)
	asks := []struct {
		name    string
		message gossip.Message
	}{
		{"pull", &gossip.Pull{From: store.Watermarks{{Origin: b.origin}}, Credit: 1 << 20}},
		{"scan", &gossip.Scan{Number: 1, Credit: 1 << 20}},
		{"comparison", &gossip.Repair{Step: gossip.Sums, Epoch: a.Roster().Epoch().Number, Floor: b.Floor(), Through: b.W(), Sums: make([]uint64, 16)}},
	}
	answers := func(m gossip.Message) bool {
		n.sent = nil
		n.deliver(sent{"a1", "b1", m})
		n.settle()
		for _, s := range n.sent {
			switch s.message.(type) {
			case *gossip.Frame, *gossip.Page, *gossip.Gone, *gossip.Repair:
				if s.from == "b1" {
					return true
				}
			}
		}
		return false
	}
	for _, fenced := range []bool{false, true} {
		if fenced {
			n.lose = func(from, _ store.NodeID, _ gossip.Message) bool { return from == "a1" } // nor does it catch up
			n.deliver(sent{"a1", "b1", &gossip.Status{Hash: 1, Facts: gossip.Facts{Floor: b.W().Next(), Epoch: a.Roster().Epoch().Number}}})
		}
		if b.Fenced() != fenced {
			t.Fatalf("b is fenced: %v, want %v", b.Fenced(), fenced)
		}
		for _, ask := range asks {
			if got := answers(ask.message); got == fenced {
				t.Errorf("fenced: %v, a %s is answered: %v", fenced, ask.name, got)
			}
		}
	}
}

// A donor that goes is replaced by another, who goes on where it was.
func TestSnapshotGoesOnWithAnotherDonor(t *testing.T) {
	cfg := floorConfig()
	cfg.MaxFrameRows, cfg.Credit = 16, 8000
	n := newSwept(t, cfg, 500, "a1", "b1", "b2")
	c := n.join("b3")
	progress := func() gossip.CatchingUp { p, _ := c.CatchingUp(); return p }
	n.delay = func(_, to store.NodeID, m gossip.Message) time.Duration {
		if _, page := m.(*gossip.Page); page {
			return 20 * time.Millisecond
		}
		return 0
	}
	n.until("a third has come", func() bool { return progress().Entries > 150 })
	if p := progress(); p.Total != 500 {
		t.Errorf("it says that the donor holds %d entries, want 500", p.Total)
	}
	donor := progress().Donor
	c.PeerDown(n.now, donor)
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool {
		return from == donor && to == "b3" || from == "b3" && to == donor
	}
	n.until("it has caught up", c.caughtUp)
	n.lose = nil
	c.PeerUp(n.now, n.site(donor).peer)
	n.run(time.Second)
	n.sameAs(c, n.sites[0])
	firsts := 0
	pages, from := n.pages("b3")
	for i, p := range pages {
		if (p.From == store.Key{}) {
			firsts++
		}
		if from[i] == donor && from[len(from)-1] == donor {
			t.Error("the last page came from the donor that is gone")
		}
	}
	if firsts != 1 {
		t.Errorf("%d scans began at the first key, want 1", firsts)
	}
}

// A page that is lost is asked for again, and none is left out.
func TestLostPagesComeAgain(t *testing.T) {
	cfg := floorConfig()
	cfg.MaxFrameRows = 16
	n := newSwept(t, cfg, 300, "a1", "b1")
	sent := 0
	n.lose = func(_, _ store.NodeID, m gossip.Message) bool {
		if _, page := m.(*gossip.Page); page {
			sent++
			return sent%5 == 1
		}
		return false
	}
	c := n.join("b2")
	n.until("it has caught up", c.caughtUp)
	n.run(time.Second)
	n.sameAs(c, n.sites[0])
}

// No more pages are on their way, or wait, than there is credit for.
func TestPagesAreBounded(t *testing.T) {
	cfg := floorConfig()
	cfg.MaxFrameRows, cfg.MaxFrameBytes, cfg.Credit = 64, 2000, 10_000
	n := newSwept(t, cfg, 400, "a1", "b1")
	c := n.join("b2")
	flying, most := 0, 0
	n.delay = func(_, _ store.NodeID, m gossip.Message) time.Duration {
		p, page := m.(*gossip.Page)
		if !page {
			return 0
		}
		if bytes := p.Size(); len(p.Entries) > 1 && bytes > cfg.MaxFrameBytes+200 {
			t.Errorf("a page has %d bytes, want at most about %d", bytes, cfg.MaxFrameBytes)
		}
		return time.Hour // none arrives
	}
	for range 50 {
		n.run(100 * time.Millisecond)
		flying = 0
		numbers := map[uint64]int{}
		for _, f := range n.fly {
			if p, page := f.message.(*gossip.Page); page {
				numbers[p.Number] += p.Size()
				flying = max(flying, numbers[p.Number])
			}
		}
		most = max(most, flying)
	}
	if c.caughtUp() || most == 0 {
		t.Fatalf("%d bytes of pages are on their way, want some", most)
	}
	// Each time that it asks again it may get as much again, of one scan while its
	// donor stays the same.
	if limit := 5 * (cfg.Credit + cfg.MaxFrameBytes + 200); most > limit {
		t.Errorf("%d bytes of pages are on their way, want at most %d", most, limit)
	}
}

// What was deleted and collected while a member was away, and so dropped, does not come
// back with it, from its disk or through it.
func TestDroppedMemberReturnsFenced(t *testing.T) {
	n := newNet(t, floorConfig(), "a1", "b1", "b2")
	a, c := n.sites[0], n.sites[2]
	a.Roster().Found()
	n.admit()
	n.write(a, "dead", 10)
	n.write(a, "live", 10)
	n.run(3 * n.cfg.FloorAge)
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool { return (from == "b2") != (to == "b2") }
	n.run(time.Second)
	if err := a.Roster().Forget(n.now.Mono, []store.NodeID{"b2"}, true); err != nil {
		t.Fatal(err)
	}
	n.delete(a, "dead")
	n.write(a, "more", 10)
	n.run(6 * n.cfg.FloorAge)
	if len(a.replica.entries) != 2 || len(c.replica.entries) != 2 || c.replica.entries[store.Key{Namespace: "n", Name: "dead"}] == nil {
		t.Fatalf("a holds %d entries, want live and more; who is away %d, want dead and live", len(a.replica.entries), len(c.replica.entries))
	}
	n.lose = nil
	n.until("it has caught up", c.caughtUp)
	n.run(n.cfg.FloorAge)
	for _, s := range n.sites {
		n.sameAs(s, a)
	}
}

// Half a snapshot does not pass for a replica: who took it is fenced after a restart
// too, and begins anew.
func TestFenceOutlivesARestart(t *testing.T) {
	cfg := floorConfig()
	cfg.MaxFrameRows = 16
	n := newSwept(t, cfg, 300, "a1", "b1")
	c := n.join("b2")
	pages := 0
	n.lose = func(_, _ store.NodeID, m gossip.Message) bool {
		if _, page := m.(*gossip.Page); page {
			pages++
			return pages > 5
		}
		return false
	}
	n.until("some of it has come", func() bool { p, _ := c.CatchingUp(); return p.Entries >= 80 })
	n.restart(c)
	if !c.Fenced() {
		t.Error("it is not fenced after a restart in the middle of a snapshot")
	}
	n.lose = nil
	n.until("it has caught up", c.caughtUp)
	n.run(time.Second)
	n.sameAs(c, n.sites[0])
}

// A snapshot counts once its large values are whole.
func TestSnapshotWaitsForLargeValues(t *testing.T) {
	cfg := floorConfig()
	cfg.FetchTimeout, cfg.FetchPatience = time.Second, time.Second
	n := newNet(t, cfg, "a1", "b1")
	a := n.sites[0]
	a.Roster().Found()
	n.admit()
	value := n.large(a, "large", 3)
	n.run(3 * time.Second)
	c := n.join("b2")
	var lost int
	n.loseChunks(&lost)
	n.run(5 * time.Second)
	if !c.Fenced() || c.replica.marks.At(a.origin) > 0 {
		t.Errorf("fenced: %v, watermark %d without the chunks, want fenced at 0", c.Fenced(), c.replica.marks.At(a.origin))
	}
	n.lose = nil
	n.until("it has the value", func() bool { return c.caughtUp() && c.replica.entries[value.Key] == value })
	n.run(time.Second)
	n.sameAs(c, a)
}

// If nobody has a large value any more, since it was superseded after its page was sent,
// the snapshot does not wait for it for ever.
func TestSnapshotGivesUpALargeValueThatIsGone(t *testing.T) {
	cfg := floorConfig()
	cfg.FetchTimeout, cfg.FetchPatience = time.Second, time.Second
	n := newNet(t, cfg, "a1", "b1")
	a := n.sites[0]
	a.Roster().Found()
	n.admit()
	n.large(a, "large", 3)
	n.run(3 * time.Second)
	c := n.join("b2")
	var lost int
	n.loseChunks(&lost)
	n.until("it waits for chunks", func() bool { return lost > 0 && c.Fenced() })
	n.write(a, "large", 10)
	n.until("it has caught up", c.caughtUp)
	n.run(time.Second)
	n.sameAs(c, a)
	if c.replica.count("snapshot_again") == 0 {
		t.Error("it never began anew")
	}
}

// What a donor collects while it is read is not covered by what it was before.
func TestSnapshotBeginsAnewPastTheFloor(t *testing.T) {
	cfg := floorConfig()
	cfg.MaxFrameRows = 16
	n := newSwept(t, cfg, 200, "a1", "b1")
	c := n.join("b2")
	n.lose = func(_, to store.NodeID, m gossip.Message) bool { _, page := m.(*gossip.Page); return page }
	n.until("a page was sent", func() bool { pages, _ := n.pages("b2"); return len(pages) > 0 })
	pages, from := n.pages("b2")
	for i, p := range pages[:3] {
		changed := *p
		if i == 2 {
			changed.Facts.Floor = pages[0].Facts.W
			changed.Facts.Floor.Wall++
		}
		if err := c.Receive(n.now, from[i], &changed); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.replica.count("snapshot_again"); got != 1 {
		t.Errorf("it began anew %d times, want once: a page's floor is above the W that the first one told", got)
	}
	n.lose = nil
	n.until("it has caught up", c.caughtUp)
	n.run(time.Second)
	n.sameAs(c, n.sites[0])
}

// Who is behind logs that were cut short takes a snapshot, and goes on giving and
// taking meanwhile: what it holds is as good as ever.
func TestWhoIsBehindLogsTakesASnapshot(t *testing.T) {
	cfg := floorConfig()
	cfg.MaxRows, cfg.FloorAge = 50, time.Hour
	n := newNet(t, cfg, "a1", "b1", "b2")
	n.sites[0].Roster().Found()
	n.admit()
	a, c := n.sites[0], n.sites[2]
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool { return (from == "b2") != (to == "b2") }
	for i := range 200 {
		n.write(a, fmt.Sprint("k", i), 10)
		n.run(10 * time.Millisecond)
	}
	mine := n.write(c, "mine", 10)
	n.run(time.Second)
	n.lose = func(_, _ store.NodeID, m gossip.Message) bool { _, page := m.(*gossip.Page); return page }
	n.run(3 * time.Second)
	if _, catching := c.CatchingUp(); !catching || c.Fenced() {
		t.Fatalf("it takes a snapshot: %v, fenced: %v, want one and not fenced", catching, c.Fenced())
	}
	fresh := n.write(a, "fresh", 10)
	n.run(time.Second)
	if a.replica.entries[mine.Key] != mine || c.replica.entries[fresh.Key] != fresh {
		t.Errorf("what it wrote is elsewhere: %v, what others write is here: %v, want both",
			a.replica.entries[mine.Key] == mine, c.replica.entries[fresh.Key] == fresh)
	}
	n.lose = nil
	n.until("it has caught up", c.caughtUp)
	n.run(2 * time.Second)
	n.covers(c, a.origin, 201)
	n.follows(c, 5*n.cfg.StatusInterval)
}
