package gossip_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// newCluster returns sites as newNet does, all members of what the first founded.
func newCluster(t *testing.T, names ...string) *net {
	t.Helper()
	n := newNet(t, gossip.DefaultConfig(), names...)
	n.sites[0].Roster().Found()
	n.admit()
	return n
}

// admit runs until all sites belong to one epoch, and on until its members have
// closed something under it.
func (n *net) admit() {
	n.t.Helper()
	agreed := func() bool {
		for _, s := range n.sites {
			if len(s.Roster().Epoch().Members) != len(n.sites) {
				return false
			}
		}
		return true
	}
	for range 1000 {
		if n.run(n.cfg.StatusInterval); agreed() {
			n.run(2 * n.cfg.StatusInterval)
			return
		}
	}
	n.t.Fatal("the sites were not admitted in 200 s")
}

// behind returns how far W of s is behind this time.
func (n *net) behind(s *site) time.Duration { return time.Duration(n.now.Wall - s.W().Wall) }

// truth fails the test if a site's W passes a write that the site lacks.
func (n *net) truth() {
	n.t.Helper()
	for _, s := range n.sites {
		w := s.W()
		for _, e := range n.wrote {
			if e.Version.Timestamp.Compare(w) > 0 {
				continue
			}
			if got := s.replica.marks.At(e.Version.Origin); got < e.Seq {
				n.t.Fatalf("at %v W of %s, under epoch %d, is %v and passes number %d of %v, stamped %v, of which it holds %d",
					n.now.Mono, s.peer.ID, s.Roster().Epoch().Number, w, e.Seq, e.Version.Origin, e.Version.Timestamp, got)
			}
		}
	}
}

// follows fails the test unless W of s is at most limit behind.
func (n *net) follows(s *site, limit time.Duration) {
	n.t.Helper()
	if got := n.behind(s); got > limit {
		n.t.Errorf("W of %s is %v behind, want at most %v", s.peer.ID, got, limit)
	}
}

func closedOf(m gossip.Message) *gossip.Closed {
	if s, ok := m.(*gossip.Status); ok {
		return s.Closed
	}
	return nil
}

// closes reports whether c is the word of the member at seat on itself.
func closes(c *gossip.Closed, seat int) bool { return c.Lags[seat/2]>>(seat%2*4)&15 == 0 }

func isRoster(m gossip.Message) bool { _, ok := m.(*gossip.Roster); return ok }
func isStatus(m gossip.Message) bool { _, ok := m.(*gossip.Status); return ok }

// cut loses everything between two sites.
func cut(a, b store.NodeID) func(from, to store.NodeID, m gossip.Message) bool {
	return func(from, to store.NodeID, _ gossip.Message) bool {
		return from == a && to == b || from == b && to == a
	}
}

func TestWIsUnknownOutsideACluster(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1")
	n.run(time.Second)
	for _, m := range n.sent {
		if c := closedOf(m.message); c != nil {
			t.Fatalf("%s, which belongs to no cluster, closed %v", m.from, c.C)
		}
	}
	for _, s := range n.sites {
		if !s.W().IsZero() {
			t.Errorf("W of %s = %v, want zero: it belongs to no cluster", s.peer.ID, s.W())
		}
	}
}

func TestWFollowsTime(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	for range 20 {
		n.run(n.cfg.StatusInterval / 2)
		for _, s := range n.sites {
			n.follows(s, 2*n.cfg.StatusInterval)
			if got := n.behind(s); got < 0 {
				t.Errorf("W of %s is %v ahead of time", s.peer.ID, -got)
			}
		}
	}
}

// A lost write holds W of the site that lacks it, and of no other.
func TestWStaysBelowALostWrite(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	a, b, c := n.sites[0], n.sites[1], n.sites[2]
	n.lose = func(_, to store.NodeID, m gossip.Message) bool { return to == "c1" && isFrame(m) }
	lost := n.write(a, "lost", 10)
	n.run(time.Second)
	n.truth()
	n.follows(a, 2*n.cfg.StatusInterval)
	n.follows(b, 2*n.cfg.StatusInterval)
	if c.W().Compare(lost.Version.Timestamp) >= 0 {
		t.Fatalf("W of c = %v, want it below the lost write's %v", c.W(), lost.Version.Timestamp)
	}
	n.lose = nil
	n.run(time.Second)
	n.covers(c, a.origin, 1)
	n.follows(c, 2*n.cfg.StatusInterval)
}

func TestWOfASiteCutOffStandsStill(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool { return from == "c1" || to == "c1" }
	was := n.sites[2].W()
	n.run(2 * time.Second)
	if got := n.sites[2].W(); got != was {
		t.Errorf("W of c, cut off, went from %v to %v", was, got)
	}
	for _, s := range n.sites[:2] {
		if got := n.behind(s); got < 2*time.Second {
			t.Errorf("W of %s is %v behind, want 2s or more: nothing is heard of c", s.peer.ID, got)
		}
	}
	n.lose = nil
	n.run(time.Second)
	for _, s := range n.sites {
		n.follows(s, 2*n.cfg.StatusInterval)
	}
}

// Neither of two sites hears the other's word; the third hears both.
func TestWIsTakenOverFromAThirdParty(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	a, c := n.sites[0], n.sites[2]
	n.lose = cut("a1", "c1")
	n.write(a, "k", 10)
	n.run(2 * time.Second)
	n.truth()
	n.covers(c, a.origin, 1)
	for _, s := range n.sites {
		n.follows(s, 3*n.cfg.StatusInterval)
	}
}

// A peer that moves on all the time has always more than this node by the time
// that its status is here.
func TestWIsTakenOverFromAThirdPartyThatMovesOn(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	a, c := n.sites[0], n.sites[2]
	n.lose = cut("a1", "c1")
	for i := range 500 {
		n.write(a, fmt.Sprint("k", i), 10)
		n.run(10 * time.Millisecond)
		n.truth()
	}
	n.follows(c, 6*n.cfg.StatusInterval)
}

// What b holds is known to c only in part, so what b says of it counts nothing.
func TestWIsNotTakenOverOnAStatusThatWasLost(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	a, c := n.sites[0], n.sites[2]
	n.lose = func(from, to store.NodeID, m gossip.Message) bool {
		if to != "c1" {
			return false
		}
		s, ok := m.(*gossip.Status)
		return from == "a1" || !ok || len(s.Marks) > 0
	}
	lost := n.write(a, "lost", 10)
	n.run(time.Second)
	n.truth()
	n.follows(n.sites[1], 2*n.cfg.StatusInterval)
	if c.W().Compare(lost.Version.Timestamp) >= 0 {
		t.Errorf("W of c = %v, want it below the lost write's %v", c.W(), lost.Version.Timestamp)
	}
}

func TestWIsTakenOverUnderKnownEpochsOnly(t *testing.T) {
	n := newCluster(t, "a1", "b1")
	b := n.sites[1]
	n.lose = func(store.NodeID, store.NodeID, gossip.Message) bool { return true }
	n.write(b, "more than a holds", 10)
	known := b.Roster().Epoch().Number
	was, next := b.W(), b.W().Next()
	n.deliver(sent{"a1", "b1", &gossip.Status{Hash: gossip.HashMarks(nil), Facts: gossip.Facts{W: next, Epoch: known + 1}}})
	n.settle()
	if got := b.W(); got != was {
		t.Errorf("W = %v, want %v: the epoch of the other is not adopted", got, was)
	}
	n.deliver(sent{"a1", "b1", &gossip.Status{Hash: gossip.HashMarks(nil), Facts: gossip.Facts{W: next, Epoch: known}}})
	n.settle()
	if got := b.W(); got != next {
		t.Errorf("W = %v, want %v, which a told", got, next)
	}
}

// TestClosedUnderAnUnknownEpochIsNotUsed keeps b in the dark about a newcomer
// and its write.
func TestClosedUnderAnUnknownEpochIsNotUsed(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	b := n.sites[1]
	n.lose = func(from, to store.NodeID, m gossip.Message) bool {
		return to == "b1" && (isRoster(m) || isFrame(m) || from == "d1")
	}
	d := n.join("d1")
	n.run(time.Second)
	if !d.Roster().Belongs() || len(b.Roster().Epoch().Members) != 3 {
		t.Fatalf("d is admitted: %v, and b knows of %d members; want true and 3", d.Roster().Belongs(), len(b.Roster().Epoch().Members))
	}
	n.write(d, "hidden", 10)
	for range 20 {
		n.run(n.cfg.StatusInterval / 2)
		n.truth()
	}
	n.lose = nil
	n.run(2 * time.Second)
	n.truth()
	n.follows(b, 2*n.cfg.StatusInterval)
}

// TestWhoMayAdmitClosesNothing leaves a proposal that all have accepted undecided for a
// while.
func TestWhoMayAdmitClosesNothing(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	a := n.sites[0]
	var bar clock.Timestamp
	n.lose = func(from, to store.NodeID, m gossip.Message) bool {
		r, ok := m.(*gossip.Roster)
		if !ok {
			return false
		}
		if from == "a1" && r.Step == roster.Accept && bar.IsZero() {
			bar = r.Value.Bar
		}
		return r.Step == roster.Accepted || r.Step == roster.Prepare && from != "a1"
	}
	n.join("d1")
	was := a.Roster().Epoch().Number
	n.run(time.Second)
	n.sent = nil
	n.run(time.Second)
	n.restart(a)
	n.run(time.Second)
	if bar.IsZero() || a.Roster().Epoch().Number != was {
		t.Fatalf("bar = %v and epoch %d became %d, want a proposal and no decision", bar, was, a.Roster().Epoch().Number)
	}
	told := map[store.NodeID]bool{}
	for _, m := range n.sent {
		c := closedOf(m.message)
		if c == nil {
			continue
		}
		told[m.from] = true
		if seat := slices.Index([]store.NodeID{"a1", "b1", "c1"}, m.from); closes(c, seat) {
			t.Fatalf("%s closed %v, though it had accepted a newcomer above %v", m.from, c.C, bar)
		}
	}
	if len(told) != 3 {
		t.Errorf("%d nodes told how far they are, want 3", len(told))
	}
	n.lose = nil
	n.run(5 * time.Second)
	for _, s := range n.sites {
		n.follows(s, 2*n.cfg.StatusInterval)
	}
}

// TestNewcomerStandsWhereItWasAdmitted has nobody hear what d closes.
func TestNewcomerStandsWhereItWasAdmitted(t *testing.T) {
	n := newCluster(t, "a1", "b1")
	d := n.join("d1")
	n.lose = func(from, _ store.NodeID, m gossip.Message) bool {
		return from == "d1" && isStatus(m) && d.Roster().Belongs()
	}
	n.run(2 * time.Second)
	m, ok := n.sites[0].Roster().Epoch().Member("d1")
	if !ok {
		t.Fatal("d was not admitted")
	}
	for _, s := range n.sites[:2] {
		if got := s.W(); got != m.Since {
			t.Errorf("W of %s = %v, want %v, where d was admitted and which nobody else is behind", s.peer.ID, got, m.Since)
		}
	}
	n.follows(d, 2*n.cfg.StatusInterval)
}

// TestStandingsOutliveAnEpoch lets c say nothing under an epoch that admits d, and
// a not tell what it closes until b has adopted that epoch.
func TestStandingsOutliveAnEpoch(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	b := n.sites[1]
	was := b.Roster().Epoch().Number
	var word *gossip.Closed
	mute := store.NodeID("a1")
	n.lose = func(from, to store.NodeID, m gossip.Message) bool {
		s, ok := m.(*gossip.Status)
		switch {
		case !ok:
			return false
		case from == "c1" && s.Facts.Epoch == was:
			if s.Closed != nil && closes(s.Closed, 2) {
				word = s.Closed
			}
			return false
		}
		return from == "c1" || from == mute
	}
	n.run(2 * n.cfg.StatusInterval)
	n.join("d1")
	n.run(time.Second)
	if b.Roster().Epoch().Number == was {
		t.Fatal("b does not know that d was admitted")
	}
	if b.W().Compare(word.C) >= 0 {
		t.Fatalf("W of b = %v, want it below c's word %v: a is behind it", b.W(), word.C)
	}
	mute = ""
	n.run(time.Second)
	if got := b.W(); got != word.C {
		t.Errorf("W of b = %v, want %v, the last word of c", got, word.C)
	}
}

// word returns the last closed timestamp that one site sent another.
func (n *net) word(from, to store.NodeID) *gossip.Closed {
	n.t.Helper()
	for _, m := range slices.Backward(n.sent) {
		if c := closedOf(m.message); c != nil && m.from == from && m.to == to {
			return c
		}
	}
	n.t.Fatalf("%s told %s of no closed timestamp", from, to)
	return nil
}

// TestSitesAlwaysBehindGetOn delays frames, so that no site ever covers what a
// status says by the time that it comes.
func TestSitesAlwaysBehindGetOn(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	const late = 500 * time.Millisecond
	n.delay = func(_, _ store.NodeID, m gossip.Message) time.Duration {
		if isFrame(m) {
			return late
		}
		return 0
	}
	for i := range 300 {
		for _, s := range n.sites {
			n.write(s, fmt.Sprint(i%10), 10)
		}
		n.run(10 * time.Millisecond)
		n.truth()
	}
	for _, s := range n.sites {
		n.follows(s, 2*late+2*n.cfg.StatusInterval)
	}
}

// TestWordCountsThoughItsNodeWroteSince lets b have the write that a's word is
// about only when a has made another. C, which brings it, has no word of a's.
func TestWordCountsThoughItsNodeWroteSince(t *testing.T) {
	tests := []struct {
		name    string
		restart bool
	}{
		{"in the same incarnation", false},
		{"in a new one", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := newCluster(t, "a1", "b1", "c1")
			a, b := n.sites[0], n.sites[1]
			n.lose = func(from, to store.NodeID, m gossip.Message) bool {
				return to == "b1" && isFrame(m) || from == "a1" && to == "c1" && isStatus(m)
			}
			n.write(a, "before", 10)
			former := a.origin
			n.sent = nil
			n.run(2 * n.cfg.StatusInterval)
			word := n.word("a1", "b1")
			n.lose = func(from, _ store.NodeID, m gossip.Message) bool { return from == "a1" && isStatus(m) }
			if tt.restart {
				n.restart(a)
			}
			n.write(a, "since", 10)
			n.run(time.Second)
			n.covers(b, former, a.replica.marks.At(former))
			n.covers(b, a.origin, a.replica.marks.At(a.origin))
			n.truth()
			if got := b.W(); got != word.C {
				t.Errorf("W of b = %v, want %v: a's last word that reached it is covered", got, word.C)
			}
		})
	}
}

// TestWHoldsInChaos checks W against all writes after every step, while messages
// are lost and late, clocks differ, sites restart, and newcomers are admitted.
func TestWHoldsInChaos(t *testing.T) {
	seeds := uint64(25)
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { chaos(t, seed) })
	}
}

func chaos(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	upTo := func(d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }
	const skew = 250 * time.Millisecond

	n := newNet(t, gossip.DefaultConfig(), "a1")
	n.sites[0].Roster().Found()
	n.settle()
	names := []string{"a2", "b1", "b2", "c1"}[:2+rng.IntN(3)]
	loss, slow := 0.0, time.Duration(0)
	var apart map[[2]store.NodeID]bool
	n.lose = func(from, to store.NodeID, m gossip.Message) bool {
		return rng.Float64() < loss || apart[[2]store.NodeID{from, to}]
	}
	n.delay = func(store.NodeID, store.NodeID, gossip.Message) time.Duration {
		if slow == 0 {
			return 0
		}
		return upTo(slow)
	}
	for range 1000 {
		if len(names) > 0 && rng.IntN(60) == 0 {
			n.join(names[0]).replica.skew = int64(upTo(2*skew) - skew)
			names = names[1:]
		}
		if rng.IntN(50) == 0 { // the weather changes
			loss, slow = []float64{0, 0.1, 0.5}[rng.IntN(3)], []time.Duration{0, 50, 400}[rng.IntN(3)]*time.Millisecond
			apart = map[[2]store.NodeID]bool{}
			for range rng.IntN(3) {
				from, to := n.sites[rng.IntN(len(n.sites))], n.sites[rng.IntN(len(n.sites))]
				apart[[2]store.NodeID{from.peer.ID, to.peer.ID}] = true
			}
		}
		if rng.IntN(100) == 0 {
			n.restart(n.sites[rng.IntN(len(n.sites))])
		}
		for _, s := range n.sites {
			if s.Roster().Belongs() && rng.IntN(10) == 0 {
				n.write(s, fmt.Sprint(rng.IntN(20)), 10)
			}
		}
		n.run(10 * time.Millisecond)
		n.truth()
	}
	loss, slow, apart = 0, 0, nil
	for _, name := range names {
		n.join(name)
	}
	n.run(5 * time.Second) // round trips were measured in bad weather
	n.admit()
	n.truth()
	for _, s := range n.sites {
		n.follows(s, 2*n.cfg.StatusInterval+skew)
	}
}
