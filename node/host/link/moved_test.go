package link_test

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"hearsay/node/host/link"
	"hearsay/store"
)

// A node that crashes and comes back under another address is taken back soon
// after its death was noticed, also where the old address answers nothing.
func TestRestartElsewhere(t *testing.T) {
	for _, tt := range []struct {
		name string
		left func(t *testing.T, addr string) // what is where the node was
	}{
		{"nothing left behind", func(*testing.T, string) {}},
		{"a black hole left behind", blackHole},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const probe = 300 * time.Millisecond
			quick := func(id store.NodeID, seeds ...string) link.Config {
				cfg := config(id, seeds...)
				cfg.ProbeInterval, cfg.ProbeTimeout = probe, probe/2
				// Nothing but what this test is about helps.
				cfg.ReconnectInterval, cfg.DialTimeout = time.Hour, time.Hour
				return cfg
			}
			a := open(t, quick("a"))
			b, c, d := open(t, quick("b", a.Addr())), open(t, quick("c", a.Addr())), open(t, quick("d", a.Addr()))
			stay := []*node{a, b, c}
			for _, n := range []*node{a, b, c, d} {
				n.await(t, "three streams", func() bool { return len(n.up) == 3 })
			}

			old := d.Addr()
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			tt.left(t, old)
			crashed := time.Now()
			d = open(t, quick("d", a.Addr()))
			if d.Addr() == old {
				t.Fatalf("restarted under the same address %s", old)
			}
			d.awaitUp(t, "a", "b", "c")
			for _, n := range stay {
				awaitAt(t, n, "d", d.Addr())
				n.awaitUp(t, "d")
			}
			// Five to seven intervals notice the death and one tells the new address. The
			// next exchange of states that memberlist begins itself is later, and it may
			// be with a node that knows no better.
			if took, limit := time.Since(crashed), 10*probe; took > limit {
				t.Errorf("whole again after %v, want within %v", took, limit)
			}
			for _, n := range stay {
				n.send("d", pull(0))
				d.awaitMessages(t, n.id, 1)
			}
		})
	}
}

// blackHole listens at addr and answers nothing.
func blackHole(t *testing.T, addr string) {
	t.Helper()
	tcp, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var taken sync.WaitGroup
	taken.Go(func() {
		for {
			conn, err := tcp.Accept()
			if err != nil {
				return
			}
			taken.Go(func() {
				defer conn.Close()
				io.Copy(io.Discard, conn) //nolint:errcheck // ends with the far end
			})
		}
	})
	t.Cleanup(func() {
		tcp.Close()
		udp.Close()
	})
}

// awaitAt waits until n shows id at addr with a stream to it.
func awaitAt(t *testing.T, n *node, id store.NodeID, addr string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); ; {
		members := n.Members()
		if slices.ContainsFunc(members, func(m link.Member) bool { return m.ID == id && m.Addr == addr && m.Connected }) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s does not show %s at %s with a stream, but %+v", n.id, id, addr, members)
		}
	}
}
