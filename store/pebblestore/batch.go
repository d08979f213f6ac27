package pebblestore

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"hearsay/clock"
	"hearsay/store"
)

var (
	errDone = errors.New("pebblestore: the batch is committed or closed")
	errSeq  = errors.New("pebblestore: rows are numbered from 1")
)

// A batch encodes at once and reads through a map of what was put: an indexed
// batch of Pebble's would sort what one turn may look up by key alone.
type batch struct {
	store *Store
	done  bool

	writes  *pebble.Batch
	entries map[store.Key]*store.Entry // as the batch leaves them, and what it read; nil for none
	buckets map[int]store.Bucket       // as this batch leaves them
	marks   []store.Mark
	trims   []store.Mark
	forgets []store.Origin
	newest  clock.Timestamp
	buf     []byte // of the last record; Pebble copies it
}

// NewBatch implements store.Store.
func (s *Store) NewBatch() store.Batch {
	b := &batch{store: s, entries: map[store.Key]*store.Entry{}, buckets: map[int]store.Bucket{}}
	if s.begin() != nil {
		return b
	}
	defer s.use.RUnlock()
	b.writes = s.db.NewBatch()
	return b
}

func (b *batch) Get(key store.Key) (*store.Entry, error) {
	if err := b.begin(); err != nil {
		return nil, err
	}
	defer b.store.use.RUnlock()
	return b.get(key)
}

// get keeps what it reads: who puts an entry has mostly looked at its former one.
func (b *batch) get(key store.Key) (*store.Entry, error) {
	e, ok := b.entries[key]
	if !ok {
		var err error
		if e, err = get(b.store.db, key); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		b.entries[key] = e
	}
	if e == nil {
		return nil, store.ErrNotFound
	}
	return e, nil
}

func (b *batch) Put(e *store.Entry) error {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.store.use.RUnlock()
	old, err := b.get(e.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if old == nil {
		if err := b.writes.Set(placeKey(e.Key), nil, nil); err != nil {
			return fmt.Errorf("place %v: %w", e.Key, err)
		}
	}
	b.count(e.Key, old, e)
	b.buf = appendEntry(b.buf[:0], e)
	if err := b.writes.Set(entryKey(e.Key), b.buf, nil); err != nil {
		return fmt.Errorf("put %v: %w", e.Key, err)
	}
	if t, ever := e.Due(); ever {
		if err := b.writes.Set(dueKey(t, e.Key), nil, nil); err != nil {
			return fmt.Errorf("put %v: %w", e.Key, err)
		}
	}
	if e.Manifest != nil {
		if err := b.writes.Set(uploadKey(e.Manifest.Upload), []byte{recordFormat}, nil); err != nil {
			return fmt.Errorf("keep upload %v: %w", e.Manifest.Upload, err)
		}
	}
	b.entries[e.Key] = e
	b.see(e.Version.Timestamp)
	return nil
}

func (b *batch) Release(u store.Upload) error {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.store.use.RUnlock()
	if err := b.writes.Delete(uploadKey(u), nil); err != nil {
		return fmt.Errorf("release upload %v: %w", u, err)
	}
	return nil
}

func (b *batch) Log(origin store.Origin, row store.Row) error {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.store.use.RUnlock()
	if row.Seq == 0 {
		return fmt.Errorf("log %v: %w", origin, errSeq)
	}
	b.buf = appendRow(b.buf[:0], row)
	if err := b.writes.Set(rowKey(origin, row.Seq), b.buf, nil); err != nil {
		return fmt.Errorf("log %v, row %d: %w", origin, row.Seq, err)
	}
	b.see(row.Timestamp)
	return nil
}

func (b *batch) SetMark(origin store.Origin, seq uint64) error {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.store.use.RUnlock()
	var err error
	if seq == 0 {
		err = b.writes.Delete(watermarkKey(origin), nil)
	} else {
		err = b.writes.Set(watermarkKey(origin), watermarkRecord(seq), nil)
	}
	if err != nil {
		return fmt.Errorf("set watermark of %v: %w", origin, err)
	}
	b.marks = append(b.marks, store.Mark{Origin: origin, Seq: seq})
	return nil
}

func (b *batch) SetMemo(name string, value []byte) error {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.store.use.RUnlock()
	if err := b.writes.Set(memoKey(name), value, nil); err != nil {
		return fmt.Errorf("set memo %s: %w", name, err)
	}
	return nil
}

func (b *batch) Commit(sync bool) error {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.store.use.RUnlock()
	b.done = true
	s := b.store
	if err := b.write(sync); err != nil {
		err = fmt.Errorf("commit: %w", err)
		s.mu.Lock()
		s.failed = err
		s.mu.Unlock()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range b.buckets {
		s.digest[i] = c
	}
	for _, m := range b.marks {
		s.marks.Reset(m.Origin, m.Seq)
	}
	for _, m := range b.trims {
		s.trimmed.Raise(m.Origin, m.Seq)
	}
	for _, o := range b.forgets {
		s.marks.Reset(o, 0)
		s.trimmed.Reset(o, 0)
	}
	if b.newest.Compare(s.newest) > 0 {
		s.newest = b.newest
	}
	return nil
}

// write has Pebble apply the batch. Pebble panics where a log cannot be written,
// through its logger or by itself, and cannot be used any more then.
func (b *batch) write(sync bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			cause, ok := r.(error)
			if !ok {
				panic(r)
			}
			err = cause
		}
	}()
	s := b.store
	s.mu.Lock()
	newest := s.newest
	s.mu.Unlock()
	if err := b.writeDigest(); err != nil {
		return err
	}
	if b.newest.Compare(newest) > 0 {
		if err := b.writes.Set([]byte{kindNewest}, newestRecord(b.newest), nil); err != nil {
			return err
		}
	}
	if !sync {
		return b.writes.Commit(pebble.NoSync)
	}
	if b.writes.Empty() {
		return s.db.LogData(nil, pebble.Sync) // for the commits before
	}
	return b.writes.Commit(pebble.Sync)
}

// Close may be called after the store was closed.
func (b *batch) Close() error {
	b.done = true
	writes := b.writes
	b.writes, b.entries, b.buckets, b.marks, b.trims, b.forgets = nil, nil, nil, nil, nil, nil
	if writes == nil || b.store.failure() != nil {
		return nil
	}
	return writes.Close()
}

func (b *batch) see(t clock.Timestamp) {
	if t.Compare(b.newest) > 0 {
		b.newest = t
	}
}

func (b *batch) begin() error {
	if err := b.store.begin(); err != nil {
		return err
	}
	if b.done {
		b.store.use.RUnlock()
		return errDone
	}
	return nil
}
