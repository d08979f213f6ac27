package link_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/gossip/wire"
	"hearsay/node/host/link"
	"hearsay/store"
)

// knock opens a stream to n as a process of node x on a disk of that line, and returns
// the verdict and the reason, if there is one. The connection ends with the test.
func knock(t *testing.T, n *node, line gossip.Line) (conn net.Conn, verdict byte, why string) {
	t.Helper()
	opening, err := wire.NewEncoder().AppendHello([]byte(magic), wire.Hello{Cluster: "c", Node: "x", Region: "here", Line: line})
	if err != nil {
		t.Fatal(err)
	}
	conn = dial(t, n.Addr())
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write(opening); err != nil {
		t.Fatal(err)
	}
	var head [2]byte
	if _, err := io.ReadFull(conn, head[:1]); err != nil {
		t.Fatalf("read verdict: %v", err)
	}
	if head[0] == 1 {
		return conn, 1, ""
	}
	reason, err := io.ReadAll(conn)
	if err != nil || len(reason) == 0 {
		t.Fatalf("reason %q, %v", reason, err)
	}
	return conn, head[0], string(reason[1:])
}

// until knocks as a process of that line until the verdict is want.
func until(t *testing.T, n *node, line gossip.Line, want byte, meanwhile func()) (why string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); ; {
		conn, verdict, why := knock(t, n, line)
		conn.Close()
		if verdict == want {
			return why
		}
		meanwhile()
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("verdict %d %q for %v, want %d", verdict, why, patience, want)
		}
	}
}

func TestLaterProcessWaitsForTheEarlier(t *testing.T) {
	first := gossip.Line{}.Next(1)
	a := open(t, config("a"))
	conn, verdict, _ := knock(t, a, first)
	if verdict != 1 {
		t.Fatalf("verdict %d on the first process, want welcome", verdict)
	}
	if _, verdict, why := knock(t, a, first.Next(2)); verdict != 0 || !strings.Contains(why, "still connected") {
		t.Errorf("verdict %d %q on the next start of its disk, want that it waits", verdict, why)
	}
	if _, verdict, why := knock(t, a, gossip.Line{}.Next(3)); verdict != 2 || !strings.Contains(why, "empty directory") {
		t.Errorf("verdict %d %q on a copy of its disk, want that it ends", verdict, why)
	}
	conn.Close()
	until(t, a, first.Next(2), 1, func() {})
}

// A stream that outlasts IdleTimeout is no leftover of a crash.
func TestEarlierProcessThatRunsWins(t *testing.T) {
	cfg := config("a")
	cfg.IdleTimeout, cfg.DialTimeout = time.Second, 500*time.Millisecond
	a := open(t, cfg)
	first := gossip.Line{}.Next(1)
	conn, _, _ := knock(t, a, first)
	beat, err := wire.NewEncoder().AppendHello(nil, wire.Hello{Node: "beat"})
	if err != nil {
		t.Fatal(err)
	}
	why := until(t, a, first.Next(2), 2, func() {
		if _, err := conn.Write(beat); err != nil {
			conn, _, _ = knock(t, a, first) // this machine stood still for longer than IdleTimeout
		}
	})
	if !strings.Contains(why, "another process runs as node x") {
		t.Errorf("the later process ends with %q, want that another one runs", why)
	}
}

// What the inbox says of a peer's disk decides, and the peer hears of it.
func TestOtherDiskIsTurnedAway(t *testing.T) {
	cfg := config("a")
	in := newInbox()
	in.admit = func(id store.NodeID, _ gossip.Line) error {
		return fmt.Errorf("%w: node %s", gossip.ErrOtherDisk, id)
	}
	l, err := link.Open(cfg, in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	b := open(t, config("b", l.Addr()))
	b.await(t, "a refusal for good", func() bool { return len(b.disowned) > 0 })
	if got := b.disowned[0]; !strings.Contains(got, "not the disk") {
		t.Errorf("b is told %q, want why", got)
	}
	for _, in := range []*inbox{in, b.inbox} {
		in.mu.Lock()
		defer in.mu.Unlock()
	}
	if in.ups > 0 || b.ups > 0 {
		t.Errorf("%d and %d streams came up, want none", in.ups, b.ups)
	}
}
