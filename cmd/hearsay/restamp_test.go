package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/node/host"
)

// A wrongClock is the machine's, but for its wall clock.
type wrongClock struct {
	host.System
	ahead *atomic.Int64 // nanoseconds
}

func (c wrongClock) Read() clock.Reading {
	now := c.System.Read()
	now.Wall += c.ahead.Load()
	return now
}

// An oddHost is a node whose clock may be set.
type oddHost struct {
	*host.Host
	ahead atomic.Int64
	stop  func()
}

func (o *oddHost) api() string   { return "http://" + o.APIAddr() }
func (o *oddHost) admin() string { return "http://" + o.AdminAddr() }

// startOdd starts a node in a region of its name, which joins first, nil to found the
// cluster.
func startOdd(t *testing.T, name string, first *oddHost) *oddHost {
	t.Helper()
	o := &oddHost{}
	cfg := host.DefaultConfig()
	cfg.Dir, cfg.Cluster, cfg.Region, cfg.Name = filepath.Join(t.TempDir(), name), "odd", name, name
	cfg.Clock = wrongClock{host.NewSystem(), &o.ahead}
	cfg.Node.Found = first == nil
	cfg.Store.CacheBytes, cfg.Store.MemTableBytes = devCacheBytes, devMemTableBytes
	h, err := host.Open(cfg)
	if err != nil {
		t.Fatalf("open %s: %v", name, err)
	}
	o.Host = h
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Serve(ctx) }()
	stopped := false
	o.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			if err := errors.Join(<-done, h.Close()); err != nil {
				t.Errorf("%s stopped with %v", name, err)
			}
		}
	}
	t.Cleanup(o.stop)
	if first != nil {
		if err := h.Join(first.PeerAddr()); err != nil {
			t.Fatalf("%s joins: %v", name, err)
		}
	}
	return o
}

// eventually fails the test unless done within half a minute.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	undone := errors.New(what)
	if err := await(ctx, func() error {
		if done() {
			return nil
		}
		return undone
	}); err != nil {
		t.Fatalf("within half a minute: %v", err)
	}
}

// A key that a node stamped an hour ahead, and another one took, whose clock was as wrong,
// is repaired by a command, though the former node is gone.
func TestRestampOfAPoisonedKey(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	a := startOdd(t, "a", nil)
	b, c := startOdd(t, "b", a), startOdd(t, "c", a)
	for _, o := range []*oddHost{a, b, c} {
		eventually(t, "a node is ready", func() bool { return o.Ready() == nil })
	}
	eventually(t, "the cluster takes writes", func() bool {
		return hearsay(t, "kv", "namespace", "create", "notes", "--api", a.api()).code == exitOK
	})
	must(t, "kv", "key", "put", "hello", "old", "-n", "notes", "--api", a.api())
	must(t, "kv", "key", "get", "hello", "-n", "notes", "--api", c.api(), "--wait", "20s")

	a.ahead.Store(int64(time.Hour))
	b.ahead.Store(int64(time.Hour))
	eventually(t, "two of three clocks that are wrong outvote the third", func() bool {
		return hearsay(t, "kv", "key", "put", "hello", "poison", "-n", "notes", "--api", a.api()).code == exitOK
	})
	eventually(t, "the other one takes the write", func() bool {
		return strings.Contains(hearsay(t, "kv", "why", "hello", "-n", "notes", "--admin", b.admin()).stdout, "poison")
	})
	eventually(t, "the third one refuses it, and tells", func() bool {
		return strings.Contains(hearsay(t, "cluster", "status", "--admin", c.admin()).stdout, "c refuses writes of a, stamped ")
	})
	a.stop()
	for _, o := range []*oddHost{b, c} {
		eventually(t, "a is known to be gone", func() bool {
			return strings.Contains(hearsay(t, "cluster", "status", "--admin", o.admin()).stdout, " down ")
		})
	}
	b.ahead.Store(0)
	eventually(t, "the clocks are known to be right", func() bool { return c.Ready() == nil })
	if r := hearsay(t, "kv", "key", "put", "hello", "new", "-n", "notes", "--api", b.api()); r.code == exitOK {
		t.Fatal("b writes above a timestamp that others refuse")
	}
	if r := hearsay(t, "kv", "key", "restamp", "hello", "-n", "notes", "--admin", c.admin()); r.code == exitOK || !strings.Contains(r.stderr, "not stamped more than") {
		t.Errorf("restamp where the key is sound: exit code %d, %q", r.code, r.stderr)
	}

	both := b.admin() + "," + c.admin()
	if out := must(t, "kv", "key", "restamp", "hello", "-n", "notes", "--admin", both); !strings.Contains(out, "b has written it anew") {
		t.Errorf("restamp = %q, want that b has written it anew", out)
	}
	eventually(t, "both hold it", func() bool {
		out := hearsay(t, "kv", "why", "hello", "-n", "notes", "--admin", both).stdout
		return strings.Count(out, `"poison"`) == 2 && strings.Contains(out, "All 2 nodes asked agree")
	})
	eventually(t, "c takes writes", func() bool { return c.Ready() == nil })
	must(t, "kv", "key", "put", "hello", "new", "-n", "notes", "--api", c.api())
	eventually(t, "a new write wins", func() bool {
		return hearsay(t, "kv", "key", "get", "hello", "-n", "notes", "--api", b.api()).stdout == "new"
	})
}
