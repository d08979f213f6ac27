package roster

import (
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// Roster is one node's part in agreeing on who belongs to the cluster. Its
// methods must be called from one goroutine.
type Roster struct {
	self  Member // but for Since
	cfg   Config
	draw  func(purpose string, a, b uint64) uint64
	owner Owner

	ledger Ledger
	dirty  bool // the ledger changed since it was last saved

	now       time.Duration                  // Reading.Mono of the last input
	begun     time.Duration                  // and of the first
	heard     map[store.NodeID]time.Duration // when a member or newcomer last spoke
	newcomers []Member                       // who asked here, sorted by node; Since is what they ever gave
	wishes    []store.NodeID                 // whom this node is to have dropped, sorted
	dropAfter time.Duration                  // not before this …
	unheard   int                            // … and how many attempts in a row came to nothing
	leaving   bool
	rejoining bool             // until this node is dropped …
	void      store.Watermarks // … and which streams it then has ended
	voided    store.Watermarks // the same of those in wishes
	regrant   time.Duration    // Reading.Mono: when to look whether granters are to change
	adopted   time.Duration    // Reading.Mono: since when the epoch is known in this life
	settled   clock.Timestamp  // see vow
	asked     store.NodeID     // whom this node asked last to be admitted
	attempt   *attempt
	due       time.Duration // Reading.Mono: when Tick has something to do next
	out       []Envelope
}

// An attempt is a ballot that this node holds.
type attempt struct {
	ballot   Ballot
	value    Epoch  // to propose
	highest  Ballot // in which a member had accepted value, zero if none had
	proposed bool   // a majority has promised
	promised []vow
	accepted []store.NodeID
	// lenders is whom a region would borrow a granter from, by its name, as members
	// there say.
	lenders map[string]store.NodeID
	drop    []store.NodeID   // whom it would drop …
	held    store.Watermarks // … and how far the furthest who promised holds their streams
}

const never = time.Duration(1<<63 - 1)

// An Owner is what a Roster asks of the node that it belongs to.
type Owner interface {
	// Stamp returns a timestamp above all that the node closed, stamped or took in.
	Stamp() clock.Timestamp
	// W returns the timestamp up to which the node misses nothing.
	W() clock.Timestamp
	// Held returns how far the node holds the streams of id, before the first write that
	// it would refuse now for its timestamp; that may be 0. The Roster does not change it.
	Held(id store.NodeID) store.Watermarks
	// Near names the nearest peer of another region, empty if it is not known.
	Near() store.NodeID
	// Fits reports whether the newcomer m may be admitted: neither this node's
	// timestamps nor m's are further ahead than others would take, and no more are
	// their clocks apart.
	Fits(m Member) bool
}

// New returns the roster of a node that remembers ledger, the zero Ledger on its
// first start. The Since of self is ignored.
func New(self Member, cfg Config, ledger Ledger, owner Owner, draw func(purpose string, a, b uint64) uint64) *Roster {
	self.Since = clock.Timestamp{}
	return &Roster{self: self, cfg: cfg, draw: draw, owner: owner, ledger: ledger, begun: never, heard: map[store.NodeID]time.Duration{}}
}

// look notes the time of an input.
func (r *Roster) look(now time.Duration) {
	r.now, r.begun = now, min(r.begun, now)
}

// Found makes this node the first member of a new cluster, unless it knows of
// one.
func (r *Roster) Found() {
	if r.ledger.Epoch.Number > 0 {
		return
	}
	founder := r.self
	founder.Since = r.owner.Stamp()
	e := Epoch{Number: 1, Founder: founder.Node, Members: []Member{founder}, Sponsor: founder.Node}
	e.regrant(&Epoch{}, nil, nil)
	r.adopt(e)
}

// Epoch returns the last epoch known to be decided. The caller does not change
// it.
func (r *Roster) Epoch() *Epoch { return &r.ledger.Epoch }

// Belongs reports whether this node is a member.
func (r *Roster) Belongs() bool {
	_, ok := r.ledger.Epoch.find(r.self.Node)
	return ok
}

// Bar returns the timestamp above which this node closes nothing until the next
// epoch is decided, for it has proposed to admit someone above it. It reports
// false if there is none.
func (r *Roster) Bar() (clock.Timestamp, bool) {
	return r.ledger.Bar, !r.ledger.Bar.IsZero()
}

// Admitting reports whether this node has accepted an epoch that admits someone, and
// does not know yet what was decided: the newcomer may be a member already, of whom
// others do not know.
func (r *Roster) Admitting() bool {
	return slices.ContainsFunc(r.ledger.Value.Members, func(m Member) bool {
		_, known := r.ledger.Epoch.find(m.Node)
		return !known
	})
}

// Save returns the ledger if it changed since the last call.
func (r *Roster) Save() (Ledger, bool) {
	dirty := r.dirty
	r.dirty = false
	return r.ledger, dirty
}

// Collect returns the messages to send, once the ledger is durable.
func (r *Roster) Collect() []Envelope {
	out := r.out
	r.out = nil
	return out
}

// NextTick returns the Reading.Mono at which Tick next has work to do.
func (r *Roster) NextTick() time.Duration { return r.due }

// Tick does whatever is due at now: a newcomer asks one of the peers for
// admission, a member starts or repeats an attempt. Peers are those to whom there
// is a stream.
func (r *Roster) Tick(now time.Duration, peers func() []store.NodeID) {
	r.look(now)
	if now < r.due {
		return
	}
	for _, id := range peers() {
		r.meet(id)
	}
	r.settle()
	if (r.leaving || r.rejoining) && r.Belongs() {
		r.askToLeave()
	}
	switch {
	case !r.Belongs() && r.leaving:
		r.due = never
	case !r.Belongs():
		r.ask(peers())
	case r.attempt != nil && r.holds(r.attempt) && !r.attempt.awaits(&r.ledger.Epoch):
		r.due = now + r.patience()
		r.propose(r.attempt)
	case r.attempt != nil, r.ledger.Value.Number > 0, !r.ledger.Bar.IsZero(), len(r.ledger.Refused) > 0, r.wants():
		r.begin()
	case r.regrant == 0:
		r.lookLater()
	case now >= r.regrant && r.regrants(peers()):
		r.begin()
	case now >= r.regrant:
		r.lookLater()
	default:
		r.due = r.regrant // it was due for settle alone
	}
}

// lookLater has Tick look whether granters are to change in a while, which is
// drawn, so that regions seldom become rivals: one attempt serves all.
func (r *Roster) lookLater() {
	if r.adopted == 0 {
		r.adopted = r.now // a former life may have granted a moment ago
	}
	r.regrant = r.now + r.cfg.Gather + time.Duration(r.draw("regrant", uint64(r.now), 0)%uint64(r.cfg.Patience))
	r.due = r.regrant
	if r.settled.IsZero() {
		r.due = min(r.due, r.adopted+r.cfg.Settle)
	}
}

// wants reports whether the next epoch should have other members.
func (r *Roster) wants() bool {
	drop := r.drops()
	return len(drop) > 0 || len(r.admits(drop)) > 0
}

func (r *Roster) patience() time.Duration {
	return r.cfg.Patience + time.Duration(r.draw("roster patience", uint64(r.now), 0)%uint64(r.cfg.Patience))
}

// Heard tells of a peer's stream that is up, or of an epoch that it names, and
// so of someone to ask or to teach.
func (r *Roster) Heard(now time.Duration, peer store.NodeID, epoch uint64) {
	r.look(now)
	r.meet(peer)
	if epoch < r.ledger.Epoch.Number {
		r.send(peer, Message{Step: Decided, Value: r.ledger.Epoch})
	}
	if !r.Belongs() && r.due == never {
		r.due = now
	}
}

// Receive takes in a message. What does not fit is ignored: its sender tries
// again.
func (r *Roster) Receive(now time.Duration, from store.NodeID, m *Message) {
	r.look(now)
	switch m.Step {
	case Ask:
		r.receiveAsk(from, m)
	case Leave:
		r.receiveLeave(from, m)
	case Decided:
		r.receiveDecided(m.Value)
	case Prepare:
		r.receivePrepare(from, m)
	case Accept:
		r.receiveAccept(from, m)
	case Promise, Accepted, Refuse:
		r.receiveVote(from, m)
	}
}

// receiveDecided adopts an epoch of this cluster that is newer.
func (r *Roster) receiveDecided(e Epoch) {
	own := &r.ledger.Epoch
	if e.Number <= own.Number || own.Number > 0 && e.Founder != own.Founder {
		return
	}
	r.adopt(e)
}

func (r *Roster) adopt(e Epoch) {
	old := r.ledger.Epoch
	r.ledger = Ledger{Epoch: e}
	r.dirty = true
	r.attempt, r.unheard = nil, 0
	r.due, r.regrant = r.now, 0
	r.adopted, r.settled = r.now, clock.Timestamp{}
	r.wishes = slices.DeleteFunc(r.wishes, func(id store.NodeID) bool {
		_, in := e.find(id)
		return !in
	})
	r.voided = slices.DeleteFunc(r.voided, func(m store.Mark) bool { return !slices.Contains(r.wishes, m.Origin.Node) })
	r.newcomers = slices.DeleteFunc(r.newcomers, func(m Member) bool {
		_, in := e.find(m.Node)
		return in
	})
	// Those for whom there is no room any more ask again.
	r.newcomers = r.newcomers[:min(len(r.newcomers), max(0, r.cfg.MaxMembers-len(e.Members)))]
	r.listen(&old)
	if _, was := old.find(r.self.Node); was && !r.Belongs() {
		// Whoever had it dropped, though it is up, is to see that before it is back.
		r.due = r.now + r.patience()
		r.rejoining, r.void = false, nil
	}
}

// begin opens a ballot above every one seen.
func (r *Roster) begin() {
	if a := r.attempt; a != nil && r.holds(a) {
		r.unsaid()
	}
	r.attempt = &attempt{ballot: Ballot{Round: r.ledger.Promised.Round + 1, Node: r.self.Node}, lenders: map[string]store.NodeID{}, drop: r.drops()}
	r.due = r.now + r.patience()
	m := Message{Step: Prepare, Number: r.ledger.Epoch.Number + 1, Ballot: r.attempt.ballot, Drop: r.attempt.drop}
	r.toMembers(m)
	r.receivePrepare(r.self.Node, &m)
}

// toMembers sends m to every other member.
func (r *Roster) toMembers(m Message) {
	for _, member := range r.ledger.Epoch.Members {
		if member.Node != r.self.Node {
			r.send(member.Node, m)
		}
	}
}

func (r *Roster) send(to store.NodeID, m Message) {
	r.out = append(r.out, Envelope{To: to, Message: m})
}

// answer sends m to the holder of a ballot, which may be this node itself.
func (r *Roster) answer(to store.NodeID, m Message) {
	if to == r.self.Node {
		r.receiveVote(to, &m)
		return
	}
	r.send(to, m)
}

// current reports whether m is about the epoch after the one known here. Whoever
// is behind is taught.
func (r *Roster) current(from store.NodeID, m *Message) bool {
	if m.Number <= r.ledger.Epoch.Number {
		r.send(from, Message{Step: Decided, Value: r.ledger.Epoch})
		return false
	}
	return m.Number == r.ledger.Epoch.Number+1 && r.Belongs()
}

func (r *Roster) receivePrepare(from store.NodeID, m *Message) {
	if !r.current(from, m) {
		return
	}
	if m.Ballot.Compare(r.ledger.Promised) <= 0 {
		r.answer(from, Message{Step: Refuse, Number: m.Number, Ballot: r.ledger.Promised})
		return
	}
	r.ledger.Promised = m.Ballot
	r.dirty = true
	r.settle()
	r.answer(from, Message{
		Step: Promise, Number: m.Number, Ballot: m.Ballot, Accepted: r.ledger.Accepted, Value: r.ledger.Value,
		Settled: r.settled, W: r.owner.W(), Near: r.owner.Near(), Held: r.say(m.Drop),
	})
}

func (r *Roster) receiveAccept(from store.NodeID, m *Message) {
	if !r.current(from, m) || m.Value.Number != m.Number {
		return
	}
	if m.Ballot.Compare(r.ledger.Promised) < 0 {
		r.answer(from, Message{Step: Refuse, Number: m.Number, Ballot: r.ledger.Promised})
		return
	}
	r.ledger.Promised, r.ledger.Accepted, r.ledger.Value = m.Ballot, m.Ballot, m.Value
	r.dirty = true
	// Should its holder fail, someone else brings it to its end.
	r.due = min(r.due, r.now+r.patience())
	r.answer(from, Message{Step: Accepted, Number: m.Number, Ballot: m.Ballot})
}

// receiveVote counts an answer to this node's own ballot.
func (r *Roster) receiveVote(from store.NodeID, m *Message) {
	a := r.attempt
	if a == nil || m.Number != r.ledger.Epoch.Number+1 {
		return
	}
	if _, member := r.ledger.Epoch.find(from); !member {
		return
	}
	if m.Step == Refuse {
		// The next ballot has to be above this one.
		if m.Ballot.Compare(r.ledger.Promised) > 0 {
			r.ledger.Promised.Round = m.Ballot.Round
			r.dirty = true
		}
		return
	}
	if m.Ballot != a.ballot {
		return
	}
	if m.Step == Promise {
		r.countPromise(a, from, m)
		return
	}
	if !a.proposed {
		return // nobody can have accepted what was not proposed
	}
	a.accepted = insert(a.accepted, from)
	if len(a.accepted) == r.ledger.Epoch.majority() {
		r.decide(a.value)
	}
}

func (r *Roster) countPromise(a *attempt, from store.NodeID, m *Message) {
	if a.proposed {
		return
	}
	if m.Accepted.Compare(a.highest) > 0 {
		a.highest, a.value = m.Accepted, m.Value
	}
	if slices.ContainsFunc(a.promised, func(v vow) bool { return v.node == from }) {
		return
	}
	a.promised = append(a.promised, vow{from, m.Settled, m.W})
	a.hears(m.Held)
	if from, _ := r.ledger.Epoch.Member(from); m.Near != "" {
		a.lenders[from.Region] = m.Near
	}
	if r.holds(a) && (a.value.Number > 0 || !a.awaits(&r.ledger.Epoch) && r.urgent(a)) {
		r.propose(a)
	}
}

// urgent reports whether a has more to propose than other granters, or nobody to
// wait for.
func (r *Roster) urgent(a *attempt) bool {
	return len(a.drop) > 0 || len(r.admits(nil)) > 0 || !r.ledger.Bar.IsZero() || len(r.ledger.Refused) > 0 || len(a.promised) == len(r.ledger.Epoch.Members)
}

// holds reports whether a may be proposed and is not yet: where only granters
// are to change it waits a while for those whom that concerns.
func (r *Roster) holds(a *attempt) bool {
	return !a.proposed && len(a.promised) >= r.ledger.Epoch.majority()
}

// propose offers the members the next epoch, unless it would change nothing.
func (r *Roster) propose(a *attempt) {
	if a.value.Number == 0 {
		a.value = r.next(a)
	}
	if r.ledger.Bar.IsZero() && len(r.ledger.Refused) == 0 && a.highest == (Ballot{}) && a.value.same(&r.ledger.Epoch) {
		r.attempt = nil
		r.lookLater()
		return
	}
	a.proposed = true
	accept := Message{Step: Accept, Number: a.value.Number, Ballot: a.ballot, Value: a.value}
	r.toMembers(accept)
	r.receiveAccept(r.self.Node, &accept)
}

// next returns the epoch to propose: without those whom a drops, the newcomers
// admitted, with their bar above all that this node has closed, and granters changed
// where all whom that concerns have promised, and so know the present ones. One bar
// serves all proposals.
func (r *Roster) next(a *attempt) Epoch {
	now, admit := &r.ledger.Epoch, r.admits(a.drop)
	if r.ledger.Bar.IsZero() && len(admit) > 0 {
		r.ledger.Bar = r.owner.Stamp()
		r.dirty = true
	}
	next := Epoch{
		Number: now.Number + 1, Founder: now.Founder, Sponsor: r.self.Node, Bar: r.ledger.Bar,
		Members: without(now.Members, a.drop), Ends: slices.Clone(now.Ends),
	}
	next.drop(a, r.voided)
	for _, m := range admit {
		if m.Since.Compare(next.Bar) < 0 {
			m.Since = next.Bar
		}
		i, _ := next.find(m.Node)
		next.Members = slices.Insert(next.Members, i, m)
	}
	next.regrant(now, a.promised, a.lenders)
	return next
}

// decide adopts what a majority accepted and tells everybody, whom it drops too.
func (r *Roster) decide(e Epoch) {
	for _, m := range r.ledger.Epoch.Members {
		if _, stays := e.find(m.Node); !stays {
			r.send(m.Node, Message{Step: Decided, Value: e})
		}
	}
	r.adopt(e)
	r.toMembers(Message{Step: Decided, Value: e})
}

// insert adds id to a sorted list that does not have it.
func insert(ids []store.NodeID, id store.NodeID) []store.NodeID {
	i, has := slices.BinarySearch(ids, id)
	if has {
		return ids
	}
	return slices.Insert(ids, i, id)
}
