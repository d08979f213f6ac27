package memstore

import (
	"errors"
	"fmt"

	"hearsay/store"
)

var (
	errDone = errors.New("memstore: the batch is committed or closed")
	errSeq  = errors.New("memstore: rows are numbered from 1")
)

type batch struct {
	store *Store
	life  int
	done  bool

	entries map[store.Key]*store.Entry // as the batch leaves them; nil was removed
	puts    []put
	buckets map[int]store.Bucket // as this batch leaves them
	counted []int                // those of buckets
	rows    []logged
	marks   []store.Mark
	trims   []store.Mark
	forgets []store.Origin
	memos   []memo
	keeps   []keep // in order
}

// A keep says whether an upload is kept from a commit on.
type keep struct {
	upload store.Upload
	kept   bool
}

// A put makes an entry that of its key; nil removes the key.
type put struct {
	key   store.Key
	entry *store.Entry
}

type memo struct {
	name  string
	value []byte
}

type logged struct {
	origin store.Origin
	row    store.Row
}

func (b *batch) Get(key store.Key) (*store.Entry, error) {
	if err := b.usable(); err != nil {
		return nil, err
	}
	e, ok := b.entries[key]
	switch {
	case !ok:
		return get(b.store.entries, key)
	case e == nil:
		return nil, store.ErrNotFound
	}
	return e, nil
}

func (b *batch) Put(e *store.Entry) error {
	if err := b.usable(); err != nil {
		return err
	}
	b.set(e.Key, e)
	if e.Manifest != nil {
		b.keeps = append(b.keeps, keep{e.Manifest.Upload, true})
	}
	return nil
}

func (b *batch) Release(u store.Upload) error {
	if err := b.usable(); err != nil {
		return err
	}
	b.keeps = append(b.keeps, keep{u, false})
	return nil
}

func (b *batch) Log(origin store.Origin, row store.Row) error {
	if err := b.usable(); err != nil {
		return err
	}
	if row.Seq == 0 {
		return fmt.Errorf("log %v: %w", origin, errSeq)
	}
	b.rows = append(b.rows, logged{origin, row})
	return nil
}

func (b *batch) SetMark(origin store.Origin, seq uint64) error {
	if err := b.usable(); err != nil {
		return err
	}
	b.marks = append(b.marks, store.Mark{Origin: origin, Seq: seq})
	return nil
}

func (b *batch) SetMemo(name string, value []byte) error {
	if err := b.usable(); err != nil {
		return err
	}
	b.memos = append(b.memos, memo{name, value})
	return nil
}

func (b *batch) Commit(sync bool) error {
	if err := b.usable(); err != nil {
		return err
	}
	b.done = true
	s := b.store
	if f := &s.failing; f.err != nil {
		f.done = true
		if f.kept {
			s.tail = nil
			b.apply()
		}
		return f.err
	}
	if sync {
		s.tail = nil
	} else {
		s.remember(b)
	}
	b.apply()
	return nil
}

func (b *batch) apply() {
	s := b.store
	for _, p := range b.puts {
		s.put(p)
	}
	for _, i := range b.counted {
		s.digest[i] = b.buckets[i]
	}
	for _, l := range b.rows {
		s.log(l.origin).add(l.row)
		if l.row.Timestamp.Compare(s.newest) > 0 {
			s.newest = l.row.Timestamp
		}
	}
	for _, m := range b.marks {
		s.marks.Reset(m.Origin, m.Seq)
	}
	for _, m := range b.trims {
		s.log(m.Origin).trim(m.Seq)
		s.trimmed.Raise(m.Origin, m.Seq)
	}
	for _, o := range b.forgets {
		delete(s.logs, o)
		s.marks.Reset(o, 0)
		s.trimmed.Reset(o, 0)
	}
	for _, m := range b.memos {
		s.memos[m.name] = m.value
	}
	for _, k := range b.keeps {
		if k.kept {
			s.kept[k.upload] = true
		} else {
			delete(s.kept, k.upload)
		}
	}
}

func (b *batch) Close() error {
	*b = batch{store: b.store, life: b.life, done: true}
	return nil
}

func (b *batch) usable() error {
	switch {
	case b.store.closed, b.life != b.store.life:
		return store.ErrClosed
	case b.store.failing.done:
		return b.store.failing.err
	case b.done:
		return errDone
	}
	return nil
}
