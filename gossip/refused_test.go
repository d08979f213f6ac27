package gossip_test

import (
	"fmt"
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// A refusal is told once, and again when it is over.
func TestRefusalIsToldOnce(t *testing.T) {
	n := newNet(t, eager(), "a1", "a2")
	a := n.sites[0]
	for range 4 {
		a.Refuse(n.now, "a2", time.Hour)
		n.run(time.Second)
	}
	if got := a.Refusals(); len(got) != 1 || got[0].Node != "a2" || got[0].Ahead != time.Hour {
		t.Errorf("Refusals() = %v, want one of a2, an hour ahead", got)
	}
	if told, over := a.replica.count("stamps_refused"), a.replica.count("stamps_accepted"); told != 1 || over != 0 {
		t.Errorf("refused was told %d times, over %d times; want 1, 0", told, over)
	}
	n.run(10 * time.Second)
	if got, over := a.Refusals(), a.replica.count("stamps_accepted"); len(got) != 0 || over != 1 {
		t.Errorf("10 s later Refusals() = %v, and over was told %d times; want none, 1", got, over)
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	cfg := eager()
	n := newNet(t, cfg, "a1")
	for i := range cfg.Roster.MaxMembers + 9 {
		n.sites[0].Refuse(n.now, store.NodeID(fmt.Sprintf("n%d", i)), time.Hour)
	}
	all := n.sites[0].Refusals()
	if len(all) != cfg.Roster.MaxMembers {
		t.Errorf("%d refusals are kept, want the bound, %d", len(all), cfg.Roster.MaxMembers)
	}
}

// A newcomer whose clock, or whose timestamps, are far from the others' is not admitted:
// it would stamp above what others take, or they would. Nor does a node admit anybody
// above timestamps of its own that others refuse.
func TestWhoIsFarAheadIsNotAdmitted(t *testing.T) {
	tests := []struct {
		name  string
		apart time.Duration // by which the newcomer's clock is ahead of the sponsor's
		stray time.Duration // by which the sponsor had stamped ahead of its own
		want  int
	}{
		{"right clocks", 0, 0, 2},
		{"apart within bounds", 900 * time.Millisecond, 0, 2},
		{"the newcomer's is ahead", time.Minute, 0, 1},
		{"the sponsor's is ahead", -time.Minute, 0, 1},
		{"the sponsor's was ahead", 0, time.Minute, 1},
	}
	for _, tt := range tests {
		n := newNet(t, eager(), "a1")
		a := n.sites[0]
		a.Roster().Found()
		a.replica.last = max(a.replica.last, n.now.Wall+int64(tt.stray))
		n.run(time.Second)
		n.lose = func(from, _ store.NodeID, m gossip.Message) bool {
			if s, ok := m.(*gossip.Status); ok && from == "a2" && s.Wall > 0 {
				s.Wall += int64(tt.apart)
			}
			return false
		}
		n.join("a2")
		n.run(20 * time.Second)
		if got := len(a.Roster().Epoch().Members); got != tt.want {
			t.Errorf("%s: %d members, want %d", tt.name, got, tt.want)
		}
	}
}

// What all had taken of a stream while their clocks were wrong is no part of it once they
// say how far they hold it: it ends before the first write that they would refuse.
func TestStreamEndsBeforeWhatIsRefused(t *testing.T) {
	for row := range 8 {
		sound, silent := row%4, row >= 4
		n := newNet(t, eager(), "a1", "a2", "a3")
		n.lose = func(_, _ store.NodeID, m gossip.Message) bool {
			s, status := m.(*gossip.Status)
			return silent && status && s.Wall != 0 // nobody hears what others' clocks show
		}
		n.sites[0].Roster().Found()
		n.run(10 * time.Second)
		gone := n.sites[2]
		for i := range 3 {
			if i == sound {
				gone.replica.last = n.now.Wall + int64(time.Hour)
			}
			n.write(gone, "k", 1)
			n.run(time.Second)
		}
		for _, s := range n.sites[:2] {
			n.covers(s, gone.origin, 3)
		}
		if err := n.sites[0].Roster().Forget(n.now.Mono, []store.NodeID{"a3"}, true); err != nil {
			t.Fatal(err)
		}
		n.run(time.Second)
		end, dropped := n.sites[0].Roster().Epoch().End("a3")
		if seq, named := end.Marks.Find(gone.origin); !dropped || !named || seq != uint64(sound) {
			t.Errorf("clocks unknown: %v; the stream of 3 writes, %d of them sound, ends with %v, want %d", silent, sound, end.Marks, sound)
		}
	}
}
