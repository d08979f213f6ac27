package view

import (
	"slices"
	"strings"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// Region is one node's part in agreeing who may answer `region`: as a node of
// the region, as one of its granters, or as both. Its methods must be called
// from one goroutine.
type Region struct {
	self store.NodeID
	cfg  Config
	draw func(purpose string, a, b uint64) uint64

	// Rounds of asking are counted on from a number drawn for this life, which tells
	// them from those before a restart; of the last ones it is known when they were.
	first, round uint64
	rounds       [32]clock.Reading

	ledger Ledger
	dirty  bool // the ledger changed since it was last saved

	peers    []*peer // sorted by id, this node among them
	granters int
	config   uint64 // numbers the granters

	now    clock.Reading // of the last input
	opens  time.Duration // Reading.Mono: leases that are no longer known have run out
	hold   Hold          // as of the last Collect
	asking time.Duration // Reading.Mono: the next round of asking
	out    []Envelope

	wanted   []store.NodeID // the set that fits better than the view's …
	due      time.Duration  // … and the Reading.Mono at which it is proposed
	watching time.Duration  // Reading.Mono: when to see next which set fits

	resting   bool       // this node takes in nothing
	wrote     store.Mark // how far this node's present origin is
	confirmed uint64     // how far the region holds it
}

// A peer is a node of the region, a granter, or both, and what is known of it.
type peer struct {
	id      store.NodeID
	node    bool // of the region
	granter bool
	knows   ID // the view that it last named

	heard    time.Duration // Reading.Mono of its last ask
	answered time.Duration // Reading.Mono of the last ask that it answered
	deaf     []store.NodeID

	grant grant         // what it gave this node
	lent  time.Duration // Reading.Mono at which what this node gave it is over

	report report // what it said of this node's writes
	check  check  // what it has yet to say
}

// A grant is what a granter gave this node for the view that it asks for.
type grant struct {
	named   bool             // it came, at least once …
	marks   store.Watermarks // … and named these …
	covered bool             // … all of which this node covers
	asked   clock.Reading
}

const (
	never = time.Duration(1<<63 - 1)
	long  = -never / 2 // ago
)

// New returns the state of a node that remembers ledger, the zero Ledger on its
// first start, and that has no region yet; see Place. The config is valid.
func New(self store.NodeID, cfg Config, ledger Ledger, now clock.Reading, draw func(purpose string, a, b uint64) uint64) *Region {
	r := &Region{self: self, cfg: cfg, draw: draw, ledger: ledger, now: now, asking: now.Mono, watching: now.Mono}
	r.first = draw("view life", uint64(now.Wall), uint64(now.Mono)) >> 1 // so that it is never passed
	r.round = r.first
	if ledger.Granted.Number > 0 {
		r.opens = now.Mono + cfg.Lease + cfg.Slack
	}
	return r
}

// Place tells who the nodes of the region are, and who its granters, who have the
// number config; one number never stands for two sets. DESIGN.md says which
// granters may follow which.
func (r *Region) Place(config uint64, nodes, granters []store.NodeID) {
	old, regranted := r.peers, config != r.config
	r.peers, r.granters, r.config = nil, len(granters), config
	for _, id := range slices.Concat(nodes, granters) {
		i, has := findPeer(r.peers, id)
		if has {
			continue
		}
		p := &peer{id: id, heard: long, answered: long}
		if j, known := findPeer(old, id); known {
			p = old[j]
		}
		if regranted {
			// What it named was enough for the majorities of former granters.
			p.grant = grant{}
		}
		p.node, p.granter = slices.Contains(nodes, id), slices.Contains(granters, id)
		r.peers = slices.Insert(r.peers, i, p)
	}
	for _, p := range old {
		if r.peer(p.id) == nil {
			r.opens = max(r.opens, p.lent) // it may still be in the view
		}
	}
	if regranted {
		r.hold = Hold{}
	}
	r.asking, r.watching = r.now.Mono, r.now.Mono
}

func findPeer(peers []*peer, id store.NodeID) (int, bool) {
	return slices.BinarySearchFunc(peers, id, func(p *peer, id store.NodeID) int {
		return strings.Compare(string(p.id), string(id))
	})
}

// peer returns what is known of a node, nil if it is neither of the region nor
// a granter.
func (r *Region) peer(id store.NodeID) *peer {
	if i, has := findPeer(r.peers, id); has {
		return r.peers[i]
	}
	return nil
}

func (r *Region) majority() int { return r.granters/2 + 1 }

// View returns the highest view that this node knows. The caller does not change
// it.
func (r *Region) View() *View { return &r.ledger.View }

// Tag returns what goes with every report of what this node holds.
func (r *Region) Tag() Tag { return Tag{View: r.ledger.Granted, Config: r.config} }

// Rest tells whether this node takes in nothing for now. It then says that it is
// deaf to everybody, so that the others form a view without it and wait for none of
// their writes to come here.
func (r *Region) Rest(resting bool) { r.resting = resting }

// Save returns the ledger if it changed since the last call.
func (r *Region) Save() (Ledger, bool) {
	dirty := r.dirty
	r.dirty = false
	return r.ledger, dirty
}

// Receive takes in a message. What does not fit is ignored: its sender asks
// again.
func (r *Region) Receive(now clock.Reading, from store.NodeID, m *Message) {
	r.now = now
	p := r.peer(from)
	if p == nil || r.peer(r.self) == nil || len(m.Deaf) > 2*r.cfg.MaxNodes {
		return
	}
	p.knows = m.View.ID
	r.learn(m.View)
	switch m.Step {
	case Ask:
		r.receiveAsk(p, m)
	case Answer:
		r.receiveAnswer(p, m)
	}
}

// learn makes v the view that this node asks for if it is higher, and so gives
// up the grants that it holds.
func (r *Region) learn(v View) {
	if v.Compare(r.ledger.View.ID) <= 0 || !r.valid(v.Nodes) {
		return
	}
	r.ledger.View = v
	r.dirty = true
	r.hold = Hold{}
	for _, p := range r.peers {
		p.grant = grant{}
	}
	r.asking = r.now.Mono
}

func (r *Region) valid(nodes []store.NodeID) bool {
	if len(nodes) == 0 || len(nodes) > r.cfg.MaxNodes {
		return false
	}
	for i := 1; i < len(nodes); i++ {
		if nodes[i-1] >= nodes[i] {
			return false
		}
	}
	return true
}

// Tick does whatever is due at now: it proposes a view, and asks to be in one.
func (r *Region) Tick(now clock.Reading) {
	r.now = now
	if now.Mono >= r.watching {
		r.watch()
	}
	slept := now.Mono < r.hold.Until && !r.hold.On(now)
	if now.Mono >= r.asking || slept {
		r.ask()
	}
}

// NextTick returns the Reading.Mono at which Tick next has work to do.
func (r *Region) NextTick() time.Duration {
	p := r.peer(r.self)
	if p == nil || !p.node {
		return never
	}
	return min(r.asking, r.watching)
}

// Collect returns the messages to send, once the ledger is durable, and what is
// in marks: this node's watermarks. Covers reports whether it covers others, which may
// name more than marks do. Collect settles Hold and Confirmed by them.
func (r *Region) Collect(marks store.Watermarks, covers func(store.Watermarks) bool) []Envelope {
	r.settleHold(covers)
	r.settleConfirmed()
	out := r.out
	r.out = nil
	var named store.Watermarks
	for i := range out {
		if m := &out[i].Message; m.Granted && !m.Known {
			if named == nil {
				named = marks.Clone()
			}
			m.Marks = named
		}
	}
	return out
}

func (r *Region) send(p *peer, m Message) {
	m.View = r.ledger.View
	if p.knows == m.View.ID {
		m.View.Nodes = nil
	}
	r.out = append(r.out, Envelope{To: p.id, Message: m})
}
