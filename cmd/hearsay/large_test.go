package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hearsay/node"
	"hearsay/node/host"
)

var largePuts = flag.Int("large", 6, "how many values of 25 MiB TestLargeValues puts at once")

const (
	smallKeys = 100
	// largeMemory bounds what the process takes above idle, its clients included.
	largeMemory = 512 << 20
	// largeWithin is how long all may take for each value, on a busy machine.
	largeWithin = 10 * time.Second
)

// largeValue returns the bytes of value i, which no other has.
func largeValue(i int) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)}), node.MaxValue)
}

// TestLargeValues puts values of the largest size at once, over HTTP, at three nodes
// in three regions, while clients read small ones. All are the same everywhere
// afterwards, and memory did not grow with them.
func TestLargeValues(t *testing.T) {
	c := startDev(t, 3, 1)
	nodes := c.nodes()
	if _, err := ensureNamespace(t.Context(), nodes[0], "load"); err != nil {
		t.Fatal(err)
	}
	for i := range smallKeys {
		if err := putBody(t.Context(), nodes[0], fmt.Sprint("small-", i), strings.NewReader(strings.Repeat("x", 256)), 256); err != nil {
			t.Fatal(err)
		}
	}
	c.awaitMarks(t, c.marks())

	alone := readsBeside(t, nodes, func() { <-time.After(2 * time.Second) })
	idle := resident(t)
	var most atomic.Int64
	took := readsBeside(t, nodes, func() { c.putLarge(t, &most) })

	above := most.Load() - idle
	if above > largeMemory {
		t.Errorf("%d MiB resident above %d MiB idle, want at most %d", above>>20, idle>>20, largeMemory>>20)
	}
	t.Logf("%d MiB resident above %d MiB idle; %d small reads meanwhile: p50 %v p99 %v, with nothing beside them p50 %v p99 %v",
		above>>20, idle>>20, len(took.all), took.at(50), took.at(99), alone.at(50), alone.at(99))

	for i := range *largePuts {
		want := sha256.New()
		if _, err := io.Copy(want, largeValue(i)); err != nil {
			t.Fatal(err)
		}
		for _, h := range nodes {
			got := sha256.New()
			if n, err := getBody(t.Context(), h, fmt.Sprint("large-", i), got); err != nil || !slices.Equal(got.Sum(nil), want.Sum(nil)) {
				t.Errorf("large-%d at %s: %d bytes (%v), want those that were put", i, h.Identity().Name, n, err)
			}
		}
	}
}

// putLarge puts the large values, waits until they are everywhere, and notes the
// most that the process takes meanwhile.
func (c *cluster) putLarge(t *testing.T, most *atomic.Int64) {
	ctx, stop := context.WithTimeout(t.Context(), time.Duration(*largePuts)*largeWithin)
	defer stop()
	watched := make(chan struct{})
	watch, over := context.WithCancel(ctx)
	go func() {
		defer close(watched)
		watchResident(watch, t, most)
	}()
	defer func() {
		over()
		<-watched
	}()
	nodes := c.nodes()
	start := time.Now()
	var puts sync.WaitGroup
	for i := range *largePuts {
		puts.Go(func() {
			if err := putBody(ctx, nodes[i%len(nodes)], fmt.Sprint("large-", i), largeValue(i), node.MaxValue); err != nil {
				t.Errorf("put of large-%d: %v", i, err)
			}
		})
	}
	puts.Wait()
	acked := time.Since(start)
	all := c.marks()
	err := await(ctx, func() error {
		for _, h := range nodes {
			if !marksOf(h).Covers(all) {
				return fmt.Errorf("%s does not hold all values", h.Identity().Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	everywhere := time.Since(start)
	mib := float64(*largePuts) * (node.MaxValue >> 20)
	t.Logf("%d puts of 25 MiB at 3 nodes: acknowledged after %v (%.0f MiB/s), everywhere after %v (%.0f MiB/s)",
		*largePuts, acked.Round(time.Millisecond), mib/acked.Seconds(), everywhere.Round(time.Millisecond), mib/everywhere.Seconds())
}

// readsBeside reads small values at all nodes while f runs.
func readsBeside(t *testing.T, nodes []*host.Host, f func()) *latencies {
	ctx, stop := context.WithCancel(t.Context())
	var took latencies
	var readers sync.WaitGroup
	for _, h := range nodes {
		readers.Go(func() { took.read(ctx, t, h) })
	}
	f()
	stop()
	readers.Wait()
	return &took
}

func largeRequest(ctx context.Context, method string, h *host.Host, key string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+h.APIAddr()+"/"+key, body)
	if err == nil {
		req.Header.Set("X-KV-Namespace", "load")
	}
	return req, err
}

func putBody(ctx context.Context, h *host.Host, key string, body io.Reader, size int64) error {
	req, err := largeRequest(ctx, http.MethodPut, h, key, body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

func getBody(ctx context.Context, h *host.Host, key string, to io.Writer) (int64, error) {
	req, err := largeRequest(ctx, http.MethodGet, h, key, nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, errors.New(res.Status)
	}
	return io.Copy(to, res.Body)
}

// latencies are how long reads took.
type latencies struct {
	mu  sync.Mutex
	all []time.Duration
}

// read reads small values at h, two hundred a second, until ctx ends.
func (l *latencies) read(ctx context.Context, t *testing.T, h *host.Host) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		start := time.Now()
		n, err := getBody(t.Context(), h, fmt.Sprint("small-", i%smallKeys), io.Discard)
		if err != nil || n != 256 {
			t.Errorf("read at %s: %d bytes, %v", h.Identity().Name, n, err)
			return
		}
		l.mu.Lock()
		l.all = append(l.all, time.Since(start))
		l.mu.Unlock()
	}
}

func (l *latencies) at(percent int) time.Duration {
	slices.Sort(l.all)
	if len(l.all) == 0 {
		return 0
	}
	return l.all[min(len(l.all)*percent/100, len(l.all)-1)].Round(10 * time.Microsecond)
}

// watchResident notes the most that the process takes until ctx ends.
func watchResident(ctx context.Context, t *testing.T, most *atomic.Int64) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if n := residentNow(t); n > most.Load() {
			most.Store(n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// resident returns what the process takes with nothing left to collect.
func resident(t *testing.T) int64 {
	debug.FreeOSMemory()
	return residentNow(t)
}

func residentNow(t *testing.T) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatalf("how much memory the process takes: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatalf("VmRSS: %v", err)
	}
	return kib << 10
}
