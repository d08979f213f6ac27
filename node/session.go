package node

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// This file is how a client that passes its bookmark along sees one order of
// things wherever it asks (C8).

var (
	// ErrBehind is returned for a bookmark that names writes which are not here
	// yet. Nothing changed; they are on their way, unless a cut holds them up.
	ErrBehind = errors.New("node: behind the bookmark")
	// ErrAhead is returned for a bookmark ahead of this machine's clock by more
	// than the maximum skew. Nothing changed; one of two clocks is wrong.
	ErrAhead = errors.New("node: bookmark is ahead of this machine's clock by more than the maximum skew")
	// ErrLost is returned for a bookmark that names a write which its origin's end
	// excludes: no node will ever hold it. Nothing changed; the client has to begin
	// anew, without a bookmark.
	ErrLost = errors.New("node: bookmark lost")
)

// Serve returns nil if reads of f at now show all that b's holder has seen, else
// ErrBehind, ErrAhead or ErrLost.
func (f *Front) Serve(now clock.Reading, b store.Bookmark) error {
	if err := checkAhead(now, b, f.MaxSkew); err != nil {
		return cmp.Or(f.refused(now, b), err)
	}
	if b.IsZero() {
		return nil
	}
	for _, whole := range [...]clock.Timestamp{b.Through, b.Floor} {
		if f.W.IsZero() || f.W.Compare(whole) < 0 {
			return fmt.Errorf("%w: whether all is here that was stamped up to %v is not known yet", ErrBehind, whole)
		}
	}
	var behind error
	for _, s := range b.Marks {
		switch held := f.Marks.At(s.Origin); {
		case held >= s.Seq:
		case s.Timestamp.Compare(f.W) > 0:
			behind = fmt.Errorf("%w: of %v it holds %d of %d writes", ErrBehind, s.Origin, held, s.Seq)
		case held == 0 && s.Timestamp.Compare(f.Floor) <= 0 && !excludes(&f.Epoch, s):
			// A retired origin, all of whose writes are everywhere.
		default:
			// Nothing is missing here that was stamped up to W.
			return fmt.Errorf("%w: %v ended with write %d, before %d", ErrLost, s.Origin, held, s.Seq)
		}
	}
	return behind
}

// refused returns ErrLost if b names a write that was refused for its timestamp, and so
// lies beyond an end.
func (f *Front) refused(now clock.Reading, b store.Bookmark) error {
	for _, s := range b.Marks {
		if now.Ahead(s.Timestamp) > f.MaxSkew && f.Marks.At(s.Origin) < s.Seq && excludes(&f.Epoch, s) {
			return fmt.Errorf("%w: write %d of %v was refused for its timestamp", ErrLost, s.Seq, s.Origin)
		}
	}
	return nil
}

// Shorten returns b, which f serves, without what every node serves whose W is at or
// above the floor of f.
func (f *Front) Shorten(b store.Bookmark) store.Bookmark {
	return b.Above(f.Floor, counting(f.Marks, &f.Epoch))
}

// counting returns what says of a write at or below the floor that goes with marks and
// e whether it counts: it is held, or of a retired origin.
func counting(marks store.Watermarks, e *roster.Epoch) func(store.Seen) bool {
	return func(s store.Seen) bool {
		held := marks.At(s.Origin)
		return held >= s.Seq || held == 0 && !excludes(e, s)
	}
}

func excludes(e *roster.Epoch, s store.Seen) bool {
	return e.Excludes(store.Version{Timestamp: s.Timestamp, Origin: s.Origin}, s.Seq)
}

func checkAhead(now clock.Reading, b store.Bookmark, maxSkew time.Duration) error {
	if ahead := now.Ahead(b.Time()); ahead > maxSkew {
		return fmt.Errorf("%w: by %v", ErrAhead, ahead)
	}
	return nil
}

// A Witness reads a snapshot for a client and notes what the client has seen.
type Witness struct {
	store.Snapshot
	// Seen begins as the client's bookmark and takes in whatever is read.
	Seen store.Bookmark
}

// Get implements store.Reader. To find nothing, or a tombstone, is to have seen
// it: the tombstone is noted.
func (w *Witness) Get(key store.Key) (*store.Entry, error) {
	e, err := w.Snapshot.Get(key)
	if err == nil {
		w.Seen = w.Seen.With(e)
	}
	return e, err
}

// Scan implements store.Reader.
func (w *Witness) Scan(start, end store.Key, limit int) ([]*store.Entry, error) {
	entries, err := w.Snapshot.Scan(start, end, limit)
	for _, e := range entries {
		w.Seen = w.Seen.With(e)
	}
	return entries, err
}
