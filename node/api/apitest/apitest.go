// Package apitest is a real node on a store in memory, behind api.Backend, for
// the tests of what reads and writes through one.
package apitest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/bookmark"
	"hearsay/node/kv"
	"hearsay/store"
	"hearsay/store/memstore"
)

// Epoch is the time at which a Backend starts, in seconds since the Unix epoch.
const Epoch = 1_800_000_000

// A Backend is one node without peers. Its clock stands still but for Advance.
type Backend struct {
	t testing.TB

	mu    sync.Mutex
	node  *node.Node
	disk  *memstore.Store
	named uint64
	front *node.Front
	// fresher is closed when W of front rises, newer when there is another.
	fresher, newer chan struct{}
	now            clock.Reading
	sizes          []int // writes of each call
	fail           error
	left           int // calls until fail
	views          int
}

// New returns a Backend for as long as t runs, which fails if views are left
// open at its end.
func New(t testing.TB) *Backend {
	t.Helper()
	cfg := node.DefaultConfig()
	cfg.ID, cfg.Region, cfg.Found = "n1", "fra", true
	cfg.Draw = func(_ string, a, b uint64) uint64 { return a ^ b }
	disk := memstore.New()
	n, err := node.New(cfg, disk)
	if err != nil {
		t.Fatalf("new node: %v", err)
	}
	b := &Backend{t: t, node: n, disk: disk, fresher: make(chan struct{}), newer: make(chan struct{}), now: clock.Reading{Wall: Epoch * int64(time.Second)}}
	b.turn()
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.views != 0 {
			t.Errorf("%d views were left open", b.views)
		}
	})
	return b
}

// Turn has the node take a turn, which closes the present time.
func (b *Backend) Turn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
}

// TurnLate is Turn, and d goes by before anybody can see what it brought.
func (b *Backend) TurnLate(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn()
	b.advance(d)
}

// Stop makes the node one that has stopped.
func (b *Backend) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.front = &node.Front{Entries: b.front.Entries}
	close(b.fresher)
	close(b.newer)
	b.fresher, b.newer = nil, nil
}

// Advance moves the clock.
func (b *Backend) Advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(d)
}

func (b *Backend) advance(d time.Duration) {
	b.now.Wall += int64(d)
	b.now.Mono += d
}

// FailAfter lets n calls of Write succeed and has all later ones return err.
func (b *Backend) FailAfter(n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left, b.fail = n, err
}

// Writes returns how many writes each call of Write brought so far.
func (b *Backend) Writes() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sizes)
}

// View implements api.Backend.
func (b *Backend) View() *kv.View {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.views++
	return &kv.View{Now: b.now, Front: b.front, Cluster: "c1", Staging: staging{b}, Release: func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.views--
	}}
}

// Fresher implements api.Backend.
func (b *Backend) Fresher() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fresher
}

// Newer implements api.Backend.
func (b *Backend) Newer() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.newer
}

// Bookmarks implements api.Backend.
func (b *Backend) Bookmarks() bookmark.Key { return bookmark.NewKey("c1", nil) }

// Write implements api.Backend.
func (b *Backend) Write(_ context.Context, ws []node.Write) ([]node.Reply, error) {
	ws, err := api.StageLarge(staging{b}, ws)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil && b.left == 0 {
		return nil, b.fail
	}
	b.left--
	b.sizes = append(b.sizes, len(ws))
	for _, w := range ws {
		if _, err := b.node.Write(b.now, w); err != nil {
			return nil, err
		}
	}
	return b.turn(), nil
}

// Staging implements api.Backend.
func (b *Backend) Staging() api.Staging { return staging{b} }

// Uploads returns what is staged.
func (b *Backend) Uploads() []store.Upload {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.disk.Uploads()
}

// A staging is b's, for any goroutine.
type staging struct{ b *Backend }

func (s staging) NewUpload() store.Upload {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.named++
	return store.Upload{Life: 1, Number: s.b.named}
}

func (s staging) Stage(u store.Upload, offset int64, data []byte) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.b.disk.Stage(u, offset, data)
}

func (s staging) SyncStaged(u store.Upload) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.b.disk.SyncStaged(u)
}

func (s staging) ReadStaged(u store.Upload, offset int64, buf []byte) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.b.disk.ReadStaged(u, offset, buf)
}

func (s staging) Drop(u store.Upload) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.b.disk.Drop(u)
}

func (s staging) Sweep() error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.b.disk.Sweep()
}

// Identity implements api.Backend.
func (b *Backend) Identity() api.Identity {
	return api.Identity{Cluster: "c1", Node: "n1", Name: "fra-1", Region: "fra"}
}

// turn ends a turn. Former fronts stay readable: views may be on them.
func (b *Backend) turn() []node.Reply {
	b.node.Tick(b.now)
	out, err := b.node.Flush()
	if err != nil {
		b.t.Errorf("flush: %v", err)
	}
	if out.Front != nil {
		if b.front != nil && b.front.Acked != out.Front.Acked {
			close(b.fresher)
			b.fresher = make(chan struct{})
		}
		close(b.newer)
		b.newer = make(chan struct{})
		b.front = out.Front
	}
	return out.Replies
}

// AnswerRegion lets time pass until the node answers `region`, which takes a new
// one a moment.
func (b *Backend) AnswerRegion() {
	b.t.Helper()
	for range 20 {
		b.Advance(50 * time.Millisecond)
		b.Turn()
		v := b.View()
		region := v.Front.Region(v.Now)
		v.Close()
		if region {
			return
		}
	}
	b.t.Fatal("the node does not answer region after a second")
}
