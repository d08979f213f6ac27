package link_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/node/host/link"
	"hearsay/store"
)

func TestThreeNodes(t *testing.T) {
	a := open(t, config("a"))
	b := open(t, config("b", a.Addr()))
	c := open(t, config("c", a.Addr()))
	a.awaitUp(t, "b", "c")
	b.awaitUp(t, "a", "c")
	c.awaitUp(t, "a", "b")

	want := []link.Member{
		{ID: "b", Name: "name-b", Region: "here", Addr: b.Addr(), API: "127.0.0.1:80", Connected: true},
		{ID: "c", Name: "name-c", Region: "here", Addr: c.Addr(), API: "127.0.0.1:80", Connected: true},
	}
	if got := a.Members(); !slices.Equal(got, want) {
		t.Errorf("Members() = %+v, want %+v", got, want)
	}
	a.await(t, "PeerUp to say that b is here", func() bool { return a.regions["b"] == "here" })

	m := pull(0)
	a.Send([]gossip.Envelope{{To: "b", Message: m}, {To: "c", Message: m}, {To: "nobody", Message: m}})
	wantOrder(t, b.awaitMessages(t, "a", 1))
	wantOrder(t, c.awaitMessages(t, "a", 1))
	if got := a.Stats().Undelivered; got != 1 {
		t.Errorf("%d undelivered, want the 1 to nobody", got)
	}
}

func TestAllKindsArrive(t *testing.T) {
	a, b := pair(t, silent)
	a.send("b", frame(100), &gossip.Status{Hash: 7}, pull(2))
	got := b.awaitMessages(t, "a", 3)
	if f, ok := got[0].(*gossip.Frame); !ok || len(f.Entries) != 1 || len(f.Entries[0].Value) != 100 {
		t.Errorf("message 0 is %+v, want the frame", got[0])
	}
	if s, ok := got[1].(*gossip.Status); !ok || s.Hash != 7 {
		t.Errorf("message 1 is %+v, want the status", got[1])
	}
	if p, ok := got[2].(*gossip.Pull); !ok || p.Credit != 2 {
		t.Errorf("message 2 is %+v, want the pull", got[2])
	}
	// What is written may be read before it is counted.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); a.Stats().BytesOut == 0; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("no bytes are counted as sent")
		}
	}
	if out, in := a.Stats().BytesOut, b.Stats().BytesIn; in < out {
		t.Errorf("%d bytes went out and %d came in", out, in)
	}
}

func TestUnencodableMessageIsDropped(t *testing.T) {
	a, b := pair(t, silent)
	a.send("b", &gossip.Pull{Credit: -1}, pull(0))
	wantOrder(t, b.awaitMessages(t, "a", 1))
	if got := a.Stats().Undelivered; got != 1 {
		t.Errorf("%d undelivered, want 1", got)
	}
}

// A blocked inbox holds the sender back and loses nothing.
func TestBackPressure(t *testing.T) {
	a := open(t, config("a"))
	cfg := config("b", a.Addr())
	in := newInbox()
	in.gate = make(chan struct{})
	l, err := link.Open(cfg, in)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a.awaitUp(t, "b")
	const n = 1000
	for i := range n {
		a.send("b", pull(i))
	}
	close(in.gate)
	wantOrder(t, in.awaitMessages(t, "a", n))
}

func TestRestartOnSamePort(t *testing.T) {
	a, b := pair(t, silent)
	addr := b.Addr()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	a.await(t, "b to be down", func() bool { return a.downs == 1 })
	cfg := config("b")
	cfg.Bind = addr
	b = open(t, cfg)
	a.await(t, "b to be up again", func() bool { return a.ups == 2 })
	b.awaitUp(t, "a") // b has no seed: a tells it
	a.send("b", pull(0))
	wantOrder(t, b.awaitMessages(t, "a", 1))
}

func TestLeave(t *testing.T) {
	// What is queued is still under way when memberlist is done with leaving.
	a, b, _ := far(t, 600*time.Millisecond, silent)
	const n = 100
	for i := range n {
		a.send("b", pull(i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.Leave(ctx); err != nil {
		t.Fatalf("Leave: %v", err)
	}
	wantOrder(t, b.awaitMessages(t, "a", n))
	b.await(t, "a to be down", func() bool { return !b.up["a"] })
	awaitMembers(t, b, 0)
	if err := a.Leave(ctx); err == nil {
		t.Error("Leave after Leave succeeded")
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close after Leave: %v", err)
	}
}

// Nodes that leave together have soon nobody to tell. That is no error, and takes
// none of them longer than the rounds that it waits for at most.
func TestLeaveTogether(t *testing.T) {
	a, b := pair(t, silent)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	left := make(chan error)
	for _, n := range []*node{a, b} {
		go func() { left <- n.Leave(ctx) }()
	}
	for range 2 {
		if err := <-left; err != nil {
			t.Errorf("Leave: %v", err)
		}
	}
	if err := ctx.Err(); err != nil {
		t.Errorf("left too late: %v", err)
	}
}

// A Leave that cannot finish ends with its context.
func TestLeaveWhileCut(t *testing.T) {
	a, _, network := far(t, 2*time.Millisecond, silent)
	cut(t, network, "east", "west")
	a.send("b", pull(0))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := a.Leave(ctx); err == nil {
		t.Error("Leave sent what is queued through a cut")
	}
}

func TestCloseEndsAllWork(t *testing.T) {
	// No timeout comes to help.
	a, b, network := far(t, 2*time.Millisecond, func(cfg *link.Config) {
		cfg.DialTimeout, cfg.IdleTimeout, cfg.WriteTimeout = time.Hour, time.Hour, time.Hour
	})
	var conns []net.Conn
	for _, opening := range []string{"", "h", "\xf4", magic} {
		conn := dial(t, a.Addr())
		defer conn.Close()
		if _, err := conn.Write([]byte(opening)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	cut(t, network, "east", "west")
	a.send("b", pull(0))
	for _, n := range []*node{a, b} {
		if err := n.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := n.Close(); err != nil {
			t.Errorf("Close again: %v", err)
		}
	}
	for _, conn := range conns {
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a connection stays open")
		}
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); ; {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		var left []string
		for g := range strings.SplitSeq(string(stacks), "\n\n") {
			if strings.Contains(g, "hearsay/node/host/link.") || strings.Contains(g, "hashicorp/memberlist.") {
				left = append(left, g)
			}
		}
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C: // memberlist ends on its own
		case <-late:
			t.Fatalf("after Close %d goroutines go on:\n%s", len(left), strings.Join(left, "\n\n"))
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	long := strings.Repeat("x", 65)
	tests := []struct {
		name   string
		change func(*link.Config)
		want   string // part of the error
	}{
		{"no cluster", func(c *link.Config) { c.Cluster = "" }, "cluster id"},
		{"long cluster", func(c *link.Config) { c.Cluster = long }, "cluster id"},
		{"no id", func(c *link.Config) { c.ID = "" }, "node id"},
		{"long id", func(c *link.Config) { c.ID = store.NodeID(long) }, "node id"},
		{"long region", func(c *link.Config) { c.Region = long }, "region"},
		{"long metadata", func(c *link.Config) { c.API = strings.Repeat("x", 512) }, "the most is 512: shorten"},
		{"seed without port", func(c *link.Config) { c.Seeds = []string{"10.0.0.1"} }, `seed "10.0.0.1"`},
		{"bad bind", func(c *link.Config) { c.Bind = "127.0.0.1" }, `bind "127.0.0.1"`},
		{"bad advertise", func(c *link.Config) { c.Advertise = "0.0.0.0:1" }, `advertise "0.0.0.0:1"`},
		{"negative queue", func(c *link.Config) { c.QueueBytes = -1 }, "QueueBytes"},
		{"negative time", func(c *link.Config) { c.IdleTimeout = -1 }, "at least 1ms"},
		{"backoff", func(c *link.Config) { c.BackoffMin = time.Minute }, "BackoffMax"},
		{"probe", func(c *link.Config) { c.ProbeTimeout = time.Minute }, "ProbeTimeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config("a")
			tt.change(&cfg)
			l, err := link.Open(cfg, newInbox())
			if err == nil {
				l.Close()
				t.Fatalf("Open succeeded, want an error with %q", tt.want)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open: %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestAdvertise(t *testing.T) {
	cfg := config("a")
	cfg.Advertise = "127.0.0.2:0"
	host, port, err := net.SplitHostPort(open(t, cfg).Addr())
	if err != nil || host != "127.0.0.2" || port == "0" {
		t.Errorf("Addr() = %s:%s (%v), want 127.0.0.2 and the bound port", host, port, err)
	}
}

// A member above the bound is ignored, and said to be.
func TestMemberBound(t *testing.T) {
	log, logs := observed()
	cfg := config("a")
	cfg.MaxPeers, cfg.Log = 1, log
	a := open(t, cfg)
	b := open(t, config("b", a.Addr()))
	a.awaitUp(t, "b")
	c := open(t, config("c", b.Addr()))
	c.awaitUp(t, "b")
	awaitSaid(t, logs, "ignored a member")
	if got := a.Members(); len(got) != 1 || got[0].ID != "b" {
		t.Errorf("Members() = %+v, want b", got)
	}
}

func TestPortInUse(t *testing.T) {
	a := open(t, config("a"))
	cfg := config("b")
	cfg.Bind = a.Addr()
	if l, err := link.Open(cfg, newInbox()); err == nil {
		l.Close()
		t.Error("two nodes bound one port")
	}
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}
