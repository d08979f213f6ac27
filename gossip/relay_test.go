package gossip_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// frames returns to whom from sent frames, in order.
func frames(n *net, from store.NodeID) []store.NodeID {
	var to []store.NodeID
	for _, m := range n.sent {
		if m.from == from && isFrame(m.message) {
			to = append(to, m.to)
		}
	}
	return to
}

// inRegion returns those of ids in the region that name begins with.
func inRegion(ids []store.NodeID, name string) []store.NodeID {
	var in []store.NodeID
	for _, id := range ids {
		if id[:1] == store.NodeID(name) {
			in = append(in, id)
		}
	}
	return in
}

// relayOf has a write reach all and returns who relayed it in region b.
func relayOf(n *net, a *site) *site {
	n.t.Helper()
	n.sent = nil
	n.write(a, "first", 10)
	n.settle()
	to := inRegion(frames(n, a.peer.ID), "b")
	if len(to) != 1 {
		n.t.Fatalf("%s sent frames to %v of region b, want to one relay", a.peer.ID, to)
	}
	return n.site(to[0])
}

// all fails the test unless all sites cover origin up to seq.
func (n *net) all(origin store.Origin, seq uint64) {
	n.t.Helper()
	for _, s := range n.sites {
		n.covers(s, origin, seq)
	}
}

func TestFrameCrossesOnceToEachRegion(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "a2", "b1", "b2", "b3", "c1", "c2", "c3")
	a := n.sites[0]
	n.sent = nil
	n.write(a, "k", 10)
	n.settle()
	n.all(a.origin, 1)
	to := frames(n, "a1")
	if len(to) != 3 || !slices.Contains(to, "a2") {
		t.Fatalf("a1 sent frames to %v, want to a2, one of region b and one of region c", to)
	}
	for _, region := range []string{"b", "c"} {
		relay := inRegion(to, region)
		if len(relay) != 1 {
			t.Fatalf("a1 sent frames to %v of region %s, want to one", relay, region)
		}
		if on := frames(n, relay[0]); len(on) != 2 || len(inRegion(on, region)) != 2 {
			t.Errorf("%s passed the frame on to %v, want to the other two of region %s", relay[0], on, region)
		}
	}
	if got := frames(n, "a2"); len(got) != 0 {
		t.Errorf("a2 passed on to %v what came from its own region", got)
	}
	if got := a.replica.count("fresh_crossed"); got != 2 {
		t.Errorf("a1 counted %d crossings, want 2", got)
	}
}

func TestWritersShareRelays(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "b1", "b2", "b3", "b4")
	writers := map[store.NodeID]int{}
	for _, a := range n.sites[:8] {
		writers[relayOf(n, a).peer.ID]++
	}
	for relay, count := range writers {
		if count > 5 {
			t.Errorf("%s relays for %d of 8 writers, want the load shared by 4: %v", relay, count, writers)
		}
	}
}

func TestRelayStaysWhenAnotherComes(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "a2", "a3", "a4", "a5", "a6", "b1", "b2", "b3")
	before := map[store.NodeID]store.NodeID{}
	for _, a := range n.sites[:6] {
		before[a.peer.ID] = relayOf(n, a).peer.ID
	}
	n.join("b4")
	n.settle()
	for _, a := range n.sites[:6] {
		if now := relayOf(n, a).peer.ID; now != before[a.peer.ID] && now != "b4" {
			t.Errorf("relay of %s went from %s to %s when b4 came", a.peer.ID, before[a.peer.ID], now)
		}
	}
}

// wide says that messages between regions take oneWay.
func wide(oneWay time.Duration) func(from, to store.NodeID, _ gossip.Message) time.Duration {
	return func(from, to store.NodeID, _ gossip.Message) time.Duration {
		if from[0] != to[0] {
			return oneWay
		}
		return 0
	}
}

// around says that messages between a site and all others are lost.
func around(id store.NodeID) func(from, to store.NodeID, _ gossip.Message) bool {
	return func(from, to store.NodeID, _ gossip.Message) bool { return from == id || to == id }
}

func TestSilentRelayIsHedged(t *testing.T) {
	cfg := gossip.DefaultConfig()
	n := newNet(t, cfg, "a1", "b1", "b2", "b3")
	const oneWay = 50 * time.Millisecond
	n.delay = wide(oneWay)
	a := n.sites[0]
	n.sent = nil
	n.write(a, "k", 10)
	n.run(time.Second) // the answer tells the round trip
	silent := n.site(frames(n, "a1")[0])
	n.lose = around(silent.peer.ID)
	n.sent = nil
	n.write(a, "k", 10)
	n.settle()
	n.run(2*oneWay*3/2 + cfg.Hedge - 10*time.Millisecond)
	if got := frames(n, "a1"); len(got) != 1 {
		t.Fatalf("frames went to %v before the relay was late, want to it alone", got)
	}
	n.run(20*time.Millisecond + oneWay)
	for _, s := range n.sites[1:] {
		if s != silent {
			n.covers(s, a.origin, 2)
		}
	}
	if late, hedges := a.replica.count("relay_late"), a.replica.count("hedge_crossed"); late != 1 || hedges != 1 {
		t.Errorf("%d relays were late and %d frames were hedged, want 1 and 1", late, hedges)
	}
	// Nobody waits for it again, as long as it is silent.
	n.sent = nil
	n.write(a, "k", 10)
	n.settle()
	n.run(oneWay)
	if got := frames(n, "a1"); len(got) != 1 || got[0] == silent.peer.ID {
		t.Errorf("with %s late, frames went to %v, want to one other", silent.peer.ID, got)
	}
	n.lose = nil
	n.run(2 * time.Second)
	n.covers(silent, a.origin, 3)
	n.sent = nil
	n.write(a, "k", 10)
	n.settle()
	if got := frames(n, "a1"); len(got) != 1 || got[0] != silent.peer.ID {
		t.Errorf("with %s back, frames went to %v, want to it as before", silent.peer.ID, got)
	}
}

// A relay with more to do than it can does not have all its work given to others
// as well.
func TestRelayThatGetsOnIsNotLate(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1", "b2")
	a := n.sites[0]
	answer := 10 * time.Millisecond
	n.delay = func(from, to store.NodeID, m gossip.Message) time.Duration {
		if to == "a1" {
			return answer
		}
		return 0
	}
	for range 40 { // each answer comes later after its frame than the one before
		n.write(a, "k", 10)
		n.settle()
		n.run(10 * time.Millisecond)
		answer += 10 * time.Millisecond
	}
	if got := a.replica.count("relay_late"); got != 0 {
		t.Errorf("%d relays were late while they confirmed something every 20 ms, want 0", got)
	}
	n.run(time.Second)
	n.all(a.origin, 40)
}

func TestWhatARegionHasIsNotHedged(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1", "b2")
	a := n.sites[0]
	relay := relayOf(n, a).peer.ID
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool { return from == relay && to == "a1" }
	n.write(a, "k", 10)
	n.settle()
	n.run(time.Second) // the status of the other one tells
	if late, hedges := a.replica.count("relay_late"), a.replica.count("hedge_crossed"); late != 1 || hedges != 0 {
		t.Errorf("%d relays were late and %d frames were hedged, want 1 and 0: region b has it all", late, hedges)
	}
}

func TestRelayDoesNotSendWhatAPeerHas(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1", "b2", "b3")
	a := n.sites[0]
	relay := relayOf(n, a)
	holder := n.sites[1]
	if holder == relay {
		holder = n.sites[2]
	}
	n.delay = wide(50 * time.Millisecond)
	n.write(a, "k", 10)
	n.settle()
	n.deliver(sent{holder.peer.ID, relay.peer.ID, &gossip.Status{Marks: store.Watermarks{{Origin: a.origin, Seq: 2}}}})
	n.sent = nil
	n.run(60 * time.Millisecond)
	if got := frames(n, relay.peer.ID); len(got) != 1 || got[0] == holder.peer.ID {
		t.Errorf("%s passed on to %v, want to the one beside %s, which says that it holds it", relay.peer.ID, got, holder.peer.ID)
	}
}

func TestBrokenStreamOfRelayIsHedgedAtOnce(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1", "b2", "b3")
	a := n.sites[0]
	relay := relayOf(n, a)
	n.lose = around(relay.peer.ID)
	for i := range 3 {
		n.write(a, fmt.Sprint(i), 10)
		n.settle()
	}
	a.PeerDown(n.now, relay.peer.ID)
	n.settle() // no time passes
	for _, s := range n.sites[1:] {
		if s != relay {
			n.covers(s, a.origin, 4)
		}
	}
	if got := a.replica.count("hedge_crossed"); got != 1 {
		t.Errorf("what 3 frames had was hedged in %d, want 1: it lies in the log in one run", got)
	}
}

// A relay that missed a frame pulls it for its whole region.
func TestGapAtRelayIsFilledForItsRegion(t *testing.T) {
	n := newNet(t, eager(), "a1", "b1", "b2", "b3")
	a := n.sites[0]
	relay := relayOf(n, a)
	n.lose = func(from, _ store.NodeID, m gossip.Message) bool { return from == "a1" && isFrame(m) }
	n.write(a, "lost", 10)
	n.settle()
	n.lose = nil
	n.sent = nil
	n.write(a, "next", 10)
	n.settle() // no time passes
	n.all(a.origin, 3)
	for _, s := range n.sites[1:] {
		want := 0
		if s == relay {
			want = 1
		}
		if got := pulls(n, s.peer.ID); len(got) != want {
			t.Errorf("%s pulled from %v, want %d pulls: %s relays", s.peer.ID, got, want, relay.peer.ID)
		}
	}
}

// After a partition the rows that a region lacks come to it once, and not once
// for each of its nodes, and to each of its nodes once.
func TestHealedRegionPullsOnce(t *testing.T) {
	cfg := gossip.DefaultConfig()
	cfg.MaxFrameBytes = 2000
	cfg.Credit = 10_000 // so that it takes a while
	n := newNet(t, cfg, "a1", "a2", "b1", "b2", "b3", "b4")
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool { return from[0] != to[0] }
	const rows = 100
	for i := range rows {
		for _, a := range n.sites[:2] {
			n.write(a, fmt.Sprint(a.peer.ID, i), 1000)
		}
		n.run(10 * time.Millisecond)
	}
	n.run(time.Second)
	n.lose, n.sent = nil, nil
	n.delay = wide(150 * time.Millisecond)
	n.run(10 * time.Second)
	crossed, passed := 0, 0
	for _, m := range n.sent {
		f, ok := m.message.(*gossip.Frame)
		switch {
		case ok && m.from[0] != m.to[0]:
			crossed += len(f.Rows)
		case ok:
			passed += len(f.Rows)
		}
	}
	for _, a := range n.sites[:2] {
		n.all(a.origin, rows)
	}
	if crossed != 2*rows {
		t.Errorf("%d rows crossed to region b, want each of %d once", crossed, 2*rows)
	}
	if want := 3 * 2 * rows; passed != want {
		t.Errorf("%d rows went around in region b, want %d: each once to 3 nodes", passed, want)
	}
}

// The relay is gone for all but the writer's region: the others fetch what they
// lack themselves, after they have left it time.
func TestRegionWithoutItsRelayPullsItself(t *testing.T) {
	cfg := gossip.DefaultConfig()
	cfg.Hedge = time.Hour
	n := newNet(t, cfg, "a1", "b1", "b2", "b3")
	a := n.sites[0]
	relay := relayOf(n, a)
	n.lose = around(relay.peer.ID)
	n.write(a, "k", 10)
	n.settle()
	n.run(4 * time.Second) // by then the writer tells another one how far it is
	for _, s := range n.sites[1:] {
		if s != relay {
			n.covers(s, a.origin, 2)
		}
	}
}

func TestAnswerTellsOnlyWhatWasAsked(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1", "b2", "c1")
	for i := range 10 {
		n.write(n.sites[1+i%3], fmt.Sprint(i), 10) // moves other marks at the relay
	}
	n.settle()
	a := n.sites[0]
	n.sent = nil
	n.write(a, "k", 10)
	n.settle()
	answers := 0
	for _, m := range n.sent {
		s, ok := m.message.(*gossip.Status)
		if !ok {
			continue
		}
		answers++
		if m.to != "a1" || len(s.Marks) != 1 || s.Marks.At(a.origin) != 1 || s.Closed != nil || s.Want || s.Full {
			t.Errorf("%s answered %s with %+v, want the one mark that the frame moved", m.from, m.to, s)
		}
	}
	if answers != 2 {
		t.Errorf("%d statuses followed a write, want 2: the answers of the relays of regions b and c", answers)
	}
}

func TestRelayKeepsToFreshWindow(t *testing.T) {
	cfg := gossip.DefaultConfig()
	cfg.FreshWindow = 10_000
	n := newNet(t, cfg, "a1", "b1", "b2")
	a := n.sites[0]
	relay := relayOf(n, a)
	slow := n.sites[1]
	if slow == relay {
		slow = n.sites[2]
	}
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool {
		return from == slow.peer.ID || to == slow.peer.ID && from == "a1"
	}
	n.sent = nil
	for i := range 100 {
		n.write(a, fmt.Sprint(i), 1000)
		n.settle()
	}
	bytes := 0
	for _, m := range n.sent {
		if f, ok := m.message.(*gossip.Frame); ok && m.to == slow.peer.ID {
			bytes += f.Size()
		}
	}
	if limit := cfg.FreshWindow + 2000; bytes > limit || bytes < cfg.FreshWindow/2 {
		t.Errorf("%d bytes passed on unconfirmed, want some and at most %d", bytes, limit)
	}
	n.lose = nil
	n.run(2 * time.Second)
	n.all(a.origin, 101)
}

func TestRelayedOriginsAreBounded(t *testing.T) {
	cfg := gossip.DefaultConfig()
	cfg.MaxOrigins = 2
	n := newNet(t, cfg, "a1", "a2", "a3", "b1", "b2")
	b := n.site("b1")
	n.lose = func(from, to store.NodeID, m gossip.Message) bool { return to[0] == 'a' } // gaps stay
	row := func(seq uint64, o store.Origin) *gossip.Frame {
		e := &store.Entry{Key: store.Key{Namespace: "n", Name: string(o.Node)}, Version: store.Version{Origin: o}, Seq: seq}
		return &gossip.Frame{Origin: o, From: seq - 1, Rows: []gossip.FrameRow{{}}, Entries: []*store.Entry{e}}
	}
	for _, a := range n.sites[:3] {
		n.deliver(sent{a.peer.ID, "b1", row(2, a.origin)}) // row 1 is missing
	}
	n.settle()
	for _, a := range n.sites[:3] {
		n.deliver(sent{a.peer.ID, "b1", row(1, a.origin)})
	}
	n.settle()
	if got := b.replica.count("frame_relayed"); got != cfg.MaxOrigins {
		t.Errorf("of 3 gaps that were filled b1 passed on %d, want %d, the most it remembers", got, cfg.MaxOrigins)
	}
}

// What a relay fetches of a writer is passed on, from whomever it comes.
func TestRelayPassesOnWhatItPulls(t *testing.T) {
	cfg := gossip.DefaultConfig()
	n := newNet(t, cfg, "a1", "a2", "a3", "a4", "b1", "b2", "b3")
	a := n.sites[0]
	relay := relayOf(n, a)
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool { return from == "a1" && to[0] == 'b' }
	n.write(a, "k", 10)
	n.settle()
	n.run(cfg.StatusInterval) // another writer that has the same relay tells of it
	n.sent = nil
	n.run(cfg.Grace)
	n.all(a.origin, 2)
	if got := frames(n, relay.peer.ID); len(got) != 2 {
		t.Errorf("%s passed what it pulled on to %v, want to the two others of region b", relay.peer.ID, got)
	}
}

// A pull from a peer that is itself behind ends where that peer was.
func TestPullFromPeerThatIsBehindDoesNotTimeOut(t *testing.T) {
	cfg := gossip.DefaultConfig()
	n := newNet(t, cfg, "a1", "b1", "b2")
	a := n.sites[0]
	relay := relayOf(n, a)
	behind := n.sites[1]
	if behind == relay {
		behind = n.sites[2]
	}
	n.lose = func(from, to store.NodeID, m gossip.Message) bool { return to == behind.peer.ID && isFrame(m) }
	n.write(a, "k", 10)
	n.settle()
	n.lose = func(from, to store.NodeID, m gossip.Message) bool {
		return from == "a1" && isFrame(m) || from == relay.peer.ID && to == "a1"
	}
	n.write(a, "k", 10) // which only a has, as all can tell
	n.run(cfg.StatusInterval)
	n.covers(behind, a.origin, 2)
	n.run(cfg.StatusInterval)
	if got := behind.replica.count("pull_timed_out"); got != 0 {
		t.Errorf("%d pulls from %s timed out, want 0: it sent all it had", got, relay.peer.ID)
	}
}

func TestEngineWakesWhenRelayIsLate(t *testing.T) {
	cfg := gossip.DefaultConfig()
	n := newNet(t, cfg, "a1", "b1", "b2")
	const oneWay = 10 * time.Millisecond
	n.delay = wide(oneWay)
	a := n.sites[0]
	relayOf(n, a)
	n.run(2 * oneWay) // the answer tells the round trip
	n.lose = around("a1")
	n.write(a, "k", 10)
	n.settle()
	late := n.now.Mono + 2*oneWay*3/2 + cfg.Hedge
	for n.now.Mono < late {
		next := a.NextTick()
		if next == late {
			return
		}
		n.run(max(next-n.now.Mono, time.Millisecond)) // a status comes first
	}
	t.Errorf("at no time was NextTick %v, when the relay is late", late)
}

// What is written while something is under way to a relay goes with it or a
// little later, together; the own region gets it at once.
func TestWritesWaitForCompany(t *testing.T) {
	cfg := gossip.DefaultConfig()
	cfg.Coalesce = 30 * time.Millisecond
	n := newNet(t, cfg, "a1", "a2", "b1")
	n.delay = wide(100 * time.Millisecond)
	a := n.sites[0]
	n.run(time.Second)
	n.sent = nil
	for i := range 3 {
		n.write(a, fmt.Sprint(i), 10)
		n.settle()
		if got := len(inRegion(frames(n, "a1"), "a")); got != i+1 {
			t.Fatalf("%d frames to the own region after %d writes, want each at once", got, i+1)
		}
	}
	if got := len(inRegion(frames(n, "a1"), "b")); got != 1 {
		t.Fatalf("%d frames to region b, want the first write's: the others wait", got)
	}
	if next := a.NextTick() - n.now.Mono; next > cfg.Coalesce {
		t.Errorf("the engine wakes in %v, want %v at most", next, cfg.Coalesce)
	}
	n.run(cfg.Coalesce - 10*time.Millisecond)
	if got := len(inRegion(frames(n, "a1"), "b")); got != 1 {
		t.Fatalf("%d frames to region b before %v, want 1", got, cfg.Coalesce)
	}
	n.run(10 * time.Millisecond)
	if got := len(inRegion(frames(n, "a1"), "b")); got != 2 {
		t.Fatalf("%d frames to region b after %v, want 2", got, cfg.Coalesce)
	}
	n.run(time.Second)
	n.all(a.origin, 3)
	n.write(a, "alone", 10)
	n.settle()
	if got := len(inRegion(frames(n, "a1"), "b")); got != 3 {
		t.Errorf("%d frames to region b, want 3: nothing was under way", got)
	}
}
