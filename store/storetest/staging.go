package storetest

import (
	"errors"
	"testing"

	"hearsay/store"
)

func upload(number uint64) store.Upload { return store.Upload{Life: 1 << 63, Number: number} }

// large returns an entry whose value of size bytes is u.
func large(name string, u store.Upload, size int64) *store.Entry {
	e := put(name, "", 1)
	e.Value = nil
	e.Manifest = &store.Manifest{Upload: u, Size: size, ChunkBytes: size, Hashes: make([]store.Hash, 1)}
	return e
}

func stage(t tb, s store.Store, u store.Upload, offset int64, data string) {
	t.Helper()
	must(t, s.Stage(u, offset, []byte(data)))
	must(t, s.SyncStaged(u))
}

func wantStaged(t tb, s store.Store, u store.Upload, offset int64, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if err := s.ReadStaged(u, offset, got); err != nil || string(got) != want {
		t.Fatalf("ReadStaged(%v, %d) = %q, %v, want %q", u, offset, got, err, want)
	}
}

func wantNotStaged(t tb, s store.Store, u store.Upload, offset, size int64) {
	t.Helper()
	if err := s.ReadStaged(u, offset, make([]byte, size)); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("ReadStaged(%v, %d) of %d bytes = %v, want ErrNotFound", u, offset, size, err)
	}
}

var stagingCases = []testCase{
	{"an upload is staged in any order", func(t *testing.T, s store.Store) {
		u := upload(7)
		wantNotStaged(t, s, u, 0, 1)
		stage(t, s, u, 6, "ghi")
		stage(t, s, u, 0, "abc")
		must(t, s.Stage(u, 3, []byte("def")))
		wantStaged(t, s, u, 0, "abcdefghi")
		wantStaged(t, s, u, 2, "cdefg")
		wantNotStaged(t, s, u, 6, 4)
		wantNotStaged(t, s, u, 9, 1)
		stage(t, s, u, 3, "DEF")
		wantStaged(t, s, u, 2, "cDEFg")
		wantNotStaged(t, s, upload(8), 0, 1)
	}},

	{"what is staged belongs to the store", func(t *testing.T, s store.Store) {
		u, data := upload(1), []byte("abc")
		must(t, s.Stage(u, 0, data))
		data[0] = 'x'
		wantStaged(t, s, u, 0, "abc")
	}},

	{"an upload that was dropped begins anew", func(t *testing.T, s store.Store) {
		u := upload(1)
		must(t, s.Drop(u))
		stage(t, s, u, 0, "abc")
		must(t, s.Drop(u))
		wantNotStaged(t, s, u, 0, 1)
		stage(t, s, u, 1, "b")
		wantStaged(t, s, u, 1, "b")
		wantNotStaged(t, s, u, 1, 2)
	}},

	{"an upload that an entry names is kept until it is released", func(t *testing.T, s store.Store) {
		kept, loose := upload(1), upload(2)
		stage(t, s, kept, 0, "kept")
		stage(t, s, loose, 0, "loose")
		b := s.NewBatch()
		must(t, b.Put(large("a", loose, 5)))
		must(t, b.Close())
		e := large("a", kept, 4)
		commitEntries(t, s, e)
		wantEntry(t, s, e)
		must(t, s.Drop(kept))
		must(t, s.Sweep())
		wantStaged(t, s, kept, 0, "kept")
		wantNotStaged(t, s, loose, 0, 5)

		commit(t, s, true, func(b store.Batch) error {
			must(t, b.Release(kept))
			return b.Put(put("a", "small", 2))
		})
		wantStaged(t, s, kept, 0, "kept")
		must(t, s.Drop(kept))
		wantNotStaged(t, s, kept, 0, 1)
	}},

	{"releasing and keeping take their order in a batch", func(t *testing.T, s store.Store) {
		u := upload(1)
		stage(t, s, u, 0, "abc")
		commit(t, s, true, func(b store.Batch) error {
			must(t, b.Put(large("a", u, 3)))
			must(t, b.Release(u))
			return b.Put(large("a", u, 3))
		})
		must(t, s.Drop(u))
		wantStaged(t, s, u, 0, "abc")
	}},

	{"a sweep forgets what no entry names", func(t *testing.T, s store.Store) {
		must(t, s.Sweep())
		for i := range uint64(4) {
			stage(t, s, upload(i), 0, "x")
		}
		commitEntries(t, s, large("a", upload(1), 1), large("b", upload(2), 1))
		commit(t, s, true, func(b store.Batch) error { return b.Release(upload(2)) })
		must(t, s.Sweep())
		wantStaged(t, s, upload(1), 0, "x")
		for _, i := range []uint64{0, 2, 3} {
			wantNotStaged(t, s, upload(i), 0, 1)
		}
	}},

	{"staging ends with the store", func(t *testing.T, s store.Store) {
		must(t, s.Close())
		u := upload(1)
		for name, err := range map[string]error{
			"Stage": s.Stage(u, 0, nil), "SyncStaged": s.SyncStaged(u), "ReadStaged": s.ReadStaged(u, 0, nil),
			"Drop": s.Drop(u), "Sweep": s.Sweep(),
		} {
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("%s after Close = %v, want ErrClosed", name, err)
			}
		}
	}},
}
