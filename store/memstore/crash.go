package memstore

import (
	"maps"
	"slices"

	"hearsay/clock"
	"hearsay/store"
)

// A tail is how the store stood at its last synced commit: the parts that are
// cheap to keep whole, and of the logs those that changed since.
type tail struct {
	entries *tree
	due     *tree
	trimmed store.Watermarks
	marks   store.Watermarks
	digest  []store.Bucket
	newest  clock.Timestamp
	memos   map[string][]byte
	kept    map[store.Upload]bool
	logs    []formerLog // in the order they changed; an origin may recur
}

type formerLog struct {
	origin store.Origin
	log    log
}

// remember keeps what committing b without sync is about to change.
func (s *Store) remember(b *batch) {
	if s.tail == nil {
		s.tail = &tail{
			entries: s.entries.IsoCopy(), due: s.due.IsoCopy(), marks: s.marks.Clone(), trimmed: s.trimmed.Clone(),
			digest: slices.Clone(s.digest), newest: s.newest, memos: maps.Clone(s.memos), kept: maps.Clone(s.kept),
		}
	}
	var last store.Origin
	for i, l := range b.rows {
		if i > 0 && l.origin == last {
			continue
		}
		last = l.origin
		s.rememberLog(last)
	}
	for _, m := range b.trims {
		s.rememberLog(m.Origin)
	}
	for _, o := range b.forgets {
		s.rememberLog(o)
	}
}

// Unsynced reports whether a crash would take back a commit.
func (s *Store) Unsynced() bool { return s.tail != nil }

func (s *Store) rememberLog(o store.Origin) {
	s.tail.logs = append(s.tail.logs, formerLog{o, s.log(o).clone()})
}

// Crash takes back every commit since the last one with sync set, and what was
// staged and not synced, and leaves the store as a reopened one: batches from before the crash return
// store.ErrClosed. Snapshots from before it keep what they show. A closed store
// stays closed.
func (s *Store) Crash() {
	s.life++
	s.failing = failing{}
	s.crashStaged()
	t := s.tail
	if t == nil {
		return
	}
	s.tail = nil
	s.entries, s.due, s.marks, s.trimmed = t.entries, t.due, t.marks, t.trimmed
	s.digest, s.newest, s.memos, s.kept = t.digest, t.newest, t.memos, t.kept
	for i := len(t.logs) - 1; i >= 0; i-- {
		*s.log(t.logs[i].origin) = t.logs[i].log
	}
}
