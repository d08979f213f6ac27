package memstore

import (
	"github.com/tidwall/btree"

	"hearsay/store"
)

// A tree holds entries in key order. It is copied on write, node by node.
type tree = btree.BTreeG[*store.Entry]

func newTree() *tree {
	less := func(a, b *store.Entry) bool { return a.Key.Compare(b.Key) < 0 }
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

func get(t *tree, key store.Key) (*store.Entry, error) {
	e, ok := t.Get(&store.Entry{Key: key})
	if !ok {
		return nil, store.ErrNotFound
	}
	return e, nil
}

func scan(t *tree, start, end store.Key, limit int) []*store.Entry {
	if limit <= 0 {
		return nil
	}
	var found []*store.Entry
	t.Ascend(&store.Entry{Key: start}, func(e *store.Entry) bool {
		if end != (store.Key{}) && e.Key.Compare(end) >= 0 {
			return false
		}
		found = append(found, e)
		return len(found) < limit
	})
	return found
}

type snapshot struct{ entries *tree }

func (s *snapshot) Get(key store.Key) (*store.Entry, error) {
	if s.entries == nil {
		return nil, store.ErrClosed
	}
	return get(s.entries, key)
}

func (s *snapshot) Scan(start, end store.Key, limit int) ([]*store.Entry, error) {
	if s.entries == nil {
		return nil, store.ErrClosed
	}
	return scan(s.entries, start, end, limit), nil
}

func (s *snapshot) Close() error {
	if s.entries == nil {
		return store.ErrClosed
	}
	s.entries = nil
	return nil
}
