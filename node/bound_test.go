package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/node"
	"hearsay/store/memstore"
)

// A watched is a node of which the events about its bound are kept.
type watched struct {
	*node.Node
	told []string
}

func watch(t *testing.T, found bool) *watched { return watchOn(t, found, memstore.New()) }

func watchOn(t *testing.T, found bool, st *memstore.Store) *watched {
	t.Helper()
	w := &watched{}
	cfg := node.DefaultConfig()
	cfg.ID, cfg.Region, cfg.Found, cfg.Bound = "a", "r", found, 10*time.Second
	cfg.Draw = func(_ string, a, b uint64) uint64 { return a ^ b }
	cfg.Observe = func(e node.Event) {
		switch e := e.(type) {
		case node.BoundExceeded:
			w.told = append(w.told, fmt.Sprintf("exceeded %v by %s", e.Bound, e.Laggard))
		case node.BoundKept:
			w.told = append(w.told, fmt.Sprintf("kept after %v", e.After))
		}
	}
	n, err := node.New(cfg, st)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	w.Node = n
	return w
}

// turn takes a turn at s seconds after the epoch, and checks all that was told
// of the bound so far, and since when it is said to be exceeded.
func (w *watched) turn(t *testing.T, s, late int64, told string) {
	t.Helper()
	w.Tick(at(s))
	flush(t, w.Node)
	if got := strings.Join(w.told, ", "); got != told {
		t.Errorf("by second %d told %q, want %q", s, got, told)
	}
	if got := w.Progress().Late; got != late*second {
		t.Errorf("at second %d late since second %v, want %d", s, time.Duration(got).Seconds(), late)
	}
}

// admit makes b a member beside a, the founder, and returns the number of the
// epoch.
func (w *watched) admit(t *testing.T, s int64) uint64 {
	t.Helper()
	w.PeerUp(at(s), gossip.Peer{ID: "b", Region: "r"})
	w.Receive(at(s), "b", &gossip.Roster{Message: roster.Message{Step: roster.Ask, Who: roster.Member{Node: "b", Region: "r"}}})
	w.Tick(at(s + 1))
	flush(t, w.Node)
	p := w.Progress()
	if len(p.Members) != 2 {
		t.Fatalf("members are %v, want a and b", p.Members)
	}
	return p.Epoch
}

// says returns a status in which b, which writes nothing and knows nothing of a, closes second s.
func says(epoch uint64, s int64) *gossip.Status {
	closed := &gossip.Closed{C: clock.Timestamp{Wall: s * second}, Lags: []byte{0x0f}}
	return &gossip.Status{Hash: gossip.HashMarks(nil), Facts: gossip.Facts{Epoch: epoch}, Closed: closed}
}

func TestBoundIsWatched(t *testing.T) {
	w := watch(t, true)
	w.turn(t, 100, 0, "")
	epoch := w.admit(t, 101)
	w.Receive(at(103), "b", says(epoch, 103))
	w.turn(t, 103, 0, "")
	w.turn(t, 113, 0, "") // at the bound
	w.turn(t, 114, 113, "exceeded 10s by b")
	w.turn(t, 120, 113, "exceeded 10s by b")
	w.Receive(at(121), "b", says(epoch, 121))
	w.turn(t, 121, 0, "exceeded 10s by b, kept after 8s")
	w.turn(t, 131, 0, "exceeded 10s by b, kept after 8s")
	w.turn(t, 132, 131, "exceeded 10s by b, kept after 8s, exceeded 10s by b")
}

// A node that nobody admits cannot say how stale it is, which is no better.
func TestBoundIsExceededByWhoKnowsNothing(t *testing.T) {
	w := watch(t, false)
	w.turn(t, 100, 0, "")
	w.turn(t, 110, 0, "")
	w.turn(t, 111, 110, "exceeded 10s by ")
}
