// Package storetest is the contract of package store as a test suite, for any
// store.Store.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"hearsay/clock"
	"hearsay/store"
)

// Run checks everything that a store promises but for crashes. Open returns an
// empty store; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range slices.Concat(readCases, batchCases, logCases, collectCases, stagingCases, digestCases, lifeCases) {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			c.check(t, s)
			if err := s.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
				t.Errorf("Close() = %v", err)
			}
		})
	}
}

type testCase struct {
	name  string
	check func(t *testing.T, s store.Store)
}

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

func origin(node string, start int64) store.Origin {
	return store.Origin{Node: store.NodeID(node), Incarnation: store.Incarnation{Start: clock.Timestamp{Wall: start}, Nonce: 7}}
}

func key(name string) store.Key { return store.Key{Namespace: "ns", Name: name} }

func put(name, value string, wall int64) *store.Entry {
	return &store.Entry{
		Key:     key(name),
		Value:   []byte(value),
		Version: store.Version{Timestamp: clock.Timestamp{Wall: wall}, Origin: origin("fra", 1)},
		Seq:     uint64(wall),
	}
}

func row(seq uint64, name string) store.Row {
	return store.Row{Seq: seq, Key: key(name), Timestamp: clock.Timestamp{Wall: int64(seq)}}
}

// commit applies what fill puts into a batch.
func commit(t tb, s store.Store, sync bool, fill func(b store.Batch) error) {
	t.Helper()
	b := s.NewBatch()
	defer b.Close()
	if err := fill(b); err != nil {
		t.Fatalf("fill batch: %v", err)
	}
	if err := b.Commit(sync); err != nil {
		t.Fatalf("Commit(%v) = %v", sync, err)
	}
}

func commitEntries(t tb, s store.Store, entries ...*store.Entry) {
	t.Helper()
	commit(t, s, true, func(b store.Batch) error {
		for _, e := range entries {
			if err := b.Put(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// equal compares entries by what a reader can tell apart: an empty value may be
// nil or not.
func equal(a, b *store.Entry) bool {
	return a.Key == b.Key && a.Expires == b.Expires && a.Tombstone == b.Tombstone &&
		a.Version == b.Version && a.Seq == b.Seq && a.Request == b.Request && a.Known.Equal(b.Known) && a.Seen.Equal(b.Seen) &&
		bytes.Equal(a.Value, b.Value) && a.Manifest.Equal(b.Manifest) && bytes.Equal(a.Metadata, b.Metadata) &&
		(a.Metadata == nil) == (b.Metadata == nil)
}

func show(e *store.Entry) string {
	if e == nil {
		return "no entry"
	}
	return fmt.Sprintf("%q = %q, manifest %v, metadata %q, expires %d, tombstone %v, %v, seq %d, request %q, known %+v, seen %+v",
		e.Key, e.Value, e.Manifest, e.Metadata, e.Expires, e.Tombstone, e.Version, e.Seq, e.Request, e.Known, e.Seen)
}

func wantEntry(t tb, r getter, want *store.Entry) {
	t.Helper()
	got, err := r.Get(want.Key)
	if err != nil {
		t.Fatalf("Get(%q) = %v, want %s", want.Key, err, show(want))
	}
	if !equal(got, want) {
		t.Fatalf("Get(%q) = %s, want %s", want.Key, show(got), show(want))
	}
}

func wantMissing(t tb, r getter, k store.Key) {
	t.Helper()
	if got, err := r.Get(k); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Get(%q) = %s, %v, want ErrNotFound", k, show(got), err)
	}
}

type getter interface {
	Get(key store.Key) (*store.Entry, error)
}

func wantScan(t tb, r store.Reader, start, end store.Key, limit int, want ...*store.Entry) {
	t.Helper()
	got, err := r.Scan(start, end, limit)
	if err != nil {
		t.Fatalf("Scan(%q, %q, %d) = %v", start, end, limit, err)
	}
	if !slices.EqualFunc(got, want, equal) {
		t.Fatalf("Scan(%q, %q, %d) = %s, want %s", start, end, limit, showAll(got), showAll(want))
	}
}

func showAll(entries []*store.Entry) string {
	var b bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&b, "\n\t%s", show(e))
	}
	return b.String()
}

func wantRows(t tb, s store.Store, o store.Origin, after uint64, limit int, want ...store.Row) {
	t.Helper()
	got, err := s.Rows(o, after, limit)
	if err != nil {
		t.Fatalf("Rows(%v, %d, %d) = %v", o, after, limit, err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("Rows(%v, %d, %d) = %v, want %v", o, after, limit, got, want)
	}
}

func wantMarks(t tb, s store.Store, want store.Watermarks) {
	t.Helper()
	got, err := s.Watermarks()
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("Watermarks() = %v, %v, want %v", got, err, want)
	}
}

func wantNewest(t tb, s store.Store, want clock.Timestamp) {
	t.Helper()
	if got, err := s.Newest(); err != nil || got != want {
		t.Fatalf("Newest() = %v, %v, want %v", got, err, want)
	}
}

func wantMemo(t tb, s store.Store, name, want string) {
	t.Helper()
	if got, err := s.Memo(name); err != nil || string(got) != want {
		t.Fatalf("Memo(%s) = %q, %v, want %q", name, got, err, want)
	}
}
