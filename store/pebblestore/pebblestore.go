// Package pebblestore is a replica on disk, in Pebble.
//
// keys.go and record.go say what the bytes are; store/DESIGN.md says why.
package pebblestore

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"hearsay/clock"
	"hearsay/store"
)

// ErrLocked is returned by Open for a directory that another store, of this
// process or another, has open.
var ErrLocked = errors.New("pebblestore: the data directory is in use by another node; stop that node, or give this one a directory of its own")

// A Store is a replica on disk. Its methods may be called from any goroutine, a
// batch's from one.
type Store struct {
	db   *pebble.DB
	end  *end
	lock *pebble.Lock
	fs   vfs.FS
	// staging is the directory of uploads, one file each.
	staging string

	// use is held for reading by every call that touches db, for writing by
	// Close.
	use    sync.RWMutex
	closed bool

	mu        sync.Mutex // guards what follows; held for moments only
	failed    error      // the first failed commit
	marks     store.Watermarks
	trimmed   store.Watermarks
	digest    []store.Bucket // changed by Commit alone
	newest    clock.Timestamp
	snapshots int // open ones
}

var _ store.Store = (*Store)(nil)

// Open opens the store in dir, which it creates if need be and locks. Errors
// include ErrLocked, and one that names a field of opt.
func Open(dir string, opt Options) (*Store, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	if opt.FS == nil {
		opt.FS = vfs.Default
	}
	s, err := open(dir, opt)
	if err != nil {
		return nil, fmt.Errorf("open store in %s: %w", dir, err)
	}
	return s, nil
}

func open(dir string, opt Options) (*Store, error) {
	if err := opt.FS.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(dir, opt.FS)
	if err != nil {
		return nil, err
	}
	e := newEnd(opt.Fatal)
	po := opt.pebble(e)
	po.Lock = lock
	db, abandoned, err := e.openPebble(dir, po)
	if abandoned {
		return nil, err
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	e.open.Store(true)
	s := &Store{db: db, end: e, lock: lock, digest: make([]store.Bucket, store.Buckets), fs: opt.FS, staging: opt.FS.PathJoin(dir, "staging")}
	if err := errors.Join(s.openStaging(), s.loadDigest(), s.load()); err != nil {
		return nil, errors.Join(err, db.Close(), lock.Close())
	}
	return s, nil
}

// lockDirectory tells a lock that is held from one that cannot be made: only the
// latter names a file.
func lockDirectory(dir string, fsys vfs.FS) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, fsys)
	var path *fs.PathError
	if err == nil || errors.As(err, &path) {
		return lock, err
	}
	return nil, fmt.Errorf("%w (%w)", ErrLocked, err)
}

// load reads the little that is kept in memory.
func (s *Store) load() error {
	var err error
	if s.marks, err = s.loadMarks(kindWatermark); err != nil {
		return fmt.Errorf("watermarks: %w", err)
	}
	if s.trimmed, err = s.loadMarks(kindTrimmed); err != nil {
		return fmt.Errorf("trimmed logs: %w", err)
	}
	b, closer, err := s.db.Get([]byte{kindNewest})
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer closer.Close()
	if s.newest, err = parseNewest(b); err != nil {
		return fmt.Errorf("newest timestamp: %w", err)
	}
	return nil
}

// loadMarks reads the numbers that are kept by origin under a letter.
func (s *Store) loadMarks(kind byte) (store.Watermarks, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var marks store.Watermarks
	for ok := it.First(); ok; ok = it.Next() {
		origin, err := parseOriginKey(kind, it.Key())
		if err != nil {
			return nil, fmt.Errorf("key %x: %w", it.Key(), err)
		}
		seq, err := parseWatermark(it.Value())
		if err != nil {
			return nil, fmt.Errorf("%v: %w", origin, err)
		}
		marks = append(marks, store.Mark{Origin: origin, Seq: seq})
	}
	return marks, it.Error()
}

// begin admits a call that touches the database. Without an error, it is ended
// by s.use.RUnlock.
func (s *Store) begin() error {
	s.use.RLock()
	if s.closed {
		s.use.RUnlock()
		return store.ErrClosed
	}
	if err := s.failure(); err != nil {
		s.use.RUnlock()
		return err
	}
	return nil
}

func (s *Store) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Watermarks implements store.Store.
func (s *Store) Watermarks() (store.Watermarks, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.use.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marks.Clone(), nil
}

// Newest implements store.Store.
func (s *Store) Newest() (clock.Timestamp, error) {
	if err := s.begin(); err != nil {
		return clock.Timestamp{}, err
	}
	defer s.use.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest, nil
}

// Memo implements store.Store.
func (s *Store) Memo(name string) ([]byte, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.use.RUnlock()
	b, closer, err := s.db.Get(memoKey(name))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("memo %s: %w", name, err)
	}
	defer closer.Close()
	return slices.Clone(b), nil
}

// Close waits for the calls that are under way, then closes the database and
// unlocks its directory. While a snapshot is open it returns an error and
// changes nothing. A store with a failed commit is abandoned as it stands: it
// keeps its lock until the process ends.
func (s *Store) Close() error {
	s.use.Lock()
	defer s.use.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.mu.Lock()
	open, failed := s.snapshots, s.failed
	s.mu.Unlock()
	if failed != nil {
		s.closed = true
		return fmt.Errorf("close: %w", failed)
	}
	if open > 0 {
		return fmt.Errorf("pebblestore: close: %d snapshots are open, close them first", open)
	}
	s.closed = true
	s.end.open.Store(false) // what fails now is an error of Close
	if err := errors.Join(s.db.Close(), s.lock.Close()); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}
