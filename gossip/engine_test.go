package gossip_test

import (
	"fmt"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

func isFrame(m gossip.Message) bool { _, ok := m.(*gossip.Frame); return ok }

func TestFreshEntriesReachEveryPeerInOneStep(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1", "c1")
	a := n.sites[0]
	for i := range 5 {
		n.write(a, fmt.Sprint("k", i), 10)
	}
	n.sent = nil
	n.settle()
	for _, s := range n.sites[1:] {
		n.covers(s, a.origin, 5)
	}
	if len(n.sent) != 4 || !isFrame(n.sent[0].message) || !isFrame(n.sent[1].message) {
		t.Errorf("%d messages for 5 writes of one turn, want one frame to each of 2 peers and their answers: %v", len(n.sent), n.sent)
	}
}

func TestGapIsPulledAtOnce(t *testing.T) {
	n := newNet(t, eager(), "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	n.lose = func(_, _ store.NodeID, m gossip.Message) bool { return isFrame(m) }
	n.write(a, "lost", 10)
	n.settle()
	n.lose = nil
	n.covers(b, a.origin, 0)
	n.write(a, "next", 10)
	n.settle() // no time passes
	n.covers(b, a.origin, 2)
	if got := b.replica.count("gap_found"); got != 1 {
		t.Errorf("b found %d gaps, want 1", got)
	}
}

func TestRowsThatOvertookAreNotSentAgain(t *testing.T) {
	n := newNet(t, eager(), "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	n.lose = func(_, _ store.NodeID, m gossip.Message) bool { return isFrame(m) }
	n.write(a, "k1", 10)
	n.settle()
	n.lose = func(_, _ store.NodeID, m gossip.Message) bool { _, pull := m.(*gossip.Pull); return pull }
	n.write(a, "k2", 10)
	n.settle()
	n.write(a, "k3", 10)
	n.settle()
	n.covers(b, a.origin, 0)
	n.lose = nil
	// Row 1 alone, late: rows 2 and 3 lie above it already.
	frame := &gossip.Frame{
		Origin:  a.origin,
		Rows:    []gossip.FrameRow{{Timestamp: a.replica.rows[a.origin][1].Timestamp}},
		Entries: []*store.Entry{a.replica.entries[store.Key{Namespace: "n", Name: "k1"}]},
	}
	n.deliver(sent{"a1", "b1", frame})
	n.covers(b, a.origin, 3)
}

func TestRepeatedFrameIsDropped(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	var first *gossip.Frame
	n.lose = func(_, _ store.NodeID, m gossip.Message) bool {
		if f, ok := m.(*gossip.Frame); ok && first == nil {
			first = f
		}
		return false
	}
	n.write(a, "k1", 10)
	n.settle()
	n.write(a, "k2", 10)
	n.settle()
	n.deliver(sent{"a1", "b1", first})
	n.covers(b, a.origin, 2)
	if got := b.replica.count("frame_repeated"); got != 1 {
		t.Errorf("b dropped %d repeated frames, want 1", got)
	}
}

func TestLossOfLastFrameShowsInNextStatus(t *testing.T) {
	cfg := gossip.DefaultConfig()
	n := newNet(t, cfg, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	n.lose = func(_, _ store.NodeID, m gossip.Message) bool { return isFrame(m) }
	n.write(a, "lost", 10)
	n.settle()
	n.lose = nil
	n.run(cfg.StatusInterval)
	n.covers(b, a.origin, 1)
}

func TestThirdPartyFillsInAfterGrace(t *testing.T) {
	cfg := gossip.DefaultConfig()
	n := newNet(t, cfg, "a1", "b1", "c1")
	a, c := n.sites[0], n.sites[2]
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool { return from == "a1" && to == "c1" }
	n.write(a, "k", 10)
	n.settle()
	n.covers(c, a.origin, 0)
	n.run(cfg.StatusInterval + cfg.Grace)
	n.covers(c, a.origin, 1)
}

func TestLostStatusIsAskedForAgain(t *testing.T) {
	cfg := gossip.DefaultConfig()
	n := newNet(t, cfg, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	// The frame and the one status that names the moved mark are lost.
	n.lose = func(from, _ store.NodeID, m gossip.Message) bool {
		s, ok := m.(*gossip.Status)
		return from == "a1" && (!ok || len(s.Marks) > 0)
	}
	n.write(a, "k", 10)
	n.run(cfg.StatusInterval)
	n.lose = nil
	n.covers(b, a.origin, 0)
	n.run(2 * cfg.StatusInterval)
	n.covers(b, a.origin, 1)
}

func TestEqualSitesTellHashOnly(t *testing.T) {
	cfg := gossip.DefaultConfig()
	n := newNet(t, cfg, "a1", "b1")
	for i := range 100 {
		n.write(n.sites[i%2], fmt.Sprint(i), 10)
		n.settle()
	}
	n.run(2 * cfg.StatusInterval)
	n.sent = nil
	n.run(2 * cfg.StatusInterval)
	for _, m := range n.sent {
		s, ok := m.message.(*gossip.Status)
		if !ok || len(s.Marks) > 0 || s.Want || s.Full {
			t.Errorf("idle %s sent %+v, want a status without marks", m.from, m.message)
		}
	}
	if len(n.sent) != 4 {
		t.Errorf("%d messages in two intervals of 2 idle sites, want 4", len(n.sent))
	}
}

func TestPullGoesToNearestHolderAndThenToAnother(t *testing.T) {
	cfg := gossip.DefaultConfig()
	n := newNet(t, cfg, "a1", "b1", "b2", "c1")
	a, b2 := n.sites[0], n.sites[2]
	n.lose = func(from, to store.NodeID, m gossip.Message) bool {
		return to == "b2" && (from == "a1" || isFrame(m))
	}
	n.write(a, "k", 10)
	n.settle()
	n.sent = nil
	n.run(cfg.StatusInterval) // b1 is the relay, so what it has is not on its way to b2
	if got := pulls(n, "b2"); len(got) != 1 || got[0] != "b1" {
		t.Fatalf("b2 pulled from %v, want b1 of its region", got)
	}
	n.run(cfg.PullTimeout)
	if got := pulls(n, "b2"); len(got) != 2 || got[1] != "c1" {
		t.Fatalf("b2 pulled from %v, want c1 after b1 brought nothing", got)
	}
	n.lose = nil
	n.run(2 * time.Second)
	n.covers(b2, a.origin, 1)
}

func pulls(n *net, from store.NodeID) []store.NodeID {
	var to []store.NodeID
	for _, m := range n.sent {
		if p, ok := m.message.(*gossip.Pull); ok && m.from == from && len(p.From) > 0 {
			to = append(to, m.to)
		}
	}
	return to
}

func TestFrameHoldsWhatKeysHoldNow(t *testing.T) {
	cfg := eager()
	n := newNet(t, cfg, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	n.lose = func(_, to store.NodeID, m gossip.Message) bool { return isFrame(m) }
	for range 3 {
		n.write(a, "k", 10)
		n.settle()
	}
	last := n.write(a, "k", 10)
	n.settle()
	n.lose = nil
	n.sent = nil
	n.run(time.Second)
	n.covers(b, a.origin, 4)
	for _, m := range n.sent {
		f, ok := m.message.(*gossip.Frame)
		if !ok {
			continue
		}
		if len(f.Rows) != 4 || len(f.Entries) != 1 || f.Entries[0] != last {
			t.Errorf("frame has %d rows and entries %v, want 4 rows of the last write alone", len(f.Rows), f.Entries)
		}
	}
}

func TestFrameBounds(t *testing.T) {
	cfg := gossip.DefaultConfig()
	cfg.MaxFrameBytes = 1000
	cfg.MaxFrameRows = 4
	tests := []struct {
		name  string
		sizes []int
		want  []int // rows of each frame
	}{
		{"rows", []int{1, 1, 1, 1, 1}, []int{4, 1}},
		{"bytes", []int{300, 300, 300, 300}, []int{2, 2}},
		{"a larger entry alone", []int{1, 5000, 1}, []int{1, 1, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := newNet(t, cfg, "a1", "b1")
			a, b := n.sites[0], n.sites[1]
			for i, size := range tt.sizes {
				n.write(a, fmt.Sprint("key", i), size)
			}
			n.sent = nil
			n.settle()
			var got []int
			for _, m := range n.sent {
				if f, ok := m.message.(*gossip.Frame); ok {
					got = append(got, len(f.Rows))
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("frames have %v rows, want %v", got, tt.want)
			}
			n.covers(b, a.origin, uint64(len(tt.sizes)))
		})
	}
}

// TestCreditBoundsWhatIsUnderWay has a peer far behind pull, and counts what
// its source sends before it hears of it again.
func TestCreditBoundsWhatIsUnderWay(t *testing.T) {
	cfg := eager()
	cfg.MaxFrameBytes = 10_000
	cfg.Credit = 50_000
	n := newNet(t, cfg, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	n.lose = func(_, _ store.NodeID, m gossip.Message) bool { return isFrame(m) }
	for i := range 1000 {
		n.write(a, fmt.Sprint(i), 1000)
		n.settle()
	}
	n.sent = nil
	underWay, most := 0, 0
	n.lose = func(from, _ store.NodeID, m gossip.Message) bool {
		switch m := m.(type) {
		case *gossip.Frame:
			underWay += m.Size()
			most = max(most, underWay)
		case *gossip.Pull:
			underWay = 0
		}
		return false
	}
	n.run(time.Second)
	n.covers(b, a.origin, 1000)
	if limit := cfg.Credit + cfg.Credit/2 + 2*cfg.MaxFrameBytes; most > limit {
		t.Errorf("%d bytes under way on one grant, want at most %d", most, limit)
	}
	if got := b.replica.count("pull_timed_out"); got != 0 {
		t.Errorf("%d pulls timed out, want 0", got)
	}
}

func TestFreshWindowLeavesSlowPeerBehind(t *testing.T) {
	cfg := gossip.DefaultConfig()
	cfg.FreshWindow = 10_000
	n := newNet(t, cfg, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	n.lose = func(from, _ store.NodeID, _ gossip.Message) bool { return from == "b1" } // never confirms
	n.sent = nil
	for i := range 100 {
		n.write(a, fmt.Sprint(i), 1000)
		n.settle()
	}
	bytes := 0
	for _, m := range n.sent {
		if f, ok := m.message.(*gossip.Frame); ok {
			bytes += f.Size()
		}
	}
	if limit := cfg.FreshWindow + 2000; bytes > limit {
		t.Errorf("%d bytes of fresh frames unconfirmed, want at most %d", bytes, limit)
	}
	n.lose = nil
	n.run(time.Second)
	n.covers(b, a.origin, 100)
}

func TestOriginAheadOfClockIsHeldNotDropped(t *testing.T) {
	cfg := gossip.DefaultConfig()
	n := newNet(t, cfg, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	n.write(a, "k1", 10)
	b.replica.horizon = a.replica.last
	n.write(a, "k2", 10)
	n.write(a, "k3", 10)
	n.settle()
	n.covers(b, a.origin, 1)
	for range 20 { // traffic does not make a held stream churn
		n.write(a, "more", 10)
		n.settle()
	}
	if got := b.replica.count("pulled"); got > 2 {
		t.Errorf("held origin was pulled %d times without time passing, want at most 2", got)
	}
	b.replica.horizon = 0
	n.run(time.Second)
	n.covers(b, a.origin, 23)
}

func TestReconnectLosesNothing(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	b.PeerDown(n.now, "a1")
	a.PeerDown(n.now, "b1")
	for i := range 10 {
		n.write(a, fmt.Sprint(i), 10)
		n.settle()
	}
	n.covers(b, a.origin, 0)
	a.PeerUp(n.now, b.peer)
	b.PeerUp(n.now, a.peer)
	n.settle() // at once: the first status tells all
	n.covers(b, a.origin, 10)
}

func TestFrameOfUnknownSenderCounts(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	b.PeerDown(n.now, "a1") // b cannot send to a, but hears it
	n.write(a, "k", 10)
	n.settle()
	n.covers(b, a.origin, 1)
}

func TestOwnStreamCannotComeFromElsewhere(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1")
	a := n.sites[0]
	e := n.write(a, "k", 10)
	n.settle()
	clone := &gossip.Frame{Origin: a.origin, From: 1, Rows: []gossip.FrameRow{{}}, Entries: []*store.Entry{e}}
	n.deliver(sent{"b1", "a1", clone})
	n.covers(a, a.origin, 1)
	if got := a.replica.count("message_refused"); got != 1 {
		t.Errorf("a refused %d messages, want 1", got)
	}
}

func TestOriginsOfAPeerAreBounded(t *testing.T) {
	cfg := gossip.DefaultConfig()
	cfg.MaxOrigins = 3
	n := newNet(t, cfg, "a1", "b1")
	b := n.sites[1]
	var marks store.Watermarks
	for i := range uint32(5) {
		marks.Set(store.Origin{Node: "x", Incarnation: store.Incarnation{Nonce: i}}, 1)
	}
	n.deliver(sent{"a1", "b1", &gossip.Status{Marks: marks}})
	if got := b.replica.count("message_refused"); got != 1 {
		t.Errorf("b refused %d statuses with 5 origins at a bound of 3, want 1", got)
	}
}

func TestTickTwiceDoesNoHarm(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1")
	a := n.sites[0]
	n.now.Mono += time.Second
	for range 2 {
		if err := a.Tick(n.now); err != nil {
			t.Fatal(err)
		}
	}
	envs, err := a.Collect()
	if err != nil {
		t.Fatal(err)
	}
	if len(envs) != 1 {
		t.Errorf("two ticks at one time sent %d messages, want 1", len(envs))
	}
	if next := a.NextTick(); next <= n.now.Mono {
		t.Errorf("NextTick = %v at %v, want later", next, n.now.Mono)
	}
}

func TestConfigValidate(t *testing.T) {
	if err := gossip.DefaultConfig().Validate(); err != nil {
		t.Errorf("DefaultConfig: %v", err)
	}
	bad := gossip.DefaultConfig()
	bad.Credit = 0
	if err := bad.Validate(); err == nil || err.Error() != "gossip: Credit is 0, must be positive" {
		t.Errorf("Validate of Credit 0 = %v", err)
	}
}

func TestHashMarkTellsMarksApart(t *testing.T) {
	seen := map[uint64]string{}
	for node := range 10 {
		for nonce := range uint32(10) {
			for seq := range uint64(100) {
				o := store.Origin{Node: store.NodeID(fmt.Sprint(node)), Incarnation: store.Incarnation{Start: clock.Timestamp{Wall: 1}, Nonce: nonce}}
				h := gossip.HashMark(o, seq)
				if seq == 0 {
					if h != 0 {
						t.Fatalf("HashMark(%v, 0) = %d, want 0: an origin of which nothing is held adds nothing", o, h)
					}
					continue
				}
				name := fmt.Sprint(o, seq)
				if other, ok := seen[h]; ok {
					t.Fatalf("%s and %s share the hash %d", name, other, h)
				}
				seen[h] = name
			}
		}
	}
}
