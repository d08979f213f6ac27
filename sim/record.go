package sim

import (
	"time"

	"hearsay/store"
)

// This file is what sessions did, for checkers of histories.

// An Outcome is how an operation ended.
type Outcome uint8

// How an operation ends.
const (
	Done    Outcome = iota
	Failed          // surely not applied
	Unknown         // a write of which its client never heard
)

// A Record is one operation of a session.
type Record struct {
	Session int
	Ordinal uint64
	Machine int
	Key     store.Key
	Delete  bool // of a write
	Write   bool
	Invoked time.Duration
	// Returned is when the client had the answer, or gave up.
	Returned time.Duration
	Outcome  Outcome
	// Version is the write's or, of a read, that of what it found; zero for neither.
	Version store.Version
	Seq     uint64
	// Live says of a read that it found a value.
	Live bool
	// Region says that the answer was consistent within its region.
	Region bool
	// Token says that the session passed a bookmark along.
	Token bool
}

// record tells of the operation that s has just ended.
func (w *World) record(s *session, r Record) {
	if w.cfg.Record == nil {
		return
	}
	r.Session, r.Ordinal, r.Machine, r.Key = s.number, s.op.ordinal, s.op.machine, s.op.key
	r.Write, r.Delete = s.op.kind == opPut || s.op.kind == opDelete, s.op.kind == opDelete
	r.Invoked, r.Returned, r.Token = s.asked, w.now, s.load == nil || s.load.Token
	if r.Outcome == Unknown {
		w.unknown = append(w.unknown, r) // it may come to pass yet
		return
	}
	w.cfg.Record(r)
}

// recordUnknown tells at the end of what no client heard the end of.
func (w *World) recordUnknown() {
	for _, r := range w.unknown {
		client := &w.check.clients[w.cfg.Nodes+r.Session]
		if versions := client.wrote[r.Ordinal]; len(versions) > 0 {
			r.Version = versions[0]
		}
		w.cfg.Record(r)
	}
	w.unknown = nil
}
