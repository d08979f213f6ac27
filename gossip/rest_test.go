package gossip_test

import (
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// A node that rests takes in nothing and asks for nothing, is sent on by nobody's
// relay, and then gets all that it missed.
func TestRestingNodeTakesNothingAndCatchesUp(t *testing.T) {
	n := newNet(t, eager(), "a1", "a2", "b1")
	a, rests := n.sites[0], n.sites[1]
	n.write(a, "k", 10)
	n.run(time.Second)
	n.covers(rests, a.origin, 1)

	rests.Rest(true)
	n.sent = nil
	for range 5 {
		n.write(a, "k", 10)
		n.run(time.Second)
	}
	n.covers(rests, a.origin, 1)
	n.covers(n.sites[2], a.origin, 6)
	for _, m := range n.sent {
		if _, pulls := m.message.(*gossip.Pull); pulls && m.from == rests.peer.ID {
			t.Fatal("the resting node pulls")
		}
	}
	if next := rests.NextTick(); next <= n.now.Mono {
		t.Errorf("the resting node wants to tick at %v, now is %v: its driver never sleeps", next, n.now.Mono)
	}

	rests.Rest(false)
	n.run(time.Second)
	n.covers(rests, a.origin, 6)
}

// The chunks of a large value are not asked for either.
func TestRestingNodeFetchesNothing(t *testing.T) {
	n := newNet(t, eager(), "a1", "a2")
	rests := n.sites[1]
	rests.Rest(true)
	offer := &gossip.Offer{Manifest: &store.Manifest{Upload: store.Upload{Life: 1, Number: 1}, Size: 10, ChunkBytes: 10, Hashes: make([]store.Hash, 1)}}
	n.deliver(sent{from: "a1", to: "a2", message: offer})
	n.sent = nil
	n.run(time.Second)
	for _, m := range n.sent {
		if _, fetches := m.message.(*gossip.Fetch); fetches {
			t.Fatal("the resting node fetches what is offered")
		}
	}
	rests.Rest(false)
	n.deliver(sent{from: "a1", to: "a2", message: offer})
	n.run(20 * time.Millisecond)
	fetched := false
	for _, m := range n.sent {
		_, fetches := m.message.(*gossip.Fetch)
		fetched = fetched || fetches
	}
	if !fetched {
		t.Error("a node that rests no more does not fetch what is offered")
	}
}
