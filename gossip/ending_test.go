package gossip_test

import (
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// A node that is being dropped goes on sending. Who said how far it holds its
// streams takes no more of them, so that the end which the epoch names is the end.
func TestStreamsOfWhoIsDroppedAreRefused(t *testing.T) {
	n := newCluster(t, "a1", "a2", "a3")
	a, b, gone := n.sites[0], n.sites[1], n.sites[2]
	n.write(gone, "before", 10)
	n.run(time.Second)
	// b's word gets lost: nothing is decided.
	n.lose = func(from, to store.NodeID, m gossip.Message) bool {
		_, roster := m.(*gossip.Roster)
		return roster && from == b.peer.ID
	}
	if err := a.Roster().Forget(n.now.Mono, []store.NodeID{gone.peer.ID}, true); err != nil {
		t.Fatal(err)
	}
	n.run(time.Second)
	n.write(gone, "during", 10)
	n.run(time.Second)
	for _, s := range []*site{a, b} {
		n.covers(s, gone.origin, 1)
	}

	n.lose = nil
	n.run(10 * time.Second)
	end, dropped := a.Roster().Epoch().End(gone.peer.ID)
	if !dropped || end.Marks.At(gone.origin) != 1 {
		t.Fatalf("the end is %v, dropped %v, want number 1", end.Marks, dropped)
	}
	for _, s := range n.sites {
		n.covers(s, gone.origin, 1)
		n.behindAtMost(s, time.Second)
	}
}

// Nor does it count what it had taken in before and what becomes whole after it spoke,
// until it is known that the member stays.
func TestWhatBecomesWholeOfWhoIsDroppedWaits(t *testing.T) {
	for _, stays := range []bool{false, true} {
		n := newCluster(t, "a1", "a2", "a3")
		a, b, gone := n.sites[0], n.sites[1], n.sites[2]
		n.write(gone, "before", 10)
		n.run(time.Second)
		n.lose = func(from, to store.NodeID, m gossip.Message) bool {
			_, roster := m.(*gossip.Roster)
			return roster && from == b.peer.ID // its word gets lost: nothing is decided
		}
		n.delay = func(_, _ store.NodeID, m gossip.Message) time.Duration {
			if _, chunk := m.(*gossip.Chunk); chunk {
				return 1500 * time.Millisecond
			}
			return 0
		}
		large := n.large(gone, "large", 1)
		n.run(time.Second)
		if !b.Wants(large.Manifest.Upload) {
			t.Fatal("b does not wait for a large value")
		}
		if err := a.Roster().Forget(n.now.Mono, []store.NodeID{gone.peer.ID}, true); err != nil {
			t.Fatal(err)
		}
		n.run(100 * time.Millisecond)
		if !b.Roster().Refuses(gone.peer.ID) {
			t.Fatal("b did not say how far it holds who is being dropped")
		}
		n.run(time.Second)
		if b.replica.entries[large.Key] != large {
			t.Fatal("the large value does not show at b")
		}
		n.covers(b, gone.origin, 1)
		if stays {
			next := *b.Roster().Epoch()
			next.Number++
			n.deliver(sent{"a1", "a2", &gossip.Roster{Message: roster.Message{Step: roster.Decided, Number: next.Number, Value: next}}})
			n.run(50 * time.Millisecond)
			n.covers(b, gone.origin, 2)
		}
	}
}

// A node learns of two epochs in two turns, and the second one drops it. What it wrote
// in that turn it tells before it gives it back, though the first one had come to lie on
// its disk by then.
func TestCutBackWaitsForItsEpochToBeDurable(t *testing.T) {
	n := newCluster(t, "a1", "a2", "a3")
	gone := n.sites[2]
	n.write(gone, "before", 10)
	n.run(time.Second)
	n.lose = func(_, _ store.NodeID, _ gossip.Message) bool { return true }
	turn := func(decided roster.Epoch) {
		t.Helper()
		n.deliver(sent{"a1", "a3", &gossip.Roster{Message: roster.Message{Step: roster.Decided, Number: decided.Number, Value: decided}}})
		if err := gone.Tick(n.now); err != nil {
			t.Fatal(err)
		}
	}
	collect := func() {
		t.Helper()
		if _, err := gone.Collect(); err != nil {
			t.Fatal(err)
		}
	}
	next := *gone.Roster().Epoch()
	next.Number++
	turn(next)
	collect()

	n.write(gone, "during", 10)
	next.Number++
	next.Ends = []roster.End{{Node: gone.peer.ID, Epoch: next.Number, Marks: store.Watermarks{{Origin: gone.origin, Seq: 1}}}}
	next.Members = next.Members[:2]
	turn(next)
	n.covers(gone, gone.origin, 2)
	collect()
	if err := gone.Tick(n.now); err != nil {
		t.Fatal(err)
	}
	n.covers(gone, gone.origin, 1)
}
