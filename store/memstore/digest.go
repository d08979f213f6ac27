package memstore

import (
	"cmp"
	"slices"

	"hearsay/store"
)

// Digest implements store.Store.
func (s *Store) Digest() ([]store.Bucket, error) {
	if s.closed {
		return nil, store.ErrClosed
	}
	return s.digest, nil
}

// Bucket implements store.Store. It looks at every entry: there is no index.
func (s *Store) Bucket(i int) ([]*store.Entry, error) {
	if s.closed {
		return nil, store.ErrClosed
	}
	var found []*store.Entry
	s.entries.Scan(func(e *store.Entry) bool {
		if e.Key.Bucket() == i {
			found = append(found, e)
		}
		return true
	})
	slices.SortStableFunc(found, func(a, b *store.Entry) int { return cmp.Compare(a.Key.Place(), b.Key.Place()) })
	return found, nil
}

// count has the digest follow the entry of key from old to new.
func (b *batch) count(key store.Key, old, new *store.Entry) {
	i := key.Bucket()
	c, ok := b.buckets[i]
	if !ok {
		c = b.store.digest[i]
	}
	c.Replace(old, new)
	b.setBucket(i, c)
}

func (b *batch) setBucket(i int, c store.Bucket) {
	if b.buckets == nil {
		b.buckets = map[int]store.Bucket{}
	}
	if _, counted := b.buckets[i]; !counted {
		b.counted = append(b.counted, i)
	}
	b.buckets[i] = c
}

func (b *batch) SetBucket(i int, c store.Bucket) error {
	if err := b.usable(); err != nil {
		return err
	}
	b.setBucket(i, c)
	return nil
}

// Rot loses the entry of key, or with e makes it e, as a bad disk does: the digest
// does not know of it.
func (s *Store) Rot(key store.Key, e *store.Entry) { s.put(put{key, e}) }
