package pebblestore

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// This file is about failures after which Pebble neither returns nor unwinds: it
// holds its locks half open, and to return to it, to panic, or to end the
// goroutine would each end the process without a word. So whoever owns the store is told
// first, and told there.

// An end tells of such failures, once the store is open: before that they are errors
// of Open. It is Pebble's logger too.
type end struct {
	tell    func(error) // nil for nobody
	open    atomic.Bool
	opening chan error // holds the first failure before that
}

func newEnd(tell func(error)) *end { return &end{tell: tell, opening: make(chan error, 1)} }

// come tells of err. It returns only where nobody wants to know.
func (e *end) come(err error) {
	if e.open.Load() && e.tell != nil {
		e.tell(err)
	}
}

func (*end) Infof(string, ...any)  {}
func (*end) Errorf(string, ...any) {}

// commitFailed is what Pebble says in the goroutine of a commit that failed, where it
// can be unwound.
const commitFailed = "pebble: fatal commit error: %v"

// Fatalf must not return: Pebble would go on as if nothing had happened.
func (e *end) Fatalf(format string, args ...any) {
	var cause error
	for _, a := range args {
		if err, ok := a.(error); ok {
			cause = err
		}
	}
	if cause == nil {
		cause = fmt.Errorf(format, args...)
	}
	switch {
	case !e.open.Load():
		e.fail(cause)
		select {} // it may be any goroutine of a database that nobody will use
	case format != commitFailed:
		e.come(cause)
	}
	panic(cause)
}

// openPebble opens a database, or abandons what came of it: the process keeps its
// lock then.
func (e *end) openPebble(dir string, po *pebble.Options) (db *pebble.DB, abandoned bool, err error) {
	type result struct {
		db  *pebble.DB
		err error
	}
	opened := make(chan result, 1)
	go func() {
		db, err := pebble.Open(dir, po)
		opened <- result{db, err}
	}()
	select {
	case r := <-opened:
		return r.db, false, r.err
	case err := <-e.opening:
		return nil, true, err
	}
}

// fail has Open return err.
func (e *end) fail(err error) {
	select {
	case e.opening <- err:
	default:
	}
}

// hear has end told of logs that cannot be begun, and of what Pebble cannot flush
// when it opens: it would try for ever.
func (e *end) hear(events *pebble.EventListener) {
	met := events.BackgroundError
	events.BackgroundError = func(err error) {
		met(err)
		if !e.open.Load() {
			e.fail(err)
		}
	}
	begun := events.WALCreated
	events.WALCreated = func(i pebble.WALCreateInfo) {
		if begun != nil {
			begun(i)
		}
		if i.Err != nil {
			e.come(fmt.Errorf("begin a log: %w", i.Err))
		}
	}
}

// logFS has end told of logs that cannot be closed.
type logFS struct {
	vfs.FS
	end *end
}

func (f logFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	return f.watch(name, file, err)
}

func (f logFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(oldname, newname, category)
	return f.watch(newname, file, err)
}

func (f logFS) watch(name string, file vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, ".log") {
		return file, err
	}
	return &logFile{File: file, end: f.end}, nil
}

// Unwrap implements vfs.FS.
func (f logFS) Unwrap() vfs.FS { return f.FS }

// A logFile remembers the first failure to write or sync it. Whoever waits for a commit is
// told of it by that. What comes after is the closing of the log, from which there is no
// way back.
type logFile struct {
	vfs.File
	end    *end
	failed atomic.Pointer[error]
}

func (f *logFile) closing() {
	if err := f.failed.Load(); err != nil {
		f.end.come(fmt.Errorf("close a log: %w", *err))
	}
}

func (f *logFile) note(err error) error {
	if err != nil {
		f.failed.CompareAndSwap(nil, &err)
	}
	return err
}

func (f *logFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.note(err)
}

func (f *logFile) SyncData() error {
	f.closing()
	return f.note(f.File.SyncData())
}

func (f *logFile) SyncTo(length int64) (bool, error) {
	f.closing()
	full, err := f.File.SyncTo(length)
	return full, f.note(err)
}

func (f *logFile) Close() error {
	f.closing()
	return f.File.Close()
}
