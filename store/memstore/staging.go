package memstore

import (
	"maps"
	"slices"

	"hearsay/store"
)

// staged is what an upload holds.
type staged struct {
	data   []byte
	synced []byte // what a crash leaves; it may be the beginning of data
}

// Stage implements store.Staging.
func (s *Store) Stage(u store.Upload, offset int64, data []byte) error {
	if s.closed {
		return store.ErrClosed
	}
	at := s.staged[u]
	if at == nil {
		at = &staged{}
		s.staged[u] = at
	}
	if offset < int64(len(at.synced)) {
		at.data = slices.Clone(at.data) // synced shares it
	}
	if end := int(offset) + len(data); end > len(at.data) {
		at.data = append(at.data, make([]byte, end-len(at.data))...)
	}
	copy(at.data[offset:], data)
	return nil
}

// SyncStaged implements store.Staging.
func (s *Store) SyncStaged(u store.Upload) error {
	if s.closed {
		return store.ErrClosed
	}
	at := s.staged[u]
	if at == nil {
		return store.ErrNotFound
	}
	at.synced = at.data
	return nil
}

// ReadStaged implements store.Staging.
func (s *Store) ReadStaged(u store.Upload, offset int64, buf []byte) error {
	if s.closed {
		return store.ErrClosed
	}
	at := s.staged[u]
	if at == nil || int64(len(at.data)) < offset+int64(len(buf)) {
		return store.ErrNotFound
	}
	copy(buf, at.data[offset:])
	return nil
}

// Drop implements store.Staging.
func (s *Store) Drop(u store.Upload) error {
	if s.closed {
		return store.ErrClosed
	}
	if !s.kept[u] {
		delete(s.staged, u)
	}
	return nil
}

// Sweep implements store.Staging.
func (s *Store) Sweep() error {
	if s.closed {
		return store.ErrClosed
	}
	maps.DeleteFunc(s.staged, func(u store.Upload, _ *staged) bool { return !s.kept[u] })
	return nil
}

// Uploads returns what is staged, sorted, for tests and for the simulator.
func (s *Store) Uploads() []store.Upload {
	return slices.SortedFunc(maps.Keys(s.staged), store.Upload.Compare)
}

// crashStaged takes back what was not synced.
func (s *Store) crashStaged() {
	maps.DeleteFunc(s.staged, func(_ store.Upload, at *staged) bool {
		at.data = at.synced
		return at.synced == nil
	})
}
