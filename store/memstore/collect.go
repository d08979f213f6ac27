package memstore

import (
	"github.com/tidwall/btree"

	"hearsay/clock"
	"hearsay/store"
)

// newDue returns an empty index of the entries that can be collected, the first
// of them first.
func newDue() *tree {
	less := func(a, b *store.Entry) bool {
		s, _ := a.Due()
		t, _ := b.Due()
		if c := s.Compare(t); c != 0 {
			return c < 0
		}
		return a.Key.Compare(b.Key) < 0
	}
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

// set makes e the entry of key; nil removes it.
func (b *batch) set(key store.Key, e *store.Entry) {
	old, ok := b.entries[key]
	if !ok {
		old, _ = b.store.entries.Get(&store.Entry{Key: key})
	}
	b.count(key, old, e)
	b.entries[key] = e
	b.puts = append(b.puts, put{key, e})
}

// put applies p to the entries and to the index.
func (s *Store) put(p put) {
	var old *store.Entry
	if p.entry == nil {
		old, _ = s.entries.Delete(&store.Entry{Key: p.key})
	} else {
		old, _ = s.entries.Set(p.entry)
	}
	if old != nil {
		s.due.Delete(old)
	}
	if p.entry == nil {
		return
	}
	if _, ever := p.entry.Due(); ever {
		s.due.Set(p.entry)
	}
	if t := p.entry.Version.Timestamp; t.Compare(s.newest) > 0 {
		s.newest = t
	}
}

func (b *batch) Collect(floor clock.Timestamp, limit int) (removed []*store.Entry, more bool, err error) {
	if err := b.usable(); err != nil {
		return nil, false, err
	}
	b.store.due.Scan(func(e *store.Entry) bool {
		if !e.DueAt(floor) {
			return false
		}
		if now, put := b.entries[e.Key]; put && now != e {
			return true
		}
		if more = len(removed) >= limit; more {
			return false
		}
		removed = append(removed, e)
		return true
	})
	for _, e := range removed {
		b.set(e.Key, nil)
	}
	return removed, more, nil
}

func (b *batch) Remove(key store.Key) error {
	if err := b.usable(); err != nil {
		return err
	}
	b.set(key, nil)
	return nil
}

func (b *batch) Trim(origin store.Origin, seq uint64) error {
	if err := b.usable(); err != nil {
		return err
	}
	b.trims = append(b.trims, store.Mark{Origin: origin, Seq: seq})
	return nil
}

func (b *batch) Forget(origin store.Origin) error {
	if err := b.usable(); err != nil {
		return err
	}
	b.forgets = append(b.forgets, origin)
	return nil
}

// Trimmed implements store.Store.
func (s *Store) Trimmed() (store.Watermarks, error) {
	if s.closed {
		return nil, store.ErrClosed
	}
	return s.trimmed.Clone(), nil
}
