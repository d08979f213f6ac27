package sim

import (
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/node"
	"hearsay/store"
	"hearsay/store/memstore"
)

// A machine is one computer with a disk that outlives crashes.
type machine struct {
	index  int
	peer   gossip.Peer
	clocks clocks
	disk   *memstore.Store
	disks  int            // that it lost
	known  []store.NodeID // under which id its node has a stream to each other machine
	line   gossip.Line    // of its last start that the disk has
	node   *node.Node     // nil while the power is off
	front  *node.Front    // of the last turn that the disk has

	accepts   []accepted     // of the open turn
	collected []*store.Entry // likewise

	life     uint64 // names uploads, with
	uploads  uint64 // their number
	expected map[gossip.Piece]bool

	looks map[uint64]look // reads under way, by operation.name

	inbox []input // what waits for the next turn; see maxInbox
	bytes int     // of the messages in it
	busy  bool    // a turn is open: its Flush comes with Synced
	late  bool    // Synced came while the machine stood still
	boots uint64  // tells a Synced or Wake of a former life

	alarm time.Duration // when Wake comes, if armed
	armed bool
	wakes uint64 // tells the Wake that counts

	fulls   int           // faults that last now …
	full    bool          // … and whether the node was told
	slow    time.Duration // what each commit takes more
	spoilt  []*Fault      // have a commit fail
	stopped *Fault        // the one of these that ended the node

	crashes, pauses int    // that last now
	doom            *Fault // cuts the power in the next turn that has a write
}

// An input is one thing that a node is told in a turn.
type input struct {
	kind  Kind // Arrived, PeerUp, PeerDown, Asked or Forgotten
	other int
	from  store.NodeID // who sent data
	data  []byte       // an encoded message
	op    operation
}

// The bounds of a machine, as a host has them. Beside the inputs that the inbox
// bounds there is at most one PeerUp or PeerDown for each peer.
const (
	maxInbox      = 1024
	maxInboxBytes = 8 << 20
	maxTurn       = 64      // inputs of one turn
	maxTurnBytes  = 1 << 20 // of messages in one turn
)

// syncTime is how long a turn's commit takes: an SSD with its tail, in
// nanoseconds. That it is never 0 keeps virtual time moving.
var syncTime = Table{{0, 100_000}, {32768, 500_000}, {64881, 5_000_000}, {65470, 20_000_000}, {65536, 80_000_000}}

// commitTime returns how long the commit of machine's turn at now takes.
func (cfg Config) commitTime(machine int, now time.Duration) time.Duration {
	if cfg.Calm {
		return 500 * time.Microsecond
	}
	return time.Duration(syncTime.at(Draw(cfg.Seed, "sync", uint64(machine), uint64(now/time.Millisecond))))
}

func (m *machine) running() bool { return m.node != nil && m.pauses == 0 }

// deliver hands an input to m. What finds the inbox full is lost; news of peers
// is not, but replaces what the inbox holds of the same peer.
func (w *World) deliver(m *machine, in input) {
	if m.node == nil {
		if in.kind == Arrived {
			w.stats.LostDown++
		}
		return
	}
	switch in.kind {
	case PeerUp, PeerDown:
		m.forgetNews(in.other)
	default:
		if len(m.inbox) >= maxInbox || m.bytes+len(in.data) > maxInboxBytes {
			w.stats.LostFull++
			return
		}
	}
	m.inbox = append(m.inbox, in)
	m.bytes += len(in.data)
	w.check.bounds(m)
	w.turn(m)
}

func (m *machine) forgetNews(other int) {
	for i, in := range m.inbox {
		if (in.kind == PeerUp || in.kind == PeerDown) && in.other == other {
			m.inbox = slices.Delete(m.inbox, i, i+1)
			return
		}
	}
}

// turn begins a turn at m: inputs and Tick now, Flush when the disk has had its
// time. It does nothing while a turn is open or the machine stands still.
func (w *World) turn(m *machine) {
	if !m.running() || m.busy {
		return
	}
	m.busy = true
	now := m.clocks.read(w.now)
	w.check.looks(m, now.Wall)
	m.measure(now)
	taken, bytes, writes := 0, 0, 0
	for taken < len(m.inbox) && taken < maxTurn && bytes < maxTurnBytes {
		in := &m.inbox[taken]
		taken++
		bytes += len(in.data)
		if in.kind == Asked {
			writes++
		}
		w.tell(m, now, in)
	}
	m.inbox = slices.Delete(m.inbox, 0, taken)
	m.bytes -= bytes
	m.node.Tick(now)
	w.check.accepts(m)
	sync := w.commitTime(m)
	w.push(happening{at: w.now + sync, kind: Synced, machine: m.index, id: m.boots})
	if m.doom != nil && writes > 0 {
		after := time.Duration(below(w.draw("doom", m.doom.ID, uint64(m.index)), uint64(sync)))
		w.push(happening{at: w.now + after, kind: Doomed, machine: m.index, id: m.boots})
	}
}

// tell gives one input to m's node.
func (w *World) tell(m *machine, now clock.Reading, in *input) {
	switch in.kind {
	case Arrived:
		w.receive(m, now, in)
	case PeerUp:
		peer := w.machines[in.other].peer
		if m.known[in.other] != peer.ID {
			w.forgetPeer(m, now, in.other)
		}
		if err := m.node.Admit(now, peer.ID, w.machines[in.other].line); err != nil {
			w.violated("admit", m, "%s turns %s away: %v", m.peer.ID, peer.ID, err)
			return
		}
		m.known[in.other] = peer.ID
		m.node.PeerUp(now, peer)
	case PeerDown:
		w.forgetPeer(m, now, in.other)
	case Forgotten:
		w.tellToForget(m, now, in.other)
	case Asked:
		w.write(m, now, in.op)
	}
}

// synced ends the turn that is open at m.
func (w *World) synced(m *machine) {
	if m.pauses > 0 {
		m.late = true
		return
	}
	out, ok := w.flush(m)
	if !ok {
		return
	}
	m.busy = false
	for _, r := range out.Replies {
		w.effect(Step{Kind: Replied, Machine: m.index, ID: uint64(r.Ticket)})
		w.check.replied(m, r)
	}
	w.send(m, out.Messages)
	w.dropUploads(m, out.Drop...)
	w.arm(m)
	if len(m.inbox) > 0 {
		w.turn(m)
	}
}

// flush commits m's open turn and publishes its front.
func (w *World) flush(m *machine) (node.Output, bool) {
	out, err := m.node.Flush()
	if err != nil && w.failed(m, err) {
		return out, false
	}
	if err != nil {
		w.violated("flush", m, "Flush at %s: %v", m.peer.ID, err)
		return out, false
	}
	m.line = m.node.Line()
	if out.Front != nil {
		if m.front != nil {
			w.closeFront(m)
		}
		m.front = out.Front
		w.check.published(m)
	}
	w.check.synced(m)
	w.check.inTime(m)
	return out, true
}

func (w *World) closeFront(m *machine) {
	if err := m.front.Entries.Close(); err != nil {
		w.violated("store", m, "close a snapshot at %s: %v", m.peer.ID, err)
	}
	m.front = nil
}

// arm sets m's alarm to what its node asks for. An alarm that is set for an
// earlier time stays and is set anew when it comes.
func (w *World) arm(m *machine) {
	at := max(w.now, m.clocks.when(m.node.NextTick()))
	if m.armed && m.alarm <= at {
		return
	}
	m.alarm, m.armed = at, true
	m.wakes++
	w.push(happening{at: at, kind: Wake, machine: m.index, id: m.wakes})
}

func (w *World) wake(m *machine) {
	m.armed = false
	if !m.running() || m.busy {
		return // the end of the turn, or of the pause, sets it again
	}
	if m.clocks.read(w.now).Mono < m.node.NextTick() {
		w.arm(m)
		return
	}
	w.turn(m)
}

// crash cuts m's power, now or, where a draw says so, between the apply and the
// sync of its next write.
func (w *World) crash(m *machine, f *Fault) {
	m.crashes++
	if m.node == nil {
		return
	}
	m.doom = f
	if m.busy || happens(w.draw("crash now", f.ID, uint64(m.index)), 500) {
		w.powerOff(m)
	}
}

// powerOff ends m's life. Of an open turn a draw decides whether the disk got it
// before: then it is durable, though nobody has heard of it.
func (w *World) powerOff(m *machine) {
	f := m.doom
	m.doom = nil
	if m.busy && happens(w.draw("open turn survives", f.ID, uint64(m.index)), 500) {
		w.stats.Survived++
		if _, ok := w.flush(m); !ok {
			return // the disk failed, or the run has
		}
	} else if m.busy {
		w.stats.Dropped++
	}
	w.stop(m, f)
}

// stop leaves of m what its disk has.
func (w *World) stop(m *machine, f *Fault) {
	if m.front != nil {
		w.closeFront(m)
	}
	w.keepTail(m, f)
	m.disk.Crash()
	m.node, m.inbox, m.bytes, m.busy, m.late, m.armed = nil, nil, 0, false, false, false
	m.accepts, m.collected, m.expected = nil, nil, nil
	m.boots++
	clear(m.looks)
	w.check.crashed(m)
	w.suspect(m, f.ID)
}

// restart ends one fault that had cut m's power, or was about to.
func (w *World) restart(m *machine, cause uint64) {
	m.crashes--
	if m.crashes > 0 {
		return
	}
	m.doom = nil
	if m.node != nil {
		return
	}
	w.boot(m, cause)
	w.meet(m, cause, true)
}

// boot starts m on what its disk holds. Cause names the start in draws.
func (w *World) boot(m *machine, cause uint64) {
	cfg := node.DefaultConfig()
	cfg.ID, cfg.Region, cfg.Name, cfg.MaxSkew = m.peer.ID, m.peer.Region, m.peer.Name, w.cfg.MaxSkew
	cfg.Found, cfg.Bound = m == w.present[0] && m.disks == 0, w.cfg.Bound
	cfg.Gossip.Roster.Silence = silence
	if len(w.faults) > 0 {
		cfg.Gossip.RepairInterval, cfg.Gossip.Scrub = repairInterval, scrub
	}
	w.cfg.collectConfig(&cfg.Gossip)
	largeConfig(&cfg)
	if w.cfg.SyncEvery > SyncAlways {
		cfg.SyncEvery = w.cfg.SyncEvery
	}
	cfg.Draw = func(purpose string, a, b uint64) uint64 {
		return w.draw(purpose, uint64(m.index), cause, a, b)
	}
	cfg.Observe = func(e node.Event) { w.observe(m, e) }
	m.life, m.uploads, m.expected = w.draw("life", uint64(m.index), cause), 0, map[gossip.Piece]bool{}
	if err := m.disk.Sweep(); err != nil {
		w.violated("restart", m, "sweep of %s: %v", m.peer.ID, err)
		return
	}
	if w.cfg.Tune != nil {
		w.cfg.Tune(&cfg)
	}
	n, err := node.New(cfg, m.disk)
	if err != nil {
		w.violated("restart", m, "start of %s: %v", m.peer.ID, err)
		return
	}
	m.node = n
	m.known = make([]store.NodeID, len(w.machines))
	m.clocks.booted = w.now
	w.check.booted(m)
	w.turn(m)
}

// pause makes m stand still; its clocks run on and its inbox fills.
func (w *World) pause(m *machine, f *Fault) {
	m.pauses++
	w.suspect(m, f.ID)
}

func (w *World) resume(m *machine) {
	m.pauses--
	if !m.running() {
		return
	}
	if m.late {
		m.late = false
		w.synced(m)
	}
	if m.running() && !m.busy {
		w.arm(m)
		w.turn(m)
	}
}

// holds returns the entry that m's disk holds under key, nil for none, and
// whether it is v or supersedes it.
func (m *machine) holds(key store.Key, v store.Version) (*store.Entry, bool) {
	e, err := m.disk.Get(key)
	if err != nil {
		return nil, false
	}
	return e, e.Version.Compare(v) >= 0
}
