package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Defaults of NewBodies: two of the largest bulk writes at once.
const (
	DefaultBodyBytes = 200 << 20
	DefaultBodyWait  = 10 * time.Second
)

// maxWaiting bounds the requests that wait for room at a time.
const maxWaiting = 1024

// maxDrain bounds what is read of a body beyond what is kept of it. A client
// that is answered before all it sent was read may lose the answer.
const maxDrain = 256 << 20

// Bodies bounds the bytes of request bodies that are in memory as a whole, over all
// front ends of a node. Who finds no room waits its turn, for a while.
type Bodies struct {
	limit int64
	wait  time.Duration

	mu      sync.Mutex
	used    int64
	waiting []*reservation // in order of arrival
}

type reservation struct {
	bytes   int64
	granted chan struct{}
}

// NewBodies returns a bound of limit bytes for which a request waits up to wait.
func NewBodies(limit int64, wait time.Duration) *Bodies {
	return &Bodies{limit: limit, wait: wait}
}

// Reserve makes room for the body of r, of which at most keep bytes will be
// kept; while it is decoded it may take as much again, which is not counted. It returns ErrOverloaded if there is none in time. The caller calls
// release once, when nothing of the body is needed any more.
func (b *Bodies) Reserve(r *http.Request, keep int64) (release func(), err error) {
	n := keep
	if r.ContentLength >= 0 {
		n = min(n, r.ContentLength)
	}
	n = min(n, b.limit) // larger than all the room there is: alone
	return b.acquire(r.Context(), n)
}

func (b *Bodies) acquire(ctx context.Context, n int64) (release func(), err error) {
	release = func() { b.release(n) }
	b.mu.Lock()
	if len(b.waiting) == 0 && b.used+n <= b.limit {
		b.used += n
		b.mu.Unlock()
		return release, nil
	}
	if len(b.waiting) >= maxWaiting {
		b.mu.Unlock()
		return nil, fmt.Errorf("%w: %d requests wait for memory", ErrOverloaded, maxWaiting)
	}
	res := &reservation{bytes: n, granted: make(chan struct{})}
	b.waiting = append(b.waiting, res)
	b.mu.Unlock()

	timer := time.NewTimer(b.wait)
	defer timer.Stop()
	select {
	case <-res.granted:
		return release, nil
	case <-timer.C:
		err = fmt.Errorf("%w: no memory for the body within %v", ErrOverloaded, b.wait)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if b.giveUp(res) {
		return nil, err
	}
	return release, nil // granted in the same moment
}

func (b *Bodies) release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.grant()
}

// giveUp takes res out of the queue and reports whether it was still in it.
func (b *Bodies) giveUp(res *reservation) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, res)
	if i < 0 {
		return false
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	b.grant() // whoever stood behind a large one may fit
	return true
}

func (b *Bodies) grant() {
	for len(b.waiting) > 0 && b.used+b.waiting[0].bytes <= b.limit {
		b.used += b.waiting[0].bytes
		close(b.waiting[0].granted)
		b.waiting = slices.Delete(b.waiting, 0, 1)
	}
}

// startSize is what is made ready for a body of unknown length.
const startSize = 64 << 10

// ReadAll reads body to its end, keeps its first keep bytes and counts the
// excess. Size bounds its length, negative for unknown. An end that comes before
// the one announced is an *kv.Error, like any other failure to read.
func ReadAll(body io.Reader, size, keep int64) (data []byte, excess int64, err error) {
	room := min(keep, startSize)
	if size >= 0 {
		keep = min(keep, size)
		room = keep
	}
	data, err = fill(body, make([]byte, 0, room))
	if err == nil && room < keep {
		// Grown once, to the full: doubling would hold two copies of a large body.
		data, err = fill(body, append(make([]byte, 0, keep), data...))
	}
	if err == nil {
		excess, err = drain(body)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, unreadable(err)
	}
	if len(data) < cap(data)/2 {
		data = slices.Clone(data)
	}
	return data, excess, nil
}

// fill reads until data is at its capacity or body at its end, which it returns
// as io.EOF. Unlike io.ReadFull it keeps a connection cut short apart from that.
func fill(body io.Reader, data []byte) ([]byte, error) {
	for len(data) < cap(data) {
		n, err := body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err != nil {
			return data, err
		}
	}
	return data, nil
}

// drain reads body to its end and returns how much that was.
func drain(body io.Reader) (int64, error) {
	n, err := io.CopyN(io.Discard, body, maxDrain)
	switch {
	case errors.Is(err, io.EOF):
		return n, nil
	case err == nil:
		return n, fmt.Errorf("more than %d bytes too long", int64(maxDrain))
	}
	return n, err
}
