package host

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"hearsay/gossip"
	"hearsay/store"
)

// A large keeps the bytes of large values, beside the loop: those of clients, those
// that peers ask for, and those that the node has asked for.
type large struct {
	store.Staging
	log    *zap.Logger
	full   func() bool // nothing may be staged
	life   uint64
	number atomic.Uint64

	mu       sync.Mutex
	expected []gossip.Piece // the longest ago first
	drops    []store.Upload
	dropping bool
	held     int          // who needs uploads that are to be dropped
	current  store.Upload // what is being dropped
	next     *sync.Cond   // of current and dropping
}

// disk has a slot for each call of a staging that runs at a time, in all hosts of the
// process. A goroutine in a system call keeps its processor for up to 10 ms: with all
// of them at the disk, small reads would wait for that long, again and again. One is
// left to them.
var disk = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))

// maxExpected bounds the chunks that are expected. One that is forgotten is asked
// for again.
const maxExpected = 1 << 12

func newLarge(s store.Staging, log *zap.Logger) (*large, error) {
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, err
	}
	l := &large{Staging: s, full: func() bool { return false }, log: log, life: binary.BigEndian.Uint64(seed[:])}
	l.next = sync.NewCond(&l.mu)
	return l, s.Sweep()
}

// SyncStaged implements store.Staging.
func (l *large) SyncStaged(u store.Upload) error {
	disk <- struct{}{}
	defer func() { <-disk }()
	return l.Staging.SyncStaged(u)
}

// ReadStaged implements store.Staging.
func (l *large) ReadStaged(u store.Upload, offset int64, buf []byte) error {
	disk <- struct{}{}
	defer func() { <-disk }()
	return l.Staging.ReadStaged(u, offset, buf)
}

// NewUpload implements api.Staging.
func (l *large) NewUpload() store.Upload {
	return store.Upload{Life: l.life, Number: l.number.Add(1)}
}

// note takes note of what a turn asks peers for.
func (l *large) note(envelopes []gossip.Envelope) {
	for _, e := range envelopes {
		f, ok := e.Message.(*gossip.Fetch)
		if !ok {
			continue
		}
		l.mu.Lock()
		for _, p := range f.Pieces {
			l.spare(p.Upload)
		}
		l.expected = append(l.expected, f.Pieces...)
		if n := len(l.expected) - maxExpected; n > 0 {
			l.expected = slices.Delete(l.expected, 0, n)
		}
		l.mu.Unlock()
	}
}

// spare has u not dropped any more: it is about to come anew. The caller holds mu.
func (l *large) spare(u store.Upload) {
	l.drops = slices.DeleteFunc(l.drops, func(v store.Upload) bool { return v == u })
	for l.current == u {
		l.next.Wait()
	}
}

// load returns what is sent for a chunk that a peer asked for.
func (l *large) load(c *gossip.Chunk) *gossip.Chunk {
	data := make([]byte, c.Size)
	err := l.ReadStaged(c.Upload, c.Offset, data)
	if err == nil && sha256.Sum256(data) != c.Hash {
		err = errors.New("it is not what was written")
	}
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) {
			l.log.Warn("cannot send a chunk of a large value", zap.Stringer("upload", c.Upload), zap.Error(err))
		}
		return &gossip.Chunk{Piece: c.Piece, Gone: true}
	}
	return &gossip.Chunk{Piece: c.Piece, Data: data}
}

// takeIn stages a chunk that came and returns what the node is told of it, nil for
// nothing.
func (l *large) takeIn(from store.NodeID, c *gossip.Chunk) *gossip.Chunk {
	if !l.expects(c.Piece) {
		return nil
	}
	if c.Gone {
		return c
	}
	if l.full() {
		return nil // it is asked for again when there is room
	}
	if sha256.Sum256(c.Data) != c.Hash {
		l.log.Warn("a peer sent other bytes than it was asked for", peerField(from), zap.Stringer("upload", c.Upload))
		return &gossip.Chunk{Piece: c.Piece, Gone: true}
	}
	if err := errors.Join(l.Stage(c.Upload, c.Offset, c.Data), l.SyncStaged(c.Upload)); err != nil {
		l.log.Warn("cannot stage a chunk of a large value", zap.Stringer("upload", c.Upload), zap.Error(err))
		return nil
	}
	return &gossip.Chunk{Piece: c.Piece}
}

// expects reports whether p was asked for, and expects it no more.
func (l *large) expects(p gossip.Piece) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.expected, p)
	if i < 0 {
		return false
	}
	l.expected = slices.Delete(l.expected, i, i+1)
	return true
}

// drop forgets uploads, in time.
func (l *large) drop(us []store.Upload) {
	if len(us) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drops = append(l.drops, us...)
	// A chunk that comes late would stay, and nobody would drop it.
	l.expected = slices.DeleteFunc(l.expected, func(p gossip.Piece) bool { return slices.Contains(us, p.Upload) })
	l.startDropping()
}

// startDropping drops what is to be dropped, while nobody holds it. The caller holds mu.
func (l *large) startDropping() {
	if !l.dropping {
		l.dropping = true
		go l.dropAll()
	}
}

// hold has nothing dropped that a view names which is taken from now on, until letGo.
func (l *large) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held++
}

func (l *large) letGo() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held--
	l.startDropping()
}

func (l *large) dropAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.drops) > 0 && l.held == 0 {
		l.current, l.drops = l.drops[0], l.drops[1:]
		u := l.current
		l.mu.Unlock()
		if err := l.Drop(u); err != nil && !errors.Is(err, store.ErrClosed) {
			l.log.Warn("cannot drop a large value", zap.Stringer("upload", u), zap.Error(err))
		}
		l.mu.Lock()
		l.current = store.Upload{}
		l.next.Broadcast()
	}
	l.dropping = false
	l.next.Broadcast()
}

// close waits for what is being dropped.
func (l *large) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.dropping {
		l.next.Wait()
	}
}
