package sim

import (
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file is what sessions did and machines held, for checkers of histories.

// Dawn is the true wall time at which every run begins, in nanoseconds.
const Dawn = dawn

// An Outcome is how an operation ended.
type Outcome uint8

// How an operation ends.
const (
	Done    Outcome = iota
	Failed          // surely not applied
	Unknown         // a write of which its client never heard
)

// An Operation is what a session asks for.
type Operation uint8

// What a session asks for.
const (
	Get    = Operation(opRead)
	Put    = Operation(opPut)
	Delete = Operation(opDelete)
	List   = Operation(opList) // one record for each key that it shows
)

// A Record is one operation of a session.
type Record struct {
	Session   int
	Ordinal   uint64
	Machine   int
	Operation Operation
	Key       store.Key
	Invoked   time.Duration
	Returned  time.Duration // when the client had the answer, or gave up
	Outcome   Outcome
	// Version is the write's or, of a read, that of what it found; zero for neither.
	Version store.Version
	// Live says of a read that it found a value.
	Live bool
	// Expires says of a put that its value does.
	Expires bool
	// Content is a hash of the value that was written or found, 0 for none.
	Content uint64
	// Floor is, of a read that found nothing, up to where it may have been collected.
	Floor clock.Timestamp
	// Region says that the answer was consistent within its region.
	Region bool
	// In is the bookmark that the session passed, Out the one it was given.
	In, Out store.Bookmark
}

// finding is the record of a read at m that found e, nil for nothing.
func (m *machine) finding(now clock.Reading, e *store.Entry) Record {
	r := Record{Region: m.front.Region(now)}
	if e == nil {
		r.Floor = m.front.Floor
		return r
	}
	r.Version = e.Version
	if value, err := m.value(e); err == nil && !e.Tombstone {
		r.Content = hashBytes(0, value)
	}
	r.Live = !e.Tombstone && (e.Expires == 0 || e.Expires*int64(time.Second) > now.Wall)
	return r
}

// record tells of the operation that s has just ended.
func (w *World) record(s *session, r Record) {
	if w.cfg.Record == nil {
		return
	}
	r.Session, r.Ordinal, r.Machine, r.Operation = s.number, s.op.ordinal, s.op.machine, Operation(s.op.kind)
	if r.Key == (store.Key{}) {
		r.Key = s.op.key
	}
	r.Invoked, r.Returned, r.Expires = s.asked, w.now, s.op.ttl > 0
	if r.Operation == Put {
		r.Content = hashBytes(0, w.cfg.value(s.op.author, s.op.ordinal))
	}
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

// A Replica is what one machine holds at the end of a run.
type Replica struct {
	Machine int
	Floor   clock.Timestamp // up to where it has collected
	Entries []Holding       // by the order in which their keys were first written
}

// A Holding is what a machine holds under one key.
type Holding struct {
	Key     store.Key
	Version store.Version
	Live    bool // by its own clock
	Content uint64
}

// Replicas returns what all machines that are up hold.
func (w *World) Replicas() []Replica {
	var all []Replica
	for _, m := range w.machines {
		if m.front == nil {
			continue
		}
		now := m.clocks.read(w.now)
		r := Replica{Machine: m.index, Floor: m.front.Floor}
		for _, h := range w.check.order {
			if e, err := m.front.Entries.Get(h.key); err == nil {
				f := m.finding(now, e)
				r.Entries = append(r.Entries, Holding{h.key, e.Version, f.Live, f.Content})
			}
		}
		all = append(all, r)
	}
	return all
}

// NodeIDs returns the ids with which the nodes of all machines begin.
func (cfg Config) NodeIDs() []string {
	cfg = cfg.withDefaults()
	ids := make([]string, cfg.Nodes)
	for i := range ids {
		ids[i] = string(cfg.nodeID(i))
	}
	return ids
}

// Complete returns cfg with its defaults filled in.
func (cfg Config) Complete() Config { return cfg.withDefaults() }
