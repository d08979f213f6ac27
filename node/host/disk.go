package host

import (
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/node/admin"
	"hearsay/store"
	"hearsay/store/pebblestore"
)

// This file watches how much room the disk has. What a store needs for its log, its
// compactions and the node's ledgers cannot be refused, so what can be is refused
// before it is gone.

// A space is the room on the disk. The loop measures it; anyone reads it.
type space struct {
	reserve uint64
	room    func() (uint64, error)
	due     time.Duration // Reading.Mono, the loop's

	free atomic.Uint64
	full atomic.Bool
}

// spaceEvery is the time between two looks at the room: what comes in meanwhile is a
// small part of a reserve.
const spaceEvery = 100 * time.Millisecond

func newSpace(s *pebblestore.Store, reserve int64, log *zap.Logger) *space {
	sp := &space{reserve: uint64(reserve), room: s.Room}
	if _, err := sp.room(); err != nil {
		log.Warn("it cannot be told how much room the disk has: none is kept free", zap.Error(err))
		sp.room = nil
	}
	return sp
}

// look measures the room if that is due, and reports whether there is too little. Once
// full, a disk is full until an eighth more than the reserve is free, lest the
// node go back and forth.
func (s *space) look(now clock.Reading) (full bool) {
	if s.room == nil || now.Mono < s.due {
		return s.full.Load()
	}
	s.due = now.Mono + spaceEvery
	free, err := s.room()
	if err != nil {
		return s.full.Load() // nothing new is known; what the store cannot write it says itself
	}
	enough := s.reserve
	if s.full.Load() {
		enough += s.reserve / 8
	}
	s.free.Store(free)
	s.full.Store(free < enough)
	return free < enough
}

// showDisk returns what people may see of the disk.
func (h *Host) showDisk() admin.Disk {
	s := h.space
	d := admin.Disk{Reserve: s.reserve, Full: s.full.Load(), SyncEvery: h.cfg.Node.SyncEvery.Seconds()}
	if s.room != nil {
		d.Free = new(s.free.Load())
	}
	return d
}

// errFull refuses the bytes of a large value, as Node.Write refuses writes.
var errFull = errors.Join(node.ErrNotReady, node.ErrFull)

// Stage implements store.Staging.
func (l *large) Stage(u store.Upload, offset int64, data []byte) error {
	if l.full() {
		return errFull
	}
	disk <- struct{}{}
	defer func() { <-disk }()
	return l.Staging.Stage(u, offset, data)
}
