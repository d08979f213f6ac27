package wire

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

// The checks below are what a message must be whatever its encoding. Encoder and
// decoder share them.

// checkFrame checks all of f but how rows and entries refer to each other, which
// lastRows does. It works in seen, which must be empty; nil makes one.
func checkFrame(f *gossip.Frame, seen map[store.Key]struct{}) error {
	if err := checkOrigin(f.Origin); err != nil {
		return err
	}
	if len(f.Rows) == 0 {
		return errors.New("a frame needs a row")
	}
	if f.From > math.MaxUint64-uint64(len(f.Rows)) {
		return fmt.Errorf("%d rows after number %d", len(f.Rows), f.From)
	}
	for i, r := range f.Rows {
		if err := checkTimestamp(r.Timestamp); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	for i, e := range f.Entries {
		if err := checkEntry(e); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	if err := checkKeys(f.Entries, seen); err != nil {
		return err
	}
	return checkFacts(f.Facts)
}

func checkKeys(entries []*store.Entry, seen map[store.Key]struct{}) error {
	if len(entries) == 1 {
		return nil // as most frames have
	}
	if seen == nil {
		seen = make(map[store.Key]struct{}, len(entries))
	}
	for i, e := range entries {
		if _, ok := seen[e.Key]; ok {
			return fmt.Errorf("entry %d: its key has one already", i)
		}
		seen[e.Key] = struct{}{}
	}
	return nil
}

// lastRows returns, for each of n entries, the index of the last row that names
// it, in the space of last if that suffices. Every row must name an entry, and
// every entry be named.
func lastRows(last []int, rows []gossip.FrameRow, n int) ([]int, error) {
	const none = -1
	last = slices.Grow(last[:0], n)[:n]
	for i := range last {
		last[i] = none
	}
	for i, r := range rows {
		if r.Entry < 0 || r.Entry >= n {
			return last, fmt.Errorf("row %d: names entry %d of %d", i, r.Entry, n)
		}
		last[r.Entry] = i
	}
	if i := slices.Index(last, none); i >= 0 {
		return last, fmt.Errorf("entry %d: no row names it", i)
	}
	return last, nil
}

// rowSeq and rowVersion are what row i of f says of the write that it stands for.
func rowSeq(f *gossip.Frame, i int) uint64 { return f.From + 1 + uint64(i) }

func rowVersion(f *gossip.Frame, i int) store.Version {
	return store.Version{Timestamp: f.Rows[i].Timestamp, Origin: f.Origin}
}

func checkEntry(e *store.Entry) error {
	switch {
	case len(e.Key.Namespace) > store.MaxNamespace:
		return tooLong("namespace", len(e.Key.Namespace), store.MaxNamespace)
	case len(e.Key.Name) > store.MaxName:
		return tooLong("name", len(e.Key.Name), store.MaxName)
	case len(e.Value) > store.MaxInline:
		return tooLong("value", len(e.Value), store.MaxInline)
	case e.Manifest != nil && (e.Tombstone || len(e.Value) > 0):
		return errors.New("a manifest beside a value or in a tombstone")
	case len(e.Metadata) > MaxMetadata:
		return tooLong("metadata", len(e.Metadata), MaxMetadata)
	case e.Tombstone && len(e.Value) > 0:
		return errors.New("a tombstone with a value")
	case len(e.Request) > store.MaxRequest:
		return tooLong("request", len(e.Request), store.MaxRequest)
	case e.Expires < 0:
		return fmt.Errorf("expires at %d", e.Expires)
	case e.Seq == 0:
		return errors.New("number 0: writes count from 1")
	}
	if err := checkVersion(e.Version); err != nil {
		return err
	}
	if e.Manifest != nil {
		if err := e.Manifest.Validate(); err != nil {
			return fmt.Errorf("manifest: %w", err)
		}
	}
	if err := checkKnown(e.Known); err != nil {
		return err
	}
	return checkSeen(e.Seen)
}

func checkKnown(k store.Known) error {
	if err := checkTimestamp(k.Through); err != nil {
		return fmt.Errorf("known through: %w", err)
	}
	if err := checkTimestamp(k.Maybe); err != nil {
		return fmt.Errorf("known maybe: %w", err)
	}
	if n := len(k.Versions); n > store.MaxKnown {
		return fmt.Errorf("%d known versions, the most is %d", n, store.MaxKnown)
	}
	for i, v := range k.Versions {
		if err := checkVersion(v); err != nil {
			return fmt.Errorf("known version %d: %w", i, err)
		}
		if i > 0 && k.Versions[i-1].Origin.Compare(v.Origin) >= 0 {
			return fmt.Errorf("known version %d: its origin is not after the one before", i)
		}
	}
	return nil
}

func checkSeen(b store.Bookmark) error {
	if err := checkTimestamp(b.Through); err != nil {
		return fmt.Errorf("seen through: %w", err)
	}
	if n := len(b.Marks); n > store.MaxMarks {
		return fmt.Errorf("%d seen marks, the most is %d", n, store.MaxMarks)
	}
	for i, s := range b.Marks {
		if err := checkVersion(store.Version{Timestamp: s.Timestamp, Origin: s.Origin}); err != nil {
			return fmt.Errorf("seen mark %d: %w", i, err)
		}
		if i > 0 && b.Marks[i-1].Origin.Compare(s.Origin) >= 0 {
			return fmt.Errorf("seen mark %d: its origin is not after the one before", i)
		}
	}
	return nil
}

func checkVersion(v store.Version) error {
	if err := checkTimestamp(v.Timestamp); err != nil {
		return err
	}
	return checkOrigin(v.Origin)
}

func checkStatus(s *gossip.Status) error {
	if s.Wall < 0 {
		return fmt.Errorf("wall time %d is negative", s.Wall)
	}
	if err := checkTimestamp(s.Yours); err != nil {
		return fmt.Errorf("yours: %w", err)
	}
	if err := checkMarks(s.Marks); err != nil {
		return err
	}
	if err := checkMarks(s.Taken); err != nil {
		return fmt.Errorf("taken: %w", err)
	}
	if err := checkClosed(s.Closed); err != nil {
		return fmt.Errorf("closed: %w", err)
	}
	if err := checkViewID(s.Tag.View); err != nil {
		return fmt.Errorf("tag: %w", err)
	}
	if err := checkTally(s.Tally); err != nil {
		return fmt.Errorf("tally: %w", err)
	}
	return checkFacts(s.Facts)
}

func checkPull(p *gossip.Pull) error {
	if p.Credit < 0 || p.Credit > MaxCredit {
		return fmt.Errorf("credit of %d bytes, the most is %d", p.Credit, MaxCredit)
	}
	return checkMarks(p.From)
}

func checkMarks(marks store.Watermarks) error {
	for i, m := range marks {
		if err := checkOrigin(m.Origin); err != nil {
			return fmt.Errorf("mark %d: %w", i, err)
		}
		if i > 0 && marks[i-1].Origin.Compare(m.Origin) >= 0 {
			return fmt.Errorf("mark %d: its origin is not after the one before", i)
		}
	}
	return nil
}

func checkHello(h Hello) error {
	if err := checkNode(h.Node); err != nil {
		return err
	}
	switch {
	case len(h.Cluster) > MaxLabel:
		return tooLong("cluster", len(h.Cluster), MaxLabel)
	case len(h.Name) > MaxLabel:
		return tooLong("name", len(h.Name), MaxLabel)
	case len(h.Region) > MaxLabel:
		return tooLong("region", len(h.Region), MaxLabel)
	}
	return nil
}

func checkFacts(f gossip.Facts) error {
	if err := checkTimestamp(f.W); err != nil {
		return fmt.Errorf("timestamp W: %w", err)
	}
	if err := checkTimestamp(f.Floor); err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	return nil
}

func checkOrigin(o store.Origin) error {
	if err := checkNode(o.Node); err != nil {
		return err
	}
	return checkTimestamp(o.Incarnation.Start)
}

func checkNode(id store.NodeID) error {
	if id == "" {
		return errors.New("an empty node id")
	}
	if len(id) > store.MaxNodeID {
		return tooLong("node id", len(id), store.MaxNodeID)
	}
	return nil
}

func checkTimestamp(t clock.Timestamp) error {
	if t.Wall < 0 {
		return fmt.Errorf("wall time %d is negative", t.Wall)
	}
	return nil
}

func tooLong(what string, n, limit int) error {
	return fmt.Errorf("%s of %d bytes, the most is %d", what, n, limit)
}
