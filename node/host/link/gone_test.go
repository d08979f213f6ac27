package link_test

import (
	"context"
	"net"
	"testing"
	"time"

	"hearsay/node/host/link"
)

// Who reads nothing, and shows that it lives all the same, holds its sender up for
// as long as a write may take and no longer.
func TestStuckPeerBreaksItsStream(t *testing.T) {
	cfg := config("a")
	cfg.QueueBytes, cfg.WriteTimeout = 256<<20, 300*time.Millisecond
	cfg.IdleTimeout = time.Hour
	a := open(t, cfg)
	in := newInbox()
	in.gate = make(chan struct{})
	l, err := link.Open(config("b", a.Addr()), in)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	defer close(in.gate)
	a.awaitUp(t, "b")
	for range 64 { // more than the sockets between them hold
		a.send("b", frame(1<<20))
	}
	a.await(t, "the stream to who reads nothing to break", func() bool { return a.downs > 0 })
}

// A node that leaves, and is started again as soon as all know it, under its id and
// its address, is there again.
func TestLeaverComesBack(t *testing.T) {
	a, b := pair(t, silent)
	c := open(t, config("c", a.Addr()))
	c.awaitUp(t, "a", "b")
	for range 3 {
		cfg := config("b", a.Addr())
		cfg.Bind = b.Addr()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := b.Leave(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		awaitMembers(t, a, 1)
		awaitMembers(t, c, 1)
		b = open(t, cfg)
		b.awaitUp(t, "a", "c")
		for _, n := range []*node{a, c} {
			awaitAt(t, n, "b", b.Addr())
			n.send("b", pull(0))
			b.awaitMessages(t, n.id, 1)
		}
	}
}

// The address of who died is tried again and again, that of who left is not.
func TestNobodyLooksForWhoLeft(t *testing.T) {
	cfg := config("a")
	cfg.ReconnectInterval = 50 * time.Millisecond
	cfg.ProbeInterval, cfg.ProbeTimeout = 100*time.Millisecond, 50*time.Millisecond
	a := open(t, cfg)
	left, died := open(t, config("b", a.Addr())), open(t, config("c", a.Addr()))
	for _, n := range []*node{left, died} {
		a.awaitUp(t, n.id)
		n.awaitUp(t, "a")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := left.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	if err := died.Close(); err != nil {
		t.Fatal(err)
	}
	a.await(t, "both streams to break", func() bool { return len(a.up) == 0 })
	awaitMembers(t, a, 0)
	tried := func(addr string) chan struct{} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		dials := make(chan struct{}, 1000)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				conn.Close()
				dials <- struct{}{}
			}
		}()
		return dials
	}
	ofLeft, ofDied := tried(left.Addr()), tried(died.Addr())
	for range 3 { // each round tries all addresses that are missing
		select {
		case <-ofDied:
		case <-time.After(patience):
			t.Fatal("nobody looks for who died")
		}
	}
	if n := len(ofLeft); n > 0 {
		t.Errorf("who left was looked for %d times", n)
	}
}
