package gossip_test

import (
	"fmt"
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// After a cut that filled its fresh window a peer sees what was written since long before
// all that it lacks has come.
func TestFreshComesFirstAfterACut(t *testing.T) {
	const heal, slow = 2 * time.Second, 10 * time.Second
	cfg := eager()
	cfg.FreshWindow = 100_000
	n := newNet(t, cfg, "a1", "b1", "b2")
	a := n.sites[0]
	n.delay = func(from, to store.NodeID, m gossip.Message) time.Duration {
		switch f, ok := m.(*gossip.Frame); {
		case from[0] == to[0]:
			return 0
		case ok && f.Pulled:
			return slow
		}
		return heal - n.now.Mono // in the cut it waits
	}
	for i := range 1000 {
		n.write(a, fmt.Sprint(i), 1000)
		n.settle()
	}
	n.now.Mono = heal - 10*time.Millisecond
	n.write(a, "fresh", 10)
	n.settle()
	n.now.Mono = heal
	n.run(400 * time.Millisecond)
	n.write(a, "fresher", 10)
	n.run(10 * time.Millisecond)
	relay := n.sites[1]
	if n.sites[2].replica.marks.At(a.origin) > relay.replica.marks.At(a.origin) {
		relay = n.sites[2]
	}
	for _, name := range []string{"fresh", "fresher"} {
		if relay.replica.entries[store.Key{Namespace: "n", Name: name}] == nil {
			t.Errorf("%s does not show at %s while what it missed is on the way", name, relay.peer.ID)
		}
	}
	if mark := relay.replica.marks.At(a.origin); mark >= 1000 {
		t.Fatalf("%s covers %d writes already, so this shows nothing", relay.peer.ID, mark)
	}
	n.run(slow + time.Second)
	n.all(a.origin, 1002)
}

// What is remembered of what did not fit in a window is small, and the latest.
func TestMissedIsBounded(t *testing.T) {
	cfg := eager()
	cfg.FreshWindow = 100_000
	n := newNet(t, cfg, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	cut := true
	n.lose = func(from, to store.NodeID, m gossip.Message) bool {
		_, frame := m.(*gossip.Frame)
		return cut && (from == "b1" || !frame) // b takes frames in and says nothing
	}
	const writes = 300
	for i := range writes {
		n.write(a, fmt.Sprint(i), 1000)
		n.settle()
	}
	if mark := b.replica.marks.At(a.origin); mark > 120 {
		t.Fatalf("%d writes came through a window of 100,000 bytes", mark)
	}
	cut, n.sent = false, nil
	n.lose = func(_, _ store.NodeID, m gossip.Message) bool {
		f, ok := m.(*gossip.Frame)
		return ok && f.Pulled
	}
	n.run(gossip.DefaultConfig().StatusInterval * 2)
	var bytes int
	var last uint64
	for _, m := range n.sent {
		if f, ok := m.message.(*gossip.Frame); ok && m.from == "a1" && !f.Pulled {
			bytes += f.Size()
			last = max(last, f.Through())
		}
	}
	if last != writes || bytes > 64<<10 {
		t.Errorf("when the window opened %d bytes up to write %d were sent, want the latest, up to %d, of at most 64 KiB", bytes, last, writes)
	}
}
