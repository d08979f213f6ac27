package view_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

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
	// configs are the sets of granters there have been; nil for the shape's for good.
	configs [][]int
	writes  int // a client writes at a site every so many ticks; 0 for never

	views        map[view.ID][]store.NodeID // by what was ever sent
	acked        int64                      // the greatest stamp acknowledged `region`
	acks         int
	reads, fresh int // those that said `region`
	failure      string
}

// A flight is a message under way.
type flight struct {
	at       int
	from, to int
	message  any // view.Message, status or []write
}

// A status says how far its sender is, and what it granted.
type status struct {
	marks store.Watermarks
	tag   view.Tag
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

func (w *net) fail(format string, args ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf("at %v: ", w.elapsed()) + fmt.Sprintf(format, args...)
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
	case s.asleep == w.now, w.rng.IntN(2) == 0: // reads do not wait for a turn
		s.read()
		turn()
	default:
		turn()
		s.read()
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
