package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/host"
	"hearsay/node/kv"
	"hearsay/store"
)

// await returns when ok does, and fails the test if that takes too long.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	timeout := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-poll.C:
		case <-timeout:
			t.Fatalf("waited 20s for %s", what)
		}
	}
}

func config(dir string, seeds ...string) host.Config {
	cfg := host.DefaultConfig()
	cfg.Dir, cfg.Cluster, cfg.Region = dir, "test", "here"
	cfg.Link.Seeds = seeds
	cfg.Node.Found = len(seeds) == 0
	cfg.Link.ReconnectInterval = time.Second
	return cfg
}

func open(t *testing.T, cfg host.Config) *host.Host {
	t.Helper()
	h, err := host.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func key(name string) store.Key { return store.Key{Namespace: "ns", Name: name} }

func awaitReady(t *testing.T, h *host.Host) {
	t.Helper()
	await(t, h.Identity().Name+" to be ready", func() bool { return h.Ready() == nil })
}

func write(t *testing.T, h *host.Host, name, value string) {
	t.Helper()
	awaitReady(t, h)
	replies, err := h.Write(t.Context(), []node.Write{{Key: key(name), Value: []byte(value)}})
	if err != nil || len(replies) != 1 {
		t.Fatalf("write %s: %d replies, %v, want 1", name, len(replies), err)
	}
}

// read returns the value of name at h, or the error as text.
func read(h *host.Host, name string) string {
	v := h.View()
	defer v.Close()
	e, err := v.Get("ns", name)
	if err != nil {
		return err.Error()
	}
	return string(e.Value)
}

func awaitValue(t *testing.T, h *host.Host, name, want string) {
	t.Helper()
	await(t, fmt.Sprintf("%s=%s at %s", name, want, h.Identity().Name), func() bool { return read(h, name) == want })
}

func TestThreeHosts(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	first := open(t, config(dirs[0]))
	second := open(t, config(dirs[1], first.PeerAddr()))
	third := open(t, config(dirs[2], first.PeerAddr()))

	write(t, first, "a", "1")
	if got := read(first, "a"); got != "1" {
		t.Errorf("read at its writer = %q, want %q at once", got, "1")
	}
	for _, h := range []*host.Host{second, third} {
		awaitValue(t, h, "a", "1")
	}

	// Without third, the members have a majority only if second is one of them.
	awaitReady(t, second)
	awaitReady(t, third)
	id := third.Identity().Node
	if err := third.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, second, "b", "2")
	restarted := config(dirs[2], first.PeerAddr())
	restarted.Link.Bind = third.PeerAddr()
	third = open(t, restarted)
	if got := third.Identity().Node; got != id {
		t.Errorf("restarted on its data the node is %s, want %s as before", got, id)
	}
	if got := read(third, "a"); got != "1" {
		t.Errorf("restarted on its data, a = %q, want %q at once", got, "1")
	}
	awaitValue(t, third, "b", "2")
	write(t, third, "c", "3")
	for _, h := range []*host.Host{first, second} {
		awaitValue(t, h, "c", "3")
	}

	await(t, "statuses that show no lag", func() bool {
		s := first.Status()
		for _, p := range s.Peers {
			if !p.Connected || p.Ahead == nil || *p.Ahead != 0 || *p.Behind != 0 {
				return false
			}
		}
		return len(s.Peers) == 2 && len(s.Marks) == 3
	})
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	first := open(t, config(t.TempDir()))
	second := open(t, config(t.TempDir(), first.PeerAddr()))
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- first.Serve(ctx) }()
	write(t, first, "a", "1")
	awaitValue(t, second, "a", "1")
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	if err := errors.Join(first.Leave(t.Context()), second.Close(), second.Close()); err != nil {
		t.Error(err)
	}
	<-first.Done()
	if first.Err() != nil {
		t.Errorf("Err = %v after Leave, want nil", first.Err())
	}
	defer func() {
		if t.Failed() {
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		}
	}()
	await(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestStoppedHost(t *testing.T) {
	h := open(t, config(t.TempDir()))
	write(t, h, "a", "1")
	if err := h.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Write(t.Context(), []node.Write{{Key: key("a")}}); !errors.Is(err, api.ErrStopped) {
		t.Errorf("Write = %v, want %v", err, api.ErrStopped)
	}
	v := h.View()
	defer v.Close()
	if _, err := v.Get("ns", "a"); !errors.Is(err, api.ErrStopped) {
		t.Errorf("Get = %v, want %v", err, api.ErrStopped)
	}
	if _, err := v.List("ns", "", 10, ""); !errors.Is(err, api.ErrStopped) {
		t.Errorf("List = %v, want %v", err, api.ErrStopped)
	}
	for what, got := range map[string]error{"Alive": h.Alive(), "Ready": h.Ready()} {
		if !errors.Is(got, api.ErrStopped) {
			t.Errorf("%s = %v, want %v", what, got, api.ErrStopped)
		}
	}
}

func TestCloseWaitsForViews(t *testing.T) {
	h := open(t, config(t.TempDir()))
	write(t, h, "a", "1")
	v := h.View()
	closed := make(chan error)
	go func() { closed <- h.Close() }()
	<-h.Done()
	if e, err := v.Get("ns", "a"); err != nil || string(e.Value) != "1" {
		t.Errorf("a view read %v, %v while its host closes, want the value", e, err)
	}
	v.Close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.StopWait = 10 * time.Millisecond
	h, err := host.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	v := h.View()
	if err := h.Close(); err == nil || !strings.Contains(err.Error(), "views were still in use") {
		t.Errorf("Close with an open view = %v, want an error that says so", err)
	}
	if _, err := v.Get("ns", "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get = %v, want %v: the store was left open", err, store.ErrNotFound)
	}
	v.Close()
}

func TestDirectoryIsLocked(t *testing.T) {
	dir := t.TempDir()
	open(t, config(dir))
	if _, err := host.Open(config(dir)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second host on one directory = %v, want an error that says it is in use", err)
	}
}

func TestOpenFailsCleanly(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		name   string
		change func(*host.Config)
		want   string
	}{
		{"client port taken", func(c *host.Config) { c.API = taken.Addr().String() }, "client port"},
		{"admin port taken", func(c *host.Config) { c.Admin = taken.Addr().String() }, "admin port"},
		{"peer port taken", func(c *host.Config) { c.Link.Bind = taken.Addr().String() }, "peer port"},
		{"bad seed", func(c *host.Config) { c.Link.Seeds = []string{"nowhere"} }, "nowhere"},
		{"bad node config", func(c *host.Config) { c.Node.MaxSkew = 0 }, "MaxSkew"},
		{"bad store options", func(c *host.Config) { c.Store.MaxOpenFiles = 0 }, "MaxOpenFiles"},
		{"no directory", func(c *host.Config) { c.Dir = filepath.Join(c.Dir, "file") }, "not a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			bad := config(dir)
			tt.change(&bad)
			if _, err := host.Open(bad); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Open = %v, want an error with %q", err, tt.want)
			}
			open(t, config(dir)) // nothing holds the directory
		})
	}
}

// ahead is a clock whose monotonic part is ahead of the machine's.
type ahead struct {
	host.System
	by atomic.Int64 // nanoseconds
}

func (c *ahead) Read() clock.Reading {
	now := c.System.Read()
	now.Mono += time.Duration(c.by.Load())
	now.Wall += c.by.Load()
	return now
}

func TestReady(t *testing.T) {
	t.Run("without seeds", func(t *testing.T) {
		h := open(t, config(t.TempDir()))
		if err := h.Ready(); err != nil {
			t.Errorf("Ready = %v, want nil at once", err)
		}
	})
	t.Run("with a seed reached", func(t *testing.T) {
		first := open(t, config(t.TempDir()))
		cfg := config(t.TempDir(), first.PeerAddr())
		cfg.StartWait = time.Hour
		h := open(t, cfg)
		await(t, "a peer", func() bool { return h.Ready() == nil })
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		await(t, "the peer to be down", func() bool { return h.Status().Events["peer_down"] > 0 })
		if err := h.Ready(); err != nil {
			t.Errorf("Ready = %v after the peer went, want nil still", err)
		}
	})
	t.Run("a newcomer whom nobody admits", func(t *testing.T) {
		unused, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		seed := unused.Addr().String()
		unused.Close()
		fast := &ahead{System: host.NewSystem()}
		cfg := config(t.TempDir(), seed)
		cfg.Clock = fast
		h := open(t, cfg)
		for _, wait := range []time.Duration{0, time.Hour} {
			fast.by.Store(int64(wait))
			if err := h.Ready(); !errors.Is(err, node.ErrNotReady) {
				t.Errorf("Ready = %v after %v, want ErrNotReady", err, wait)
			}
		}
	})
	t.Run("a member that is cut off from its start", func(t *testing.T) {
		first := open(t, config(t.TempDir()))
		dir := t.TempDir()
		second := open(t, config(dir, first.PeerAddr()))
		await(t, "both to be members", func() bool { return second.Ready() == nil })
		for _, h := range []*host.Host{first, second} {
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
		}
		fast := &ahead{System: host.NewSystem()}
		cfg := config(dir, first.PeerAddr())
		cfg.StartWait, cfg.Clock = time.Hour, fast
		fast.by.Store(int64(time.Minute)) // what it knows is old
		h := open(t, cfg)
		await(t, "the start to be over", func() bool {
			v := h.View()
			defer v.Close()
			return v.Front.Refusal == nil
		})
		if err := h.Ready(); err == nil || !strings.Contains(err.Error(), "catching up") {
			t.Errorf("Ready = %v, want it catching up", err)
		}
		fast.by.Store(int64(2 * time.Hour))
		if err := h.Ready(); err != nil {
			t.Errorf("Ready = %v when the wait is over, want nil", err)
		}
	})
}

func TestServe(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.CreateNamespaces = true
	h := open(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- h.Serve(ctx) }()

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ask := func(method, url, body string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-KV-Namespace", "cart")
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d %s", res.StatusCode, text)
	}
	clients, operators := "http://"+h.APIAddr(), "http://"+h.AdminAddr()
	if got := ask("PUT", clients+"/k?urlencoded=true", "v"); !strings.HasPrefix(got, "2") {
		t.Errorf("PUT = %q, want it to succeed", got)
	}
	if got := ask("GET", clients+"/k?urlencoded=true", ""); got != "200 v" {
		t.Errorf("GET = %q, want %q", got, "200 v")
	}
	for _, tt := range []struct{ path, want string }{
		{"/readyz", "200 "},
		{"/healthz", "200 "},
		{"/admin/v1/status", string(h.Identity().Node)},
		{"/admin/v1/chaos/rules", "404 "},
		{"/metrics", `hearsay_events_total{event="message_refused"} 0`},
		{"/metrics", "hearsay_turn_seconds_count"},
		{"/metrics", `hearsay_queue_bytes{queue="clients"} 0`},
		{"/metrics", `hearsay_link_lost_total{why="stream reset"} 0`},
		{"/metrics", "hearsay_open_fronts 1"},
	} {
		if got := ask("GET", operators+tt.path, ""); !strings.Contains(got, tt.want) {
			t.Errorf("GET %s = %.300q, want %q in it", tt.path, got, tt.want)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	if conn, err := net.Dial("tcp", h.APIAddr()); err == nil {
		conn.Close()
		t.Error("the client port is open after Serve")
	}
	if err := h.Ready(); err == nil {
		t.Error("Ready = nil after Serve, want that the node leaves")
	}
}

func TestServeBoundsConnections(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.MaxConns = 1
	h := open(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- h.Serve(ctx) }()
	ask := func() (net.Conn, error) {
		conn, err := net.Dial("tcp", h.APIAddr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		_, err = conn.Read(make([]byte, 1))
		return conn, err
	}
	var first net.Conn
	await(t, "an answer on the first connection", func() bool {
		conn, err := ask()
		first = conn
		return err == nil || conn.Close() != nil
	})
	second, err := ask()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection past the bound: %v, want no answer", err)
	}
	defer second.Close()
	first.Close()
	if err := second.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Read(make([]byte, 1)); err != nil {
		t.Errorf("the waiting connection got %v when the first ended, want an answer", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
}

func TestGivenListeners(t *testing.T) {
	given, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(t.TempDir())
	cfg.Admin = ""
	cfg.Listen = func(string, string) (net.Listener, error) { return given, nil }
	h := open(t, cfg)
	if got := h.APIAddr(); got != given.Addr().String() {
		t.Errorf("the client port is %s, want the given %s", got, given.Addr())
	}
	if got := h.AdminAddr(); got != "" {
		t.Errorf("the admin port is %s, want none", got)
	}
}

func TestManyWriters(t *testing.T) {
	const writers, each = 16, 20
	h := open(t, config(t.TempDir()))
	errs := make(chan error)
	for w := range writers {
		go func() {
			for i := range each {
				name := fmt.Sprintf("%d/%d", w, i)
				if _, err := h.Write(t.Context(), []node.Write{{Key: key(name), Value: []byte(name)}}); err != nil {
					errs <- err
					return
				}
				if got := read(h, name); got != name {
					errs <- fmt.Errorf("read after an acknowledged write = %q, want %q", got, name)
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := h.Status(); got.Events["write_accepted"] != writers*each || got.Marks[0].Seq != writers*each {
		t.Errorf("accepted %d, watermark %d, want %d", got.Events["write_accepted"], got.Marks[0].Seq, writers*each)
	}
}

func TestRefusedWrite(t *testing.T) {
	h := open(t, config(t.TempDir()))
	replies, err := h.Write(t.Context(), []node.Write{
		{Key: key("a")},
		{Key: key(strings.Repeat("x", kv.MaxKey+1))},
		{Key: key("c")},
	})
	if !errors.Is(err, node.ErrWrite) || len(replies) != 1 {
		t.Errorf("Write = %d replies, %v, want that of the first and %v", len(replies), err, node.ErrWrite)
	}
	if got := read(h, "c"); !strings.Contains(got, store.ErrNotFound.Error()) {
		t.Errorf("what stood behind a refused write = %q, want it not done", got)
	}
}
