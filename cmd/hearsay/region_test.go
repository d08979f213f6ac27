package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var regionFor = flag.Duration("region", 15*time.Second, "how long TestRegion kills and stops nodes")

const (
	hoppers    = 16 // clients that ask another node each time
	hopperKeys = 8  // few, so that they meet
)

// A regionLedger knows, by key, the greatest version that a region acknowledged,
// and counts what was said.
type regionLedger struct {
	mu   sync.Mutex
	last map[string]string

	writes, local, reads, stale, failed atomic.Int64
	broken                              atomic.Pointer[string]
}

func (l *regionLedger) owed(key string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[key]
}

func (l *regionLedger) note(key, version string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last[key] = max(l.last[key], version)
}

// hop writes and reads until ctx ends, each time at any of nodes.
func (l *regionLedger) hop(ctx context.Context, client int, nodes []*victim, values string) {
	r := rand.New(rand.NewPCG(uint64(client), 3))
	// A request to a node that stands still is answered when that goes on.
	web := &http.Client{Timeout: 10 * time.Second}
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("k%d", r.IntN(hopperKeys))
		url := nodes[r.IntN(len(nodes))].ready.API + values + key
		if r.IntN(4) == 0 {
			l.put(ctx, web, key, url, fmt.Sprintf("%d-%d", client, n))
		} else {
			l.get(ctx, web, key, url)
		}
	}
}

func (l *regionLedger) put(ctx context.Context, web *http.Client, key, url, value string) {
	resp, err := send(ctx, web, http.MethodPut, url, value)
	switch {
	case err != nil || resp.StatusCode != http.StatusOK:
		l.failed.Add(1)
	case resp.Header.Get("Hearsay-Consistency") == "region":
		l.writes.Add(1)
		l.note(key, resp.Header.Get("Hearsay-Version"))
	default:
		l.local.Add(1)
	}
}

func (l *regionLedger) get(ctx context.Context, web *http.Client, key, url string) {
	owed := l.owed(key)
	resp, err := send(ctx, web, http.MethodGet, url, "")
	switch {
	case err != nil || resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound:
		l.failed.Add(1)
		return
	case resp.Header.Get("Hearsay-Consistency") != "region":
		l.stale.Add(1)
		return
	}
	l.reads.Add(1)
	if got := resp.Header.Get("Hearsay-Version"); got < owed {
		broken := fmt.Sprintf("%s answers region for %s with version %q, though %q was acknowledged region before it was asked",
			resp.Header.Get("Hearsay-Node"), key, got, owed)
		l.broken.CompareAndSwap(nil, &broken)
	}
}

// send sends one request and reads its answer to the end.
func send(ctx context.Context, web *http.Client, method, url, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := web.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp, err
}

// TestRegion has clients that hop between the three nodes of a region write and
// read while nodes are killed, stand still, and are cut off from each other.
func TestRegion(t *testing.T) {
	nodes, values := startVictims(t, startRelay(t), startRelay(t), startRelay(t))

	l := &regionLedger{last: make(map[string]string)}
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range hoppers {
		clients.Go(func() { l.hop(ctx, i, nodes, values) })
	}
	r := rand.New(rand.NewPCG(4, 4))
	killed, stopped, cut := 0, 0, 0
	for start := time.Now(); time.Since(start) < *regionFor && l.broken.Load() == nil; {
		v, other := nodes[r.IntN(len(nodes))], nodes[r.IntN(len(nodes))]
		wait(t, time.Duration(1+r.IntN(2000))*time.Millisecond)
		switch (killed + stopped + cut) % 3 {
		case 0:
			killed++
			if err := v.kill(); err != nil {
				t.Fatal(err)
			}
			wait(t, time.Duration(r.IntN(1500))*time.Millisecond)
			v.start(t)
		case 1:
			stopped++
			for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
				if err := v.cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
				wait(t, time.Duration(r.IntN(3000))*time.Millisecond)
			}
		default:
			cut++
			for _, w := range nodes {
				// From all, or from another one; in one direction, or in both.
				if v == other || w == other {
					v.relay.cut(w.ready.Name)
					if r.IntN(2) == 0 {
						w.relay.cut(v.ready.Name)
					}
				}
			}
			wait(t, time.Duration(r.IntN(4000))*time.Millisecond)
			for _, w := range nodes {
				w.relay.heal()
			}
		}
	}
	stop()
	clients.Wait()
	t.Logf("%d writes acknowledged region and %d local, %d reads that said region and %d stale, %d requests failed; %d kills, %d pauses, %d cuts",
		l.writes.Load(), l.local.Load(), l.reads.Load(), l.stale.Load(), l.failed.Load(), killed, stopped, cut)
	if broken := l.broken.Load(); broken != nil {
		t.Error(*broken)
	}
	if l.writes.Load() == 0 || l.reads.Load() == 0 {
		t.Error("nothing was acknowledged, or read, as region: too little to mean anything")
	}
}

// wait lets time pass, which is what the test is about.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.FailNow()
	}
}
