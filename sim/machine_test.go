package sim

import (
	"errors"
	"slices"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/node"
	"hearsay/store"
	"hearsay/store/memstore"
)

// calm returns a world without faults.
func calm(seed uint64) *World {
	return New(Config{Seed: seed, Nodes: 3, For: 5 * time.Second, Faults: []Fault{}})
}

// untilWritten lets w go on until machine 0 has a write in an open turn, and
// returns its key.
func untilWritten(t *testing.T, w *World) store.Key {
	t.Helper()
	m := w.machines[0]
	for w.Step() {
		if m.busy && len(w.check.of[0].pending) > 0 {
			for _, p := range w.check.of[0].pending {
				return p.key // the only one: this is the machine's first write
			}
		}
	}
	t.Fatal("machine 0 never has a write in an open turn")
	return store.Key{}
}

func TestCrashInOpenTurn(t *testing.T) {
	var survived, dropped int
	for id := range uint64(40) {
		w := calm(1)
		untilWritten(t, w)
		m := w.machines[0]
		before, err := m.disk.Watermarks()
		if err != nil {
			t.Fatal(err)
		}
		m.doom = &Fault{ID: id, Kind: Crash, A: []int{0}}
		m.crashes++
		w.powerOff(m)
		after, err := m.disk.Watermarks()
		if err != nil {
			t.Fatal(err)
		}
		own := func(marks store.Watermarks) (seq uint64) {
			for _, mark := range marks {
				if mark.Origin.Node == m.peer.ID {
					seq += mark.Seq
				}
			}
			return seq
		}
		switch own(after) - own(before) {
		case 0:
			dropped++
		default:
			survived++
		}
		if w.stats.Acknowledged != 0 && len(w.check.of[0].acked) != 0 {
			t.Fatalf("fault %d: the write of the open turn was acknowledged", id)
		}
		w.restart(m, id)
		for w.Step() {
		}
		if v := w.Result().Violation; v != nil {
			t.Errorf("fault %d: %v", id, v)
		}
	}
	if survived == 0 || dropped == 0 {
		t.Errorf("the open turn survived %d and was lost %d times of 40, want some of both", survived, dropped)
	}
}

func TestReadBesideOpenTurn(t *testing.T) {
	w := calm(1)
	key := untilWritten(t, w)
	m := w.machines[0]
	now := m.clocks.read(w.now)
	if e, err := node.Read(now, m.front, key); err == nil {
		t.Errorf("read of %v beside the turn that writes it = %s, want nothing before the sync", key, describe(e))
	}
	for m.busy && w.Step() {
	}
	if e, err := m.front.Entries.Get(key); err != nil || e.Version.Origin.Node != m.peer.ID {
		t.Errorf("after the sync %v holds %s (%v), want the write", key, describe(e), err)
	}
}

func TestInboxBound(t *testing.T) {
	w := calm(1)
	m := w.machines[0]
	for m.front == nil {
		w.Step()
	}
	m.pauses++
	for i := range uint64(maxInbox + 10) {
		w.deliver(m, input{kind: Asked, op: w.cfg.operation(0, 1_000_000+i)})
	}
	if got := len(m.inbox); got > maxInbox {
		t.Errorf("inbox holds %d inputs, want at most %d", got, maxInbox)
	}
	if w.stats.LostFull < 10 {
		t.Errorf("%d inputs found the inbox full, want 10 at least", w.stats.LostFull)
	}
	full := len(m.inbox)
	for range 3 {
		w.deliver(m, input{kind: PeerDown, other: 1})
		w.deliver(m, input{kind: PeerUp, other: 1})
	}
	if got := len(m.inbox); got > full+1 || m.inbox[got-1].kind != PeerUp {
		t.Errorf("after six news of one peer the inbox holds %d inputs more, want the last alone", got-full)
	}
	if w.violation != nil {
		t.Error(w.violation)
	}
}

// restarted returns a node on m's disk as it is.
func restarted(t *testing.T, m *machine) *node.Node {
	t.Helper()
	cfg := node.DefaultConfig()
	cfg.ID, cfg.Draw = m.peer.ID, func(string, uint64, uint64) uint64 { return 0 }
	n, err := node.New(cfg, m.disk)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// anEntry returns a live entry that m shows.
func anEntry(t *testing.T, m *machine) *store.Entry {
	t.Helper()
	all, err := m.front.Entries.Scan(store.Key{}, store.Key{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if !e.Tombstone {
			return e
		}
	}
	t.Fatal("the machine shows nothing")
	return nil
}

// twoOfOneKey returns two versions of a key, ascending.
func twoOfOneKey(t *testing.T, w *World) (older, newer store.Version) {
	t.Helper()
	for _, h := range w.check.order {
		if len(h.versions) > 1 {
			return h.versions[0].version, h.versions[1].version
		}
	}
	t.Fatal("no key was written twice")
	return older, newer
}

// oneEntry is a snapshot in which one entry is another.
type oneEntry struct {
	store.Snapshot
	entry *store.Entry
}

func (s oneEntry) Get(key store.Key) (*store.Entry, error) {
	if key == s.entry.Key {
		return s.entry, nil
	}
	return s.Snapshot.Get(key)
}

// noEntry shows nothing under a key.
type noEntry struct {
	store.Snapshot
	key store.Key
}

func (s noEntry) Get(key store.Key) (*store.Entry, error) {
	if key == s.key {
		return nil, store.ErrNotFound
	}
	return s.Snapshot.Get(key)
}

// What the checker does not see it cannot refute: each of these is an error
// that it must notice.
// twoEntries returns an entry that m shows and one of its key that supersedes it.
func twoEntries(t *testing.T, m *machine) (older, newer *store.Entry) {
	t.Helper()
	older = anEntry(t, m)
	e := *older
	e.Version.Timestamp.Wall++
	return older, &e
}

// showsNothing has m show nothing of what regions had acknowledged.
func showsNothing(t *testing.T, w *World, m *machine) {
	t.Helper()
	if len(w.check.acks) == 0 {
		t.Fatal("no region has acknowledged anything")
	}
	m.front.Marks, m.disk = nil, memstore.New()
	m.front.Floor, w.check.of[m.index].floor = clock.Timestamp{}, clock.Timestamp{} // nothing was collected
	w.check.of[m.index].shown = 0
}

func TestCheckerNotices(t *testing.T) {
	tests := []struct {
		name  string
		harm  func(t *testing.T, w *World, m *machine)
		wants string
	}{
		{"a disk that forgot all", func(t *testing.T, w *World, m *machine) {
			m.disk = memstore.New()
			m.node = restarted(t, m)
			w.check.booted(m)
		}, "I3"},
		{"an acknowledged write gone", func(t *testing.T, w *World, m *machine) {
			l := &w.check.of[m.index]
			l.marks = nil
			m.disk = memstore.New()
			m.node = restarted(t, m)
			w.check.booted(m)
		}, "C6"},
		{"a reply to nobody", func(t *testing.T, w *World, m *machine) {
			w.check.replied(m, node.Reply{Ticket: 1 << 40})
		}, "reply"},
		{"a watermark that went back", func(t *testing.T, w *World, m *machine) {
			marks := m.front.Marks.Clone()
			marks[0].Seq--
			m.front.Marks = marks
			w.check.published(m)
		}, "I3"},
		{"a watermark beyond what exists", func(t *testing.T, w *World, m *machine) {
			marks := m.front.Marks.Clone()
			marks[len(marks)-1].Seq += 5
			m.front.Marks = marks
			w.check.published(m)
		}, "I1"},
		{"a write that does not show, and no word of it", func(t *testing.T, w *World, m *machine) {
			showsNothing(t, w, m)
			w.check.of[m.index].looked += int64(2 * w.cfg.Bound)
			w.check.inTime(m)
		}, "C3"},
		{"a write that does not show though nothing was wrong", func(t *testing.T, w *World, m *machine) {
			showsNothing(t, w, m)
			w.check.of[m.index].looked = 0 // by its own clock there is time
			w.now += 2 * w.cfg.Bound
			w.check.inTime(m)
		}, "C3"},
		{"a large value that is not whole", func(t *testing.T, w *World, m *machine) {
			e := *anEntry(t, m)
			e.Manifest = &store.Manifest{Upload: store.Upload{Life: 1}, Size: 10, ChunkBytes: 10, Hashes: make([]store.Hash, 1)}
			w.check.wholeValue(m, &e)
		}, "I1"},
		{"an upload that stays without its entry", func(t *testing.T, w *World, m *machine) {
			e := *anEntry(t, m)
			large := e
			large.Value = nil
			large.Manifest = &store.Manifest{Upload: store.Upload{Life: 1}, Size: 10, ChunkBytes: 10, Hashes: make([]store.Hash, 1)}
			b := m.disk.NewBatch()
			if err := errors.Join(m.disk.Stage(large.Manifest.Upload, 0, make([]byte, 10)), b.Put(&large), b.Put(&e), b.Commit(true), b.Close()); err != nil {
				t.Fatal(err)
			}
			w.check.swept()
		}, "I6"},
		{"a value that nobody wrote", func(t *testing.T, w *World, m *machine) {
			w.check.written(m, store.Key{}, &store.Entry{Value: make([]byte, 20)})
		}, "I3"},
		{"a value under another key", func(t *testing.T, w *World, m *machine) {
			e := anEntry(t, m)
			w.check.written(m, store.Key{Namespace: namespace, Name: "elsewhere"}, e)
		}, "I3"},
		{"an expired value", func(t *testing.T, w *World, m *machine) {
			held := anEntry(t, m)
			now := m.clocks.read(w.now)
			e := *held
			e.Expires = now.Wall / int64(time.Second)
			m.front.Entries = oneEntry{m.front.Entries, &e}
			w.check.read(m, now, e.Key, &e)
		}, "C10"},
		{"a deleted value", func(t *testing.T, w *World, m *machine) {
			held := anEntry(t, m)
			e := *held
			e.Version.Timestamp.Wall += int64(time.Hour)
			e.Tombstone = true
			m.front.Entries = oneEntry{m.front.Entries, &e}
			w.check.read(m, m.clocks.read(w.now), e.Key, held)
		}, "C7"},
		{"an old value in place of one that is covered", func(t *testing.T, w *World, m *machine) {
			held := anEntry(t, m)
			e := *held
			e.Version.Timestamp.Wall -= int64(time.Hour)
			m.front.Entries = oneEntry{m.front.Entries, &e}
			w.check.read(m, m.clocks.read(w.now), e.Key, &e)
		}, "I1"},
		{"a lost update that its winner's origin had known", func(t *testing.T, w *World, m *machine) {
			_, winner := twoOfOneKey(t, w)
			loser := winner
			loser.Timestamp.Wall--
			w.check.known[loser] = knowing{seq: w.check.known[winner].seq}
			w.check.known[winner] = knowing{past: lore{surely: store.Watermarks{{Origin: loser.Origin, Seq: 1 << 40}}}}
			w.check.lost(m, node.UpdateLost{Loser: loser, Winner: winner})
		}, "C9"},
		{"an update that lost to a lesser one", func(t *testing.T, w *World, m *machine) {
			older, newer := twoOfOneKey(t, w)
			w.check.lost(m, node.UpdateLost{Loser: newer, Winner: older})
		}, "C9"},
		{"a lost update that nobody told of", func(t *testing.T, w *World, m *machine) {
			held := anEntry(t, m)
			e := *held
			e.Version = store.Version{Timestamp: held.Version.Timestamp, Origin: store.Origin{Node: "\xff"}}
			w.check.known[e.Version] = knowing{}
			told := &w.check.of[m.index].told
			told.lost = map[store.Version]bool{}
			told.held[e.Key] = held
			w.check.calendar.floor = clock.Timestamp{} // below it nobody need tell
			told.touched = []store.Key{e.Key}
			m.front.Entries = oneEntry{m.front.Entries, &e}
			w.check.showed(m)
		}, "C9"},
		{"a session shown less than it had written", func(t *testing.T, w *World, m *machine) {
			older, newer := twoEntries(t, m)
			s := w.sessions[0]
			s.past.learn(fact{older.Key, newer.Version, wroteIt})
			w.check.sessionRead(m, s, older.Key, older)
		}, "C8"},
		{"a session shown nothing of what it had read", func(t *testing.T, w *World, m *machine) {
			held := anEntry(t, m)
			s := w.sessions[0]
			w.check.sessionRead(m, s, held.Key, held)
			w.check.sessionRead(m, s, held.Key, nil)
		}, "C8"},
		{"a list with less than what the writer of a read value had seen", func(t *testing.T, w *World, m *machine) {
			older, newer := twoEntries(t, m)
			w.check.before[newer.Version] = past{{older.Key, newer.Version, readIt}}
			s := w.sessions[0]
			w.check.sawEntry(s, newer)
			w.check.sessionListed(m, s, store.Key{}, store.Key{Namespace: "\xff"}, []*store.Entry{older})
		}, "C8"},
		{"a session's write that loses to what it had seen", func(t *testing.T, w *World, m *machine) {
			older, newer := twoEntries(t, m)
			op := operation{key: older.Key, session: w.sessions[0], past: past{{older.Key, newer.Version, readIt}}}
			w.check.sessionAccepted(m, op, older.Version)
		}, "C8"},
		{"a bookmark that is lost", func(t *testing.T, w *World, m *machine) {
			s := w.sessions[0]
			v := store.Version{Origin: store.Origin{Node: m.peer.ID}, Timestamp: m.front.W}
			s.token, s.op.machine = w.bookmarks.Seal(store.Bookmark{}.Note(v, 1)), m.index
			w.attempt(s)
		}, "C8"},
		{"a session served whose bookmark names what lies beyond an end", func(t *testing.T, w *World, m *machine) {
			w.cfg.Collection = Collect
			w.check.epoch.Ends = []roster.End{{Node: "gone"}}
			s := w.sessions[0]
			v := store.Version{Origin: store.Origin{Node: "gone"}, Timestamp: m.front.Floor}
			s.token, s.op.machine = w.bookmarks.Seal(store.Bookmark{}.Note(v, 1)), m.index
			w.attempt(s)
		}, "C8"},
		{"an end before what another covers", func(t *testing.T, w *World, m *machine) {
			gone := w.machines[2].peer.ID
			w.check.epoch.Ends = []roster.End{{Node: gone}}
			w.check.epoch.Members = slices.DeleteFunc(slices.Clone(w.check.epoch.Members), func(e roster.Member) bool { return e.Node == gone })
			before := w.check.epoch
			w.check.ended(m, &before, w.check.epoch.Ends[0])
		}, "C6"},
		{"a write that was acknowledged before, and is missing", func(t *testing.T, w *World, m *machine) {
			w.check.acks = append(w.check.acks[:w.check.of[m.index].acks], ack{0, store.Seen{Mark: store.Mark{Origin: store.Origin{Node: "x", Incarnation: store.Incarnation{Start: m.front.W}}, Seq: 1}}})
			w.check.ackedBy(m)
		}, "C4"},
		{"a floor that went back", func(t *testing.T, w *World, m *machine) {
			m.front.Floor = clock.Timestamp{Wall: 1}
			w.check.published(m)
		}, "I3"},
		{"a floor above W", func(t *testing.T, w *World, m *machine) {
			m.front.Floor = m.front.W.Next()
			w.check.published(m)
		}, "I5"},
		{"a floor that another does not cover", func(t *testing.T, w *World, m *machine) {
			held := anEntry(t, m)
			l := &w.check.of[1]
			l.floor, l.marks = clock.Timestamp{}, nil
			w.check.calendar.floor = clock.Timestamp{}
			m.front.Floor = held.Version.Timestamp
			w.check.everywhere(m)
		}, "I5"},
		{"an entry collected that the floor has not passed", func(t *testing.T, w *World, m *machine) {
			e := *anEntry(t, m)
			e.Tombstone, e.Version.Timestamp = true, m.front.Floor.Next()
			m.collected = []*store.Entry{&e}
			w.check.tookOut(m)
		}, "I5"},
		{"a deletion collected while another holds what it hides", func(t *testing.T, w *World, m *machine) {
			e := *anEntry(t, m)
			e.Tombstone = true
			e.Version.Timestamp.Wall++
			m.front.Floor = e.Version.Timestamp
			m.collected = []*store.Entry{&e}
			w.check.tookOut(m)
		}, "I5"},
		{"a value that was deleted, once the deletion is gone", func(t *testing.T, w *World, m *machine) {
			held, dead := twoEntries(t, m)
			h := w.check.history(held.Key)
			h.insert(numbered{dead.Version, dead.Seq})
			dead.Tombstone, dead.Expires = true, 0
			w.check.due(*dead)
			w.check.bury(dead.Version.Timestamp)
			m.front.W = dead.Version.Timestamp
			w.check.of[m.index].told.touched = []store.Key{held.Key}
			w.check.showed(m)
		}, "C7"},
		{"a value that was deleted, after a snapshot", func(t *testing.T, w *World, m *machine) {
			held, dead := twoEntries(t, m)
			h := w.check.history(held.Key)
			h.buried, h.buriedAt = dead.Version, m.front.W
			w.check.of[m.index].fenced = true
			w.check.floored(m)
		}, "C7"},
		{"a bucket that holds another value than elsewhere", func(t *testing.T, w *World, m *machine) {
			e := *anEntry(t, m)
			e.Value = append([]byte("other "), e.Value...)
			b := m.disk.NewBatch()
			if err := errors.Join(b.Put(&e), b.Commit(true), b.Close()); err != nil {
				t.Fatal(err)
			}
			for _, m := range w.machines {
				m.front.W = e.Version.Timestamp
			}
			w.check.buckets()
		}, "I4"},
		{"a deletion gone too early", func(t *testing.T, w *World, m *machine) {
			held := anEntry(t, m)
			m.front.Entries = noEntry{m.front.Entries, held.Key}
			w.check.read(m, m.clocks.read(w.now), held.Key, nil)
		}, "I1"},
		{"an origin gone that has not ended", func(t *testing.T, w *World, m *machine) {
			m.front.Marks = m.front.Marks.Clone()[1:]
			w.check.published(m)
		}, "I3"},
		{"an inbox without end", func(t *testing.T, w *World, m *machine) {
			m.inbox = make([]input, maxInbox+w.cfg.Nodes+1)
			w.check.bounds(m)
		}, "I6"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := calm(1)
			for w.now < 3*time.Second && w.Step() {
			}
			if w.violation != nil {
				t.Fatal(w.violation)
			}
			tt.harm(t, w, w.machines[0])
			if w.violation == nil || w.violation.Invariant != tt.wants {
				t.Errorf("violation is %v, want one of %s", w.violation, tt.wants)
			}
		})
	}
}
