package gossip_test

import (
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// path returns how the last frame came to s.
func (s *site) path(t *testing.T) gossip.Via {
	t.Helper()
	if len(s.replica.paths) == 0 {
		t.Fatalf("no frame came to %s", s.peer.ID)
	}
	return s.replica.paths[len(s.replica.paths)-1]
}

func TestFramesSayHowTheyCame(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "a2", "b1", "b2")
	a := n.sites[0]
	relay := relayOf(n, a)
	other := n.site("b1")
	if relay == other {
		other = n.site("b2")
	}
	if got, want := n.site("a2").path(t), (gossip.Via{From: "a1", Path: gossip.PathFresh}); got != want {
		t.Errorf("in the writer's region it came as %+v, want %+v", got, want)
	}
	if got, want := relay.path(t), (gossip.Via{From: "a1", Path: gossip.PathFresh}); got != want {
		t.Errorf("to the relay it came as %+v, want %+v", got, want)
	}
	if got, want := other.path(t), (gossip.Via{From: relay.peer.ID, Path: gossip.PathRelay}); got != want {
		t.Errorf("from the relay it came as %+v, want %+v", got, want)
	}

	a2 := n.site("a2")
	n.lose = func(from, to store.NodeID, m gossip.Message) bool { return to == "a2" && isFrame(m) }
	n.write(a, "lost", 10)
	n.settle()
	n.lose = nil
	n.write(a, "ahead", 10)
	n.settle()
	var ahead bool
	for _, via := range a2.replica.paths {
		ahead = ahead || via.Ahead && via.Path == gossip.PathFresh
	}
	if !ahead {
		t.Errorf("frames came to a2 as %+v, want one ahead of what was lost", a2.replica.paths)
	}
	n.run(time.Second)
	n.covers(a2, a.origin, 3)
	if got := a2.path(t); got.Path != gossip.PathPull || got.Ahead {
		t.Errorf("what was lost came to a2 as %+v, want it pulled", got)
	}
}
