package host

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/node/api"
	"hearsay/store"
)

func TestSpaceAtItsBounds(t *testing.T) {
	free := uint64(0)
	s := &space{reserve: 800, room: func() (uint64, error) { return free, nil }}
	for i, step := range []struct {
		free uint64
		full bool
	}{
		{800, false},
		{799, true},
		{800, true}, // an eighth more, or it would go back and forth
		{899, true},
		{900, false},
		{800, false},
		{0, true},
	} {
		free = step.free
		if got := s.look(clock.Reading{Mono: time.Duration(i) * spaceEvery}); got != step.full {
			t.Errorf("step %d: with %d bytes free, %d to be kept, full = %v, want %v", i, step.free, s.reserve, got, step.full)
		}
	}
	free = 1 << 30
	if !s.look(clock.Reading{Mono: s.due - 1}) {
		t.Error("the room was measured before it was due")
	}
	s.room = func() (uint64, error) { return 0, errors.New("unknown") }
	if !s.look(clock.Reading{Mono: s.due}) {
		t.Error("a room that cannot be told counts as enough, want what was known last")
	}
}

// A disk without room: the node says so everywhere, refuses what would fill it,
// serves what it has, and goes on by itself when there is room.
func TestHostOnAFullDisk(t *testing.T) {
	disk := vfs.NewMem()
	room := func(free uint64) { disk.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: free, TotalBytes: 1 << 40}) }
	room(1 << 30)
	cfg := DefaultConfig()
	cfg.Dir, cfg.Cluster, cfg.Region, cfg.Node.Found, cfg.CreateNamespaces = t.TempDir(), "test", "here", true, true
	cfg.Store.FS = disk
	h, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	client, admin := httptest.NewServer(h.ClientHandler()), httptest.NewServer(h.AdminHandler())
	defer client.Close()
	defer admin.Close()
	ask := func(method, url, body string) (int, string, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-KV-Namespace", "notes")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Status + string(text), res.Header
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !ok(); {
			if time.Now().After(end) {
				t.Fatalf("waited 30s for %s", what)
			}
			<-time.After(2 * time.Millisecond)
		}
	}
	until("a ready node", func() bool { return h.Ready() == nil })
	if code, text, _ := ask("PUT", client.URL+"/k", "kept"); code != 200 {
		t.Fatalf("put with room: %s", text)
	}

	room(1 << 20)
	until("an unready node", func() bool { return h.Ready() != nil })
	for _, size := range []int{10, 1 << 20} {
		code, text, header := ask("PUT", client.URL+"/k", strings.Repeat("x", size))
		if code != 503 || header.Get("Retry-After") == "" || !strings.Contains(text, "disk is full") {
			t.Errorf("put of %d bytes on a full disk: %.200s, Retry-After %q; want 503 that says so", size, text, header.Get("Retry-After"))
		}
	}
	if code, text, _ := ask("GET", client.URL+"/k", ""); code != 200 || !strings.HasSuffix(text, "kept") {
		t.Errorf("get on a full disk: %s, want what was put", text)
	}
	if code, text, _ := ask("GET", admin.URL+"/readyz", ""); code != 503 || !strings.Contains(text, "disk is full") {
		t.Errorf("/readyz on a full disk: %s, want 503 that says so", text)
	}
	if code, text, _ := ask("GET", admin.URL+"/healthz", ""); code != 200 {
		t.Errorf("/healthz on a full disk: %s, want 200: a restart would help nobody", text)
	}
	_, text, _ := ask("GET", admin.URL+"/admin/v1/status", "")
	for _, want := range []string{fmt.Sprintf(`"free_bytes": %d`, 1<<20), `"full": true`, `"disk_full": 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("status of a full disk lacks %s", want)
		}
	}
	if _, text, _ := ask("GET", admin.URL+"/metrics", ""); !strings.Contains(text, "hearsay_disk_full 1") {
		t.Error("metrics of a full disk do not say that it is")
	}

	room(1 << 30)
	until("a ready node", func() bool { return h.Ready() == nil })
	if code, text, _ := ask("PUT", client.URL+"/k", "more"); code != 200 {
		t.Errorf("put when there is room again: %s", text)
	}
}

// A disk whose manifest cannot be written leaves the store no way back: the node stops
// and says why, and whoever stops it does not wait for the store.
func TestHostOnAWreckedDisk(t *testing.T) {
	var broken atomic.Bool
	cfg := DefaultConfig()
	cfg.Dir, cfg.Cluster, cfg.Region, cfg.Node.Found, cfg.StopWait = t.TempDir(), "test", "here", true, time.Second
	cfg.Store.MemTableBytes = 256 << 10
	cfg.Store.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind == errorfs.OpFileWrite && strings.Contains(op.Path, "MANIFEST") {
			return syscall.ENOSPC
		}
		return nil
	}))
	h, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for h.Ready() != nil {
		<-time.After(time.Millisecond)
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(t.Context()) }()
	broken.Store(true)
	go func() {
		for i := 0; ; i++ {
			w := node.Write{Key: store.Key{Namespace: "ns", Name: fmt.Sprint(i)}, Value: make([]byte, 32<<10), Ack: node.AckLocal}
			if _, err := h.Write(t.Context(), []node.Write{w}); err != nil {
				return
			}
		}
	}()
	select {
	case err := <-served:
		if !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, api.ErrStopped) {
			t.Errorf("Serve = %v, want that the node is stopping because there is no space", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Serve goes on after a minute")
	}
	if err := h.Alive(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Alive = %v, want what failed", err)
	}
	if err := h.Leave(t.Context()); err != nil {
		t.Errorf("Leave = %v", err)
	}
}

// BenchmarkLocalWrites is the time of a write that is acknowledged local, of 256 bytes,
// with 64 writers, synced each and with syncs put off, in slices that take turns.
func BenchmarkLocalWrites(b *testing.B) {
	var hosts [2]*Host
	for i, every := range []time.Duration{0, 100 * time.Millisecond} {
		cfg := DefaultConfig()
		cfg.Dir, cfg.Cluster, cfg.Region, cfg.Node.Found, cfg.Node.SyncEvery = b.TempDir(), "bench", "here", true, every
		h, err := Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		defer h.Close()
		for h.Ready() != nil {
			<-time.After(time.Millisecond)
		}
		hosts[i] = h
	}
	const writers, slice = 64, 2048
	var took [2]time.Duration
	value := make([]byte, 256)
	b.ResetTimer()
	for n := range b.N {
		for side, h := range hosts {
			start := time.Now()
			var all sync.WaitGroup
			for i := range writers {
				all.Go(func() {
					for j := range slice / writers {
						key := store.Key{Namespace: "ns", Name: fmt.Sprintf("%d/%d/%d", n, i, j)}
						if _, err := h.Write(b.Context(), []node.Write{{Key: key, Value: value, Ack: node.AckLocal}}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			took[side] += time.Since(start)
		}
	}
	b.ReportMetric(0, "ns/op")
	perSecond := func(d time.Duration) float64 { return float64(b.N*slice) / d.Seconds() }
	b.ReportMetric(perSecond(took[0]), "always/s")
	b.ReportMetric(perSecond(took[1]), "interval/s")
	b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "ratio")
}
