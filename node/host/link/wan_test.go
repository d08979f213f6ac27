package link_test

import (
	"context"
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/node/host/link"
	"hearsay/store"
)

func TestDelay(t *testing.T) {
	const oneWay = 30 * time.Millisecond
	a, b, _ := far(t, 2*oneWay, silent)
	for _, way := range [][2]*node{{a, b}, {b, a}} {
		from, to := way[0], way[1]
		begun := time.Now()
		from.send(to.id, pull(0))
		to.awaitMessages(t, from.id, 1)
		if took := time.Since(begun); took < oneWay {
			t.Errorf("from %s to %s took %v, want at least %v", from.id, to.id, took, oneWay)
		}
	}
}

// Jitter reorders no stream, and a message does not wait for the one before it to
// arrive: a thousand of 30 ms each would outlast the test's patience.
func TestOrderUnderDelay(t *testing.T) {
	a, b, _ := far(t, 60*time.Millisecond, silent)
	const n = 1000
	for i := range n {
		a.send("b", pull(i))
	}
	wantOrder(t, b.awaitMessages(t, "a", n))
}

func TestCutOfOneDirection(t *testing.T) {
	a, b, network := far(t, 10*time.Millisecond, silent)
	cut(t, network, "east", "west")
	a.send("b", pull(0), pull(1))
	for i := range 3 { // each is under way as long as those of a would be
		b.send("a", pull(i))
		wantOrder(t, a.awaitMessages(t, "b", i+1))
	}
	if got := b.messages("a"); len(got) != 0 {
		t.Fatalf("%d messages crossed the cut", len(got))
	}
	network.Heal("east", "west")
	wantOrder(t, b.awaitMessages(t, "a", 2))
	a.wantDowns(t, 0)
	b.wantDowns(t, 0)
}

// A stream whose far end is not heard breaks, though no connection does.
func TestIdleTimeout(t *testing.T) {
	a, b, network := far(t, 2*time.Millisecond, func(cfg *link.Config) {
		cfg.IdleTimeout = 300 * time.Millisecond
	})
	cut(t, network, "east", "west")
	a.await(t, "the stream from a to break", func() bool { return a.downs == 1 })
	network.HealAll()
	a.awaitUp(t, "b")
	b.awaitUp(t, "a")
}

// Beats keep a stream up that carries nothing, for several idle timeouts.
func TestBeats(t *testing.T) {
	a, b := pair(t, func(cfg *link.Config) { cfg.IdleTimeout = 300 * time.Millisecond })
	awaitBeats(t, b, 12)
	a.wantDowns(t, 0)
	b.wantDowns(t, 0)
	if got := b.messages("a"); len(got) != 0 {
		t.Errorf("beats reached the inbox: %v", got)
	}
}

// awaitBeats waits until n has heard count beats more, on either kind of stream.
func awaitBeats(t *testing.T, n *node, count uint64) {
	t.Helper()
	const beat = 15 // bytes
	begun, tick := n.Stats().BytesIn, time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); n.Stats().BytesIn-begun < count*beat; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("no beats")
		}
	}
}

func TestQueueBound(t *testing.T) {
	const limit = 1000
	a, b, network := far(t, 2*time.Millisecond, func(cfg *link.Config) { cfg.QueueBytes = limit })
	cut(t, network, "east", "west")

	sent := 0
	for a.Stats().Dropped == 0 {
		if sent > limit {
			t.Fatal("no status was dropped from a full queue")
		}
		a.send("b", &gossip.Status{Hash: 1})
		sent++
	}
	a.send("b", &gossip.Status{Hash: 1})
	if got := a.Stats(); got.Dropped != 2 || got.Resets != 0 {
		t.Fatalf("%d dropped and %d resets after %d statuses, want 2 and 0", got.Dropped, got.Resets, sent+1)
	}
	a.send("b", frame(100), frame(100))
	a.await(t, "the full stream to break", func() bool { return a.downs == 1 })
	if got := a.Stats(); got.Resets != 1 || got.Undelivered != 1 {
		t.Errorf("%d resets and %d undelivered, want one each", got.Resets, got.Undelivered)
	}
	network.HealAll()
	a.await(t, "b to be up again", func() bool { return a.ups == 2 })
	a.send("b", pull(0))
	b.await(t, "the new stream's message", func() bool { return len(b.got["a"]) > 0 })
	for _, m := range b.messages("a") {
		if _, ok := m.(*gossip.Pull); !ok {
			t.Errorf("%T of the broken stream arrived on the new one", m)
		}
	}
}

func TestOversized(t *testing.T) {
	const limit, size = 1000, 1 << 20 // several writes
	a, b, network := far(t, 2*time.Millisecond, func(cfg *link.Config) { cfg.QueueBytes = limit })
	a.send("b", frame(size))
	b.await(t, "all bytes of a large message", func() bool { return b.bytes >= size })

	cut(t, network, "east", "west")
	a.send("b", pull(0), frame(size))
	a.await(t, "the stream to break for a large message behind another", func() bool { return a.downs == 1 })
	if got := a.Stats().Resets; got != 1 {
		t.Errorf("%d resets, want 1", got)
	}
}

// After a cut in which both sides declare each other dead, memberlist alone would
// stay divided for ever. No seed helps: none is on the other side.
func TestHealedPartition(t *testing.T) {
	network := twoRegions(t, 2*time.Millisecond)
	const reconnect = time.Second
	place := func(id store.NodeID, region string, seeds ...string) *node {
		cfg := config(id, seeds...)
		cfg.WAN, cfg.Region = network, region
		cfg.ProbeInterval, cfg.ProbeTimeout = 100*time.Millisecond, 50*time.Millisecond
		cfg.DialTimeout, cfg.IdleTimeout = 500*time.Millisecond, 500*time.Millisecond
		cfg.ReconnectInterval = reconnect
		return open(t, cfg)
	}
	e1, w1 := place("e1", "east"), place("w1", "west")
	nodes := []*node{
		e1, place("e2", "east", e1.Addr()), place("e3", "east", e1.Addr()),
		w1, place("w2", "west", w1.Addr()), place("w3", "west", w1.Addr()),
	}
	matchmaker := place("m", "east", e1.Addr(), w1.Addr())
	for _, n := range append(nodes, matchmaker) {
		awaitMembers(t, n, 6)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := matchmaker.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	awaitWhole := func() {
		t.Helper()
		for _, n := range nodes {
			awaitMembers(t, n, 5)
			n.await(t, "five streams", func() bool { return len(n.up) == 5 })
		}
	}
	awaitWhole()

	cut(t, network, "east", "west")
	cut(t, network, "west", "east")
	for _, n := range nodes {
		awaitMembers(t, n, 2)
		n.await(t, "the far streams to break", func() bool { return len(n.up) == 2 })
	}
	// Until memberlist stops gossiping to the dead, it may heal a cut itself. From
	// its two peers e1 hears four beats in each third of the idle timeout.
	awaitBeats(t, e1, 4*4)
	network.HealAll()
	healed := time.Now()
	awaitWhole()
	if took := time.Since(healed); took > reconnect+time.Second {
		t.Errorf("whole again after %v, want within the reconnect interval %v and a second", took, reconnect)
	}
}

func awaitMembers(t *testing.T, n *node, want int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); len(n.Members()) != want; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s has %d members, want %d", n.id, len(n.Members()), want)
		}
	}
}
