package pebblestore

import (
	"fmt"
	"runtime"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options tunes a Store. Start from DefaultOptions.
type Options struct {
	// CacheBytes bounds the cache of blocks read from disk.
	CacheBytes int64
	// MemTableBytes bounds one table of writes that are not yet in a sorted file.
	// Up to four may wait to be written before commits wait, and a start replays
	// as much.
	MemTableBytes int
	// MaxOpenFiles bounds how many sorted files are kept open, softly.
	MaxOpenFiles int
	// Compactions is how many compactions may run at once when they fall behind.
	Compactions int
	// FS is the file system; nil is the machine's.
	FS vfs.FS
	// Events hears what Pebble does and meets, slow and full disks included; nil
	// is nobody. Pebble itself writes to no log.
	Events *pebble.EventListener
	// Fatal is told of a failure of the disk after which Pebble can neither go on nor
	// give up, and must not return while the process lives: calls of the store that
	// are under way never will, Close included. Nil lets the process end where it
	// stands. What was synced is safe.
	Fatal func(error)
}

// DefaultOptions returns settings for one node on a machine of its own.
func DefaultOptions() Options {
	return Options{
		CacheBytes:    64 << 20,
		MemTableBytes: 16 << 20,
		MaxOpenFiles:  1000,
		Compactions:   min(4, runtime.GOMAXPROCS(0)),
	}
}

// Validate returns an error that names the first field out of its range.
func (o Options) Validate() error {
	for _, n := range []struct {
		name     string
		value    int64
		min, max int64
	}{
		{"CacheBytes", o.CacheBytes, 0, 1 << 40},
		{"MemTableBytes", int64(o.MemTableBytes), 256 << 10, 1 << 30},
		{"MaxOpenFiles", int64(o.MaxOpenFiles), 16, 1 << 20},
		{"Compactions", int64(o.Compactions), 1, 64},
	} {
		if n.value < n.min || n.value > n.max {
			return fmt.Errorf("pebblestore: %s is %d, must be %d to %d", n.name, n.value, n.min, n.max)
		}
	}
	return nil
}

// format is named, not "the newest": it only ever moves forward, and a
// directory that moved cannot be opened by an older release.
const format = pebble.FormatValueSeparation

func (o Options) pebble(e *end) *pebble.Options {
	events := pebble.EventListener{}
	if o.Events != nil {
		events = *o.Events
	}
	// Left out, these two would log, and a corrupt block end the process. A
	// corrupt block is an error of the read that meets it.
	if events.BackgroundError == nil {
		events.BackgroundError = func(error) {}
	}
	if events.DataCorruption == nil {
		events.DataCorruption = func(pebble.DataCorruptionInfo) {}
	}
	e.hear(&events)
	p := &pebble.Options{
		FormatMajorVersion: format,
		FS:                 logFS{o.FS, e},
		CacheSize:          o.CacheBytes,
		MemTableSize:       uint64(o.MemTableBytes),
		// Four, so that a burst does not wait for one slow flush.
		MemTableStopWritesThreshold: 4,
		MaxOpenFiles:                o.MaxOpenFiles,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, o.Compactions },
		// Reads look into each sublevel of L0, so it is emptied early.
		L0CompactionThreshold: 2,
		L0StopWritesThreshold: 20,
		Logger:                e,
		EventListener:         &events,
	}
	// A turn looks up each key that it writes, and new keys are on no level. A
	// plain Get never consults the last level's filters, so it has none.
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	p.Levels[len(p.Levels)-1].FilterPolicy = pebble.NoFilterPolicy
	return p
}
