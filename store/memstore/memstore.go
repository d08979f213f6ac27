// Package memstore is a replica in memory that can lose its unsynced tail, for
// the simulator and for tests.
//
// It takes no lock. A Store and its batches belong to one goroutine; snapshots
// share nothing that changes and may be read from any.
package memstore

import (
	"fmt"

	"hearsay/clock"
	"hearsay/store"
)

// A Store is a replica in memory. It shares entries with whoever put them, so
// what many replicas in one process hold in common takes memory once.
type Store struct {
	entries *tree
	due     *tree // those of entries that can be collected
	logs    map[store.Origin]*log
	marks   store.Watermarks
	trimmed store.Watermarks
	digest  []store.Bucket
	newest  clock.Timestamp
	memos   map[string][]byte
	staged  map[store.Upload]*staged
	kept    map[store.Upload]bool

	tail    *tail // what a crash takes back, nil for nothing
	failing failing

	life   int // counts crashes; a batch does not outlive its own
	closed bool
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	return &Store{
		entries: newTree(), due: newDue(), digest: make([]store.Bucket, store.Buckets),
		logs: map[store.Origin]*log{}, memos: map[string][]byte{},
		staged: map[store.Upload]*staged{}, kept: map[store.Upload]bool{},
	}
}

// Get implements store.Reader.
func (s *Store) Get(key store.Key) (*store.Entry, error) {
	if s.closed {
		return nil, store.ErrClosed
	}
	return get(s.entries, key)
}

// Scan implements store.Reader.
func (s *Store) Scan(start, end store.Key, limit int) ([]*store.Entry, error) {
	if s.closed {
		return nil, store.ErrClosed
	}
	return scan(s.entries, start, end, limit), nil
}

// Rows implements store.Store.
func (s *Store) Rows(origin store.Origin, after uint64, limit int) ([]store.Row, error) {
	if s.closed {
		return nil, store.ErrClosed
	}
	l := s.logs[origin]
	if l == nil {
		l = &log{}
	}
	if after < l.base {
		return nil, fmt.Errorf("rows of %v past %d: the log was trimmed up to %d", origin, after, l.base)
	}
	var rows []store.Row
	for seq := after + 1; seq > after && len(rows) < limit; seq++ {
		r, ok := l.row(seq)
		if !ok && seq <= s.marks.At(origin) {
			return nil, fmt.Errorf("rows of %v: row %d is missing, the watermark is %d", origin, seq, s.marks.At(origin))
		}
		if !ok {
			break
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// Watermarks implements store.Store.
func (s *Store) Watermarks() (store.Watermarks, error) {
	if s.closed {
		return nil, store.ErrClosed
	}
	return s.marks.Clone(), nil
}

// Newest implements store.Store.
func (s *Store) Newest() (clock.Timestamp, error) {
	if s.closed {
		return clock.Timestamp{}, store.ErrClosed
	}
	return s.newest, nil
}

// Memo implements store.Store.
func (s *Store) Memo(name string) ([]byte, error) {
	if s.closed {
		return nil, store.ErrClosed
	}
	return s.memos[name], nil
}

// NewBatch implements store.Store.
func (s *Store) NewBatch() store.Batch {
	return &batch{store: s, life: s.life, entries: map[store.Key]*store.Entry{}}
}

// Snapshot implements store.Store. It copies nothing: what is written later
// copies the few nodes of the tree that it changes.
func (s *Store) Snapshot() (store.Snapshot, error) {
	if s.closed {
		return nil, store.ErrClosed
	}
	return &snapshot{entries: s.entries.IsoCopy()}, nil
}

// Close implements store.Store. It gives the memory back: to go on as after a
// restart, call Crash instead.
func (s *Store) Close() error {
	if s.closed {
		return store.ErrClosed
	}
	*s = Store{closed: true}
	return nil
}

func (s *Store) log(origin store.Origin) *log {
	l := s.logs[origin]
	if l == nil {
		l = &log{}
		s.logs[origin] = l
	}
	return l
}
