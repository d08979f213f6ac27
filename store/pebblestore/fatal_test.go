package pebblestore_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"hearsay/store/pebblestore"
)

// However a disk fails, the process does not end without a word: a commit returns the
// error, or whoever owns the store is told. What was acknowledged is there afterwards.
func TestDiskThatFails(t *testing.T) {
	in := func(suffix string, kinds ...errorfs.OpKind) func(errorfs.Op) bool {
		return func(op errorfs.Op) bool {
			for _, k := range kinds {
				if op.Kind == k && strings.Contains(op.Path, suffix) {
					return true
				}
			}
			return false
		}
	}
	writes := []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo}
	begins := []errorfs.OpKind{errorfs.OpCreate, errorfs.OpReuseForWrite}
	tests := []struct {
		name  string
		fails func(errorfs.Op) bool
	}{
		{"no log can be begun", in(".log", begins...)},
		{"no log can be written", in(".log", writes...)},
		{"the manifest cannot be written", in("MANIFEST", writes...)},
		{"no manifest can be begun", in("MANIFEST", begins...)},
		{"nothing can be written", in("", append(writes, begins...)...)},
	}
	for _, tt := range tests {
		for _, sync := range []bool{true, false} {
			disk := vfs.NewCrashableMem()
			var broken atomic.Bool
			fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if broken.Load() && tt.fails(op) {
					return syscall.ENOSPC
				}
				return nil
			}))
			told := make(chan error, 100)
			opt := pebblestore.DefaultOptions()
			opt.MemTableBytes, opt.CacheBytes, opt.FS = 256<<10, 1<<20, fs
			opt.Fatal = func(err error) {
				told <- err
				select {} // as for the rest of a process's life
			}
			s, err := pebblestore.Open("data", opt)
			if err != nil {
				t.Fatal(err)
			}
			var acknowledged atomic.Uint64
			go func() {
				for i := uint64(1); i < 5000; i++ {
					b := s.NewBatch()
					err := errors.Join(b.Put(numbered(i)), b.Log(fra, row(i)), b.SetMark(fra, i))
					if err == nil {
						err = b.Commit(sync)
					}
					if err != nil {
						told <- err
						return
					}
					if sync {
						acknowledged.Store(i)
					}
					if i == 100 {
						broken.Store(true)
					}
				}
				told <- nil
			}()
			select {
			case err := <-told:
				if !errors.Is(err, syscall.ENOSPC) && !(err == nil && strings.Contains(tt.name, "manifest can be begun")) {
					t.Errorf("%s, synced %v: told %v, want that the disk is full", tt.name, sync, err)
				}
			case <-time.After(time.Minute):
				t.Fatalf("%s, synced %v: nobody was told", tt.name, sync)
			}
			after := acknowledged.Load()
			left := openSmall(t, disk.CrashClone(vfs.CrashCloneCfg{}))
			marks, err := left.Watermarks()
			if err != nil || marks.At(fra) < after {
				t.Errorf("%s: %d of %d acknowledged commits are left (%v)", tt.name, marks.At(fra), after, err)
			}
			if err := left.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A store on a disk that is full already is not opened, and says why.
func TestOpenOnAFullDisk(t *testing.T) {
	disk := vfs.NewCrashableMem()
	s := open(t, disk)
	defer s.Close()
	write(t, s, 1, true) // which a start takes from the log and flushes
	for name, fails := range map[string]func(errorfs.Op) bool{
		"create":      func(op errorfs.Op) bool { return op.Kind == errorfs.OpCreate },
		"write":       func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite },
		"write table": func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".sst") },
		"sync":        func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileSync },
	} {
		opt := pebblestore.DefaultOptions()
		opt.FS = errorfs.Wrap(disk.CrashClone(vfs.CrashCloneCfg{}), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if fails(op) && !strings.Contains(op.Path, "LOCK") {
				return syscall.ENOSPC
			}
			return nil
		}))
		opt.Fatal = func(err error) { t.Errorf("told %v of a store that is not open", err) }
		if s, err := pebblestore.Open("data", opt); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Open where %s fails = %v, want %v", name, err, syscall.ENOSPC)
			if err == nil {
				s.Close()
			}
		}
	}
}
