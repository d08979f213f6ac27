package gossip_test

import (
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

// newFloorCluster returns a cluster whose floor moves in tenths of a second.
func newFloorCluster(t *testing.T, names ...string) *net {
	t.Helper()
	n := newNet(t, floorConfig(), names...)
	n.sites[0].Roster().Found()
	n.admit()
	return n
}

func floorConfig() gossip.Config {
	cfg := gossip.DefaultConfig()
	cfg.FloorAge, cfg.FloorStep, cfg.Sweep = time.Second, 100*time.Millisecond, 512
	return cfg
}

func (n *net) floorAge(s *site) time.Duration { return time.Duration(n.now.Wall - s.Floor().Wall) }

func TestFloorFollowsInStepsAtItsAge(t *testing.T) {
	n := newFloorCluster(t, "a1", "b1", "c1")
	n.run(2 * time.Second)
	for range 50 {
		n.run(30 * time.Millisecond)
		for _, s := range n.sites {
			if age := n.floorAge(s); age < n.cfg.FloorAge || age > n.cfg.FloorAge+n.cfg.FloorStep+3*n.cfg.StatusInterval {
				t.Fatalf("floor of %s is %v old, want little more than %v", s.peer.ID, age, n.cfg.FloorAge)
			}
			if f := s.Floor(); f.Wall%int64(n.cfg.FloorStep) != 0 || f.Logical != 0 {
				t.Fatalf("floor of %s = %v, want a multiple of %v", s.peer.ID, f, n.cfg.FloorStep)
			}
		}
	}
}

// Who hears nothing may lack anything since, though all hear it.
func TestFloorWaitsForEveryMember(t *testing.T) {
	n := newFloorCluster(t, "a1", "b1", "c1")
	n.run(2 * time.Second)
	c := n.sites[2]
	said := c.W()
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool { return to == "c1" }
	n.run(5 * time.Second)
	for _, s := range n.sites {
		if s.Floor().Compare(said) > 0 {
			t.Errorf("floor of %s = %v, above %v, the last W of c, which is cut off", s.peer.ID, s.Floor(), said)
		}
	}
	n.lose = nil
	n.run(time.Second)
	for _, s := range n.sites {
		if age := n.floorAge(s); age > 2*n.cfg.FloorAge {
			t.Errorf("floor of %s is %v old after all are back", s.peer.ID, age)
		}
	}
}

// A floor counts over an epoch: under a later one somebody else may be a member,
// of whom this node knows nothing yet.
func TestFloorOfAnEpochNotAdoptedIsNotTaken(t *testing.T) {
	n := newFloorCluster(t, "a1", "b1")
	n.run(2 * time.Second)
	a := n.sites[0]
	was, w := a.Floor(), a.W()
	high := clock.Timestamp{Wall: was.Wall + int64(n.cfg.FloorStep)}
	if high.Compare(w) > 0 {
		t.Fatalf("W = %v, want it above %v", w, high)
	}
	s := &gossip.Status{Hash: 1, Facts: gossip.Facts{Floor: high, Epoch: a.Roster().Epoch().Number + 1}}
	if err := a.Receive(n.now, "b1", s); err != nil {
		t.Fatal(err)
	}
	if got := a.Floor(); got != was {
		t.Errorf("floor = %v after a peer's %v under the next epoch, want %v", got, high, was)
	}
	s.Facts.Epoch--
	if err := a.Receive(n.now, "b1", s); err != nil {
		t.Fatal(err)
	}
	if got := a.Floor(); got != high {
		t.Errorf("floor = %v after a peer's %v under this epoch, want that", got, high)
	}
}

// What others count on stays so over a restart.
func TestFloorAndWSurviveARestart(t *testing.T) {
	n := newFloorCluster(t, "a1", "b1", "c1")
	n.run(2 * time.Second)
	b := n.sites[1]
	floor, w := b.Floor(), b.W()
	if floor.IsZero() {
		t.Fatal("there is no floor after 2 s")
	}
	n.restart(b)
	if b.Floor() != floor {
		t.Errorf("floor = %v after a restart, was %v", b.Floor(), floor)
	}
	if step := int64(n.cfg.FloorStep); b.W().Wall/step != w.Wall/step {
		t.Errorf("W = %v after a restart, was %v: others may make the step below that their floor", b.W(), w)
	}
}

// Most members are heard through others only, of which one status in 30 speaks: in a
// region of 20 that takes three hops. Until the granters are agreed on all talk to all, so
// it shows only after that.
func TestFloorCountsMembersBehindOthers(t *testing.T) {
	cfg := floorConfig()
	cfg.FloorAge, cfg.FloorStep = 4*time.Second, 2*time.Second
	n := newNet(t, cfg, region(20)...)
	n.sites[0].Roster().Found()
	n.admit()
	n.run(20 * time.Second)
	hear := 3 * 30 * cfg.StatusInterval
	for range 25 {
		n.run(time.Second)
		for _, s := range n.sites {
			if age := n.floorAge(s); age > cfg.FloorAge+cfg.FloorStep+hear {
				t.Fatalf("floor of %s is %v old, want %v, a step and the time to hear of all at most", s.peer.ID, age, cfg.FloorAge)
			}
		}
	}
}
