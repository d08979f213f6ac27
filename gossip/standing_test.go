package gossip_test

import (
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// standing returns how far s misses nothing of member.
func standing(t *testing.T, s *site, member store.NodeID) gossip.Standing {
	t.Helper()
	for _, st := range s.Standings() {
		if st.Node == member {
			return st
		}
	}
	t.Fatalf("%s has no standing of %s", s.peer.ID, member)
	return gossip.Standing{}
}

func TestStandingsTellWhoHoldsWBack(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool { return from == "c1" || to == "c1" }
	a := n.sites[0]
	n.run(2 * time.Second)
	if got := len(a.Standings()); got != 3 {
		t.Fatalf("a has standings of %d members, want 3", got)
	}
	for _, member := range []store.NodeID{"a1", "b1"} {
		if st := standing(t, a, member); time.Duration(n.now.Wall-st.Covered.Wall) > 2*n.cfg.StatusInterval {
			t.Errorf("standing of %s = %v at %d, want at most two statuses ago", member, st.Covered, n.now.Wall)
		}
	}
	if st := standing(t, a, "c1"); st.Covered != a.W() || st.Region != "c" {
		t.Errorf("standing of c, cut off, = %v in region %q, want W, which is %v, and region c", st.Covered, st.Region, a.W())
	}
}

// The word of a does not reach c, but what b takes in of it does.
func TestStandingsAreNotBelowW(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	n.lose = cut("a1", "c1")
	n.run(2 * time.Second)
	c := n.sites[2]
	if st := standing(t, c, "a1"); st.Covered != c.W() {
		t.Errorf("standing of a = %v, want W, which is %v", st.Covered, c.W())
	}
}
