package roster_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// A site is a roster with a disk and a clock.
type site struct {
	id     store.NodeID
	region string
	name   string
	roster *roster.Roster
	disk   roster.Ledger
	last   clock.Timestamp // the greatest given
	marks  store.Watermarks
	w      clock.Timestamp // zero if it misses nothing
	down   bool
}

var alone = roster.Member{Node: "a", Region: "r"}

// A net is a cluster of sites under virtual time, drawn from one seed.
type net struct {
	rng   *rand.Rand
	now   time.Duration
	sites []*site
	fly   []flight
	loss  float64
	// decided is what was ever adopted, by number.
	decided map[uint64]string
	behind  bool // nobody's W moves
	lent    map[[2]store.NodeID]time.Duration
	failure string
	unfit   store.NodeID // may not be admitted
}

type flight struct {
	at       time.Duration
	from, to store.NodeID
	message  roster.Message
}

func newNet(seed uint64, n, regions int) *net {
	w := &net{rng: rand.New(rand.NewPCG(seed, 1)), decided: map[uint64]string{}, lent: map[[2]store.NodeID]time.Duration{}}
	for i := range n {
		w.add(fmt.Sprint("n", i), "", fmt.Sprint("r", i%regions))
	}
	if n > 0 {
		w.sites[0].roster.Found()
		w.flush(w.sites[0])
	}
	return w
}

// add boots a site that is new.
func (w *net) add(id, name, region string) *site {
	s := &site{id: store.NodeID(id), name: name, region: region}
	w.sites = append(w.sites, s)
	w.boot(s)
	return s
}

func (w *net) boot(s *site) {
	s.down = false
	draw := func(_ string, _, _ uint64) uint64 { return w.rng.Uint64() }
	self := roster.Member{Node: s.id, Region: s.region, Name: s.name}
	s.roster = roster.New(self, roster.DefaultConfig(), s.disk, owner{w, s}, draw)
	for _, other := range w.sites {
		if other != s {
			s.roster.Heard(w.now, other.id, other.disk.Epoch.Number)
		}
	}
}

// flush is the end of a turn: first the disk, then the network.
func (w *net) flush(s *site) {
	if ledger, dirty := s.roster.Save(); dirty {
		s.disk = ledger
	}
	if e := s.disk.Epoch; e.Number > 0 {
		text := fmt.Sprint(e)
		if old, ok := w.decided[e.Number]; ok && old != text {
			w.failure = fmt.Sprintf("epoch %d is %s and %s", e.Number, old, text)
		}
		w.decided[e.Number] = text
	}
	for _, env := range s.roster.Collect() {
		for range 1 + w.rng.IntN(2) {
			if w.rng.Float64() >= w.loss {
				delay := time.Duration(1 + w.rng.IntN(int(300*time.Millisecond)))
				w.fly = append(w.fly, flight{w.now + delay, s.id, env.To, env.Message})
			}
		}
	}
}

func (w *net) step() {
	w.now += 10 * time.Millisecond
	fly := w.fly
	w.fly = nil
	for _, f := range fly {
		i := slices.IndexFunc(w.sites, func(s *site) bool { return s.id == f.to })
		switch to := w.sites[i]; {
		case f.at > w.now:
			w.fly = append(w.fly, f)
		case !to.down:
			to.roster.Receive(w.now, f.from, &f.message)
			w.flush(to)
		}
	}
	for _, s := range w.sites {
		if s.down {
			continue
		}
		var peers []store.NodeID
		for _, other := range w.sites {
			if other == s || other.down {
				continue
			}
			peers = append(peers, other.id)
			if w.now%(200*time.Millisecond) == 0 {
				s.roster.Heard(w.now, other.id, other.disk.Epoch.Number)
			}
		}
		s.roster.Tick(w.now, func() []store.NodeID { return peers })
		w.flush(s)
	}
	w.judge()
}

// near returns the first site of another region.
func (w *net) near(s *site) store.NodeID {
	for _, other := range w.sites {
		if other.region != s.region {
			return other.id
		}
	}
	return ""
}

func nobody() []store.NodeID { return nil }

// A stamper is an owner that only gives timestamps.
type stamper func() clock.Timestamp

func (s stamper) Stamp() clock.Timestamp             { return s() }
func (s stamper) W() clock.Timestamp                 { return clock.Timestamp{} }
func (s stamper) Held(store.NodeID) store.Watermarks { return nil }
func (s stamper) Near() store.NodeID                 { return "" }
func (s stamper) Fits(roster.Member) bool            { return true }

// An owner is a site as its roster sees it.
type owner struct {
	net  *net
	site *site
}

func (o owner) Stamp() clock.Timestamp {
	o.site.last = clock.Timestamp{Wall: max(int64(o.net.now), o.site.last.Wall) + 1}
	return o.site.last
}

func (o owner) Held(id store.NodeID) store.Watermarks { return o.site.marks.Of(id) }

func (o owner) W() clock.Timestamp {
	if o.net.behind {
		return clock.Timestamp{}
	}
	if !o.site.w.IsZero() {
		return o.site.w
	}
	return clock.Timestamp{Wall: math.MaxInt64}
}

func (o owner) Fits(m roster.Member) bool { return m.Node != o.net.unfit }

func (o owner) Near() store.NodeID { return o.net.near(o.site) }

// lease is how long a grant lasts.
const lease = 1050 * time.Millisecond

// judge holds all granters in use against each other: two majorities of one
// region have a granter in common. A granter grants to whoever has adopted its
// region's granters, or later ones, and each grant lasts.
func (w *net) judge() {
	for _, a := range w.sites {
		for _, g := range w.sites {
			r := g.disk.Epoch.Region(a.region)
			if !g.down && slices.Contains(r.Granters, g.id) && a.disk.Epoch.Region(a.region).Since >= r.Since {
				w.lent[[2]store.NodeID{a.id, g.id}] = w.now + lease
			}
		}
	}
	for _, a := range w.sites {
		for _, b := range w.sites {
			if a.region == b.region && a.disk.Epoch.Region(a.region).Since < b.disk.Epoch.Region(a.region).Since {
				w.compare(a, b)
			}
		}
	}
}

func (w *net) compare(a, b *site) {
	s, t := a.disk.Epoch.Region(a.region).Granters, b.disk.Epoch.Region(a.region).Granters
	var onlyS, onlyT, both int
	for _, g := range w.sites {
		inS := slices.Contains(s, g.id) && w.lent[[2]store.NodeID{a.id, g.id}] > w.now
		inT := slices.Contains(t, g.id) && w.lent[[2]store.NodeID{b.id, g.id}] > w.now
		switch {
		case inS && inT:
			both++
		case inS:
			onlyS++
		case inT:
			onlyT++
		}
	}
	if len(s) > 0 && max(0, len(s)/2+1-onlyS)+max(0, len(t)/2+1-onlyT) <= both {
		w.failure = fmt.Sprintf("at %v: granters %v of %s at %s and %v at %s may have majorities apart", w.now, s, a.region, a.id, t, b.id)
	}
}

// granted reports whether each region has the granters that it should.
func (w *net) granted() bool {
	e := &w.sites[0].disk.Epoch
	for _, s := range w.sites {
		own := e.Nodes(s.region)
		want := min(len(own), roster.MaxGranters)
		if len(own) == 2 && w.near(s) != "" {
			want = 3
		}
		has := e.Region(s.region).Granters
		if len(has) != want || len(own) <= want && slices.ContainsFunc(own, func(id store.NodeID) bool { return !slices.Contains(has, id) }) {
			return false
		}
	}
	return true
}

func (w *net) members() int {
	most := 0
	for _, s := range w.sites {
		most = max(most, len(s.disk.Epoch.Members))
	}
	return most
}

// whole reports whether all sites agree that all are members.
func (w *net) whole() bool {
	for _, s := range w.sites {
		if len(s.disk.Epoch.Members) != len(w.sites) || s.disk.Epoch.Number != w.sites[0].disk.Epoch.Number {
			return false
		}
	}
	return true
}

func TestNewcomersAreAdmittedInTwoRoundTrips(t *testing.T) {
	w := newNet(1, 10, 5)
	for !w.whole() && w.now < 10*time.Second {
		w.step()
	}
	if !w.whole() {
		t.Fatalf("%d of 10 are members after %v", w.members(), w.now)
	}
	if w.failure != "" {
		t.Fatal(w.failure)
	}
}

// TestOneEpochIsDecidedOnce runs clusters with loss, duplicates, reordering and
// crashes, then lets them heal.
func TestOneEpochIsDecidedOnce(t *testing.T) {
	for seed := range uint64(200) {
		w := newNet(seed, 3+int(seed%5), 1+int(seed%3))
		w.loss = 0.3
		for w.now < 20*time.Second {
			if s := w.sites[w.rng.IntN(len(w.sites))]; w.rng.IntN(50) == 0 {
				if s.down {
					w.boot(s)
				} else {
					s.down = true
				}
			}
			w.step()
		}
		w.loss = 0
		for _, s := range w.sites {
			if s.down {
				w.boot(s)
			}
		}
		for end := w.now + time.Minute; !(w.whole() && w.granted()) && w.now < end; {
			w.step()
		}
		if w.failure != "" {
			t.Fatalf("seed %d: %s", seed, w.failure)
		}
		if !w.whole() || !w.granted() {
			t.Fatalf("seed %d: a minute after all was healed %d of %d are members, granters are %v", seed, w.members(), len(w.sites), w.sites[0].disk.Epoch.Regions)
		}
	}
}

func TestMinorityAdmitsNobody(t *testing.T) {
	w := newNet(1, 6, 2)
	newcomer := w.sites[5]
	newcomer.down = true
	for w.members() < 5 && w.now < 10*time.Second {
		w.step()
	}
	for w.now < 20*time.Second {
		w.step()
	}
	for _, s := range w.sites[2:5] {
		s.down = true // two of five are left
	}
	w.boot(newcomer)
	for w.now < 60*time.Second {
		w.step()
	}
	if got := w.members(); got != 5 {
		t.Fatalf("two of five members made it %d", got)
	}
	for _, s := range w.sites[2:5] {
		w.boot(s)
	}
	for !w.whole() && w.now < 90*time.Second {
		w.step()
	}
	if !w.whole() {
		t.Errorf("%d members 30 s after the majority is back, want 6", w.members())
	}
}

func TestBarHoldsUntilTheEpochIsDecided(t *testing.T) {
	w := newNet(1, 3, 1)
	for range 1000 {
		w.step()
	}
	a, b := w.sites[0], &site{id: "n9", region: "r0"}
	w.sites = append(w.sites, b)
	w.boot(b)
	w.loss = 1
	ask := roster.Message{Step: roster.Ask, Who: roster.Member{Region: "r"}}
	a.roster.Receive(w.now, b.id, &ask)
	for range 10 {
		w.step()
	}
	if _, held := a.roster.Bar(); held {
		t.Fatal("the sponsor holds back before it proposed")
	}
	w.loss = 0
	var bar clock.Timestamp
	for range 1000 {
		w.step()
		var held bool
		if bar, held = a.roster.Bar(); held && bar.Compare(clock.Timestamp{}) > 0 {
			// A crash of the sponsor does not lift it.
			w.boot(a)
			if again, held := a.roster.Bar(); !held || again != bar {
				t.Fatalf("after a restart the bar is %v, %v; was %v", again, held, bar)
			}
			break
		}
	}
	for range 1000 {
		w.step()
	}
	if _, held := a.roster.Bar(); held || len(a.disk.Epoch.Members) != 4 {
		t.Errorf("bar held %v with %d members, want it lifted with 4", held, len(a.disk.Epoch.Members))
	}
	m, _ := a.disk.Epoch.Member("n9")
	if m.Since != bar || m.Since.IsZero() {
		t.Errorf("the newcomer is in since %v, want the bar %v", m.Since, bar)
	}
}

// TestBarOutlivesWhatOvertakesTheProposal has a's proposal accepted by b alone,
// while a itself joins c's ballot and even accepts what c proposes in it. Then b
// brings a's proposal to its end: so a has to hold back all the time.
func TestBarOutlivesWhatOvertakesTheProposal(t *testing.T) {
	var last int64
	stamp := func() clock.Timestamp {
		last++
		return clock.Timestamp{Wall: last}
	}
	ledger := roster.Ledger{Epoch: roster.Epoch{Number: 1, Founder: "a", Sponsor: "a"}}
	for _, id := range []store.NodeID{"a", "b", "c", "d", "e"} {
		ledger.Epoch.Members = append(ledger.Epoch.Members, roster.Member{Node: id})
	}
	cfg := roster.DefaultConfig()
	draw := func(string, uint64, uint64) uint64 { return 0 }
	a := roster.New(alone, cfg, ledger, stamper(stamp), draw)
	mine, theirs := roster.Ballot{Round: 1, Node: "a"}, roster.Ballot{Round: 1, Node: "c"}

	a.Receive(0, "f", &roster.Message{Step: roster.Ask})
	a.Tick(cfg.Gather, nobody)
	a.Receive(0, "c", &roster.Message{Step: roster.Prepare, Number: 2, Ballot: theirs})
	for _, id := range []store.NodeID{"b", "d"} {
		a.Receive(0, id, &roster.Message{Step: roster.Promise, Number: 2, Ballot: mine})
	}
	var proposed roster.Epoch
	for _, env := range a.Collect() {
		if env.To == "b" && env.Message.Step == roster.Accept {
			proposed = env.Message.Value
		}
	}
	if _, in := proposed.Member("f"); !in {
		t.Fatalf("a proposed %+v, want f admitted", proposed)
	}
	holds := func(when string) {
		t.Helper()
		if bar, held := a.Bar(); !held || bar != proposed.Bar {
			t.Errorf("%s the bar is %v, %v, want %v: b may have accepted the proposal", when, bar, held, proposed.Bar)
		}
	}
	holds("after a joined a greater ballot")
	saved, _ := a.Save()
	a = roster.New(alone, cfg, saved, stamper(stamp), draw)
	holds("after a restart")
	// Nothing but the bar reminds a that an epoch is to be decided.
	a.Tick(0, nobody)
	for _, id := range []store.NodeID{"d", "e"} {
		a.Receive(0, id, &roster.Message{Step: roster.Promise, Number: 2, Ballot: roster.Ballot{Round: 2, Node: "a"}})
	}
	again := 0
	for _, env := range a.Collect() {
		if env.Message.Step != roster.Accept {
			continue
		}
		again++
		if got := env.Message.Value.Bar; got != proposed.Bar {
			t.Errorf("a proposes again with the bar %v, want %v, above which it has closed nothing", got, proposed.Bar)
		}
	}
	if again == 0 {
		t.Error("a restarted and does nothing for its bar to be lifted")
	}
	holds("after a proposed again")
	other := proposed
	other.Sponsor, other.Bar = "c", clock.Timestamp{Wall: 1000}
	a.Receive(0, "c", &roster.Message{Step: roster.Accept, Number: 2, Ballot: roster.Ballot{Round: 3, Node: "c"}, Value: other})
	holds("after a accepted another proposal")
	saved, _ = a.Save()
	a = roster.New(alone, cfg, saved, stamper(stamp), draw)
	holds("after another restart")
	a.Receive(0, "b", &roster.Message{Step: roster.Decided, Value: proposed})
	if bar, held := a.Bar(); held {
		t.Errorf("the bar is %v after the epoch was decided, want none", bar)
	}
}

func TestTwoClustersDoNotMix(t *testing.T) {
	w := newNet(1, 2, 1)
	w.sites[1].roster.Found()
	w.flush(w.sites[1])
	w.decided = map[uint64]string{}
	for range 500 {
		w.step()
	}
	for _, s := range w.sites {
		if e := s.disk.Epoch; e.Founder != s.id || len(e.Members) != 1 {
			t.Errorf("%s is in the cluster of %s with %d members, want its own alone", s.id, e.Founder, len(e.Members))
		}
	}
}

// A member that answers what was not asked decides nothing.
func TestAcceptedBeforeAProposalCountsNothing(t *testing.T) {
	member := func(id store.NodeID) roster.Member { return roster.Member{Node: id} }
	ledger := roster.Ledger{Epoch: roster.Epoch{Number: 2, Founder: "a", Sponsor: "a", Members: []roster.Member{member("a"), member("b"), member("c")}}}
	r := roster.New(alone, roster.DefaultConfig(), ledger, stamper(func() clock.Timestamp { return clock.Timestamp{Wall: 1} }), func(string, uint64, uint64) uint64 { return 0 })
	r.Receive(0, "d", &roster.Message{Step: roster.Ask})
	r.Tick(time.Second, nobody)
	ballot := r.Collect()[0].Message.Ballot
	for _, from := range []store.NodeID{"b", "c"} {
		r.Receive(time.Second, from, &roster.Message{Step: roster.Accepted, Number: 3, Ballot: ballot})
	}
	if got := r.Epoch().Number; got != 2 {
		t.Errorf("epoch %d is adopted, want 2 still", got)
	}
}

func TestRosterIsBounded(t *testing.T) {
	cfg := roster.DefaultConfig()
	cfg.MaxMembers = 3
	r := roster.New(alone, cfg, roster.Ledger{}, stamper(func() clock.Timestamp { return clock.Timestamp{Wall: 1} }), func(string, uint64, uint64) uint64 { return 0 })
	r.Found()
	for i := range 5 {
		r.Receive(0, store.NodeID(fmt.Sprint("b", i)), &roster.Message{Step: roster.Ask})
	}
	r.Tick(time.Second, nobody)
	if got := len(r.Epoch().Members); got != 3 {
		t.Errorf("%d members, want the bound of 3", got)
	}
}

// TestEpochOfOthersLeavesNoRoom has another sponsor fill the roster while one
// waits here.
func TestEpochOfOthersLeavesNoRoom(t *testing.T) {
	cfg := roster.DefaultConfig()
	cfg.MaxMembers = 3
	ledger := roster.Ledger{Epoch: roster.Epoch{Number: 1, Founder: "a", Sponsor: "a", Members: []roster.Member{{Node: "a"}}}}
	r := roster.New(alone, cfg, ledger, stamper(func() clock.Timestamp { return clock.Timestamp{Wall: 1} }), func(string, uint64, uint64) uint64 { return 0 })
	for _, id := range []store.NodeID{"x", "y"} {
		r.Receive(0, id, &roster.Message{Step: roster.Ask})
	}
	next := ledger.Epoch
	next.Number, next.Members = 2, []roster.Member{{Node: "a"}, {Node: "b"}}
	r.Receive(0, "b", &roster.Message{Step: roster.Decided, Value: next})
	r.Tick(time.Second, nobody)
	r.Receive(time.Second, "b", &roster.Message{Step: roster.Promise, Number: 3, Ballot: roster.Ballot{Round: 1, Node: "a"}})
	for _, env := range r.Collect() {
		if got := len(env.Message.Value.Members); got > cfg.MaxMembers {
			t.Errorf("%d members proposed, want at most %d", got, cfg.MaxMembers)
		}
	}
}

// TestGrantersWaitForWhatTheyHave has a granter that is not known to hold all that
// it took in under a former epoch.
func TestGrantersWaitForWhatTheyHave(t *testing.T) {
	w := newNet(1, 3, 1)
	w.behind = true
	for w.now < 20*time.Second {
		w.step()
	}
	if got := w.sites[0].disk.Epoch.Region("r0").Granters; len(got) != 1 || !w.whole() {
		t.Errorf("granters are %v of 3 members, want the founder alone while W stands still", got)
	}
	w.behind = false
	for w.now < 40*time.Second && !w.granted() {
		w.step()
	}
	if !w.granted() {
		t.Errorf("granters are %v, want all three", w.sites[0].disk.Epoch.Region("r0").Granters)
	}
}

// TestGrantsRunOutBeforeTheNextChange asks a member that has just adopted an
// epoch, or has just started.
func TestGrantsRunOutBeforeTheNextChange(t *testing.T) {
	cfg := roster.DefaultConfig()
	ledger := roster.Ledger{Epoch: roster.Epoch{Number: 1, Founder: "b", Sponsor: "b", Members: []roster.Member{{Node: "a"}, {Node: "b"}}}}
	stamp := stamper(func() clock.Timestamp { return clock.Timestamp{Wall: 7} })
	const start = time.Hour
	r := roster.New(alone, cfg, ledger, stamp, func(string, uint64, uint64) uint64 { return 0 })
	round := uint64(0)
	settled := func(now time.Duration) bool {
		round++
		r.Tick(now, func() []store.NodeID { return []store.NodeID{"b"} })
		m := &roster.Message{Step: roster.Prepare, Number: r.Epoch().Number + 1, Ballot: roster.Ballot{Round: round, Node: "b"}}
		r.Receive(now, "b", m)
		for _, env := range r.Collect() {
			if env.Message.Step == roster.Promise {
				return !env.Message.Settled.IsZero()
			}
		}
		t.Fatalf("no promise at %v", now)
		return false
	}
	for _, from := range []time.Duration{start, start + time.Minute} {
		if settled(from) || settled(from+cfg.Settle-1) {
			t.Errorf("settled within %v of %v, want not before", cfg.Settle, from)
		}
		if !settled(from + cfg.Settle) {
			t.Errorf("not settled %v after %v", cfg.Settle, from)
		}
		next := ledger.Epoch
		next.Number = 2
		r.Receive(start+time.Minute, "b", &roster.Message{Step: roster.Decided, Value: next})
	}
}
