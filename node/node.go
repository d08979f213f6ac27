// Package node is one replica: a deterministic state machine that takes
// writes, messages and time in as method calls, and hands messages, replies and
// the front that reads use back as values.
//
// A turn is the same wherever a node runs: inputs, then Tick, then Flush, then
// the outside world. node/host drives one node on a real machine, sim drives
// hundreds in one goroutine. DESIGN.md tells the life of a write and of a read.
package node

import (
	"errors"
	"fmt"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/view"
	"hearsay/store"
)

var (
	// ErrWrite is returned by Node.Write for a write that no replica could hold.
	// Nothing changed.
	ErrWrite = errors.New("node: bad write")
	// ErrNotReady is returned by Node.Write before the node belongs to the
	// cluster, after a restart until the clock has passed what an earlier life
	// may have closed, and while the node's disk or clock is not fit. Nothing
	// changed; see Node.Ready.
	ErrNotReady = errors.New("node: not ready to take writes")
	// ErrFenced is returned beside ErrNotReady while what the node holds may be deleted
	// long since. Nothing changed; it takes a snapshot from a peer, see Progress.
	ErrFenced = errors.New("it catches up by snapshot")
)

// Node is one replica. Its methods must be called from one goroutine.
type Node struct {
	cfg    Config
	store  store.Store
	engine *gossip.Engine
	hlc    *clock.HLC

	batch   store.Batch      // the open turn's writes, nil if there are none
	marks   store.Watermarks // the open turn's included
	trimmed store.Watermarks // likewise
	own     store.Origin     // zero until the first write
	seq     uint64
	wall    int64         // greatest wall time of any reading
	shown   int64         // up to where the disk remembers it, if the bound does not
	now     clock.Reading // of the present input
	tail    unsynced
	durable uint64 // how far the own origin is synced
	keeps   bool   // the open turn has a memo
	// bound is above every timestamp that this node has closed; a restart waits
	// until it has passed.
	bound clock.Timestamp
	past  clock.Timestamp // the bound of an earlier life
	line  gossip.Line     // with this life
	// member says that the node belongs to the cluster by a ledger that is saved.
	member     bool
	since      clock.Timestamp // where it was admitted
	started    int64           // wall time of the first turn
	clockWrong bool            // told by ClockOff
	wrongAt    time.Duration   // Reading.Mono of that
	clockHeard bool            // see clockUnheard
	renewing   bool            // told by RunsAhead
	booted     time.Duration   // Reading.Mono of the first input
	full       bool            // told by Full
	fullAt     time.Duration   // Reading.Mono of that
	late       int64           // since when the bound is exceeded, 0 while it is kept

	w         clock.Timestamp // of the last front …
	acked     clock.Timestamp // … likewise …
	floor     clock.Timestamp // … likewise …
	clockTold bool            // … likewise …
	ready     bool            // … and whether it said that the node takes writes
	hold      view.Hold       // … and how long it may answer `region`

	draining bool

	strays  []store.Key    // merged in this turn from beyond an end
	sweep   clearing       // of what lies beyond the ends
	offered []offered      // in the order in which they came
	retired []retired      // likewise
	drops   []store.Upload // beside the engine's

	losses  losses
	ticket  Ticket
	waits   waits
	replies []Reply
	fresh   bool  // no front was given yet
	err     error // the first failure of the store; it ends the node
}

// Output is what a turn sends to the outside world.
type Output struct {
	Messages []gossip.Envelope
	// Replies has one for each Write that is done.
	Replies []Reply
	// Drop names uploads that nobody needs any more: see store.Staging.
	Drop []store.Upload
	// Front is what became readable, nil if nothing did. The receiver owns it.
	Front *Front
}

// New returns a node on what st holds, in its first turn. Its first Flush gives
// a front. The staging of st was swept. The node owns st's batches but not st.
func New(cfg Config, st store.Store) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	marks, err := st.Watermarks()
	if err != nil {
		return nil, fmt.Errorf("read watermarks: %w", err)
	}
	trimmed, err := st.Trimmed()
	if err != nil {
		return nil, fmt.Errorf("read how far logs are trimmed: %w", err)
	}
	newest, err := st.Newest()
	if err != nil {
		return nil, fmt.Errorf("read newest timestamp: %w", err)
	}
	n := &Node{
		cfg:     cfg,
		store:   st,
		hlc:     clock.NewHLC(cfg.MaxSkew),
		marks:   marks,
		trimmed: trimmed,
		fresh:   true,
		losses: losses{
			pairs:     make(map[versions]struct{}),
			known:     make(map[store.Key]lost),
			forgotten: store.Known{Maybe: newest},
		},
	}
	past, err := n.recall(newest)
	if err != nil {
		return nil, err
	}
	n.line = n.line.Next(cfg.Draw("life", n.line.Starts, 0))
	if err := n.save(memoLine, n.line); err != nil {
		return nil, err
	}
	self := gossip.Peer{ID: cfg.ID, Region: cfg.Region, Name: cfg.Name}
	n.engine = gossip.NewEngine(self, cfg.Gossip, cfg.Draw, replica{n}, past)
	return n, nil
}

// Write accepts w and returns the ticket under which a later Output replies. A
// write whose Request the key's present entry has is that entry's: nothing is
// written, and the reply has its version. An error means that w is refused, or
// that the node has failed; see Flush.
func (n *Node) Write(now clock.Reading, w Write) (Ticket, error) {
	n.look(now)
	if err := w.validate(); err != nil {
		return 0, err
	}
	if n.err != nil {
		return 0, n.err
	}
	if err := n.Ready(now); err != nil {
		return 0, err
	}
	if err := checkAhead(now, w.Seen, n.cfg.MaxSkew); err != nil {
		return 0, err
	}
	old, err := n.current(w.Key)
	if err != nil {
		n.err = err
		return 0, err
	}
	if err := n.poisoned(now, old); err != nil {
		return 0, err
	}
	n.ticket++
	if w.Manifest != nil {
		n.offerLarge(now, n.ticket, w)
		return n.ticket, nil
	}
	if err := n.accept(now, n.ticket, w, old); err != nil {
		n.err = err
		return 0, err
	}
	return n.ticket, nil
}

// accept makes w, whose key holds old, nil for nothing, an entry, unless it is there
// already, and a reply to t.
func (n *Node) accept(now clock.Reading, t Ticket, w Write, old *store.Entry) error {
	if old != nil && n.refused(old) {
		// What the client knows of it is what others will.
		if err := n.offerAnew(now, w.Key); err != nil {
			return err
		}
		var err error
		if old, err = n.current(w.Key); err != nil {
			return err
		}
	}
	if old != nil && w.Request != "" && w.Request == old.Request {
		if w.Manifest != nil {
			n.drops = append(n.drops, w.Manifest.Upload)
		}
		n.settle(Reply{Ticket: t, Version: old.Version, Seq: old.Seq}, w.Ack)
		n.observe(WriteRepeated{Ticket: t, Key: w.Key, Version: old.Version})
		return nil
	}
	e, err := n.enter(now, w, old)
	if err != nil {
		return err
	}
	n.settle(Reply{Ticket: t, Version: e.Version, Seq: e.Seq}, w.Ack)
	n.observe(WriteAccepted{Ticket: t, Key: w.Key, Version: e.Version, Delete: w.Delete})
	return nil
}

// enter gives w, whose key holds old, nil for nothing, a version above the clock,
// above old and above what its client has seen, and the next number of this node's
// origin.
func (n *Node) enter(now clock.Reading, w Write, old *store.Entry) (*store.Entry, error) {
	above := w.Seen.Time()
	if old != nil && old.Version.Timestamp.Compare(above) > 0 && !n.refused(old) {
		above = old.Version.Timestamp
	}
	t := n.hlc.Now(now.Wall, above)
	if n.seq == 0 {
		nonce := n.cfg.Draw("incarnation", uint64(t.Wall), uint64(t.Logical))
		n.own = store.Origin{Node: n.cfg.ID, Incarnation: store.Incarnation{Start: t, Nonce: uint32(nonce)}}
	}
	e := &store.Entry{
		Key:     w.Key,
		Version: store.Version{Timestamp: t, Origin: n.own},
		Seq:     n.seq + 1,
		Request: w.Request,
		Seen:    w.Seen.Above(n.engine.Floor(), counting(n.marks, n.engine.Roster().Epoch())).By(n.own),
	}
	if old != nil {
		e.Known = n.losses.knows(old).By(n.own, n.engine.W())
	} else if !n.engine.Floor().IsZero() {
		// What the key held may have been collected here and not everywhere.
		e.Known = store.Known{}.By(n.own, n.engine.W())
	}
	if w.Delete {
		e.Tombstone = true
	} else {
		e.Value, e.Manifest, e.Metadata, e.Expires = w.Value, w.Manifest, w.Metadata, w.Expires
	}
	if err := n.put(old, e); err != nil {
		return nil, err
	}
	row := store.Row{Seq: e.Seq, Key: e.Key, Timestamp: t}
	if err := n.open().Log(n.own, row); err != nil {
		return nil, fmt.Errorf("log %v: %w", e.Key, err)
	}
	if err := (replica{n}).Raise(n.own, e.Seq); err != nil {
		return nil, err
	}
	n.seq = e.Seq
	n.engine.Wrote(now, n.own, n.seq)
	return e, nil
}

// Receive takes in a message from a peer. One that makes no sense is dropped
// and observed, never an error.
func (n *Node) Receive(now clock.Reading, from store.NodeID, m gossip.Message) {
	n.look(now)
	if n.err != nil {
		return
	}
	if err := n.engine.Receive(now, from, m); err != nil {
		n.err = fmt.Errorf("receive from %s: %w", from, err)
	}
}

// Line returns the starts of the node on its disk, this one included. It is on disk
// from the first Flush on.
func (n *Node) Line() gossip.Line { return n.line }

// Admit is asked before a stream with the node id, whose disk has that line, is said
// to be up, and before anything of it is received. The stream is used once the turn
// is flushed; not if there is an error, which is gossip.ErrOtherDisk.
func (n *Node) Admit(now clock.Reading, id store.NodeID, line gossip.Line) error {
	n.look(now)
	if n.err != nil {
		return n.err
	}
	return n.engine.Admit(id, line)
}

// Disown says that a peer refused this node as one whose disk is not that which it
// knows under this id. That ends the node: see Flush.
func (n *Node) Disown(now clock.Reading, by store.NodeID, why string) {
	n.look(now)
	if n.err == nil {
		n.err = fmt.Errorf("%w: %s refuses it: %s", gossip.ErrOtherDisk, by, why)
	}
}

// PeerUp says that a stream to p is there. A second one says that it broke and
// is there again.
func (n *Node) PeerUp(now clock.Reading, p gossip.Peer) {
	n.look(now)
	n.engine.PeerUp(now, p)
}

// PeerDown says that the stream to a peer is gone.
func (n *Node) PeerDown(now clock.Reading, id store.NodeID) {
	n.look(now)
	n.engine.PeerDown(now, id)
}

// Tick does whatever is due at now. Calling it early or twice does no harm. It
// comes after the turn's other inputs.
func (n *Node) Tick(now clock.Reading) {
	n.look(now)
	if n.err != nil {
		return
	}
	n.found()
	if err := n.acceptOffered(now); err != nil {
		n.err = fmt.Errorf("tick: %w", err)
		return
	}
	n.leave(now)
	if err := n.renew(now); err != nil {
		n.err = fmt.Errorf("tick: %w", err)
		return
	}
	if err := n.engine.Tick(now); err != nil {
		n.err = fmt.Errorf("tick: %w", err)
		return
	}
	if err := n.offer(now); err != nil {
		n.err = fmt.Errorf("offer anew: %w", err)
	}
}

// NextTick returns the Reading.Mono at which Tick next has work to do. One that
// has passed means at once.
func (n *Node) NextTick() time.Duration {
	if n.sweep.due && n.writable(n.now) {
		return 0
	}
	if n.tail.any {
		return n.waits.due(n.syncDue()) // until then the engine sends nothing
	}
	return n.waits.due(n.engine.NextTick())
}

// Flush commits all that the turn wrote, and only then releases what the turn
// caused; messages only once all is synced, see Config.SyncEvery. An error means that nothing was released and that the node must
// stop; every later call repeats it.
func (n *Node) Flush() (Output, error) {
	if n.err == nil {
		out, err := n.flush()
		if err == nil {
			return out, nil
		}
		n.err = err
	}
	return Output{}, n.err
}

func (n *Node) flush() (Output, error) {
	if err := n.remember(); err != nil {
		return Output{}, err
	}
	wrote := n.batch != nil
	synced, err := n.commit()
	if err != nil {
		return Output{}, fmt.Errorf("commit: %w", err)
	}
	var out Output
	if synced {
		if out.Messages, err = n.engine.Collect(); err != nil {
			return Output{}, fmt.Errorf("collect messages: %w", err)
		}
		out.Drop = n.dropped()
	}
	n.watchBound()
	n.watchClock()
	n.acknowledge()
	out.Replies = n.replies
	w, acked, floor, hold, refusal := n.engine.W(), n.engine.Acked(), n.engine.Floor(), n.engine.Hold(), n.Ready(n.now)
	if wrote || n.fresh || w != n.w || acked != n.acked || floor != n.floor || hold != n.hold || (refusal == nil) != n.ready || n.clockWrong != n.clockTold {
		snapshot, err := n.store.Snapshot()
		if err != nil {
			return Output{}, fmt.Errorf("take snapshot: %w", err)
		}
		out.Front = &Front{Entries: snapshot, Marks: n.marks.Clone(), Wall: n.wall, W: w, Acked: acked, Floor: floor, Epoch: *n.engine.Roster().Epoch(), Fenced: n.engine.Fenced(), Hold: hold, Refusal: refusal, MaxSkew: n.cfg.MaxSkew, Clock: n.now, ClockOff: n.clockWrong, Lost: n.losses.shown()}
		n.fresh, n.w, n.acked, n.floor, n.hold, n.ready, n.clockTold = false, w, acked, floor, hold, refusal == nil, n.clockWrong
	}
	n.replies = nil
	return out, nil
}

// Watermarks returns how far the node is, the open turn included. The caller
// may keep it.
func (n *Node) Watermarks() store.Watermarks { return n.marks.Clone() }

// open returns the turn's batch.
func (n *Node) open() store.Batch {
	if n.batch == nil {
		n.batch = n.store.NewBatch()
	}
	return n.batch
}

// current returns the entry of key as the open turn leaves it, nil if there is
// none.
func (n *Node) current(key store.Key) (*store.Entry, error) {
	e, err := n.open().Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get %v: %w", key, err)
	}
	return e, nil
}

func (n *Node) look(now clock.Reading) {
	if n.now == (clock.Reading{}) {
		n.booted = now.Mono
	}
	n.now = now
	n.wall = max(n.wall, now.Wall)
}

func (n *Node) observe(e Event) {
	if n.cfg.Observe != nil {
		n.cfg.Observe(e)
	}
}
