package pebblestore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"hearsay/clock"
	"hearsay/store"
	"hearsay/store/memstore"
	"hearsay/store/pebblestore"
	"hearsay/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, vfs.NewMem()) })
}

func TestSameAsMemory(t *testing.T) {
	storetest.RunSame(t,
		func(*testing.T) store.Store { return memstore.New() },
		func(t *testing.T) store.Store { return open(t, vfs.NewMem()) })
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by open")
	s, err := pebblestore.Open(dir, pebblestore.DefaultOptions())
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	write(t, s, 1, true)
	write(t, s, 2, false)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}

	s, err = pebblestore.Open(dir, pebblestore.DefaultOptions())
	if err != nil {
		t.Fatalf("second Open: %v", err)
	}
	defer s.Close()
	if e, err := s.Get(row(2).Key); err != nil || e.Seq != 2 {
		t.Errorf("Get(%v) = %v, %v, want write 2", row(2).Key, e, err)
	}
	if rows, err := s.Rows(fra, 0, 10); err != nil || !slices.Equal(rows, []store.Row{row(1), row(2)}) {
		t.Errorf("Rows = %v, %v, want two", rows, err)
	}
	if marks, err := s.Watermarks(); err != nil || marks.At(fra) != 2 {
		t.Errorf("Watermarks = %v, %v, want 2", marks, err)
	}
	if newest, err := s.Newest(); err != nil || newest != (clock.Timestamp{Wall: 2}) {
		t.Errorf("Newest = %v, %v, want 2", newest, err)
	}
}

func TestDirectoryIsLocked(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"disk": vfs.Default, "memory": vfs.NewMem()} {
		t.Run(name, func(t *testing.T) {
			opt := pebblestore.DefaultOptions()
			opt.FS = fs
			dir := t.TempDir()
			s, err := pebblestore.Open(dir, opt)
			if err != nil {
				t.Fatalf("Open: %v", err)
			}
			if _, err := pebblestore.Open(dir, opt); !errors.Is(err, pebblestore.ErrLocked) || !strings.Contains(err.Error(), dir) {
				t.Errorf("second Open = %v, want ErrLocked and the directory's name", err)
			}
			if err := s.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
			s, err = pebblestore.Open(dir, opt)
			if err != nil {
				t.Fatalf("Open after Close: %v", err)
			}
			s.Close()
		})
	}
}

func TestOpenWhereNothingCanBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := pebblestore.Open(file, pebblestore.DefaultOptions())
	var path *fs.PathError
	if !errors.As(err, &path) || errors.Is(err, pebblestore.ErrLocked) {
		t.Errorf("Open of a file = %v, want a path error", err)
	}
}

func TestOptions(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(o *pebblestore.Options)
	}{
		{"CacheBytes", func(o *pebblestore.Options) { o.CacheBytes = -1 }},
		{"MemTableBytes", func(o *pebblestore.Options) { o.MemTableBytes = 256<<10 - 1 }},
		{"MaxOpenFiles", func(o *pebblestore.Options) { o.MaxOpenFiles = 15 }},
		{"Compactions", func(o *pebblestore.Options) { o.Compactions = 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opt := pebblestore.DefaultOptions()
			if err := opt.Validate(); err != nil {
				t.Fatalf("DefaultOptions().Validate() = %v", err)
			}
			opt.FS = vfs.NewMem()
			tt.spoil(&opt)
			if _, err := pebblestore.Open("data", opt); err == nil || !strings.Contains(err.Error(), tt.name) {
				t.Errorf("Open = %v, want an error that names %s", err, tt.name)
			}
		})
	}
}

func TestCloseRefusesWhileSnapshotsAreOpen(t *testing.T) {
	s := open(t, vfs.NewMem())
	write(t, s, 1, true)
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "1 snapshots") {
		t.Errorf("Close with an open snapshot = %v, want an error that counts it", err)
	}
	if e, err := snap.Get(row(1).Key); err != nil || e.Seq != 1 {
		t.Errorf("Get after the refused Close = %v, %v, want write 1", e, err)
	}
	write(t, s, 2, true)
	if err := snap.Close(); err != nil {
		t.Fatalf("Close of the snapshot: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// What a node does at once: one writer, readers of its snapshots, questions
// about the store, and at last Close.
func TestReadersBesideOneWriter(t *testing.T) {
	s := open(t, vfs.NewMem())
	var readers sync.WaitGroup
	for seq := uint64(1); seq <= 100; seq++ {
		write(t, s, seq, seq%2 == 0)
		snap, err := s.Snapshot()
		if err != nil {
			t.Fatalf("Snapshot: %v", err)
		}
		readers.Go(func() {
			if e, err := snap.Get(row(seq).Key); err != nil || e.Seq != seq {
				t.Errorf("Get(%v) = %v, %v, want write %d", row(seq).Key, e, err, seq)
			}
			if _, err := snap.Scan(store.Key{}, store.Key{}, 10); err != nil {
				t.Errorf("Scan: %v", err)
			}
			if err := snap.Close(); err != nil {
				t.Errorf("Close of a snapshot: %v", err)
			}
		})
		readers.Go(func() {
			marks, err := s.Watermarks()
			if err != nil || marks.At(fra) < seq {
				t.Errorf("Watermarks = %v, %v, want at least %d", marks, err, seq)
			}
			if rows, err := s.Rows(fra, seq-1, 1); err != nil || len(rows) != 1 {
				t.Errorf("Rows = %v, %v, want row %d", rows, err, seq)
			}
		})
	}
	readers.Wait()
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestFailedCommitSticks(t *testing.T) {
	errDisk := errors.New("the disk is gone")
	tests := []struct {
		name   string
		kind   errorfs.OpKind
		before bool // the disk breaks under an unsynced commit before
	}{
		{"a log that cannot be synced", errorfs.OpFileSyncData, false},
		{"a log that cannot be written", errorfs.OpFileWrite, false},
		{"a log that an earlier commit found broken", errorfs.OpFileWrite, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			broken := &errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind == tt.kind && strings.HasSuffix(op.Path, ".log") {
					return errDisk
				}
				return nil
			})}
			s := open(t, errorfs.Wrap(vfs.NewMem(), broken))
			write(t, s, 1, true)
			broken.On()
			if tt.before {
				write(t, s, 2, false)
			}
			b := s.NewBatch()
			if err := b.Put(numbered(2)); err != nil {
				t.Fatalf("Put: %v", err)
			}
			if err := b.Commit(true); !errors.Is(err, errDisk) {
				t.Fatalf("Commit = %v, want %v", err, errDisk)
			}
			broken.Off()

			if _, err := s.Get(row(1).Key); !errors.Is(err, errDisk) {
				t.Errorf("Get = %v, want %v", err, errDisk)
			}
			if _, err := s.Snapshot(); !errors.Is(err, errDisk) {
				t.Errorf("Snapshot = %v, want %v", err, errDisk)
			}
			next := s.NewBatch()
			if err := next.Put(numbered(3)); !errors.Is(err, errDisk) {
				t.Errorf("Put = %v, want %v", err, errDisk)
			}
			if err := next.Commit(true); !errors.Is(err, errDisk) {
				t.Errorf("second Commit = %v, want %v", err, errDisk)
			}
			if err := errors.Join(b.Close(), next.Close()); err != nil {
				t.Errorf("Close of the batches: %v", err)
			}
			if err := s.Close(); !errors.Is(err, errDisk) {
				t.Errorf("Close = %v, want %v", err, errDisk)
			}
			if err := s.Close(); !errors.Is(err, store.ErrClosed) {
				t.Errorf("second Close = %v, want ErrClosed", err)
			}
		})
	}
}

func TestCorruptionIsAnError(t *testing.T) {
	disk := vfs.NewMem()
	s := open(t, disk)
	write(t, s, 1, true)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	// A second key, whose record is cut short, as only a foreign hand could.
	db, err := pebble.Open("data", &pebble.Options{FS: disk, Logger: nowhere{}, FormatMajorVersion: pebble.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"ens\x00\x01cut", "e\x00\x02bad", "lfra\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"} {
		if err := db.Set([]byte(k), []byte{1, 0}, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, disk)
	defer s.Close()
	if e, err := s.Get(row(1).Key); err != nil || e.Seq != 1 {
		t.Errorf("Get of a whole entry = %v, %v", e, err)
	}
	cut := store.Key{Namespace: "ns", Name: "cut"}
	if e, err := s.Get(cut); err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), cut.String()) {
		t.Errorf("Get of a corrupt entry = %v, %v, want an error that names the key", e, err)
	}
	if _, err := s.Scan(cut, store.Key{}, 10); err == nil {
		t.Error("Scan over a corrupt entry = nil, want an error")
	}
	if _, err := s.Scan(store.Key{}, store.Key{Namespace: "a"}, 10); err == nil {
		t.Error("Scan over a corrupt key = nil, want an error")
	}
	if rows, err := s.Rows(fra, 0, 10); err == nil {
		t.Errorf("Rows over a corrupt row = %v, want an error", rows)
	}
}

// nowhere is a logger for a database that a test opens itself.
type nowhere struct{}

func (nowhere) Infof(string, ...any)      {}
func (nowhere) Errorf(string, ...any)     {}
func (nowhere) Fatalf(f string, v ...any) { panic(f) }

// write has fra make its write number seq.
func write(t *testing.T, s store.Store, seq uint64, sync bool) {
	t.Helper()
	b := s.NewBatch()
	defer b.Close()
	e := numbered(seq)
	e.Value = e.Value[:100]
	if err := errors.Join(b.Put(e), b.Log(fra, row(seq)), b.SetMark(fra, seq), b.Commit(sync)); err != nil {
		t.Fatalf("write %d: %v", seq, err)
	}
}

func open(t testing.TB, fs vfs.FS) *pebblestore.Store {
	t.Helper()
	return openWith(t, fs, pebblestore.DefaultOptions())
}

// openSmall opens a store that soon flushes and compacts.
func openSmall(t testing.TB, fs vfs.FS) *pebblestore.Store {
	t.Helper()
	opt := pebblestore.DefaultOptions()
	opt.MemTableBytes = 256 << 10
	opt.CacheBytes = 1 << 20
	return openWith(t, fs, opt)
}

func openWith(t testing.TB, fs vfs.FS, opt pebblestore.Options) *pebblestore.Store {
	t.Helper()
	opt.FS = fs
	s, err := pebblestore.Open("data", opt)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}
