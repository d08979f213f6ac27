package pebblestore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"hearsay/clock"
	"hearsay/store"
	"hearsay/store/storetest"
)

// A crash loses what the file system was not told to sync, all of it or a part
// block by block.
func TestCrash(t *testing.T) {
	for _, kept := range []int{0, 50} {
		t.Run(fmt.Sprintf("%d percent of the unsynced blocks are kept", kept), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(kept)))
			storetest.RunCrash(t, func(t *testing.T) (store.Store, func() store.Store) {
				fs := vfs.NewCrashableMem()
				s := open(t, fs)
				return s, func() store.Store {
					fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rng})
					if err := s.Close(); err != nil {
						t.Fatalf("Close of the crashed store: %v", err)
					}
					s = open(t, fs)
					return s
				}
			})
		})
	}
}

// Every sync of a run that flushes and compacts is a moment at which the power
// may fail. Each such disk must open, with every commit that was acknowledged
// as synced and, of the later ones, the oldest.
func TestCutAtAnySync(t *testing.T) {
	disk := vfs.NewCrashableMem()
	var mu sync.Mutex // guards what follows: Pebble syncs from several goroutines
	var cuts []cut
	acknowledged := 0
	rng := rand.New(rand.NewPCG(1, 2))
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			mu.Lock()
			defer mu.Unlock()
			after := acknowledged // before the clone, never after
			cuts = append(cuts, cut{disk.CrashClone(vfs.CrashCloneCfg{
				UnsyncedDataPercent: 50 * (len(cuts) % 2), RNG: rng,
			}), after})
		}
		return nil
	}))

	s := openSmall(t, fs)
	const commits = 100
	for i := uint64(1); i <= commits; i++ {
		sync := i%3 == 0
		b := s.NewBatch()
		for _, err := range []error{b.Put(numbered(i)), b.Log(fra, row(i)), b.SetMark(fra, i), b.Commit(sync), b.Close()} {
			if err != nil {
				t.Fatalf("commit %d: %v", i, err)
			}
		}
		if sync {
			mu.Lock()
			acknowledged = int(i)
			mu.Unlock()
		}
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}

	if len(cuts) < commits/3 {
		t.Fatalf("%d syncs were seen, want at least one per synced commit, %d", len(cuts), commits/3)
	}
	for i, c := range cuts {
		if err := c.check(t); err != nil {
			t.Errorf("cut %d of %d, %d commits acknowledged: %v", i, len(cuts), c.acknowledged, err)
		}
	}
}

// A cut is a disk as a crash left it.
type cut struct {
	fs           *vfs.MemFS
	acknowledged int
}

func (c cut) check(t *testing.T) error {
	s := openSmall(t, c.fs)
	defer s.Close()
	marks, err := s.Watermarks()
	if err != nil {
		return err
	}
	through := marks.At(fra)
	if through < uint64(c.acknowledged) {
		return fmt.Errorf("only %d commits are left", through)
	}
	rows, err := s.Rows(fra, 0, 1000)
	if err != nil {
		return err
	}
	if uint64(len(rows)) != through {
		return fmt.Errorf("%d rows at watermark %d", len(rows), through)
	}
	entries, err := s.Scan(store.Key{}, store.Key{}, 1000)
	if err != nil {
		return err
	}
	if want := min(through, names); uint64(len(entries)) != want {
		return fmt.Errorf("%d entries at watermark %d, want %d", len(entries), through, want)
	}
	for _, e := range entries {
		if e.Seq+names <= through || e.Seq > through || !bytes.Equal(e.Value, numbered(e.Seq).Value) {
			return fmt.Errorf("%v holds write %d at watermark %d", e.Key, e.Seq, through)
		}
	}
	newest, err := s.Newest()
	if err != nil {
		return err
	}
	if newest.Wall != int64(through) {
		return fmt.Errorf("newest timestamp is %v at watermark %d", newest, through)
	}
	return nil
}

// names is how many keys the writes of fra go round.
const names = 7

var fra = store.Origin{Node: "fra", Incarnation: store.Incarnation{Start: clock.Timestamp{Wall: 1}}}

func row(seq uint64) store.Row {
	return store.Row{
		Seq:       seq,
		Key:       store.Key{Namespace: "ns", Name: fmt.Sprint(seq % names)},
		Timestamp: clock.Timestamp{Wall: int64(seq)},
	}
}

// numbered is write number seq of fra, large enough that a hundred fill
// more than one table. Where a log is torn, Pebble looks for a flipped bit, in time
// that is square in the size of a record: hence not larger.
func numbered(seq uint64) *store.Entry {
	r := row(seq)
	value := make([]byte, 4<<10)
	rng := rand.NewPCG(seq, 0)
	for i := range value {
		value[i] = byte(rng.Uint64())
	}
	return &store.Entry{Key: r.Key, Value: value, Version: store.Version{Timestamp: r.Timestamp, Origin: fra}, Seq: seq}
}
