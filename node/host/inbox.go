package host

import (
	"context"
	"slices"
	"sync"
	"time"

	"hearsay/clock"
)

// An input is one thing that happens to a node in a turn: a client's writes, or
// what a link tells.
type input interface {
	apply(l *loop, now clock.Reading)
}

// Limit bounds what waits. Whatever its size, one input is let in where nothing
// else waits.
type Limit struct {
	Count int   // inputs
	Bytes int64 // as the inputs count them
}

// An inbox holds a node's inputs in the order in which they came. Each comes
// through a lane, of clients or of peers, that bounds its share: neither can
// keep the other out.
type inbox struct {
	wake chan struct{} // holds one token while inputs may be waiting

	mu      sync.Mutex
	queue   []item
	clients lane
	peers   lane
}

// A lane counts the inputs that came through it until they are done with, which
// for writes is when they are answered.
type lane struct {
	limit   Limit
	count   int
	bytes   int64
	waiting []*waiter // in the order in which they came
	closed  error     // why nothing is let in; nil while open
	drained chan struct{}
}

type item struct {
	input
	size int64
	lane *lane
}

type waiter struct {
	item
	done chan error // told once: nil when let in
}

func newInbox(clients, peers Limit) *inbox {
	return &inbox{
		wake:    make(chan struct{}, 1),
		clients: lane{limit: clients, drained: make(chan struct{})},
		peers:   lane{limit: peers, drained: make(chan struct{})},
	}
}

// put lets it in, at once or when its lane has room and its turn has come. It
// gives up after patience with the error late, or when ctx ends; it waits for
// ever if patience is 0. An error means that it was not let in.
func (q *inbox) put(ctx context.Context, it item, patience time.Duration, late error) error {
	w, err := q.enter(it)
	if w == nil {
		return err
	}
	var timeout <-chan time.Time
	if patience > 0 {
		t := time.NewTimer(patience)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-timeout:
		err = late
	}
	if q.withdraw(w) {
		return err
	}
	return <-w.done // it was let in at that very moment
}

// enter lets it in, or returns why not, or returns the waiter it has become.
func (q *inbox) enter(it item) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := it.lane
	if l.closed != nil {
		return nil, l.closed
	}
	if len(l.waiting) == 0 && l.fits(it.size) {
		q.admit(it)
		return nil, nil
	}
	w := &waiter{item: it, done: make(chan error, 1)}
	l.waiting = append(l.waiting, w)
	return w, nil
}

// withdraw reports whether w was still waiting, and then waits no more.
func (q *inbox) withdraw(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := w.lane
	i := slices.Index(l.waiting, w)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	q.call(l)
	return true
}

// take moves the inputs of one turn to buf and returns it: the first, and those
// behind it as long as all are at most maxBytes together.
func (q *inbox) take(buf []item, maxBytes int64) []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, int64(0)
	for n < len(q.queue) && (n == 0 || size+q.queue[n].size <= maxBytes) {
		size += q.queue[n].size
		n++
	}
	buf = append(buf, q.queue[:n]...)
	q.queue = slices.Delete(q.queue, 0, n)
	if len(q.queue) > 0 {
		q.signal()
	}
	return buf
}

// release gives back the room of an input that is done with.
func (q *inbox) release(it item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := it.lane
	l.count--
	l.bytes -= it.size
	if l.closed != nil && l.count == 0 {
		close(l.drained)
	}
	q.call(l)
}

// shut lets nothing more into l, and sends those who wait away with err. What
// was let in stays; l.drained is closed once all of it is done with.
func (q *inbox) shut(l *lane, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.closed != nil {
		return
	}
	l.closed = err
	for _, w := range l.waiting {
		w.done <- err
	}
	l.waiting = nil
	if l.count == 0 {
		close(l.drained)
	}
}

// A load is how full a lane is.
type load struct {
	count, waiting int
	bytes          int64
}

func (q *inbox) load(l *lane) load {
	q.mu.Lock()
	defer q.mu.Unlock()
	return load{count: l.count, waiting: len(l.waiting), bytes: l.bytes}
}

func (l *lane) fits(size int64) bool {
	return l.count == 0 || l.count < l.limit.Count && l.bytes+size <= l.limit.Bytes
}

// call lets in those who wait for l and for whom there is room now.
func (q *inbox) call(l *lane) {
	for len(l.waiting) > 0 && l.fits(l.waiting[0].size) {
		w := l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
		q.admit(w.item)
		w.done <- nil
	}
}

func (q *inbox) admit(it item) {
	it.lane.count++
	it.lane.bytes += it.size
	q.queue = append(q.queue, it)
	q.signal()
}

func (q *inbox) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
