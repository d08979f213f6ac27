package host

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/store"
)

// watched is a snapshot that reports being used or closed once it is closed.
type watched struct {
	t      *testing.T
	closed atomic.Bool
	err    error // what Close returns
}

func (s *watched) Get(store.Key) (*store.Entry, error) {
	if s.closed.Load() {
		s.t.Error("a snapshot was read after it was closed")
	}
	return nil, store.ErrNotFound
}

func (s *watched) Scan(_, _ store.Key, _ int) ([]*store.Entry, error) {
	_, err := s.Get(store.Key{})
	return nil, err
}

func (s *watched) Close() error {
	if s.closed.Swap(true) {
		s.t.Error("a snapshot was closed twice")
	}
	return s.err
}

func noClosingError(t *testing.T) *fronts {
	return newFronts(func(err error) { t.Errorf("closing a snapshot: %v", err) })
}

func TestFrontsOneReader(t *testing.T) {
	f := noClosingError(t)
	if got := f.acquire(); got != nil {
		t.Errorf("acquire before the first front = %v, want nil", got)
	}
	first, second := &watched{t: t}, &watched{t: t}
	f.publish(&node.Front{Entries: first})
	reader := f.acquire()
	f.publish(&node.Front{Entries: second})
	if first.closed.Load() {
		t.Error("a front was closed while a reader used it")
	}
	reader.release()
	if !first.closed.Load() {
		t.Error("an old front stayed open after its last reader")
	}
	if reader.retain() {
		t.Error("a closed front was revived")
	}
	if second.closed.Load() {
		t.Error("the latest front was closed")
	}

	reader = f.acquire()
	f.close()
	if got := f.acquire(); got != nil {
		t.Errorf("acquire after close = %v, want nil", got)
	}
	select {
	case <-f.drained:
		t.Error("drained while a reader used the last front")
	default:
	}
	reader.release()
	<-f.drained
	if !second.closed.Load() {
		t.Error("drained with the last front open")
	}
}

func TestFrontsManyReaders(t *testing.T) {
	const readers, published = 8, 2000
	f := noClosingError(t)
	all := make([]*watched, published)
	for i := range all {
		all[i] = &watched{t: t}
	}
	f.publish(&node.Front{Entries: all[0]})
	var wg sync.WaitGroup
	var reads atomic.Uint64
	for range readers {
		wg.Go(func() {
			for {
				r := f.acquire()
				if r == nil {
					return
				}
				if _, err := r.Entries.Get(store.Key{}); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("Get = %v, want %v", err, store.ErrNotFound)
				}
				reads.Add(1)
				r.release()
			}
		})
	}
	for _, s := range all[1:] {
		f.publish(&node.Front{Entries: s})
	}
	for reads.Load() == 0 { // at least one read has to meet all this
	}
	f.close()
	wg.Wait()
	<-f.drained
	for i, s := range all {
		if !s.closed.Load() {
			t.Errorf("front %d of %d was never closed", i, published)
		}
	}
}

func TestFrontsTellWhatWouldNotClose(t *testing.T) {
	broken := errors.New("broken")
	var told error
	f := newFronts(func(err error) { told = err })
	f.publish(&node.Front{Entries: &watched{t: t, err: broken}})
	f.close()
	if !errors.Is(told, broken) {
		t.Errorf("told of %v, want %v", told, broken)
	}
}

func TestFrontReleasedTooOften(t *testing.T) {
	f := noClosingError(t)
	f.publish(&node.Front{Entries: &watched{t: t}})
	r := f.acquire()
	f.close()
	r.release()
	defer func() {
		if recover() == nil {
			t.Error("a second release went unnoticed")
		}
	}()
	r.release()
}

func BenchmarkFronts(b *testing.B) {
	f := newFronts(func(error) {})
	f.publish(&node.Front{Entries: nothing{store.ErrNotFound}})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f.acquire().release()
		}
	})
}

func TestFrontsTellWhenAckedRises(t *testing.T) {
	f := noClosingError(t)
	publish := func(wall int64) {
		f.publish(&node.Front{Entries: &watched{t: t}, Acked: clock.Timestamp{Wall: wall}})
	}
	told := func(risen <-chan struct{}) bool {
		select {
		case <-risen:
			return true
		default:
			return false
		}
	}
	publish(0)
	unknown := f.risen()
	publish(1)
	if !told(unknown) {
		t.Error("nobody was told of the first")
	}
	first := f.risen()
	publish(1)
	second := f.risen()
	if told(first) || told(second) {
		t.Error("told of a front that misses as much")
	}
	publish(2)
	if !told(first) || !told(second) {
		t.Errorf("told of one that misses less: %t from the first front with the former one, %t from the second, want both", told(first), told(second))
	}
	last := f.risen()
	f.close()
	if !told(last) || f.risen() != nil {
		t.Errorf("after close: told %t, another channel %t, want only the first", told(last), f.risen() != nil)
	}
}

func TestFrontsTellOfEachNewOne(t *testing.T) {
	f := noClosingError(t)
	f.publish(&node.Front{Entries: &watched{t: t}})
	first := f.replaced()
	f.publish(&node.Front{Entries: &watched{t: t}})
	select {
	case <-first:
	default:
		t.Error("not told of a front that misses as much")
	}
	second := f.replaced()
	f.close()
	select {
	case <-second:
	default:
		t.Error("not told of the end")
	}
	if f.replaced() != nil {
		t.Error("after close there is another channel")
	}
}
