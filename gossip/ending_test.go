package gossip_test

import (
	"testing"
	"time"

	"hearsay/gossip"
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
