package gossip_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/wire"
	"hearsay/store"
)

// mending returns a cluster that compares itself often, with so many entries that
// every site holds.
func mending(t *testing.T, entries int, names ...string) *net {
	t.Helper()
	cfg := gossip.DefaultConfig()
	cfg.RepairInterval = 500 * time.Millisecond
	cfg.Scrub = store.Buckets
	n := newNet(t, cfg, names...)
	n.sites[0].Roster().Found()
	n.admit()
	for i := range entries {
		n.write(n.sites[i%len(n.sites)], fmt.Sprint(i), 10)
	}
	n.run(5 * time.Second)
	return n
}

func (n *net) repairs() (count int) {
	for _, m := range n.sent {
		if _, ok := m.message.(*gossip.Repair); ok {
			count++
		}
	}
	return count
}

func (n *net) told(event string) (count int) {
	for _, s := range n.sites {
		count += s.replica.count(event)
	}
	return count
}

// changed returns e as a bad disk might have it.
func changed(e *store.Entry) *store.Entry {
	c := *e
	c.Value = []byte("rotten")
	return &c
}

func TestDifferenceIsMended(t *testing.T) {
	tests := []struct {
		name   string
		spoil  func(r *replica, e *store.Entry)
		mended bool
	}{
		{"lost", func(r *replica, e *store.Entry) { delete(r.entries, e.Key) }, true},
		{"older", func(r *replica, e *store.Entry) {
			c := changed(e)
			c.Version.Timestamp.Wall--
			r.entries[e.Key] = c
		}, true},
		{"changed, and seen by a look at the disk", func(r *replica, e *store.Entry) {
			r.entries[e.Key] = changed(e)
			r.rotten = map[int]bool{e.Key.Bucket(): true}
		}, true},
		{"changed by nobody knows what", func(r *replica, e *store.Entry) { r.entries[e.Key] = changed(e) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := mending(t, 3000, "a1", "b1")
			if got := n.told("replicas_differ"); got != 0 {
				t.Fatalf("equal replicas differ %d times", got)
			}
			e, r := n.wrote[1234], n.sites[1].replica
			tt.spoil(r, e)
			n.run(3 * time.Second)
			if got := n.told("replicas_differ"); got == 0 {
				t.Error("the difference was not found")
			}
			for _, s := range n.sites {
				if got := s.replica.entries[e.Key]; (got == e) != tt.mended && s == n.sites[1] || got != e && s == n.sites[0] {
					t.Errorf("%s holds %v, the entry itself: %v", s.peer.ID, got, got == e)
				}
			}
		})
	}
}

// Three and a half round trips after a comparison began all is well.
func TestMendingTakesFewMessages(t *testing.T) {
	n := mending(t, 3000, "a1", "b1")
	e := n.wrote[77]
	delete(n.sites[1].replica.entries, e.Key)
	n.sent = nil
	for n.sites[1].replica.entries[e.Key] == nil {
		n.run(10 * time.Millisecond)
	}
	if got := n.repairs(); got > 8 {
		t.Errorf("%d messages until the entry was back, want 7, or 8 with the first of another comparison", got)
	}
}

// What one site has not got yet is no difference.
func TestNewsIsNoDifference(t *testing.T) {
	n := mending(t, 300, "a1", "b1", "c1")
	n.lose = func(_, to store.NodeID, m gossip.Message) bool { return to == "c1" && isFrame(m) }
	for i := range 300 {
		n.write(n.sites[i%2], fmt.Sprint(i), 10)
		n.run(10 * time.Millisecond)
	}
	if got := n.told("replicas_differ"); got != 0 {
		t.Errorf("%d differences were told of while a site lacked rows, want none", got)
	}
}

// An entry at or below the floor that one side lacks may have been collected there.
func TestWhatTheFloorHasPassedIsNotBroughtBack(t *testing.T) {
	cfg := eager()
	cfg.FloorAge, cfg.FloorStep, cfg.RepairInterval = time.Second, 100*time.Millisecond, 500*time.Millisecond
	n := newNet(t, cfg, "a1", "b1")
	n.sites[0].Roster().Found()
	n.admit()
	e := n.write(n.sites[0], "k", 10)
	for n.sites[1].Floor().Compare(e.Version.Timestamp) <= 0 {
		n.run(time.Second)
	}
	b := n.sites[1]
	delete(b.replica.entries, e.Key)
	n.run(20 * time.Second)
	if b.replica.entries[e.Key] != nil {
		t.Error("an entry came back that may have been collected")
	}
	if got := b.replica.count("mend_refused"); got == 0 {
		t.Error("nobody was told of the difference")
	}
}

// A repair at another epoch or floor, beyond this site's W, or while it holds what
// nobody else need hold, is left for another time.
func TestRepairNeedsEqualGround(t *testing.T) {
	n := mending(t, 100, "a1", "b1")
	a := n.sites[0]
	epoch := a.Roster().Epoch().Number
	for _, tt := range []struct {
		name     string
		message  gossip.Repair
		strays   bool
		answered bool
	}{
		{"equal", gossip.Repair{Epoch: epoch, Floor: a.Floor(), Through: a.W()}, false, true},
		{"another epoch", gossip.Repair{Epoch: epoch + 1, Floor: a.Floor(), Through: a.W()}, false, false},
		{"another floor", gossip.Repair{Epoch: epoch, Floor: clock.Timestamp{Wall: 1}, Through: a.W()}, false, false},
		{"beyond its W", gossip.Repair{Epoch: epoch, Floor: a.Floor(), Through: a.W().Next()}, false, false},
		{"beyond an end", gossip.Repair{Epoch: epoch, Floor: a.Floor(), Through: a.W()}, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := tt.message
			m.Step, m.Sums = gossip.Sums, make([]uint64, 16)
			a.replica.strays = tt.strays
			n.sent = nil
			n.deliver(sent{"b1", "a1", &m})
			n.settle()
			if got := n.repairs() > 0; got != tt.answered {
				t.Errorf("a comparison was answered: %v, want %v", got, tt.answered)
			}
		})
	}
}

// mendOne has one of two sites lose one of so many entries, and returns the bytes
// and messages until it is back, other comparisons that began meanwhile included.
func mendOne(t testing.TB, keys int) (bytes, messages int) {
	t.Helper()
	cfg := gossip.DefaultConfig()
	cfg.RepairInterval = 500 * time.Millisecond
	n := newNet(t, cfg, "a1", "b1")
	n.sites[0].Roster().Found()
	n.admit()
	o := store.Origin{Node: "c", Incarnation: store.Incarnation{Start: clock.Timestamp{Wall: 1}}}
	digest, buckets := make([]store.Bucket, store.Buckets), map[int][]*store.Entry{}
	for i := range keys {
		e := &store.Entry{
			Key: store.Key{Namespace: "ns", Name: fmt.Sprint("user:", i)}, Value: make([]byte, 64),
			Version: store.Version{Timestamp: clock.Timestamp{Wall: n.now.Wall - int64(time.Minute) + int64(i)}, Origin: o}, Seq: uint64(i + 1),
		}
		digest[e.Key.Bucket()].Replace(nil, e)
		buckets[e.Key.Bucket()] = append(buckets[e.Key.Bucket()], e)
		for _, s := range n.sites {
			s.replica.entries[e.Key] = e
		}
	}
	for _, in := range buckets {
		slices.SortFunc(in, func(a, b *store.Entry) int { return cmp.Compare(a.Key.Place(), b.Key.Place()) })
	}
	for _, s := range n.sites {
		s.replica.digest, s.replica.buckets = slices.Clone(digest), buckets
	}
	n.run(5 * time.Second)
	lost, r := store.Key{Namespace: "ns", Name: fmt.Sprint("user:", keys/3)}, n.sites[1].replica
	r.digest[lost.Bucket()].Replace(r.entries[lost], nil)
	delete(r.entries, lost)
	n.sent = nil
	for range 1000 {
		if n.run(10 * time.Millisecond); r.entries[lost] != nil {
			break
		}
	}
	encoder := wire.NewEncoder()
	for _, m := range n.sent {
		if _, ok := m.message.(*gossip.Repair); !ok {
			continue
		}
		frame, err := encoder.Append(nil, m.message)
		if err != nil {
			t.Fatal(err)
		}
		bytes, messages = bytes+len(frame), messages+1
	}
	return bytes, messages
}

func TestMendingIsCheap(t *testing.T) {
	if bytes, messages := mendOne(t, 10_000); bytes > 4000 || messages > 8 {
		t.Errorf("a lost entry of 10,000 was back after %d bytes and %d messages, want 4000 and 8 at most", bytes, messages)
	}
}

// BenchmarkMendOne tells what it takes that one lost entry of so many is back.
func BenchmarkMendOne(b *testing.B) {
	for _, keys := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			for range b.N {
				bytes, messages := mendOne(b, keys)
				b.ReportMetric(float64(bytes), "wire-bytes")
				b.ReportMetric(float64(messages)/2, "round-trips")
			}
		})
	}
}

// At or below the floor, and where one version has two contents, most members decide:
// without one of them that was not spoilt on one side, nobody does.
func TestMostMembersDecide(t *testing.T) {
	tests := []struct {
		name     string
		passed   bool // the floor
		spoil    func(r *replica, e *store.Entry)
		mended   bool
		rotten   bool // what is spoilt is an entry that all others have collected
		majority bool
	}{
		{"lost below the floor", true, func(r *replica, e *store.Entry) { delete(r.entries, e.Key) }, true, false, true},
		{"changed below the floor", true, func(r *replica, e *store.Entry) { r.entries[e.Key] = changed(e) }, true, false, true},
		{"changed above the floor", false, func(r *replica, e *store.Entry) { r.entries[e.Key] = changed(e) }, true, false, true},
		{"a greater version below the floor", true, func(r *replica, e *store.Entry) {
			c := changed(e)
			c.Version.Timestamp.Logical++
			r.entries[e.Key] = c
		}, true, false, true},
		{"back from before it was collected", true, func(r *replica, e *store.Entry) { r.entries[e.Key] = e }, true, true, true},
		{"lost below the floor, and two of three are gone", true, func(r *replica, e *store.Entry) { delete(r.entries, e.Key) }, false, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := eager()
			cfg.FloorAge, cfg.FloorStep, cfg.RepairInterval = time.Second, time.Second, 500*time.Millisecond
			if !tt.passed {
				cfg.FloorAge = time.Hour
			}
			n := newNet(t, cfg, "a1", "b1", "c1", "d1")
			n.sites[0].Roster().Found()
			n.admit()
			e := n.write(n.sites[0], "k", 10)
			n.run(6 * time.Second)
			if passed := n.sites[1].Floor().Compare(e.Version.Timestamp) > 0; passed != tt.passed {
				t.Fatalf("the floor has passed the entry: %v, want %v", passed, tt.passed)
			}
			if tt.rotten {
				for _, s := range n.sites {
					delete(s.replica.entries, e.Key)
				}
			}
			spoilt := n.sites[1]
			tt.spoil(spoilt.replica, e)
			if !tt.majority {
				delete(n.sites[2].replica.entries, e.Key)
			}
			n.run(10 * time.Second)
			right := e
			if tt.rotten {
				right = nil
			}
			if got := spoilt.replica.entries[e.Key]; (got == right) != tt.mended {
				t.Errorf("%s holds %v, mended: %v, want %v", spoilt.peer.ID, got, got == right, tt.mended)
			}
			if got := n.sites[0].replica.entries[e.Key]; got != right {
				t.Errorf("%s, which was right, holds %v", n.sites[0].peer.ID, got)
			}
			if struck := n.told("entry_struck") > 0; struck != tt.rotten {
				t.Errorf("told that an entry was struck: %v, want %v", struck, tt.rotten)
			}
		})
	}
}

// A large value that a disk lost is fetched again.
func TestLargeValueIsMended(t *testing.T) {
	for _, passed := range []bool{false, true} {
		cfg := eager()
		cfg.FloorAge, cfg.FloorStep, cfg.RepairInterval = time.Hour, time.Second, 500*time.Millisecond
		if passed {
			cfg.FloorAge = time.Second
		}
		n := newNet(t, cfg, "a1", "b1", "c1")
		n.sites[0].Roster().Found()
		n.admit()
		e := n.large(n.sites[0], "k", 3)
		n.run(6 * time.Second)
		r := n.sites[1].replica
		if r.entries[e.Key] != e {
			t.Fatal("the large value did not come in the first place")
		}
		delete(r.entries, e.Key)
		n.run(10 * time.Second)
		if r.entries[e.Key] != e {
			t.Errorf("floor has passed it: %v; the large value is not back", passed)
		}
	}
}
