package host

import (
	"sync/atomic"

	"hearsay/node"
	"hearsay/store"
)

// fronts hands the node's latest front to any number of readers and closes each
// front's snapshot when it is neither the latest nor in use.
//
// A reader counts itself in before it reads and out when it is done, by compare
// and swap and never from zero: a front whose count reached zero is closed, and
// finding one means that a newer one is already published.
type fronts struct {
	latest atomic.Pointer[front]
	// open counts the fronts whose snapshots are open, and 1 until close.
	open    atomic.Int64
	drained chan struct{} // closed when open reaches 0
	// closing is told of snapshots that would not close.
	closing func(error)
}

type front struct {
	node.Front
	uses atomic.Int64
	// risen is closed when Acked rises above this front's, and when there is no
	// latest front any more. Those that follow with the same share it.
	risen chan struct{}
	// replaced is closed when there is a newer front, or none any more.
	replaced chan struct{}
	// release takes back one use. The last one closes the snapshot.
	release func()
}

func newFronts(closing func(error)) *fronts {
	f := &fronts{drained: make(chan struct{}), closing: closing}
	f.open.Store(1)
	return f
}

// publish makes f the latest front and owns it from here on. It must not run
// beside itself or close.
func (s *fronts) publish(f *node.Front) {
	next := &front{Front: *f, replaced: make(chan struct{})}
	next.release = func() { s.release(next) }
	next.uses.Store(1) // the latest is in use by being the latest
	s.open.Add(1)
	old := s.latest.Load()
	same := old != nil && old.Acked == f.Acked
	if same {
		next.risen = old.risen
	} else {
		next.risen = make(chan struct{})
	}
	s.latest.Store(next)
	if old == nil {
		return
	}
	if !same {
		close(old.risen)
	}
	close(old.replaced)
	old.release()
}

// risen returns a channel that is closed when Acked of the latest front rises, or
// nil if there will be no other front. Take it before the front.
func (s *fronts) risen() <-chan struct{} {
	if f := s.latest.Load(); f != nil {
		return f.risen
	}
	return nil
}

// replaced returns a channel that is closed when there is a newer front than the
// latest, or nil if there will be none. Take it before the front.
func (s *fronts) replaced() <-chan struct{} {
	if f := s.latest.Load(); f != nil {
		return f.replaced
	}
	return nil
}

// acquire returns the latest front, which the caller releases once, or nil if
// there is none: before the first one and after close.
func (s *fronts) acquire() *front {
	for {
		f := s.latest.Load()
		if f == nil || f.retain() {
			return f
		}
	}
}

func (s *fronts) release(f *front) {
	switch n := f.uses.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("host: a front was released more often than it was acquired")
	}
	if err := f.Entries.Close(); err != nil {
		s.closing(err)
	}
	s.done()
}

// close withdraws the latest front. Once drained is closed too, no snapshot is
// open and the store may be closed.
func (s *fronts) close() {
	if f := s.latest.Swap(nil); f != nil {
		close(f.risen)
		close(f.replaced)
		f.release()
	}
	s.done()
}

// count returns how many snapshots are open, until close.
func (s *fronts) count() int64 { return max(s.open.Load()-1, 0) }

func (s *fronts) done() {
	if s.open.Add(-1) == 0 {
		close(s.drained)
	}
}

func (f *front) retain() bool {
	for {
		n := f.uses.Load()
		if n == 0 {
			return false
		}
		if f.uses.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// nothing is the snapshot of a host without a front.
type nothing struct{ err error }

func (n nothing) Get(store.Key) (*store.Entry, error) { return nil, n.err }

func (n nothing) Scan(_, _ store.Key, _ int) ([]*store.Entry, error) { return nil, n.err }

func (n nothing) Close() error { return nil }
