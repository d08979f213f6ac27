package pebblestore

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"hearsay/clock"
	"hearsay/store"
)

// Collect goes by the index of what is due. A record of it is written with each
// entry that can be collected and stays when the entry is superseded: to find it
// then would cost every write a look-up, here it costs one for each record.
func (b *batch) Collect(floor clock.Timestamp, limit int) (removed []*store.Entry, more bool, err error) {
	if err := b.begin(); err != nil {
		return nil, false, err
	}
	defer b.store.use.RUnlock()
	due, more, err := dueKeysAt(b.store.db, floor, limit)
	if err != nil || len(due) == 0 {
		return nil, false, err
	}
	for _, d := range due {
		e, err := b.get(d.key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		if !e.DueAt(floor) {
			continue
		}
		if err := b.remove(d.key); err != nil {
			return nil, false, err
		}
		removed = append(removed, e)
	}
	// One record for all, and not one for each that Pebble would have to step over.
	last := due[len(due)-1].record
	if err := b.writes.DeleteRange([]byte{kindDue}, append(last, 0), nil); err != nil {
		return nil, false, fmt.Errorf("collect up to %v: %w", floor, err)
	}
	return removed, more, nil
}

// A dueRecord says that key held something that is due.
type dueRecord struct {
	record []byte
	key    store.Key
}

// dueKeysAt returns the first records of what is due at floor, up to limit, and
// whether there are others.
func dueKeysAt(db *pebble.DB, floor clock.Timestamp, limit int) (due []dueRecord, more bool, err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindDue}, UpperBound: dueKeys(floor.Next())})
	if err != nil {
		return nil, false, fmt.Errorf("read what is due at %v: %w", floor, err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if len(due) >= limit {
			return due, true, nil
		}
		key, err := parseDueKey(it.Key())
		if err != nil {
			return nil, false, fmt.Errorf("read what is due at %v: key %x: %w", floor, it.Key(), err)
		}
		due = append(due, dueRecord{slices.Clone(it.Key()), key})
	}
	if err := it.Error(); err != nil {
		return nil, false, fmt.Errorf("read what is due at %v: %w", floor, err)
	}
	return due, false, nil
}

func (b *batch) Remove(key store.Key) error {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.store.use.RUnlock()
	return b.remove(key)
}

func (b *batch) remove(key store.Key) error {
	old, err := b.get(key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	b.count(key, old, nil)
	if err := b.writes.Delete(placeKey(key), nil); err != nil {
		return fmt.Errorf("remove place of %v: %w", key, err)
	}
	if err := b.writes.Delete(entryKey(key), nil); err != nil {
		return fmt.Errorf("remove %v: %w", key, err)
	}
	b.entries[key] = nil
	return nil
}

func (b *batch) Trim(origin store.Origin, seq uint64) error {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.store.use.RUnlock()
	if seq <= b.store.trimmedAt(origin) {
		return nil
	}
	if err := b.dropRows(origin, seq); err != nil {
		return err
	}
	if err := b.writes.Set(trimmedKey(origin), watermarkRecord(seq), nil); err != nil {
		return fmt.Errorf("trim log of %v: %w", origin, err)
	}
	b.trims = append(b.trims, store.Mark{Origin: origin, Seq: seq})
	return nil
}

func (b *batch) dropRows(origin store.Origin, through uint64) error {
	if err := b.writes.DeleteRange(rowKey(origin, 0), append(rowKey(origin, through), 0), nil); err != nil {
		return fmt.Errorf("trim log of %v up to %d: %w", origin, through, err)
	}
	return nil
}

func (b *batch) Forget(origin store.Origin) error {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.store.use.RUnlock()
	if err := b.dropRows(origin, math.MaxUint64); err != nil {
		return err
	}
	for _, key := range [][]byte{watermarkKey(origin), trimmedKey(origin)} {
		if err := b.writes.Delete(key, nil); err != nil {
			return fmt.Errorf("forget %v: %w", origin, err)
		}
	}
	b.forgets = append(b.forgets, origin)
	return nil
}

// Trimmed implements store.Store.
func (s *Store) Trimmed() (store.Watermarks, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.use.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trimmed.Clone(), nil
}

func (s *Store) trimmedAt(origin store.Origin) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trimmed.At(origin)
}
