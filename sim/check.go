package sim

import (
	"fmt"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/node"
	"hearsay/store"
)

// A Violation is a promise that did not hold.
type Violation struct {
	// Invariant is its name: C1 and so on for what is promised to clients, I1 and
	// so on for what the replicas keep among themselves, a plain word else.
	Invariant string
	At        time.Duration
	Machine   store.NodeID
	Sentence  string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("sim: %s violated at %v on %s: %s", v.Invariant, v.At, v.Machine, v.Sentence)
}

// A checker holds what an observer knows who sees all machines at once. It
// looks only at what has changed, so that every step can be checked.
type checker struct {
	w         *World
	streams   map[store.Origin]*stream
	keys      map[store.Key]*history
	order     []*history             // all keys, as they were first written
	of        []ledger               // by machine
	clients   []client               // by author
	before    map[store.Version]past // by a session's write, what the session had seen
	calendar  calendar
	known     map[store.Version]knowing
	acks      []ack                             // of regions, as clients were told
	ahead     time.Duration                     // by how much a wall clock was ahead of the truth at most
	farAhead  map[store.Version]bool            // writes stamped beyond the skew ahead of the truth
	dues      map[store.Version]clock.Timestamp // the floor at which a version is due, if ever
	graves    []grave                           // of versions that no floor has passed yet, by when that is
	limits    gossip.Config
	epoch     roster.Epoch             // the latest that any node has
	by        map[store.Version]author // of writes
	takenBack map[store.Origin]uint64  // how much of an origin a crash left
	rotten    bool                     // a disk was spoilt
}

// An author is the client and the operation that made a write.
type author struct {
	client  int
	ordinal uint64
}

// A stream is all that one origin has made durable and shown; its write number s is at s-1.
type stream struct {
	writes []write
	synced uint64 // up to here they are on its disk for good
}

type write struct {
	key       *history
	timestamp clock.Timestamp
	at        time.Duration // when it became durable
	holders   int           // machines that cover it
	content   uint64        // hash of its entry, 0 until one was seen
}

// A ledger is what the checker keeps of one machine.
type ledger struct {
	w       clock.Timestamp  // of the last front of this life
	floor   clock.Timestamp  // of the last front
	fenced  bool             // likewise
	marks   store.Watermarks // of the last front
	synced  store.Watermarks // the same, of the last turn after which all was synced
	pending map[node.Ticket]pending
	told    told
	acked   []acknowledged
	acks    int           // how many of the checker's a front of this life has said it covers …
	shown   int           // … and how many it was seen to show
	behind  time.Duration // when it was last seen to take a snapshot
	looked  int64         // the wall clock at the begin of the last turn …
	since   int64         // … and what the first front of this life stated, 0 for none
	wall    int64         // the greatest that a front stated: for expiry the clock never runs back, restarts included
}

// A client is what the checker keeps of whoever asks for writes, by ordinal: those
// that were accepted, and as what.
type client struct {
	issued map[uint64]node.Write
	wrote  map[uint64][]store.Version
}

// pending is a write that a client waits for.
type pending struct {
	op    operation
	key   store.Key
	above store.Version // of what the node showed under the key by then
	// version is the write's, or that of its first try if it is a retry that
	// found it. Zero until the node has accepted it.
	version store.Version
	found   bool
}

// accepted is a write that a node has given a version, and what it covered then,
// or that it found.
type accepted struct {
	ticket  node.Ticket
	version store.Version
	found   bool
	marks   store.Watermarks
}

type acknowledged struct {
	key     store.Key
	version store.Version
	local   bool
}

func newChecker(w *World) *checker {
	c := &checker{w: w, streams: map[store.Origin]*stream{}, keys: map[store.Key]*history{}, known: map[store.Version]knowing{}, by: map[store.Version]author{}, before: map[store.Version]past{}, farAhead: map[store.Version]bool{}, dues: map[store.Version]clock.Timestamp{}, takenBack: map[store.Origin]uint64{}, limits: gossip.DefaultConfig()}
	for range w.cfg.Nodes {
		c.of = append(c.of, ledger{
			pending: map[node.Ticket]pending{}, told: newTold(),
		})
	}
	for range w.cfg.Nodes + w.cfg.Sessions {
		c.clients = append(c.clients, client{map[uint64]node.Write{}, map[uint64][]store.Version{}})
	}
	return c
}

// find returns write number seq of origin, or nil if nothing of that number
// ever became durable at its origin.
func (c *checker) find(origin store.Origin, seq uint64) *write {
	s := c.streams[origin]
	if s == nil || seq == 0 || seq > uint64(len(s.writes)) {
		return nil
	}
	return &s.writes[seq-1]
}

// published checks what m's new front claims beyond the one before it.
func (c *checker) published(m *machine) {
	c.of[m.index].wall = max(c.of[m.index].wall, m.front.Wall)
	c.follow(m)
	c.floored(m)
	c.tookOut(m)
	old, marks := c.of[m.index].marks, m.front.Marks
	for _, mark := range old {
		// It may go back to an end, but no further, and out if its origin has retired.
		now := marks.At(mark.Origin)
		if now < counted(m.node.Roster(), mark) && (now > 0 || !c.w.cfg.retired(mark.Origin, marks, m.front.Floor)) {
			c.w.violated("I3", m, "watermark of %v went back from %d to %d", mark.Origin, mark.Seq, now)
		}
	}
	for _, mark := range marks {
		if from := old.At(mark.Origin); from < mark.Seq {
			c.covered(m, mark.Origin, from, mark.Seq)
		}
	}
	c.of[m.index].marks = marks
	c.whole(m)
	c.ackedBy(m)
	c.everywhere(m)
	c.showed(m)
	c.w.ladder.add(gossip.HashMarks(marks))
}

// covered checks I1 and I3 for the writes of origin past from and up to through,
// which m's watermark has just come to cover.
func (c *checker) covered(m *machine, origin store.Origin, from, through uint64) {
	from, ok := c.given(m, origin, from, through)
	if !ok || from == through {
		return
	}
	rows, err := m.disk.Rows(origin, from, int(through-from))
	if err != nil || uint64(len(rows)) != through-from {
		c.w.violated("I1", m, "covers %v from %d to %d, but its log has %d of these rows: %v", origin, from, through, len(rows), err)
		return
	}
	if origin.Node == m.peer.ID {
		c.record(m, origin, rows)
	}
	for _, row := range rows {
		known := c.find(origin, row.Seq)
		if known == nil {
			c.w.violated("I1", m, "covers write %d of %v, which its origin does not hold durable", row.Seq, origin)
			return
		}
		if known.key.key != row.Key || known.timestamp != row.Timestamp {
			c.w.violated("I3", m, "write %d of %v is %v at %v, elsewhere %v at %v", row.Seq, origin, row.Key, row.Timestamp, known.key.key, known.timestamp)
			return
		}
		if !c.holder(m, origin, row.Seq, known) {
			return
		}
	}
}

// given checks the writes that m covers without their rows, as it does after a
// snapshot, and returns up to where these go.
func (c *checker) given(m *machine, origin store.Origin, from, through uint64) (uint64, bool) {
	trimmed, err := m.disk.Trimmed()
	if err != nil {
		c.w.violated("store", m, "%v", err)
		return from, false
	}
	for ; from < min(through, trimmed.At(origin)); from++ {
		known := c.find(origin, from+1)
		if known == nil {
			c.w.violated("I1", m, "covers write %d of %v, which its origin does not hold durable", from+1, origin)
			return from, false
		}
		if !c.holder(m, origin, from+1, known) {
			return from, false
		}
	}
	return from, true
}

// holder checks that m, which has come to cover write seq of origin, holds it, and
// counts it among those who do.
func (c *checker) holder(m *machine, origin store.Origin, seq uint64, known *write) bool {
	e, ok := c.holds(m, known.key.key, store.Version{Timestamp: known.timestamp, Origin: origin})
	if !ok {
		c.w.violated("I1", m, "covers write %d of %v to %v at %v, but holds %s", seq, origin, known.key.key, known.timestamp, describe(e))
		return false
	}
	c.wholeValue(m, e)
	known.holders++
	if c.w.cfg.Applied != nil {
		c.w.cfg.Applied(m.index, known.key.key, store.Version{Timestamp: known.timestamp, Origin: origin}, c.w.now)
	}
	c.w.stats.spread(known, c.w.now, c.w.cfg.Nodes)
	return true
}

// record takes in what m has made durable of its own writes.
func (c *checker) record(m *machine, origin store.Origin, rows []store.Row) {
	s := c.streams[origin]
	if s == nil {
		s = &stream{}
		c.streams[origin] = s
	}
	for _, row := range rows {
		if row.Seq != uint64(len(s.writes))+1 {
			c.w.violated("I3", m, "number %d of %v comes after number %d", row.Seq, origin, len(s.writes))
			return
		}
		h := c.history(row.Key)
		version := store.Version{Timestamp: row.Timestamp, Origin: origin}
		s.writes = append(s.writes, write{key: h, timestamp: row.Timestamp, at: c.w.now})
		h.insert(numbered{version, row.Seq})
		c.enter(m, timed{row.Timestamp, origin, row.Seq})
		if e, err := m.disk.Get(row.Key); err == nil && e.Version == version {
			s.writes[row.Seq-1].content = hashEntry(e)
			c.laws(m, h, e)
		}
	}
}

// met checks the entries and rows of a frame that reached m: they are durable
// at their origin, and what everybody else knows them to be.
func (c *checker) met(m *machine, f *gossip.Frame) {
	if len(f.Rows) > c.limits.MaxFrameRows || len(f.Entries) > 1 && frameBytes(f) > c.limits.MaxFrameBytes {
		c.w.violated("I6", m, "receives a frame of %d rows and %d bytes", len(f.Rows), frameBytes(f))
		return
	}
	if !c.metEntries(m, f.Entries) {
		return
	}
	for i, row := range f.Rows {
		seq, e := f.From+1+uint64(i), f.Entries[row.Entry]
		known := c.find(f.Origin, seq)
		if known == nil || !c.isSynced(f.Origin, seq) || known.key.key != e.Key || known.timestamp != row.Timestamp {
			c.w.violated("I3", m, "receives a row for write %d of %v to %v at %v, which is another", seq, f.Origin, e.Key, row.Timestamp)
			return
		}
		if e.Version.Compare(store.Version{Timestamp: row.Timestamp, Origin: f.Origin}) < 0 {
			c.w.violated("I1", m, "receives %s for write %d of %v at %v, which it does not supersede", describe(e), seq, f.Origin, row.Timestamp)
			return
		}
	}
}

// mended checks the entries that a machine is offered beside all streams.
func (c *checker) mended(m *machine, r *gossip.Repair) {
	for _, e := range r.Entries {
		if c.find(e.Version.Origin, e.Seq) != nil {
			c.reached(m, e)
		}
	}
}

// metEntries checks the entries of a frame or a page that reached m.
func (c *checker) metEntries(m *machine, entries []*store.Entry) bool {
	for _, e := range entries {
		known := c.find(e.Version.Origin, e.Seq)
		if known == nil || !c.isSynced(e.Version.Origin, e.Seq) {
			c.w.violated("C6", m, "receives %s, which its origin does not hold durable", describe(e))
			return false
		}
		content := hashEntry(e)
		if known.content == 0 {
			known.content = content
		}
		if known.key.key != e.Key || known.timestamp != e.Version.Timestamp || known.content != content {
			c.w.violated("I3", m, "receives %s as write %d of its origin, which is another", describe(e), e.Seq)
			return false
		}
		c.reached(m, e)
	}
	return true
}

func frameBytes(f *gossip.Frame) int {
	bytes := 0
	for _, e := range f.Entries {
		bytes += e.Size()
	}
	return bytes
}

// asked notes a write that m's node took.
func (c *checker) asked(m *machine, t node.Ticket, op operation, write node.Write) {
	l := &c.of[m.index]
	if _, twice := l.pending[t]; twice {
		c.w.violated("reply", m, "gives ticket %d twice", t)
		return
	}
	p := pending{op: op, key: op.key}
	if e, err := m.front.Entries.Get(op.key); err == nil {
		p.above = e.Version
	}
	l.pending[t] = p
	c.clients[op.author].issued[op.ordinal] = write
}

// accepts notes the writes that m's node has given a version since it was asked
// last.
func (c *checker) accepts(m *machine) {
	l := &c.of[m.index]
	for _, a := range m.accepts {
		p, due := l.pending[a.ticket]
		if !due || !p.version.Timestamp.IsZero() {
			c.w.violated("reply", m, "gives a version to ticket %d, which does not wait for one", a.ticket)
			return
		}
		p.version, p.found = a.version, a.found
		l.pending[a.ticket] = p
		if p.op.session != nil {
			c.sessionAccepted(m, p.op, p.version)
		}
		by := c.clients[p.op.author]
		if !p.found {
			by.wrote[p.op.ordinal] = append(by.wrote[p.op.ordinal], p.version)
			c.stamped(p.version)
			c.by[p.version] = author{p.op.author, p.op.ordinal}
			c.wrote(m, p.key, p.version, a.marks)
			c.due(entryOf(p.key, p.version, by.issued[p.op.ordinal]))
		} else if c.w.stats.Repeated++; !by.wroteBy(p.op.ordinal, p.version) {
			c.w.violated("reply", m, "takes %v for the first try of a write to %v, which it is not", p.version, p.key)
		}
	}
	m.accepts = m.accepts[:0]
}

// replied checks an acknowledgement: it is due, its write is durable, and it
// wins over what its node had shown.
func (c *checker) replied(m *machine, r node.Reply) {
	l := &c.of[m.index]
	p, due := l.pending[r.Ticket]
	if !due {
		c.w.violated("reply", m, "replies to ticket %d, which is not open", r.Ticket)
		return
	}
	delete(l.pending, r.Ticket)
	h := c.history(p.key)
	if !h.has(r.Version) {
		c.w.violated("C6", m, "acknowledges a write to %v as %v, which is not durable", p.key, r.Version)
		return
	}
	if r.Version != p.version {
		c.w.violated("reply", m, "acknowledges a write to %v as %v, but had given it %v", p.key, r.Version, p.version)
		return
	}
	if !p.found && r.Version.Compare(p.above) <= 0 && !c.refused(h, p.above) {
		c.w.violated("C5", m, "acknowledges a write to %v as %v, which loses to %v that the node had before", p.key, r.Version, p.above)
		return
	}
	c.promised(m, r)
	c.w.stats.Acknowledged++
	if p.op.session != nil {
		c.w.wrote(p.op.session, p.op, r)
	}
	l.acked = append(l.acked, acknowledged{p.key, r.Version, r.Ack == node.AckLocal})
	h.acks = append(h.acks, r.Version)
	if r.Version.Compare(h.acked) > 0 {
		h.acked = r.Version
	}
	if r.Ack == node.AckRegion {
		c.acks = append(c.acks, ack{c.w.now, store.Seen{Mark: store.Mark{Origin: r.Version.Origin, Seq: r.Seq}, Timestamp: r.Version.Timestamp}})
		c.inRegion(m, h, r.Version)
	}
}

// crashed forgets what ends with m's life: whom it owes a reply, and how far it
// knew to be whole.
func (c *checker) crashed(m *machine) {
	clear(c.of[m.index].pending)
	c.of[m.index].told.open = nil
	c.of[m.index].w = clock.Timestamp{}
	c.of[m.index].acks, c.of[m.index].shown, c.of[m.index].since = 0, 0, 0
	c.takeBack(m)
}

// booted checks that m came back with all it had promised.
func (c *checker) booted(m *machine) {
	l := &c.of[m.index]
	marks, floor := m.node.Watermarks(), c.keptFloor(m)
	for _, old := range l.marks {
		if now := marks.At(old.Origin); now < old.Seq && (now > 0 || !c.w.cfg.retired(old.Origin, marks, floor)) {
			c.w.violated("I3", m, "watermark of %v came back from a crash as %d, was %d", old.Origin, now, old.Seq)
			return
		}
	}
	for _, a := range l.acked {
		if e, ok := c.holds(m, a.key, a.version); !ok {
			c.w.violated("C6", m, "came back from a crash with %s for %v, whose write %v it had acknowledged", describe(e), a.key, a.version)
			return
		}
	}
}

// bounds checks I6 for m's inbox.
func (c *checker) bounds(m *machine) {
	c.w.stats.InboxMost = max(c.w.stats.InboxMost, len(m.inbox))
	if most := maxInbox + c.w.cfg.Nodes; len(m.inbox) > most || m.bytes > maxInboxBytes {
		c.w.violated("I6", m, "holds %d inputs of %d bytes in its inbox", len(m.inbox), m.bytes)
	}
}

func describe(e *store.Entry) string {
	if e == nil {
		return "nothing"
	}
	what := fmt.Sprintf("%d bytes", e.ValueSize())
	if e.Tombstone {
		what = "a tombstone"
	}
	return fmt.Sprintf("%s in %v (write %d of %v)", what, e.Key, e.Seq, e.Version)
}
