package storetest

import (
	"slices"
	"testing"

	"hearsay/store"
)

// wantDigest fails unless the digest of s is of the very entries that it holds, and
// each is in its bucket.
func wantDigest(t tb, s store.Store) {
	t.Helper()
	all, err := s.Scan(store.Key{}, store.Key{}, 1<<20)
	must(t, err)
	want := make([]store.Bucket, store.Buckets)
	for _, e := range all {
		want[e.Key.Bucket()].Replace(nil, e)
	}
	digest, err := s.Digest()
	must(t, err)
	if len(digest) != store.Buckets {
		t.Fatalf("the digest has %d buckets, want %d", len(digest), store.Buckets)
	}
	for i, c := range digest {
		if !c.Equal(want[i]) || c.Newest.Compare(want[i].Newest) < 0 {
			t.Fatalf("bucket %d is %+v, want %+v and nothing older", i, c, want[i])
		}
		if c.Count == 0 {
			continue
		}
		held, err := s.Bucket(i)
		must(t, err)
		var got store.Bucket
		for _, e := range held {
			got.Replace(nil, e)
		}
		if !got.Equal(want[i]) {
			t.Fatalf("bucket %d holds %d entries, which are not the %d that belong there", i, len(held), want[i].Count)
		}
		if !slices.IsSortedFunc(held, func(a, b *store.Entry) int {
			if a.Key.Place() < b.Key.Place() {
				return -1
			}
			return 1
		}) {
			t.Fatalf("bucket %d is not in the order of places", i)
		}
	}
}

var digestCases = []testCase{
	{"the digest follows what is put", func(t *testing.T, s store.Store) {
		wantDigest(t, s)
		commitEntries(t, s, put("a", "1", 9), put("b", "2", 2))
		wantDigest(t, s)
		commit(t, s, true, func(b store.Batch) error {
			must(t, b.Put(put("a", "between", 3)))
			must(t, b.Put(put("a", "last", 4)))
			return b.Put(put("c", "3", 5))
		})
		wantDigest(t, s)
		digest, err := s.Digest()
		must(t, err)
		if got := digest[key("a").Bucket()].Newest.Wall; got != 9 {
			t.Errorf("newest of a bucket = %d, want 9, which was superseded", got)
		}
	}},

	{"the digest follows what is taken out", func(t *testing.T, s store.Store) {
		commitEntries(t, s, put("a", "1", 9), put("b", "2", 2), tombstone("c", 3))
		commit(t, s, true, func(b store.Batch) error {
			must(t, b.Remove(key("a")))
			must(t, b.Remove(key("absent")))
			removed, _, err := b.Collect(at(5), 10)
			if len(removed) != 1 {
				t.Errorf("Collect removed %d entries, want the tombstone", len(removed))
			}
			return err
		})
		wantDigest(t, s)
		commitEntries(t, s, put("a", "again", 10))
		wantDigest(t, s)
	}},

	{"the digest shows nothing before the commit", func(t *testing.T, s store.Store) {
		b := s.NewBatch()
		defer b.Close()
		must(t, b.Put(put("a", "1", 9)))
		wantDigest(t, s)
		must(t, b.Close())
		wantDigest(t, s)
	}},

	{"a bucket is set to what it is told", func(t *testing.T, s store.Store) {
		commitEntries(t, s, put("a", "1", 9))
		i := key("a").Bucket()
		told := store.Bucket{Count: 7, Sum: store.Fingerprint{1, 2}}
		commit(t, s, true, func(b store.Batch) error { return b.SetBucket(i, told) })
		digest, err := s.Digest()
		must(t, err)
		if digest[i] != told {
			t.Errorf("bucket = %+v, want %+v", digest[i], told)
		}
	}},
}
