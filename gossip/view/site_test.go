package view_test

import (
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/gossip/view"
	"hearsay/store"
)

// A front is what one turn made readable.
type front struct {
	top  int64
	hold view.Hold
}

// A read takes the clock and then, some ticks later, the front.
type read struct {
	at    int
	owes  int64
	taken clock.Reading
	front front // what storeFirst took
}

// A write is an origin's seq-th, where it is in the log of the origin; its stamp
// is above all that its site had seen.
type write struct {
	mark  store.Mark
	stamp int64
}

// A site is a node of the region or a granter, with a machine, a disk, and
// clients.
type site struct {
	net *net
	i   int
	id  store.NodeID

	rate   int64         // how fast its clocks run, in millionths
	skew   time.Duration // of the wall clock
	booted time.Duration // when the monotonic clock was 0 …
	slept  time.Duration // … and how long it stood since

	down, paused, asleep int // until these ticks
	started              bool
	stuck                bool // takes no writes of others in

	config  int // of the net's, the latest that it knows …
	adopted int // … since this tick of this life

	log     map[store.Origin][]int64 // stamps, applied
	marks   store.Watermarks         // applied
	synced  store.Watermarks
	disk    view.Ledger
	region  *view.Region
	lives   int
	own     store.Mark
	waiting []write // own writes not acknowledged yet

	inbox  []flight
	latest int64 // the greatest stamp applied
	front  front
	reads  []read

	next   int      // tick of the next status
	told   view.Tag // the tag of the last one
	moved  bool     // something was applied since
	pushed uint64   // how far own writes were sent

	asked, granted view.ID // the highest that ever left, for judge
}

func (s *site) reading() clock.Reading {
	run := func(d time.Duration) time.Duration { return time.Duration(int64(d/time.Microsecond)*s.rate) / 1000 }
	return clock.Reading{
		Wall: int64(run(s.net.elapsed()) + s.skew),
		Mono: run(s.net.elapsed() - s.booted - s.slept),
	}
}

// boot begins a life with what the disk holds.
func (s *site) boot() {
	w := s.net
	s.started = true
	s.lives++
	s.booted, s.slept = w.elapsed(), 0
	s.own = store.Mark{Origin: store.Origin{Node: s.id, Incarnation: store.Incarnation{
		Start: clock.Timestamp{Wall: int64(w.now)}, Nonce: uint32(s.lives)}}}
	s.waiting, s.inbox, s.reads, s.front, s.pushed = nil, nil, nil, front{}, 0
	s.latest = s.top()
	switch w.breach {
	case forgetLedger:
		s.disk = view.Ledger{Granted: view.ID{Number: min(1, s.disk.Granted.Number)}} // it still waits
	case forgetAsked:
		if s.disk.View.ID != s.disk.Granted {
			s.disk.View = view.View{ID: s.disk.Granted}
		}
	}
	draw := func(string, uint64, uint64) uint64 { return w.rng.Uint64() }
	s.region = view.New(s.id, view.DefaultConfig(), s.disk, s.reading(), draw)
	if w.configs == nil {
		s.region.Place(1, ids(w.nodes()), ids(w.sites[:w.shape.granters]))
		return
	}
	s.adopted = w.now
	s.place()
}

func (s *site) crash(ticks int) {
	s.started, s.down = false, s.net.now+ticks
	for o, l := range s.log {
		s.log[o] = l[:s.synced.At(o)]
	}
	s.marks = s.synced.Clone()
}

func (s *site) top() int64 {
	var top int64
	for _, l := range s.log {
		for _, stamp := range l {
			top = max(top, stamp)
		}
	}
	return top
}

func (s *site) apply(x write) {
	if s.stuck && x.mark.Origin != s.own.Origin || uint64(len(s.log[x.mark.Origin]))+1 != x.mark.Seq {
		return // held already, or above a gap
	}
	s.log[x.mark.Origin] = append(s.log[x.mark.Origin], x.stamp)
	s.marks.Set(x.mark.Origin, x.mark.Seq)
	s.latest = max(s.latest, x.stamp)
	s.moved = true
}

// lacking returns writes, a few of each origin, that marks does not cover.
func (s *site) lacking(marks store.Watermarks) []write {
	var list []write
	for _, m := range s.marks {
		for seq := marks.At(m.Origin) + 1; seq <= min(m.Seq, marks.At(m.Origin)+8); seq++ {
			list = append(list, write{store.Mark{Origin: m.Origin, Seq: seq}, s.log[m.Origin][seq-1]})
		}
	}
	return list
}

// write takes a client's write in.
func (s *site) write(now clock.Reading) {
	w := s.net
	s.own.Seq++
	x := write{s.own, (max(s.latest>>4, int64(w.now))+1)<<4 | int64(s.i)}
	s.apply(x)
	s.region.Wrote(now, s.own)
	s.waiting = append(s.waiting, x)
}

// turn is inputs, Tick, Flush, outside world.
func (s *site) turn(writes bool) {
	w, now := s.net, s.reading()
	in := s.inbox
	s.inbox = nil
	for _, f := range in {
		switch m := f.message.(type) {
		case view.Message:
			s.region.Receive(now, w.sites[f.from].id, &m)
		case []write:
			for _, x := range m {
				s.apply(x)
			}
		case status:
			s.region.Held(now, w.sites[f.from].id, store.Mark{Origin: s.own.Origin, Seq: m.marks.At(s.own.Origin)}, m.tag)
			if x := s.lacking(m.marks); len(x) > 0 && w.rng.IntN(2) == 0 {
				w.send(s.i, f.from, x)
			}
		}
	}
	if writes {
		s.write(now)
	}
	s.region.Tick(now)

	ledger, dirty := s.region.Save()
	if dirty {
		if ledger.Granted.Compare(s.disk.Granted) < 0 {
			w.fail("%s grants %v after %v", s.id, ledger.Granted, s.disk.Granted)
		}
		s.disk = ledger
	}
	if dirty || writes || w.rng.IntN(w.lazy) == 0 {
		s.synced = s.marks.Clone()
	}
	marks := s.synced
	if w.breach == reportUnsynced {
		marks = s.marks.Clone()
	}
	envelopes := s.region.Collect(marks, marks.Covers)
	s.show()
	s.acknowledge()
	for _, env := range envelopes {
		s.judge(&env.Message)
		w.send(s.i, slices.IndexFunc(w.sites, func(to *site) bool { return to.id == env.To }), env.Message)
	}
	s.spread(marks)
}

// show gives the front to reads.
func (s *site) show() {
	if s.net.breach == frontLate && s.net.rng.IntN(4) > 0 {
		return // the next turn will
	}
	s.front = front{s.latest, s.region.Hold()}
}

// judge holds a message that leaves against what left before.
func (s *site) judge(m *view.Message) {
	w, v := s.net, m.View
	if m.Step == view.Ask && v.Compare(s.asked) < 0 {
		w.fail("%s asks for %v again, though it asked for %v", s.id, v.ID, s.asked)
	}
	if m.Step == view.Ask {
		s.asked = v.ID
	}
	if m.Granted && v.Compare(s.granted) < 0 {
		w.fail("%s grants %v again, though it granted %v", s.id, v.ID, s.granted)
	}
	if m.Granted {
		s.granted = v.ID
	}
	if len(v.Nodes) == 0 {
		return
	}
	if old, known := w.views[v.ID]; known && !slices.Equal(old, v.Nodes) {
		w.fail("view %v is of %v and of %v", v.ID, old, v.Nodes)
	}
	w.views[v.ID] = v.Nodes
}

// acknowledge replies to clients.
func (s *site) acknowledge() {
	for confirmed := s.region.Confirmed(); len(s.waiting) > 0 && s.waiting[0].mark.Seq <= confirmed.Seq; s.waiting = s.waiting[1:] {
		s.net.acked = max(s.net.acked, s.waiting[0].stamp)
		s.net.acks++
	}
}

// spread sends own writes that are new, and a status when there is news.
func (s *site) spread(marks store.Watermarks) {
	w := s.net
	var fresh []write
	for _, x := range s.waiting {
		if x.mark.Seq > s.pushed {
			fresh = append(fresh, x)
		}
	}
	s.pushed = s.own.Seq
	tag := s.region.Tag()
	news := s.moved && marks.Covers(s.marks) || tag != s.told || w.now >= s.next
	for _, peer := range w.sites {
		if peer == s {
			continue
		}
		if len(fresh) > 0 {
			w.send(s.i, peer.i, fresh)
		}
		if news {
			w.send(s.i, peer.i, status{marks, tag})
		}
	}
	if news {
		s.moved, s.told, s.next = false, tag, w.now+int(200*time.Millisecond/w.tick)
	}
}

// read begins reads and finishes those begun.
func (s *site) read() {
	w, now := s.net, s.reading()
	if s.asleep == w.now || w.rng.IntN(4) == 0 {
		wait := 0
		if w.rng.IntN(4) == 0 {
			wait = w.rng.IntN(30)
		}
		s.reads = append(s.reads, read{w.now + wait, w.acked, now, s.front})
	}
	s.reads = slices.DeleteFunc(s.reads, func(r read) bool {
		if r.at > w.now {
			return false
		}
		f := s.front
		if w.breach == storeFirst {
			r.taken, f.top = now, r.front.top
		}
		w.reads++
		if !f.hold.On(r.taken) {
			return true
		}
		w.fresh++
		if f.top < r.owes {
			w.fail("C1: a read at %s says region and %d, though %d was acknowledged before it began", s.id, f.top, r.owes)
		}
		return true
	})
}

// nothing is what a node covers that has written and taken nothing.
func nothing(marks store.Watermarks) bool { return len(marks) == 0 }
