package node_test

import (
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/node"
	"hearsay/store"
	"hearsay/store/memstore"
)

// A pair is two nodes of one region under a common clock.
type pair struct {
	t     *testing.T
	now   clock.Reading
	nodes map[store.NodeID]*node.Node
	lost  bool // no message arrives
	last  map[store.NodeID]node.Output
	acks  map[node.Ticket]node.Ack // of node a
}

func newPair(t *testing.T) *pair {
	p := &pair{t: t, now: at(100), nodes: map[store.NodeID]*node.Node{}, last: map[store.NodeID]node.Output{}, acks: map[node.Ticket]node.Ack{}}
	for _, id := range []store.NodeID{"a", "b"} {
		cfg := node.DefaultConfig()
		cfg.ID, cfg.Region, cfg.Found = id, "r", id == "a"
		cfg.Bound = 5 * time.Second
		cfg.Draw = func(_ string, a, b uint64) uint64 { return a ^ b }
		n, err := node.New(cfg, memstore.New())
		if err != nil {
			t.Fatal(err)
		}
		p.nodes[id] = n
	}
	p.nodes["a"].PeerUp(p.now, gossip.Peer{ID: "b", Region: "r"})
	p.nodes["b"].PeerUp(p.now, gossip.Peer{ID: "a", Region: "r"})
	return p
}

// run lets d pass in steps of 10 ms, in which messages arrive.
func (p *pair) run(d time.Duration) {
	p.t.Helper()
	for end := p.now.Mono + d; p.now.Mono < end; {
		p.now.Mono += 10 * time.Millisecond
		p.now.Wall += int64(10 * time.Millisecond)
		for _, id := range []store.NodeID{"a", "b"} {
			n := p.nodes[id]
			n.Tick(p.now)
			out := flush(p.t, n)
			for _, env := range out.Messages {
				if other := p.nodes[env.To]; other != nil && !p.lost {
					other.Receive(p.now, id, env.Message)
				}
			}
			if out.Front != nil {
				p.last[id] = out
			}
			for _, r := range out.Replies {
				p.acks[r.Ticket] = r.Ack
			}
		}
	}
}

// write has a accept a write, and returns how far it is said to be after d, and
// whether it is answered.
func (p *pair) write(want node.Ack, d time.Duration) (node.Ack, bool) {
	p.t.Helper()
	w := put("k", "v")
	w.Ack = want
	ticket, err := p.nodes["a"].Write(p.now, w)
	if err != nil {
		p.t.Fatal(err)
	}
	p.run(d)
	ack, answered := p.acks[ticket]
	return ack, answered
}

func TestWriteWaitsForItsRegion(t *testing.T) {
	p := newPair(t)
	p.run(10 * time.Millisecond) // a founds the cluster
	if ack, ok := p.write(node.AckRegion, 10*time.Millisecond); !ok || ack != node.AckLocal {
		t.Errorf("before there is a view a write is acknowledged %v, %v, want local at once", ack, ok)
	}
	p.run(8 * time.Second) // b is admitted, and becomes a granter
	for _, id := range []store.NodeID{"a", "b"} {
		if f := p.last[id].Front; f == nil || !f.Region(p.now) {
			t.Fatalf("%s does not answer region after 8 s", id)
		}
	}
	if ack, ok := p.write(node.AckRegion, 50*time.Millisecond); !ok || ack != node.AckRegion {
		t.Errorf("a write is acknowledged %v, %v, want region after a round trip", ack, ok)
	}
	if ack, ok := p.write(node.AckAll, 500*time.Millisecond); !ok || ack != node.AckAll {
		t.Errorf("a write for all is acknowledged %v, %v, want all", ack, ok)
	}

	p.lost = true
	if ack, ok := p.write(node.AckLocal, 10*time.Millisecond); !ok || ack != node.AckLocal {
		t.Errorf("cut off, a local write is acknowledged %v, %v, want local at once", ack, ok)
	}
	if ack, ok := p.write(node.AckRegion, time.Second); ok {
		t.Errorf("cut off, a write is acknowledged %v after a second, want it to wait", ack)
	}
	p.run(1100 * time.Millisecond)
	for ticket := node.Ticket(1); ticket <= 5; ticket++ {
		if _, answered := p.acks[ticket]; !answered {
			t.Errorf("write %d has no answer after two leases", ticket)
		}
	}
	if ack := p.acks[5]; ack != node.AckLocal {
		t.Errorf("a write that only a holds is acknowledged %v, want local", ack)
	}
	if f := p.last["a"].Front; f.Region(p.now) {
		t.Error("a answers region alone, one of two granters")
	}
	if ack, ok := p.write(node.AckAll, 4900*time.Millisecond); ok {
		t.Errorf("cut off, a write for all is acknowledged %v before the bound, want it to wait", ack)
	}
	p.run(200 * time.Millisecond)
	if ack, ok := p.acks[6]; !ok || ack != node.AckLocal {
		t.Errorf("cut off, a write for all is acknowledged %v, %v after the bound, want local", ack, ok)
	}
}
