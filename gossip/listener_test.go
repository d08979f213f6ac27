package gossip_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// isWord reports whether m says how far its sender is as a whole.
func isWord(m gossip.Message) bool {
	s, ok := m.(*gossip.Status)
	return ok && s.Hash != 0
}

// listeners runs an interval and returns whom each site told how far it is.
func (n *net) listeners() map[store.NodeID][]store.NodeID {
	n.t.Helper()
	n.sent = nil
	n.run(n.cfg.StatusInterval)
	to := map[store.NodeID][]store.NodeID{}
	for _, m := range n.sent {
		if isWord(m.message) && !slices.Contains(to[m.from], m.to) {
			to[m.from] = append(to[m.from], m.to)
		}
	}
	return to
}

// region returns so many names in region "a".
func region(size int) []string {
	names := make([]string, size)
	for i := range names {
		names[i] = fmt.Sprintf("a%02d", i)
	}
	return names
}

// reached returns how many sites the word of from comes to, through any number of
// others.
func reached(to map[store.NodeID][]store.NodeID, from store.NodeID) int {
	seen := []store.NodeID{from}
	for i := 0; i < len(seen); i++ {
		for _, id := range to[seen[i]] {
			if !slices.Contains(seen, id) {
				seen = append(seen, id)
			}
		}
	}
	return len(seen)
}

// Whoever dies, the rest of a region hear of each other.
func TestListenersHoldARegionTogether(t *testing.T) {
	for _, size := range []int{2, 7, 8, 9, 20, 28} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			n := newNet(t, gossip.DefaultConfig(), region(size)...)
			rng := rand.New(rand.NewPCG(uint64(size), 1))
			for len(n.sites) > 1 {
				to := n.listeners()
				for _, s := range n.sites {
					id := s.peer.ID
					if got, want := len(to[id]), min(len(n.sites)-1, 6); got > want || len(n.sites) <= 7 && got < want {
						t.Fatalf("of %d sites %s tells %d others how far it is, want %d", len(n.sites), id, got, want)
					}
					if got := reached(to, id); got != len(n.sites) {
						t.Fatalf("the word of %s comes to %d of %d sites", id, got, len(n.sites))
					}
				}
				for range 1 + rng.IntN(5) {
					if len(n.sites) == 1 {
						break
					}
					i := rng.IntN(len(n.sites))
					gone := n.sites[i].peer.ID
					n.sites = slices.Delete(n.sites, i, i+1)
					for _, s := range n.sites {
						s.PeerDown(n.now, gone)
					}
				}
			}
		})
	}
}

func TestOneListenerInEachOtherRegion(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "a2", "b1", "b2", "b3", "c1", "c2", "c3")
	to := n.listeners()
	for _, s := range n.sites {
		for _, region := range []string{"a", "b", "c"} {
			if region == s.peer.Region {
				continue
			}
			if got := inRegion(to[s.peer.ID], region); len(got) != 1 {
				t.Errorf("%s tells %v of region %s how far it is, want one", s.peer.ID, got, region)
			}
		}
	}
}

// Most sites never hear each other.
func TestWSpreadsThroughOthers(t *testing.T) {
	n := newCluster(t, append(region(20), "b1", "b2", "c1")...)
	for i := range 100 {
		n.write(n.sites[i%len(n.sites)], fmt.Sprint(i), 10)
		n.run(20 * time.Millisecond)
		n.truth()
	}
	for _, s := range n.sites {
		n.follows(s, 5*n.cfg.StatusInterval)
	}
}

// Regions a and c hear nothing of each other, and what reaches b of either comes to
// one node of it at first.
func TestRegionBehindAThirdIsHeard(t *testing.T) {
	n := newCluster(t, "a1", "a2", "b1", "b2", "c1", "c2")
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool {
		return from[0] == 'a' && to[0] == 'c' || from[0] == 'c' && to[0] == 'a'
	}
	for i := range 200 {
		n.write(n.sites[i%len(n.sites)], fmt.Sprint(i), 10)
		n.run(20 * time.Millisecond)
		n.truth()
	}
	n.run(2 * time.Second)
	for _, s := range n.sites {
		n.follows(s, 5*n.cfg.StatusInterval)
		for _, o := range n.sites {
			n.covers(s, o.origin, o.replica.marks.At(o.origin))
		}
	}
}

// A site that writes nothing finds out all the same that its listener hears
// nothing, and goes back to it.
func TestSilentListenerIsReplaced(t *testing.T) {
	n := newCluster(t, "a1", "b1", "b2", "b3")
	first := inRegion(n.listeners()["a1"], "b")[0]
	n.lose = cut("a1", first)
	n.run(4 * time.Second)
	if got := inRegion(n.listeners()["a1"], "b"); len(got) != 2 || !slices.Contains(got, first) {
		t.Errorf("a1 tells %v of region b, want %s, which is silent, and another", got, first)
	}
	for _, s := range n.sites {
		n.follows(s, 4*n.cfg.StatusInterval)
	}
	n.lose = nil
	n.run(2 * time.Second)
	if got := inRegion(n.listeners()["a1"], "b"); len(got) != 1 || got[0] != first {
		t.Errorf("a1 tells %v of region b, want %s alone, which answers again", got, first)
	}
}

// Lags that are not as many as the members tell nothing.
func TestLagsOfOtherLengthAreNotUsed(t *testing.T) {
	n := newCluster(t, "a1", "b1", "c1")
	a := n.sites[0]
	n.lose = around("a1")
	for _, size := range []int{1, 3} {
		before := a.Standings()
		n.deliver(sent{"b1", "a1", &gossip.Status{
			Hash:   gossip.HashMarks(a.replica.marks),
			Facts:  gossip.Facts{Epoch: a.Roster().Epoch().Number},
			Closed: &gossip.Closed{C: a.W().Next(), Lags: make([]byte, size)},
		}})
		if got := a.Standings(); !slices.Equal(got, before) {
			t.Errorf("%d bytes of lags for 3 members changed standings from %v to %v", size, before, got)
		}
	}
}

// The first round trip is known before the first write needs a relay.
func TestRoundTripIsMeasuredWhenPeersMeet(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1")
	const oneWay = 50 * time.Millisecond
	n.delay = wide(oneWay)
	n.join("b1")
	n.join("b2")
	n.run(500 * time.Millisecond)
	a := n.sites[0]
	n.sent = nil
	n.lose = func(from, to store.NodeID, m gossip.Message) bool { return isFrame(m) && to == relayOfSent(n) }
	n.write(a, "k", 10)
	n.run(2*oneWay*3/2 + n.cfg.Hedge + oneWay + 30*time.Millisecond)
	if got := a.replica.count("hedge_crossed"); got != 1 {
		t.Errorf("%d hedges within one and a half round trips and %v, want 1", got, n.cfg.Hedge)
	}
}

// relayOfSent returns to whom the first frame went.
func relayOfSent(n *net) store.NodeID {
	for _, m := range n.sent {
		if isFrame(m.message) {
			return m.to
		}
	}
	return ""
}
