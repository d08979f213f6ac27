package gossip

import (
	"time"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// A Replica is what the engine needs of the node it works for. An error from
// it means that its store failed.
type Replica interface {
	// Watermarks returns how far the replica is, the open turn included. The
	// engine does not change it.
	Watermarks() store.Watermarks
	// Trimmed returns up to where the logs are trimmed, the open turn included. The
	// engine does not change it.
	Trimmed() store.Watermarks
	// Rows and Get read what is committed; see store.Store.
	Rows(origin store.Origin, after uint64, limit int) ([]store.Row, error)
	Get(key store.Key) (*store.Entry, error)
	Scan(start, end store.Key, limit int) ([]*store.Entry, error)
	// Apply merges the entries of f that are above the floor and logs its rows past the watermark, which
	// stays. It stops before the first row that is ahead of this machine's clock
	// by more than the maximum skew. An entry with a large value that is not Whole
	// is not merged but short.
	Apply(now clock.Reading, f *Frame, via Via) (Applied, error)
	// Adopt merges an entry that was short.
	Adopt(now clock.Reading, e *store.Entry, via Via) error
	// Refuses reports whether t is ahead of this machine's clock by more than twice the
	// maximum skew.
	Refuses(t clock.Timestamp) bool
	// Meet takes note of two entries of one key that met here, the lesser first.
	Meet(loser, winner *store.Entry)
	// Raise moves the watermark of origin up to seq, every row of which is in.
	Raise(origin store.Origin, seq uint64) error
	// Cut moves the watermark of origin, which has ended there, back to seq, out if
	// that is 0. If it is the node's own present one, its next write begins another.
	Cut(origin store.Origin, seq uint64) error
	// Stamp returns a timestamp above all that the node gave or took in.
	Stamp() clock.Timestamp
	// Close returns a timestamp at or below which the node stamps nothing more,
	// not after a restart either, once the turn is committed.
	Close() (clock.Timestamp, error)
	// Trim, Forget and Collect take out what nobody needs; see store.Batch. Trim
	// moves up.
	Trim(origin store.Origin, seq uint64) error
	Forget(origin store.Origin) error
	Collect(floor clock.Timestamp, limit int) (more bool, err error)
	// Load merges entries of a snapshot, in key order, and says which are short, as
	// Apply does. Hold, if not 0, is how long they have to wait until none is ahead of
	// this machine's clock by more than the maximum skew; then nothing changed.
	Load(now clock.Reading, entries []*store.Entry, via Via) (short []bool, hold time.Duration, err error)
	// Clear takes out the keys from start on and before p.Next that hold something
	// stamped at or below w and are not among p.Entries: who sent p misses nothing up
	// to w. What lies beyond its origin's end counts nowhere; it is taken out only if
	// p's sender may have collected what hid it. Clear looks at up to limit keys and
	// returns where to go on, p.Next if it is through.
	Clear(start store.Key, p *Page, w clock.Timestamp, limit int) (next store.Key, err error)
	// Keep remembers k over a restart, once the turn is committed.
	Keep(k Kept) error
	// Cleared reports whether nothing that is committed lies beyond its origin's end.
	Cleared() bool
	// Digest and Bucket read what is committed; see store.Store.
	Digest() ([]store.Bucket, error)
	Bucket(i int) ([]*store.Entry, error)
	// Recount has the digest of bucket i say what its entries are, and reports
	// whether it did not. It reports not done where the turn has written something.
	Recount(i int) (bad, done bool, err error)
	// Mend merges e, which is in no stream, and reports whether it is now the
	// replica's, or short: see Apply. With instead set it also replaces one of its
	// version that differs.
	Mend(now clock.Reading, e *store.Entry, instead bool) (mended, short bool, err error)
	// Restore makes e what key holds, nothing if e is nil, unless e is short, or key
	// holds a greater version above the floor.
	Restore(now clock.Reading, key store.Key, e *store.Entry) (short bool, err error)
	Observe(e Event)
}

// Applied is what became of a frame.
type Applied struct {
	Through uint64        // the last row that was taken in
	Hold    time.Duration // how long the next one has to wait, if not 0
	Short   []bool        // by entry
}

// A Draw is one random number for a purpose and what it is for: the same
// arguments give the same number.
type Draw func(purpose string, a, b uint64) uint64

// Engine runs the protocol for one node. It does no I/O and starts no
// goroutine: its owner feeds it inputs and collects its messages, all from one
// goroutine.
type Engine struct {
	self    Peer
	cfg     Config
	draw    Draw
	replica Replica

	peers   []*peer // sorted by ID
	byID    map[store.NodeID]*peer
	regions []*region     // of the peers, sorted by name
	now     time.Duration // Reading.Mono of the last Tick
	wall    int64         // Reading.Wall of it, 0 if that was before 1970

	own    store.Origin // this node's present origin, zero before its first write
	spread uint64       // how far own was sent as fresh

	lacks    []lack                // sorted by origin
	ahead    map[store.Origin]span // applied above the watermark
	passages []passage             // sorted by origin

	refusals []Refusal // sorted by node

	taken    store.Watermarks // rows taken in, where that is past the watermark
	stalled  []wait           // sorted by origin and number
	showed   []*store.Entry   // in this turn
	wants    []*want          // in the order in which they came
	wantsDue bool             // tickWants has work to do, whatever the time
	wantsAt  time.Duration    // Reading.Mono of the last tickWants
	offers   []*offer
	drops    []store.Upload

	roster    *roster.Roster
	epoch     uint64          // of the roster, for which standings are
	durable   uint64          // the last epoch that a Collect found on disk …
	cut       uint64          // … and the one to whose ends the watermarks were cut
	ended     bool            // the ends of epoch are covered
	belongs   bool            // this node is one of its members
	standings []standing      // by member, as the roster sorts them
	base      clock.Timestamp // what this node last closed, or would have
	vouching  vouching
	lives     lives
	w         clock.Timestamp // what is committed is whole up to here
	told      clock.Timestamp // the greatest W of a peer whose marks are covered
	acked     clock.Timestamp // see acked.go
	apart     bool            // some member's acked is past its best
	recount   bool            // w or acked may be due to rise
	floor     clock.Timestamp // everything at or below it is everywhere
	tally     *Tally          // who has what the floor may rise to, nil if it did
	kept      Kept            // what the replica remembers
	least     clock.Timestamp // of all standings when W was counted last
	claims    int             // of peers, not covered yet
	covering  bool            // watermarks moved since claims were looked at
	sweep     sweep
	rows      int      // of all logs
	catching  *catchUp // nil unless a snapshot is needed

	seats   []*seat      // sorted by region
	seated  uint64       // the epoch that gave them
	ledgers []Seat       // of these and of former ones
	lender  store.NodeID // from whom this region has borrowed a granter, if it did
	// unconfirmed is how far this node had written when it last told its listeners how
	// far it is, forAll how far clients wait for all members.
	unconfirmed, forAll uint64

	hash       uint64           // of the replica's watermarks
	moved      store.Watermarks // since the listeners were last told
	regroup    bool             // peers came or went since the listeners were chosen
	owes       bool             // some peer is to be told something at once
	crossing   bool             // fresh frames may be under way to other regions
	pulled     bool             // some peer has streams open
	statusDue  bool
	round      uint64        // counts when statuses were due
	nextStatus time.Duration // Reading.Mono

	nextRepair time.Duration // Reading.Mono
	scrubbed   int           // the next bucket to look at
	poll       *poll         // under way or settled since the last tickRepair, nil if there is none
	bad        map[int]bool  // buckets whose entries were not what the digest said

	resting bool // see Rest

	first int  // whose open streams go first in the next Collect
	more  bool // open streams have credit that the last Collect did not use
	out   []Envelope
}

// A Memory is what a node must not forget of its earlier lives; zero on its first
// start.
type Memory struct {
	Ledger roster.Ledger
	Kept   Kept
	Seats  []Seat
	Met    []Met
	// Bound is above all that the node closed.
	Bound clock.Timestamp
}

// NewEngine returns an engine without peers for a replica that holds what its
// watermarks say and a node that remembers past. The config is valid.
func NewEngine(self Peer, cfg Config, draw Draw, r Replica, past Memory) *Engine {
	phase := draw("status phase", hashText(string(self.ID)), 0) % uint64(cfg.StatusInterval)
	e := &Engine{
		self:       self,
		cfg:        cfg,
		draw:       draw,
		replica:    r,
		ledgers:    past.Seats,
		ahead:      map[store.Origin]span{},
		bad:        map[int]bool{},
		nextRepair: time.Duration(draw("repair phase", hashText(string(self.ID)), 0) % uint64(cfg.RepairInterval)),
		byID:       map[store.NodeID]*peer{},
		w:          past.Kept.W,
		acked:      past.Kept.W,
		floor:      past.Kept.Floor,
		kept:       past.Kept,
		vouching:   vouching{bound: past.Bound},
		lives:      lives{met: past.Met, guests: map[store.NodeID]Life{}},
		hash:       HashMarks(r.Watermarks()),
		durable:    past.Ledger.Epoch.Number,
		nextStatus: time.Duration(phase),
	}
	_, e.vouching.due = past.Ledger.Epoch.Member(self.ID)
	e.roster = roster.New(roster.Member{Node: self.ID, Region: self.Region, Name: self.Name}, cfg.Roster, past.Ledger, owner{e}, draw)
	for _, m := range r.Watermarks() {
		e.rows += e.logged(m)
	}
	if past.Kept.Fenced {
		e.catching = &catchUp{fenced: true}
	}
	return e
}

// owner is the engine as its roster sees it.
type owner struct{ e *Engine }

func (o owner) Stamp() clock.Timestamp { return o.e.replica.Stamp() }

func (o owner) W() clock.Timestamp { return o.e.w }

// Near returns the peer of another region with the shortest measured round trip.
func (o owner) Near() store.NodeID {
	var near *peer
	for _, p := range o.e.peers {
		if p.far && p.rtt > 0 && (near == nil || p.rtt < near.rtt) {
			near = p
		}
	}
	if near == nil {
		return ""
	}
	return near.ID
}

// Wrote tells the engine of the node's own write number seq under origin, its
// present incarnation. The replica's watermark already covers it.
func (e *Engine) Wrote(now clock.Reading, origin store.Origin, seq uint64) {
	if origin != e.own {
		e.begin(origin, seq-1)
		e.unconfirmed, e.forAll = 0, 0
	}
	if s := e.seatIn(e.self.Region); s != nil {
		s.region.Wrote(now, store.Mark{Origin: origin, Seq: seq})
	}
	e.noteMoved(origin, seq-1, seq)
}

// Receive takes in a message, as gossip/wire decodes it: what it says was
// checked for form, not for truth. The error is the store's, or ErrOtherDisk.
func (e *Engine) Receive(now clock.Reading, from store.NodeID, m Message) error {
	if !e.maySwear(from, m) {
		return nil
	}
	switch m := m.(type) {
	case *Frame:
		return e.receiveFrame(now, from, m)
	case *Status:
		return e.receiveStatus(now, from, m)
	case *Pull:
		e.receivePull(from, m)
	case *Scan:
		e.receiveScan(from, m)
	case *Page:
		return e.receivePage(now, from, m)
	case *Gone:
		e.receiveGone(now, from, m)
	case *Repair:
		return e.receiveRepair(now, from, m)
	case *Roster:
		e.roster.Receive(now.Mono, from, &m.Message)
	case *View:
		e.receiveView(now, from, m)
	case *Fetch:
		e.receiveFetch(from, m)
	case *Chunk:
		e.receiveChunk(now, from, m)
	case *Offer:
		e.receiveOffer(now, from, m)
	case *Has:
		e.receiveHas(now, from, m)
	}
	return nil
}

// Tick does whatever is due at now. Calling it early or twice does no harm. It
// comes after the turn's other inputs: W counts what they brought. The error is
// the store's.
func (e *Engine) Tick(now clock.Reading) error {
	e.now, e.wall = now.Mono, max(now.Wall, 0)
	if err := e.tickRepair(now); err != nil {
		return err
	}
	if err := e.cutBack(); err != nil {
		return err
	}
	if err := e.tickLarge(now); err != nil {
		return err
	}
	due := now.Mono >= e.nextStatus
	if due {
		e.statusDue = true
		e.nextStatus = now.Mono + e.cfg.StatusInterval
		if err := e.close(); err != nil {
			return err
		}
	}
	e.tickLacks(now)
	if err := e.tickCatchUp(now); err != nil {
		return err
	}
	e.tickRelays(now)
	if due {
		e.silence()
		e.tickRefusals()
	}
	e.roster.Tick(now.Mono, e.peerIDs)
	e.sit(now)
	for _, s := range e.asking() {
		s.region.Tick(now)
	}
	if due {
		e.standIn(now)
	}
	e.countW()
	if due {
		if err := e.raiseFloor(now); err != nil {
			return err
		}
	}
	if err := e.sweepOn(); err != nil {
		return err
	}
	return e.keep()
}

// NextTick returns the Reading.Mono at which Tick next has work to do.
func (e *Engine) NextTick() time.Duration {
	if e.more || e.cut < e.durable || e.sweeping() && e.replica.Cleared() {
		return 0
	}
	next := e.nextCrossing(min(e.nextStatus, e.nextRepair, e.roster.NextTick(), e.nextWants()))
	next = e.nextOffers(next)
	for i := range e.lacks {
		if !e.resting {
			next = min(next, e.deadline(&e.lacks[i]))
		}
	}
	for _, s := range e.asking() {
		next = min(next, s.region.NextTick())
	}
	return e.nextCatchUp(next)
}

// Pressed reports whether a peer waits for what the next Collect says: that a write
// came here, or more of what it pulls.
func (e *Engine) Pressed() bool { return e.owes || e.more }

// Collect returns the messages to send. It reads what is committed, so the
// owner commits first, synced; the error is the store's. An owner that does not sync
// for some turns leaves Collect out in these: then they are as one.
func (e *Engine) Collect() ([]Envelope, error) {
	e.durable = e.roster.Epoch().Number
	e.collectRoster()
	e.collectViews()
	if !e.Fenced() {
		if err := e.collectUnasked(); err != nil {
			return nil, err
		}
	}
	e.collectStatus()
	if err := e.collectStreams(); err != nil {
		return nil, err
	}
	out := e.out
	e.out = nil
	return out, nil
}

// collectUnasked sends the frames that nobody asked for. It comes before the statuses,
// which would have their receivers ask for what they name.
func (e *Engine) collectUnasked() error {
	if err := e.collectHedges(); err != nil {
		return err
	}
	if err := e.collectFresh(); err != nil {
		return err
	}
	return e.collectPassages()
}

func (e *Engine) send(to *peer, m Message) {
	e.out = append(e.out, Envelope{To: to.ID, Message: m})
}

// raise moves the replica's watermark of origin up to seq.
func (e *Engine) raise(origin store.Origin, seq uint64) error {
	old := e.replica.Watermarks().At(origin)
	if seq <= old {
		return nil
	}
	if err := e.replica.Raise(origin, seq); err != nil {
		return err
	}
	e.noteMoved(origin, old, seq)
	return nil
}

func (e *Engine) noteMoved(origin store.Origin, old, seq uint64) {
	e.hash += HashMark(origin, seq) - HashMark(origin, old)
	e.moved.Set(origin, seq)
	e.covering = true
	e.owe(origin, seq)
	e.rows += e.logged(store.Mark{Origin: origin, Seq: seq}) - e.logged(store.Mark{Origin: origin, Seq: old})
}
