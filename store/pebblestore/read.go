package pebblestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"hearsay/store"
)

// Get implements store.Reader.
func (s *Store) Get(key store.Key) (*store.Entry, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.use.RUnlock()
	return get(s.db, key)
}

// Scan implements store.Reader.
func (s *Store) Scan(start, end store.Key, limit int) ([]*store.Entry, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.use.RUnlock()
	return scan(s.db, start, end, limit)
}

// Rows implements store.Store.
func (s *Store) Rows(origin store.Origin, after uint64, limit int) ([]store.Row, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.use.RUnlock()
	s.mu.Lock()
	mark := s.marks.At(origin)
	s.mu.Unlock()
	if base := s.trimmedAt(origin); after < base {
		return nil, fmt.Errorf("rows of %v past %d: the log was trimmed up to %d", origin, after, base)
	}
	rows, err := rows(s.db, origin, after, limit)
	if err == nil && len(rows) < limit && after+uint64(len(rows)) < mark {
		err = fmt.Errorf("row %d is missing", after+uint64(len(rows))+1)
	}
	if err != nil {
		return nil, fmt.Errorf("rows of %v, watermark %d: %w", origin, mark, err)
	}
	return rows, nil
}

// Snapshot implements store.Store. It keeps Pebble from dropping what was
// overwritten since, so it must not be held for long.
func (s *Store) Snapshot() (store.Snapshot, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.use.RUnlock()
	s.mu.Lock()
	s.snapshots++
	s.mu.Unlock()
	snap := &snapshot{store: s}
	snap.db.Store(s.db.NewSnapshot())
	return snap, nil
}

// A snapshot reads without a lock: the store does not close while it is open.
type snapshot struct {
	store *Store
	db    atomic.Pointer[pebble.Snapshot] // nil once closed
}

func (s *snapshot) Get(key store.Key) (*store.Entry, error) {
	db := s.db.Load()
	if db == nil {
		return nil, store.ErrClosed
	}
	return get(db, key)
}

func (s *snapshot) Scan(start, end store.Key, limit int) ([]*store.Entry, error) {
	db := s.db.Load()
	if db == nil {
		return nil, store.ErrClosed
	}
	return scan(db, start, end, limit)
}

// Close may be called when the reads of s have returned.
func (s *snapshot) Close() error {
	db := s.db.Swap(nil)
	if db == nil {
		return store.ErrClosed
	}
	err := db.Close()
	s.store.mu.Lock()
	s.store.snapshots--
	s.store.mu.Unlock()
	return err
}

func get(r pebble.Reader, key store.Key) (*store.Entry, error) {
	b, closer, err := r.Get(entryKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("get %v: %w", key, err)
	}
	defer closer.Close()
	return parseEntry(key, b)
}

func scan(r pebble.Reader, start, end store.Key, limit int) ([]*store.Entry, error) {
	bounded := end != (store.Key{})
	if limit <= 0 || bounded && start.Compare(end) >= 0 {
		return nil, nil
	}
	bounds := &pebble.IterOptions{LowerBound: entryKey(start), UpperBound: []byte{kindEntry + 1}}
	if bounded {
		bounds.UpperBound = entryKey(end)
	}
	it, err := r.NewIter(bounds)
	if err != nil {
		return nil, fmt.Errorf("scan from %v: %w", start, err)
	}
	defer it.Close()
	var found []*store.Entry
	for ok := it.First(); ok && len(found) < limit; ok = it.Next() {
		key, err := parseEntryKey(it.Key())
		if err != nil {
			return nil, fmt.Errorf("scan from %v: key %x: %w", start, it.Key(), err)
		}
		e, err := parseEntry(key, it.Value())
		if err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	if err := it.Error(); err != nil {
		return nil, fmt.Errorf("scan from %v: %w", start, err)
	}
	return found, nil
}

// rows returns up to limit rows past after, up to the first that is missing.
func rows(r pebble.Reader, origin store.Origin, after uint64, limit int) ([]store.Row, error) {
	if limit <= 0 {
		return nil, nil
	}
	key := rowKey(origin, after+1)
	end := after + min(uint64(limit), math.MaxUint64-after)
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: key, UpperBound: append(rowKey(origin, end), 0)})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var found []store.Row
	seq := after
	for ok := it.First(); ok; ok = it.Next() {
		seq++
		binary.BigEndian.PutUint64(key[len(key)-8:], seq)
		if !bytes.Equal(it.Key(), key) {
			break
		}
		row, err := parseRow(seq, it.Value())
		if err != nil {
			return nil, err
		}
		found = append(found, row)
	}
	return found, it.Error()
}
