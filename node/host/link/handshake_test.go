package link_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hearsay/gossip"
	"hearsay/gossip/wire"
	"hearsay/store"
)

const magic = "hearsay\n"

// hello is a whole opening of node id.
func hello(t *testing.T, cluster string, id store.NodeID) []byte {
	t.Helper()
	b, err := wire.NewEncoder().AppendHello([]byte(magic), wire.Hello{Cluster: cluster, Node: id, Region: "here"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func observed() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zap.DebugLevel)
	return zap.New(core), logs
}

// said reports whether logs hold a line, with its fields, that contains text.
func said(logs *observer.ObservedLogs, text string) bool {
	for _, e := range logs.All() {
		if strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), text) {
			return true
		}
	}
	return false
}

func awaitSaid(t *testing.T, logs *observer.ObservedLogs, text string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !said(logs, text); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("no log line with %q in %v", text, logs.All())
		}
	}
}

func TestRefusals(t *testing.T) {
	future := hello(t, "c", "x")
	future[len(magic)+4] = 99
	tests := []struct {
		name    string
		opening []byte
		answer  string // part of what the dialer is told
		logged  string
	}{
		{"other cluster", hello(t, "d", "x"), `it is of cluster "d", this node of "c"`, `it is of cluster "d"`},
		{"own id", hello(t, "c", "a"), "this node's id", "this node's id"},
		{"other version", future, "version 99", "version 99"},
		{"bad magic", []byte("hearsaX\n"), "", "another protocol"},
		{"no hello", []byte(magic + "\x00\x00\x00\x02\x01\x09"), "kind 9", "kind 9"},
		{"large hello", append([]byte(magic+"\x00\x40\x00\x00"), make([]byte, 2000)...), "", "too much"},
		{"of no protocol", []byte("GET / HTTP/1.1\r\n\r\n"), "", "memberlist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log, logs := observed()
			cfg := config("a")
			logTo(log)(&cfg)
			a := open(t, cfg)
			conn := dial(t, a.Addr())
			defer conn.Close()
			if _, err := conn.Write(tt.opening); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn)
			if tt.answer != "" && (err != nil || len(answer) < 2 || answer[0] != 0 || int(answer[1]) != len(answer)-2) {
				t.Fatalf("answer %q (%v), want a refusal", answer, err)
			}
			if !strings.Contains(string(answer), tt.answer) {
				t.Errorf("answer %q, want one with %q", answer, tt.answer)
			}
			if !said(logs, tt.logged) {
				t.Errorf("no log line with %q in %v", tt.logged, logs.All())
			}
		})
	}
}

func TestOtherClusterNeverMerges(t *testing.T) {
	log, logs := observed()
	cfg := config("a")
	logTo(log)(&cfg)
	a := open(t, cfg)
	cfg = config("x", a.Addr())
	cfg.Cluster = "d"
	x := open(t, cfg)
	b := open(t, config("b", a.Addr(), x.Addr()))
	a.awaitUp(t, "b")
	b.awaitUp(t, "a")
	awaitSaid(t, logs, `unacceptable label "d"`)
	if got := x.Members(); len(got) != 0 {
		t.Errorf("the node of another cluster has members %+v", got)
	}
	if got := b.Members(); len(got) != 1 || got[0].ID != "a" {
		t.Errorf("b has members %+v, want a", got)
	}
}

// join opens an inbound stream to n as node id and reads the welcome.
func join(t *testing.T, n *node, id store.NodeID) net.Conn {
	t.Helper()
	conn := dial(t, n.Addr())
	if _, err := conn.Write(hello(t, "c", id)); err != nil {
		t.Fatal(err)
	}
	var verdict [1]byte
	if _, err := io.ReadFull(conn, verdict[:]); err != nil {
		t.Fatalf("read welcome: %v", err)
	}
	if verdict[0] != 1 {
		t.Fatalf("verdict %d, want 1, welcome", verdict[0])
	}
	answer, err := wire.NewReader(conn).Next()
	if err != nil {
		t.Fatal(err)
	}
	if h, err := wire.DecodeHello(answer); err != nil || h.Node != n.id || h.Cluster != "c" {
		t.Fatalf("hello %+v, %v, want that of %s", h, err, n.id)
	}
	return conn
}

func encode(t *testing.T, m gossip.Message) []byte {
	t.Helper()
	b, err := wire.NewEncoder().Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMalformedFrameCloses(t *testing.T) {
	tests := []struct {
		name  string
		bytes string
	}{
		{"unknown kind", "\x00\x00\x00\x02\x01\x09"},
		{"other version", "\x00\x00\x00\x02\x63\x04"},
		{"no message", "\x00\x00\x00\x00"},
		{"too large", "\xff\xff\xff\xff"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := open(t, config("a"))
			conn := join(t, a, "x")
			defer conn.Close()
			if _, err := conn.Write(append(encode(t, pull(0)), tt.bytes...)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Fatalf("wait for the close: %v", err)
			}
			wantOrder(t, a.awaitMessages(t, "x", 1))
			if got := a.Stats().Malformed; got != 1 {
				t.Errorf("%d malformed, want 1", got)
			}
		})
	}
}

func TestSecondStreamReplacesFirst(t *testing.T) {
	a := open(t, config("a"))
	first := join(t, a, "x")
	defer first.Close()
	second := join(t, a, "x")
	defer second.Close()
	if _, err := io.Copy(io.Discard, first); err != nil {
		t.Fatalf("wait for the first stream's close: %v", err)
	}
	if _, err := second.Write(encode(t, pull(0))); err != nil {
		t.Fatal(err)
	}
	wantOrder(t, a.awaitMessages(t, "x", 1))
}

func TestInboundBound(t *testing.T) {
	cfg := config("a")
	cfg.MaxPeers = 1
	a := open(t, cfg)
	first := join(t, a, "x")
	conn := dial(t, a.Addr())
	defer conn.Close()
	if _, err := conn.Write(hello(t, "c", "y")); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), "the most is 1") {
		t.Fatalf("answer to a second peer: %q (%v), want a refusal", answer, err)
	}
	first.Close()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); a.Stats().Refused > 0; {
		conn := dial(t, a.Addr())
		if _, err := conn.Write(hello(t, "c", "y")); err != nil {
			t.Fatal(err)
		}
		var verdict [1]byte
		if _, err := io.ReadFull(conn, verdict[:]); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if verdict[0] == 1 {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("the place of a closed stream stays taken")
		}
	}
}

// Connections that say nothing keep at most their own kind out, and not for long.
func TestSilentConnectionsBound(t *testing.T) {
	cfg := config("a")
	cfg.DialTimeout = time.Second
	a := open(t, cfg)
	const limit = 256
	conns := make([]net.Conn, limit+1)
	for i := range conns {
		conns[i] = dial(t, a.Addr())
		defer conns[i].Close()
	}
	if _, err := io.Copy(io.Discard, conns[limit]); err != nil {
		t.Fatalf("wait for the close of connection %d: %v", limit, err)
	}
	if got := a.Stats().Refused; got != 1 {
		t.Errorf("%d connections of %d refused, want 1", got, limit+1)
	}
	if _, err := io.Copy(io.Discard, conns[0]); err != nil {
		t.Fatalf("wait for the close of a silent connection: %v", err)
	}
	join(t, a, "x").Close()
}
