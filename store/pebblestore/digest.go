package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"hearsay/clock"
	"hearsay/store"
)

// Digest implements store.Store.
func (s *Store) Digest() ([]store.Bucket, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.use.RUnlock()
	return s.digest, nil
}

// Bucket implements store.Store. A key that has no entry any more, which cannot be,
// is passed over.
func (s *Store) Bucket(i int) ([]*store.Entry, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.use.RUnlock()
	lower := binary.BigEndian.AppendUint64([]byte{kindPlace}, uint64(i)<<52)
	upper := binary.BigEndian.AppendUint64([]byte{kindPlace}, uint64(i+1)<<52)
	if i+1 == store.Buckets {
		upper = []byte{kindPlace + 1}
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, fmt.Errorf("bucket %d: %w", i, err)
	}
	defer it.Close()
	var found []*store.Entry
	for ok := it.First(); ok; ok = it.Next() {
		key, err := parsePlaceKey(it.Key())
		if err != nil {
			return nil, fmt.Errorf("bucket %d, place %x: %w", i, it.Key(), err)
		}
		e, err := get(s.db, key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("bucket %d, %v: %w", i, key, err)
		}
		found = append(found, e)
	}
	return found, it.Error()
}

// count has the digest follow the entry of key from old to new.
func (b *batch) count(key store.Key, old, new *store.Entry) {
	i := key.Bucket()
	c, ok := b.buckets[i]
	if !ok {
		c = b.store.digest[i]
	}
	c.Replace(old, new)
	b.buckets[i] = c
}

// SetBucket implements store.Batch.
func (b *batch) SetBucket(i int, c store.Bucket) error {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.store.use.RUnlock()
	b.buckets[i] = c
	return nil
}

func (b *batch) writeDigest() error {
	for i, c := range b.buckets {
		key := binary.BigEndian.AppendUint16([]byte{kindBucket}, uint16(i))
		if err := b.writes.Set(key, bucketRecord(c), nil); err != nil {
			return fmt.Errorf("bucket %d: %w", i, err)
		}
	}
	return nil
}

func (s *Store) loadDigest() error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindBucket}, UpperBound: []byte{kindBucket + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		k := it.Key()
		if len(k) != 3 || binary.BigEndian.Uint16(k[1:]) >= store.Buckets {
			return fmt.Errorf("bucket %x: %w", k, errCorrupt)
		}
		i := binary.BigEndian.Uint16(k[1:])
		if s.digest[i], err = parseBucket(it.Value()); err != nil {
			return fmt.Errorf("bucket %d: %w", i, err)
		}
	}
	return it.Error()
}

func placeKey(k store.Key) []byte {
	b := make([]byte, 0, 1+8+len(k.Namespace)+len(textEnd)+len(k.Name))
	b = binary.BigEndian.AppendUint64(append(b, kindPlace), k.Place())
	return append(appendText(b, k.Namespace), k.Name...)
}

func parsePlaceKey(b []byte) (store.Key, error) {
	if len(b) < 9 {
		return store.Key{}, errCorrupt
	}
	namespace, name, err := cutText(b[9:])
	if err != nil {
		return store.Key{}, err
	}
	return store.Key{Namespace: namespace, Name: string(name)}, nil
}

// bucketSize is a record's format, count, sum and newest timestamp.
const bucketSize = 1 + 8 + 16 + 8 + 4

func bucketRecord(c store.Bucket) []byte {
	b := slices.Grow([]byte{recordFormat}, bucketSize)
	for _, n := range []uint64{c.Count, c.Sum[0], c.Sum[1], uint64(c.Newest.Wall)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return binary.BigEndian.AppendUint32(b, c.Newest.Logical)
}

func parseBucket(b []byte) (store.Bucket, error) {
	if len(b) != bucketSize || b[0] != recordFormat {
		return store.Bucket{}, errCorrupt
	}
	number := func(i int) uint64 { return binary.BigEndian.Uint64(b[1+8*i:]) }
	return store.Bucket{
		Count: number(0), Sum: store.Fingerprint{number(1), number(2)},
		Newest: clock.Timestamp{Wall: int64(number(3)), Logical: binary.BigEndian.Uint32(b[33:])},
	}, nil
}
