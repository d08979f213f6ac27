package sim

import (
	"fmt"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/wire"
	"hearsay/node"
	"hearsay/node/bookmark"
	"hearsay/store"
	"hearsay/store/memstore"
)

// A World is one run on its way. It belongs to one goroutine.
type World struct {
	cfg      Config
	now      time.Duration // virtual
	queue    queue
	ladder   ladder
	network  network
	machines []*machine
	present  []*machine // those that are not taken out
	sessions []*session
	regions  [][]int  // the machines of each
	unknown  []Record // of writes whose clients never heard their end
	byID     map[store.NodeID]int
	faults   []Fault
	lasting  []bool // of the faults: it began and did not end
	encoder  *wire.Encoder
	check    *checker

	bookmarks bookmark.Key
	stats     Stats

	healed    bool
	converged time.Duration // from the healing on
	violation *Violation
	done      bool
}

// New returns a world at its dawn. The config is valid.
func New(cfg Config) *World {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	w := &World{cfg: cfg.withDefaults(), byID: map[store.NodeID]int{}, encoder: wire.NewEncoder(), bookmarks: bookmark.NewKey("sim", nil)}
	w.faults = w.cfg.Faults
	if w.faults == nil {
		w.faults = w.cfg.Plan()
	}
	w.faults = w.cfg.left(w.faults)
	w.lasting = make([]bool, len(w.faults))
	w.check = newChecker(w)
	w.network = newNetwork(w.cfg)
	for i := range w.cfg.Nodes {
		m := &machine{
			index:  i,
			peer:   gossip.Peer{ID: w.cfg.nodeID(i), Region: w.cfg.Topology.Regions[w.cfg.regionOf(i)], Name: string(w.cfg.nodeID(i))},
			clocks: drawClocks(w.cfg.Seed, i, w.cfg.MaxSkew),
			disk:   memstore.New(),
			looks:  map[uint64]look{},
		}
		w.machines = append(w.machines, m)
		w.byID[m.peer.ID] = i
		if !w.cfg.isAbsent(i) {
			w.present = append(w.present, m)
		}
	}
	for _, m := range w.present {
		w.boot(m, bootCause)
	}
	for _, m := range w.present {
		w.meet(m, bootCause, false)
		if w.cfg.Workloads == nil {
			w.plan(m, 0)
		}
	}
	for region := range w.cfg.Topology.Regions {
		w.regions = append(w.regions, w.cfg.region(region))
	}
	for i := range w.cfg.Sessions {
		s := &session{number: i}
		if s.load, s.loadNumber = w.cfg.load(i); s.load != nil {
			s.place.region, s.next = w.settle(s, -1), s.load.Begin
		}
		w.sessions = append(w.sessions, s)
		w.planSession(s, 0)
	}
	for i, f := range w.faults {
		w.push(happening{at: f.At, kind: Began, id: uint64(i)})
		w.push(happening{at: f.At + f.For, kind: Ended, id: uint64(i)})
	}
	w.push(happening{at: w.cfg.For, kind: Healed})
	return w
}

// bootCause names the first start of a machine in draws, as a fault's ID names
// the later ones.
const bootCause = 1 << 63

func (w *World) draw(purpose string, ids ...uint64) uint64 {
	return Draw(w.cfg.Seed, purpose, ids...)
}

// push puts h in the queue.
func (w *World) push(h happening) {
	h.tie = w.draw("tie", uint64(h.kind), uint64(h.machine), uint64(h.other), w.name(&h))
	w.queue.push(h)
}

// name returns what tells h from others of its kind on its machine, and is no
// count of what came before.
func (w *World) name(h *happening) uint64 {
	switch h.kind {
	case Wake, Synced, Doomed:
		return 0
	case Began, Ended:
		return w.faults[h.id].ID
	}
	return h.id
}

// Now returns the virtual time.
func (w *World) Now() time.Duration { return w.now }

// Step lets the next happening come to pass. It reports false when the run is
// over.
func (w *World) Step() bool {
	if w.done {
		return false
	}
	h := w.queue.pop()
	w.now = h.at
	w.effect(Step{Kind: h.kind, Machine: h.machine, Other: h.other, ID: w.name(&h)})
	w.pass(&h)
	w.ladder.step()
	return !w.done
}

func (w *World) pass(h *happening) {
	m := w.machines[h.machine]
	switch h.kind {
	case Wake:
		if m.armed && h.id == m.wakes {
			w.wake(m)
		}
	case Synced:
		if h.id == m.boots && m.node != nil {
			w.synced(m)
		}
	case Doomed:
		if h.id == m.boots && m.doom != nil {
			w.powerOff(m)
		}
	case Arrived:
		if h.ends == w.ends(h.other, h.machine) {
			w.deliver(m, input{kind: Arrived, other: h.other, from: w.machines[h.other].peer.ID, data: h.data})
		}
	case PeerUp, PeerDown:
		w.news(h)
	case Looked:
		w.looked(m, h.id)
	case Asked:
		w.ask(m, h.id)
	case Roamed:
		w.roam(w.sessions[h.other], h.id)
	case Again:
		w.again(w.sessions[h.other], h.id)
	case Began:
		w.begin(int(h.id))
	case Ended:
		w.end(int(h.id))
	case Healed:
		w.heal()
	case Probed:
		w.probe()
	}
}

// effect takes what came to pass into the digest and the trace.
func (w *World) effect(s Step) {
	s.At = w.now
	w.ladder.add(uint64(s.At), uint64(s.Kind)<<56^uint64(s.Machine)<<28^uint64(s.Other), s.ID)
	if s.Note != "" {
		w.ladder.add(hashText(0, s.Note))
	}
	if w.cfg.Trace != nil {
		w.cfg.Trace(s)
	}
}

// observe counts an event of m's node, and has the checker look at some.
func (w *World) observe(m *machine, e node.Event) {
	w.effect(Step{Kind: Told, Machine: m.index, Note: e.EventName()})
	w.stats.event(e.EventName())
	switch e := e.(type) {
	case node.WriteAccepted:
		m.accepts = append(m.accepts, accepted{e.Ticket, e.Version, false, m.node.Watermarks()})
	case node.WriteRepeated:
		m.accepts = append(m.accepts, accepted{e.Ticket, e.Version, true, nil})
	case gossip.FrameApplied:
		w.check.applied(m, e)
	case node.OfferedAnew:
		w.check.offered(m, e)
	case node.EntriesCollected:
		m.collected = append(m.collected, e.Entries...)
	case node.EntryInDoubt:
		w.check.inDoubt(m, e)
	case node.UpdateLost:
		w.check.lost(m, e)
	}
}

// violated ends the run with its first violation.
func (w *World) violated(invariant string, m *machine, format string, args ...any) {
	if w.violation != nil {
		return
	}
	w.violation = &Violation{Invariant: invariant, At: w.now, Machine: m.peer.ID, Sentence: fmt.Sprintf(format, args...)}
	w.done = true
}

// send puts what a turn has to say on the network. The frame that goes to
// several peers is encoded once.
func (w *World) send(m *machine, envelopes []gossip.Envelope) {
	stir(envelopes)
	var last gossip.Message
	var data []byte
	var content uint64
	for _, env := range envelopes {
		to, ok := w.byID[env.To]
		if ok && w.machines[to].peer.ID != env.To {
			w.stats.LostDown++
			continue // that node is no more
		}
		if !ok {
			w.violated("send", m, "%s sends to %s, which it was never told of", m.peer.ID, env.To)
			return
		}
		if env.Message != last {
			var err error
			if data, err = w.encoder.Append(nil, w.fillIn(m, env.Message)); err != nil {
				w.violated("wire", m, "encode a message of %s: %v", m.peer.ID, err)
				return
			}
			last, content = env.Message, hashBytes(0, data)
		}
		w.carry(link{m.index, to}, messageID(env.Message, w.now), content, data)
	}
}

// carry lets one message travel over l.
func (w *World) carry(l link, id, content uint64, data []byte) {
	fate := w.network.fate(l, id, w.now, len(data))
	kind := Sent
	if fate.copies == 0 {
		kind = Lost
		w.stats.LostOnTheWay++
	}
	w.stats.Sent++
	w.stats.SentBytes += uint64(len(data))
	w.stats.Duplicated += uint64(max(fate.copies-1, 0))
	w.effect(Step{Kind: kind, Machine: l.from, Other: l.to, ID: id, After: fate.after[0]})
	w.ladder.add(content)
	for i, after := range fate.after[:fate.copies] {
		at := w.now + after
		if i == 0 {
			at = w.network.arrival(l, at) // the copy comes late and by another way
		}
		w.push(happening{at: at, kind: Arrived, machine: l.to, other: l.from, ends: w.ends(l.from, l.to), id: content, data: data})
	}
}

// receive gives m a message that arrived, decoded from its bytes for m alone.
func (w *World) receive(m *machine, now clock.Reading, in *input) {
	message, err := wire.Decode(in.data[prefixLen:])
	if err != nil {
		w.violated("wire", m, "%s decodes a message of %s: %v", m.peer.ID, in.from, err)
		return
	}
	w.stats.Received++
	switch message := message.(type) {
	case *gossip.Repair:
		w.check.mended(m, message)
	case *gossip.Frame:
		w.stats.Applied += uint64(len(message.Entries))
		w.check.met(m, message)
	case *gossip.Page:
		w.stats.Applied += uint64(len(message.Entries))
		w.check.metEntries(m, message.Entries)
	case *gossip.Chunk:
		if !w.takeIn(m, message) {
			return
		}
	}
	m.node.Receive(now, in.from, message)
}

// prefixLen is the length prefix of an encoded message.
const prefixLen = 4

// begin lets a fault begin.
func (w *World) begin(i int) {
	if w.healed {
		return
	}
	f := &w.faults[i]
	if f.Kind == Wipe && !w.spares(w.machines[f.A[0]]) {
		return
	}
	w.lasting[i] = true
	w.check.buckets()
	w.stats.Faults[f.Kind]++
	switch f.Kind {
	case Crash:
		for _, i := range f.A {
			w.crash(w.machines[i], f)
		}
	case Pause:
		for _, i := range f.A {
			w.pause(w.machines[i], f)
		}
	case ClockStep:
		for _, i := range f.A {
			w.machines[i].clocks.step(f.Amount, w.cfg.MaxSkew/5)
		}
	case ClockJump:
		for _, i := range f.A {
			w.machines[i].clocks.jump += f.Amount
		}
	case FalseAlarm:
		w.alarm(f)
	case Wipe:
		w.wipe(w.machines[f.A[0]], f)
	case FullDisk:
		for _, i := range f.A {
			w.machines[i].fulls++
		}
	case FailedSync:
		for _, i := range f.A {
			w.spoilDisk(w.machines[i], f)
		}
	case SlowDisk:
		for _, i := range f.A {
			w.machines[i].slow += f.Amount
		}
	case Forget:
		w.deliver(w.machines[f.B[0]], input{kind: Forgotten, other: f.A[0]})
	case Rot:
		for _, i := range f.A {
			w.rot(w.machines[i], f)
		}
	default:
		w.network.faults = append(w.network.faults, f)
		w.suspectCut(f)
	}
}

// end lets a fault end, unless healing ended it.
func (w *World) end(i int) {
	if !w.lasting[i] {
		return
	}
	w.lasting[i] = false
	f := &w.faults[i]
	switch f.Kind {
	case Crash, Wipe:
		for _, i := range f.A {
			w.restart(w.machines[i], f.ID)
		}
	case Pause:
		for _, i := range f.A {
			w.resume(w.machines[i])
			w.meet(w.machines[i], f.ID, true)
		}
	case FullDisk:
		for _, i := range f.A {
			w.machines[i].fulls--
		}
	case FailedSync:
		for _, i := range f.A {
			w.replaceDisk(w.machines[i], f)
		}
	case SlowDisk:
		for _, i := range f.A {
			w.machines[i].slow -= f.Amount
		}
	case ClockStep, Forget, Rot: // are for good
	case ClockJump:
		for _, i := range f.A {
			w.machines[i].clocks.jump -= f.Amount
		}
	case FalseAlarm:
		w.allClear(f)
	default:
		w.network.drop(f)
		w.reunite(f)
	}
}

// heal ends the safety phase: no fault lasts on, no client writes.
func (w *World) heal() {
	for i := range w.faults {
		w.end(i)
	}
	w.healed = true
	w.push(happening{at: w.now, kind: Probed})
}

// probeInterval is how exactly the time to convergence is told.
const probeInterval = 20 * time.Millisecond

// rot spoils the first live entry of m from a drawn key on.
func (w *World) rot(m *machine, f *Fault) {
	order := w.check.order
	for i := range order {
		key := order[(f.ID+uint64(i))%uint64(len(order))].key
		e, err := m.disk.Get(key)
		if err != nil || e.Tombstone {
			continue
		}
		w.check.rotten = true
		if f.Permille == 0 {
			m.disk.Rot(key, nil)
			return
		}
		spoilt := *e
		spoilt.Value = append([]byte("rotten "), e.Value...)
		m.disk.Rot(key, &spoilt)
		return
	}
}

// probe ends the run when all replicas agree, or have had time enough to.
func (w *World) probe() {
	w.check.buckets()
	difference := w.check.difference()
	if difference == nil && w.converged == 0 {
		w.converged = w.now - w.cfg.For
		w.check.nothingLost()
	}
	for _, m := range w.present {
		if difference == nil {
			difference = w.check.staged(m)
		}
	}
	if difference == nil {
		w.check.swept()
		if w.cfg.Record != nil {
			w.recordUnknown()
		}
		w.done = true
		return
	}
	if w.now >= w.cfg.For+w.cfg.Settle {
		invariant := "C2"
		if w.converged > 0 {
			invariant = "I6"
		}
		w.violated(invariant, difference.machine, "%v after all was healed, %s", w.cfg.Settle, difference.sentence)
		return
	}
	w.push(happening{at: w.now + probeInterval, kind: Probed})
}
