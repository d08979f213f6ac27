package view_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/gossip/view"
	"hearsay/store"
)

// A shape is a region to test: its nodes, and how many granters of them, or one
// more that is borrowed.
type shape struct {
	nodes, granters int
}

func (s shape) String() string { return fmt.Sprintf("%d nodes, %d granters", s.nodes, s.granters) }

var shapes = []shape{{1, 1}, {2, 3}, {3, 3}, {4, 4}, {5, 5}, {6, 5}}

// A breach is a duty of the owner of a Region that a net neglects.
type breach string

const (
	reportUnsynced breach = "holdings are reported before they are synced"
	storeFirst     breach = "a read takes the front before the clock"
	frontLate      breach = "messages leave before the front is shown"
	forgetLedger   breach = "the ledger is not kept"
	forgetAsked    breach = "of the ledger, only what was granted is kept"
)

// A net is a region under virtual time, drawn from one seed, with one key.
type net struct {
	rng    *rand.Rand
	breach breach
	tick   time.Duration
	now    int // ticks
	shape  shape
	sites  []*site
	fly    []flight
	cut    map[[2]int]int // until which tick nothing gets from one to another
	loss   int            // one message of so many; 0 for none
	lazy   int            // of others' entries, only each so many turns syncs
	writes int            // a client writes at a site every so many ticks; 0 for never

	views        map[view.ID][]store.NodeID
	acked        int64 // the greatest stamp acknowledged `region`
	acks         int
	reads, fresh int // those that said `region`
	failure      string
}

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

	log     map[store.Origin][]int64 // stamps, applied
	marks   store.Watermarks         // applied
	synced  store.Watermarks
	disk    view.Ledger
	region  *view.Region
	lives   int
	own     store.Mark
	waiting []write // own writes not acknowledged yet

	inbox          []flight
	latest         int64 // the greatest stamp applied
	front          front
	reads          []read
	asked, granted view.ID // ever, and sent

	next   int // tick of the next status
	told   view.ID
	moved  bool
	pushed uint64
}

type flight struct {
	at       int
	from, to int
	message  any // view.Message, status or []write
}

// A status says how far its sender is, and what it granted.
type status struct {
	marks store.Watermarks
	tag   view.ID
}

func newNet(seed uint64, sh shape, tick time.Duration) *net {
	w := &net{
		rng:   rand.New(rand.NewPCG(seed, 7)),
		tick:  tick,
		lazy:  1,
		shape: sh,
		cut:   map[[2]int]int{},
		views: map[view.ID][]store.NodeID{},
	}
	for i := range max(sh.nodes, sh.granters) {
		s := &site{
			net:  w,
			i:    i,
			id:   store.NodeID(fmt.Sprint("n", i)),
			rate: 990_000 + w.rng.Int64N(20_001),
			skew: time.Duration(w.rng.IntN(500)) * time.Millisecond,
			log:  map[store.Origin][]int64{},
		}
		w.sites = append(w.sites, s)
	}
	return w
}

func (w *net) elapsed() time.Duration { return time.Duration(w.now) * w.tick }

func (w *net) nodes() []*site { return w.sites[:w.shape.nodes] }

func ids(sites []*site) []store.NodeID {
	list := make([]store.NodeID, len(sites))
	for i, s := range sites {
		list[i] = s.id
	}
	return list
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
	s.region.Place(ids(w.nodes()), ids(w.sites[:w.shape.granters]))
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
	envelopes := s.region.Collect(marks)
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

func (w *net) fail(format string, args ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf("at %v: ", w.elapsed()) + fmt.Sprintf(format, args...)
	}
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

func (w *net) send(from, to int, message any) {
	if w.cut[[2]int{from, to}] > w.now || w.loss > 0 && w.rng.IntN(w.loss) == 0 {
		return
	}
	for copies := 1; copies > 0; copies-- {
		at := w.now + 1 + w.rng.IntN(3)
		if w.loss > 0 && w.rng.IntN(40) == 0 {
			at += w.rng.IntN(400)
		}
		if w.loss > 0 && w.rng.IntN(40) == 0 {
			copies++
		}
		if max(from, to) >= w.shape.nodes { // the borrowed granter is far away
			at += int(40 * time.Millisecond / w.tick)
		}
		w.fly = append(w.fly, flight{at, from, to, message})
	}
}

// step lets one tick pass.
func (w *net) step() {
	w.now++
	fly := w.fly
	w.fly = nil
	for _, f := range fly {
		switch to := w.sites[f.to]; {
		case f.at > w.now:
			w.fly = append(w.fly, f)
		case to.started:
			to.inbox = append(to.inbox, f)
		}
	}
	for _, s := range w.sites {
		w.run(s)
	}
}

func (w *net) run(s *site) {
	switch {
	case s.asleep > w.now:
		s.slept += w.tick
		return
	case s.down > w.now, s.paused > w.now:
		return
	case !s.started:
		s.boot()
	}
	member := s.i < w.shape.nodes
	writes := member && w.writes > 0 && w.rng.IntN(w.writes) == 0
	turn := func() {
		if writes || len(s.inbox) > 0 || s.region.NextTick() <= s.reading().Mono || w.now >= s.next {
			s.turn(writes)
		}
	}
	switch {
	case !member:
		turn()
	case w.rng.IntN(2) == 0:
		turn()
		s.read()
	default:
		s.read()
		turn()
	}
}

// read begins reads and finishes those begun.
func (s *site) read() {
	w, now := s.net, s.reading()
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
	if w.rng.IntN(4) == 0 {
		wait := 0
		if w.rng.IntN(4) == 0 {
			wait = w.rng.IntN(30)
		}
		s.reads = append(s.reads, read{w.now + wait, w.acked, now, s.front})
	}
}

// fault lets something go wrong, now and then.
func (w *net) fault() {
	any := func() *site { return w.sites[w.rng.IntN(len(w.sites))] }
	ticks := func(d time.Duration) int { return 1 + w.rng.IntN(1+int(d/w.tick)) }
	if w.rng.IntN(300) == 0 { // one link, perhaps in one direction
		a, b, until := any().i, any().i, w.now+ticks(2*time.Second)
		w.cut[[2]int{a, b}] = until
		if w.rng.IntN(3) > 0 {
			w.cut[[2]int{b, a}] = until
		}
	}
	if w.rng.IntN(1500) == 0 { // two sides
		side, until := w.rng.Uint32(), w.now+ticks(4*time.Second)
		for a := range w.sites {
			for b := range w.sites {
				if side>>a&1 != side>>b&1 {
					w.cut[[2]int{a, b}] = until
				}
			}
		}
	}
	if w.rng.IntN(1000) == 0 { // one loses its network, and it or all others their power
		one, others, until := any(), w.rng.IntN(2) == 0, w.now+ticks(3*time.Second)
		for _, s := range w.sites {
			w.cut[[2]int{one.i, s.i}], w.cut[[2]int{s.i, one.i}] = until, until
			if s.started && (s != one) == others {
				s.crash(ticks(300 * time.Millisecond))
			}
		}
		for i := range w.fly { // what is under way to it comes late
			if w.fly[i].to == one.i {
				w.fly[i].at += ticks(time.Second)
			}
		}
	}
	if w.rng.IntN(1000) == 0 {
		any().paused = w.now + ticks(3*time.Second)
	}
	if w.rng.IntN(500) == 0 {
		any().asleep = w.now + ticks([]time.Duration{10 * time.Millisecond, 600 * time.Millisecond, 3 * time.Second}[w.rng.IntN(3)])
	}
	if w.rng.IntN(2000) == 0 {
		any().skew += time.Duration(w.rng.IntN(600)-300) * time.Millisecond
	}
	if w.rng.IntN(800) == 0 { // sometimes several at once, or all
		for _, i := range w.rng.Perm(len(w.sites))[:min(1+w.rng.IntN(len(w.sites)+1), len(w.sites))] {
			if s := w.sites[i]; s.started {
				s.crash(ticks(time.Duration(1+w.rng.IntN(2000)) * time.Millisecond))
			}
		}
	}
}

// heal ends everything that went wrong.
func (w *net) heal() {
	w.loss = 0
	clear(w.cut)
	for _, s := range w.sites {
		s.down, s.paused, s.asleep = 0, 0, 0
	}
}

// until steps until done, for at most d, and returns how long it took.
func (w *net) until(d time.Duration, done func() bool) (time.Duration, bool) {
	for start := w.elapsed(); ; w.step() {
		if done() {
			return w.elapsed() - start, true
		}
		if w.elapsed()-start >= d {
			return d, false
		}
	}
}

// whole reports whether sites answer `region` as one view of just these.
func whole(sites []*site) bool {
	for _, s := range sites {
		if !s.started || !s.front.hold.On(s.reading()) || !slices.Equal(s.region.View().Nodes, ids(sites)) {
			return false
		}
	}
	return true
}
