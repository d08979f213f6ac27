package gossip_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/gossip/view"
	"hearsay/store"
)

func lineOf(nonces ...uint64) (l gossip.Line) {
	for _, n := range nonces {
		l = l.Next(n)
	}
	return l
}

func TestLineKnowsItsLives(t *testing.T) {
	long := gossip.Line{}
	for n := range uint64(gossip.MaxLine + 8) {
		long = long.Next(100 + n)
	}
	tests := []struct {
		name string
		line gossip.Line
		life gossip.Life
		want bool
	}{
		{"its last", lineOf(7, 8), gossip.Life{Start: 2, Nonce: 8}, true},
		{"an earlier one", lineOf(7, 8), gossip.Life{Start: 1, Nonce: 7}, true},
		{"one of a copy", lineOf(7, 8), gossip.Life{Start: 2, Nonce: 9}, false},
		{"a later one of a copy that fell behind", lineOf(7, 8, 9), gossip.Life{Start: 2, Nonce: 9}, false},
		{"one that is not yet", lineOf(7, 8), gossip.Life{Start: 3, Nonce: 9}, false},
		{"the first that is remembered", long, gossip.Life{Start: 9, Nonce: 108}, true},
		{"the same of a copy", long, gossip.Life{Start: 9, Nonce: 1}, false},
		{"one that is forgotten", long, gossip.Life{Start: 8, Nonce: 1}, true},
		{"none", lineOf(7), gossip.Life{}, true},
	}
	for _, tt := range tests {
		if got := tt.line.Knows(tt.life); got != tt.want {
			t.Errorf("%s: Knows(%v) = %v, want %v", tt.name, tt.life, got, tt.want)
		}
	}
}

// A member that was met once is held to its disk, over a restart of who met it, until
// an epoch drops it.
func TestCopyIsTurnedAway(t *testing.T) {
	n := newCluster(t, "a1", "a2", "b1")
	p := n.sites[1]
	first, copied := lineOf(1, 2), lineOf(1, 3)
	if err := p.Admit("a1", first); err != nil {
		t.Fatalf("Admit of the first life met: %v", err)
	}
	n.settle()
	met, changed := p.SaveLives()
	if !changed || len(met) != 1 || met[0].Life != first.Life() {
		t.Fatalf("SaveLives = %v, %v, want the life that was met", met, changed)
	}
	p.replica.met = met
	n.restart(p)
	for range 2 {
		if err := p.Admit("a1", copied); !errors.Is(err, gossip.ErrOtherDisk) {
			t.Errorf("Admit of a copy = %v, want ErrOtherDisk", err)
		}
		if err := p.Admit("a1", first.Next(4)); err != nil {
			t.Errorf("Admit of the next start: %v", err)
		}
	}
	if _, err := n.sites[2].Roster().Epoch().Find("a1"); err != nil {
		t.Fatal(err)
	}
	n.run(time.Second)
	if err := p.Roster().Forget(n.now.Mono, []store.NodeID{"a1"}, true); err != nil {
		t.Fatal(err)
	}
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool { return from == "a1" || to == "a1" }
	n.run(5 * time.Second)
	if err := p.Admit("a1", copied); err != nil {
		t.Errorf("Admit of a copy after the node was dropped: %v", err)
	}
}

// A newcomer is held to the life in which it was met before it was a member.
func TestNewcomerIsMet(t *testing.T) {
	n := newCluster(t, "a1", "a2")
	p := n.sites[0]
	if err := p.Admit("b1", lineOf(1)); err != nil {
		t.Fatal(err)
	}
	n.join("b1")
	n.admit()
	if err := p.Admit("b1", lineOf(2)); !errors.Is(err, gossip.ErrOtherDisk) {
		t.Errorf("Admit of a copy of a former newcomer = %v, want ErrOtherDisk", err)
	}
}

// Of more guests than there may be members none is remembered.
func TestGuestsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		others int
		want   error
	}{{2, gossip.ErrOtherDisk}, {3, nil}} {
		cfg := gossip.DefaultConfig()
		cfg.Roster.MaxMembers = 3
		n := newNet(t, cfg, "a1")
		n.sites[0].Roster().Found()
		if err := n.sites[0].Admit("b1", lineOf(1)); err != nil {
			t.Fatal(err)
		}
		for i := range tt.others {
			if err := n.sites[0].Admit(store.NodeID(fmt.Sprint("guest", i)), lineOf(1)); err != nil {
				t.Fatal(err)
			}
		}
		n.join("b1")
		n.admit()
		if err := n.sites[0].Admit("b1", lineOf(2)); !errors.Is(err, tt.want) {
			t.Errorf("Admit of a copy with %d other guests = %v, want %v", tt.others, err, tt.want)
		}
	}
}

// A disk that does not know what its node has closed is an old one, or a copy.
func TestOldDiskIsFoundOut(t *testing.T) {
	for _, tt := range []struct {
		name string
		back int64 // how far the disk goes back
		want error
	}{
		{"as it was", 0, nil},
		{"an hour old", int64(time.Hour), gossip.ErrOtherDisk},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newCluster(t, "a1", "a2", "b1")
			a, p := n.sites[0], n.sites[1]
			var told []*gossip.Status
			n.lose = func(from, to store.NodeID, m gossip.Message) bool {
				if s, ok := m.(*gossip.Status); ok && from == p.peer.ID && to == a.peer.ID && s.Full {
					told = append(told, s)
				}
				return to == a.peer.ID
			}
			a.replica.last -= tt.back
			n.restart(a)
			n.settle()
			if len(told) == 0 {
				t.Fatal("a restarted node was told nothing")
			}
			if err := a.Receive(n.now, p.peer.ID, told[0]); !errors.Is(err, tt.want) {
				t.Errorf("Receive of what %s knows = %v, want %v", p.peer.ID, err, tt.want)
			}
		})
	}
}

// A node that does not know yet whether its disk is an old one promises nothing.
func TestNothingIsPromisedBeforeDiskIsKnown(t *testing.T) {
	n := newCluster(t, "a1", "a2", "a3")
	a := n.sites[0]
	n.lose = func(_, to store.NodeID, m gossip.Message) bool { return to == a.peer.ID && isStatus(m) }
	n.restart(a)
	promised := func() (kinds int) {
		for _, s := range n.sent {
			if s.from != a.peer.ID {
				continue
			}
			switch m := s.message.(type) {
			case *gossip.View:
				if m.Step == view.Answer && m.Granted {
					kinds |= 1
				}
			case *gossip.Roster:
				if m.Step == roster.Promise || m.Step == roster.Accepted {
					kinds |= 2
				}
			}
		}
		return kinds
	}
	n.sent = nil
	n.run(4 * time.Second)
	if err := n.sites[1].Roster().Forget(n.now.Mono, []store.NodeID{"a3"}, true); err != nil {
		t.Fatal(err)
	}
	n.run(time.Second)
	if got := promised(); got != 0 {
		t.Errorf("a node that was told nothing made promises: %b, want none", got)
	}
	n.lose = nil
	n.run(10 * time.Second)
	if got := promised(); got != 3 {
		t.Errorf("a node that was told all made promises %b, want grants and votes", got)
	}
}

// twins are two nodes on copies of one disk, and whom of them each of the others has a
// stream with.
type twins struct {
	*net
	t     *testing.T
	both  [2]*site
	ended [2]bool
	lines [2]gossip.Line
	with  map[store.NodeID]int
	apart bool // the others do not reach each other
}

// meet has peer take up with a twin, if it will, in place of the other.
func (w *twins) meet(peer *site, i int) {
	if w.ended[i] {
		return
	}
	if err := peer.Admit(w.both[i].peer.ID, w.lines[i]); err != nil {
		w.ended[i] = true
		return
	}
	w.with[peer.peer.ID] = i
	peer.PeerUp(w.now, w.both[i].peer)
	w.both[i].PeerUp(w.now, peer.peer)
}

func (w *twins) run(d time.Duration) {
	w.t.Helper()
	for end := w.now.Mono + d; w.now.Mono < end; {
		w.now.Mono += 10 * time.Millisecond
		w.now.Wall += int64(10 * time.Millisecond)
		for w.deliver() {
		}
		w.check()
	}
}

// deliver lets each send once, and reports whether anything was.
func (w *twins) deliver() bool {
	w.t.Helper()
	any := false
	send := func(s *site, allowed func(to store.NodeID) *site) {
		if err := s.Tick(w.now); err != nil {
			w.t.Fatal(err)
		}
		s.replica.save(s.peer.ID, s.Engine)
		out, err := s.Collect()
		if err != nil {
			w.t.Fatal(err)
		}
		for _, env := range out {
			to := allowed(env.To)
			if to == nil {
				continue
			}
			any = true
			if err := to.Receive(w.now, s.peer.ID, env.Message); errors.Is(err, gossip.ErrOtherDisk) {
				w.ended[slices.Index(w.both[:], to)] = true
			} else if err != nil {
				w.t.Fatal(err)
			}
		}
	}
	for i, s := range w.both {
		if !w.ended[i] {
			send(s, func(to store.NodeID) *site {
				if j, up := w.with[to]; !up || j != i {
					return nil
				}
				return w.site(to)
			})
		}
	}
	for _, s := range w.sites {
		send(s, func(to store.NodeID) *site {
			i, up := w.with[s.peer.ID]
			switch {
			case to != w.both[0].peer.ID && !w.apart:
				return w.site(to)
			case to != w.both[0].peer.ID || !up || w.ended[i]:
				return nil
			}
			return w.both[i]
		})
	}
	return any
}

// check fails the test if the W of one passes what another holds and it does not.
func (w *twins) check() {
	w.t.Helper()
	for _, s := range w.sites {
		for _, e := range w.wrote {
			held := func(s *site) bool { return s.replica.marks.At(e.Version.Origin) >= e.Seq }
			if e.Version.Timestamp.Compare(s.W()) <= 0 && !held(s) && slices.ContainsFunc(w.sites, held) {
				w.t.Fatalf("at %v W of %s is %v and passes number %d of %v, stamped %v", w.now.Mono, s.peer.ID, s.W(), e.Seq, e.Version.Origin, e.Version.Timestamp)
			}
		}
	}
}

// Two nodes run on copies of one disk that were made while it stood still, whichever
// of the others meets which first, and whom he meets later.
func TestCopiesStartedTwiceBreakNoW(t *testing.T) {
	for script := range 1 << 6 {
		bit := func(i int) int { return script >> i & 1 }
		w := &twins{net: newCluster(t, "a1", "a2", "b1"), t: t, with: map[store.NodeID]int{}, apart: bit(5) == 1}
		a, p, q := w.sites[0], w.sites[1], w.sites[2]
		w.net.write(a, "before", 10)
		w.net.run(2 * time.Second)
		for _, s := range []*site{p, q} {
			if err := s.Admit(a.peer.ID, lineOf(1)); err != nil {
				t.Fatal(err)
			}
			s.PeerDown(w.now, a.peer.ID)
		}
		w.sites = w.sites[1:]
		for i := range w.both {
			r := newReplica(w.net)
			r.marks, r.ledger, r.last, r.kept = a.replica.marks.Clone(), a.replica.ledger, a.replica.last, a.replica.kept
			r.rows, r.entries = cloned(a.replica.rows), maps.Clone(a.replica.entries)
			w.both[i] = &site{replica: r, peer: a.peer}
			w.both[i].origin.Incarnation.Nonce = uint32(100 * (i + 1))
			w.net.start(w.both[i])
			w.lines[i] = lineOf(1, uint64(100+i))
		}
		steps := []func(){
			func() { w.meet(p, bit(0)) },
			func() { w.meet(q, bit(1)) },
			func() { w.meet(p, bit(2)) },
			func() { w.meet(q, bit(3)) },
			func() { w.meet(p, bit(4)); w.apart = false },
			func() { w.meet(p, 0); w.meet(q, 0) },
			func() { w.meet(p, 1); w.meet(q, 1) },
		}
		for _, step := range steps {
			step()
			for k := range 5 {
				for i, s := range w.both {
					if !w.ended[i] {
						w.net.write(s, fmt.Sprint("key", i, k), 10)
					}
				}
				w.run(200 * time.Millisecond)
			}
		}
		if !w.ended[0] && !w.ended[1] {
			t.Errorf("script %06b: both copies run on", script)
		}
	}
}

func cloned(rows map[store.Origin]map[uint64]store.Row) map[store.Origin]map[uint64]store.Row {
	all := map[store.Origin]map[uint64]store.Row{}
	for o, r := range rows {
		all[o] = maps.Clone(r)
	}
	return all
}

// A node ran on while its disk was copied, and what it closed since is known.
func TestCopyOfRunningNodeEnds(t *testing.T) {
	n := newCluster(t, "a1", "a2", "b1")
	a, p := n.sites[0], n.sites[1]
	bound := a.replica.last
	n.run(2 * time.Second)
	copied := gossip.NewEngine(a.peer, n.cfg, draw, newReplica(n), gossip.Memory{Ledger: a.replica.ledger, Bound: clock.Timestamp{Wall: bound}})
	copied.PeerUp(n.now, p.peer)
	var told *gossip.Status
	n.lose = func(from, to store.NodeID, m gossip.Message) bool {
		if s, ok := m.(*gossip.Status); ok && from == p.peer.ID && to == a.peer.ID && s.Full {
			told = s
		}
		return false
	}
	p.PeerUp(n.now, a.peer)
	n.settle()
	if told == nil {
		t.Fatal("nothing was told")
	}
	if err := copied.Receive(n.now, p.peer.ID, told); !errors.Is(err, gossip.ErrOtherDisk) {
		t.Errorf("Receive at a copy of a running node = %v, want ErrOtherDisk", err)
	}
}
