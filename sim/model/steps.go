package model

import "fmt"

// The verbs of a Replication's steps.
const (
	verbWrite = iota
	verbClose
	verbPull
	verbLate
	verbHear
	verbTake
	verbSync
	verbRestart
	verbBackup
	verbRestore
	verbRaise
	verbAdopt
	verbFence
	verbPropose
	verbOvertake
	verbDecide
	verbEpoch
	verbScan
	verbStage
	verbAgain
	verbReady
	verbDrop
	verbSay
)

// replicationSteps yields the steps from one state.
type replicationSteps struct {
	Replication
	s     *ReplicationState
	yield func(*ReplicationState, Step)
}

// Steps implements System.
func (m Replication) Steps(s *ReplicationState, yield func(*ReplicationState, Step)) {
	x := replicationSteps{m, s, yield}
	for n := range uint8(nodes) {
		x.roster(n)
		if s.nodes[n].standing == outside {
			continue
		}
		x.origin(n)
		x.restart(n)
		for rank := uint8(1); rank <= s.count; rank++ {
			x.late(n, rank)
			x.hear(n, rank)
		}
		for peer := range uint8(nodes) {
			if peer != n && s.nodes[peer].standing == ready {
				x.meet(n, peer)
			}
		}
		if m.Bounds.Floor {
			x.raise(n)
		}
	}
	x.decide()
	x.advance()
}

// emit yields next. Unless the model has unsynced data, a step is on disk at once.
func (x *replicationSteps) emit(next *ReplicationState, step Step) {
	if !x.Bounds.Unsynced {
		for n := range next.nodes {
			next.nodes[n].disk = next.nodes[n].memory
		}
	}
	x.yield(next, step)
}

func (x *replicationSteps) room() bool { return x.s.count < maxEvents }

// origin yields what n writes and closes, each synced with all before it.
func (x *replicationSteps) origin(n uint8) {
	s, node := x.s, &x.s.nodes[n]
	if !x.room() || !s.member(node.epoch, n) {
		return
	}
	if node.standing == ready && s.tally(nodes, put, deletion) < x.Bounds.Writes {
		for key := range uint8(x.Bounds.Keys) {
			for _, k := range []kind{put, deletion} {
				if k == deletion && s.tally(nodes, deletion, deletion) == x.Bounds.Deletes {
					continue
				}
				from := node.last
				if x.has(StampAbove) {
					from = max(from, node.memory.store[key])
				}
				for rank := from + 1; rank <= s.count+1; rank++ {
					next := *s
					next.write(n, rank, key, k)
					x.emit(&next, Step{verbWrite, n, key, rank})
				}
			}
		}
	}
	if s.tally(n, closing, closing) == x.Bounds.Closes {
		return
	}
	// Under a bar the greatest timestamp that may be closed lies just below it.
	from, to := node.last+1, s.count+1
	if node.bar != 0 && x.has(BarSponsor) {
		from, to = node.bar, node.bar
	}
	for rank := from; rank <= to; rank++ {
		next := *s
		need := s.own(n, rank, !x.has(NameEnds)) & node.memory.covered
		next.insert(rank, event{kind: closing, node: n, life: node.life, epoch: node.epoch, need: need})
		own := &next.nodes[n]
		own.memory.heard |= bit(rank)
		own.last = max(own.last, rank)
		own.disk = own.memory
		x.emit(&next, Step{verbClose, n, 0, rank})
	}
}

func (s *ReplicationState) write(n, rank, key uint8, k kind) {
	s.insert(rank, event{kind: k, node: n, key: key, life: s.nodes[n].life, epoch: s.nodes[n].epoch})
	node := &s.nodes[n]
	node.last = rank
	s.lost = s.lost || node.memory.store[key] > rank
	node.memory.store[key] = max(node.memory.store[key], rank)
	node.memory.cover(rank)
	node.disk = node.memory
}

func (x *replicationSteps) restart(n uint8) {
	s, node := x.s, &x.s.nodes[n]
	if x.Bounds.Unsynced && node.memory != node.disk {
		next := *s
		next.nodes[n].disk = node.memory
		x.emit(&next, Step{Verb: verbSync, Node: n})
	}
	if int(s.restores) < x.Bounds.Restores {
		x.restore(n)
	}
	if int(s.restarts) == x.Bounds.Restarts {
		return
	}
	next := *s
	next.restarts++
	own := &next.nodes[n]
	own.memory = own.disk
	own.life++
	if !x.has(KeepClosed) {
		own.last = newest(s.own(n, s.count+1, false))
	}
	if s.scan.running && (s.scan.node == n || s.scan.donor == n) {
		next.scan = scan{}
	}
	x.emit(&next, Step{Verb: verbRestart, Node: n})
}

// restore yields a backup of the disk of n, or its return.
func (x *replicationSteps) restore(n uint8) {
	next := *x.s
	b := &next.backup
	if !b.taken {
		*b = backup{true, n, next.nodes[n].disk}
		x.emit(&next, Step{Verb: verbBackup, Node: n})
		return
	}
	if b.node == n && next.nodes[n].disk != b.disk {
		node := &next.nodes[n]
		node.memory, node.disk = b.disk, b.disk
		node.life++
		next.restores++
		next.backup = backup{}
		x.emit(&next, Step{Verb: verbRestore, Node: n})
	}
}

// late yields the arrival at n of a copy of a write, however old.
func (x *replicationSteps) late(n, rank uint8) {
	s, node := x.s, &x.s.nodes[n]
	e := s.at(rank)
	if !e.write() || e.node == n || x.stopped(s, n, e.node) || s.excluded(rank, node.epoch) {
		return
	}
	next := *s
	r := &next.nodes[n].memory
	x.merge(s, r, rank)
	if node.standing == ready && rank > r.floor && s.next(r, rank) == rank {
		r.cover(rank)
	}
	if next != *s {
		x.emit(&next, Step{verbLate, n, 0, rank})
	}
}

func (x *replicationSteps) hear(n, rank uint8) {
	if x.Bounds.Hearing && x.s.at(rank).kind == closing && x.s.nodes[n].memory.heard&bit(rank) == 0 {
		next := *x.s
		next.nodes[n].memory.heard |= bit(rank)
		x.emit(&next, Step{verbHear, n, 0, rank})
	}
}

// meet yields what n takes from a peer that is ready.
func (x *replicationSteps) meet(n, peer uint8) {
	s, node, other := x.s, &x.s.nodes[n], &x.s.nodes[peer]
	switch {
	case node.standing == behind:
		if !s.scan.running && s.member(node.epoch, n) {
			next := *s
			next.scan = scan{running: true, node: n, donor: peer, marks: other.memory.covered,
				w: x.w(s, peer, &other.memory), floor: other.memory.floor}
			x.emit(&next, Step{Verb: verbScan, Node: n, Peer: peer})
		}
		return
	case node.epoch == s.epoch && !s.member(s.epoch, peer), other.epoch == s.epoch && !s.member(s.epoch, n):
		return // one of them knows that the other is no member
	}
	if other.memory.floor > x.w(s, n, &node.memory) && x.has(Fence) {
		next := *s
		next.nodes[n].standing = behind
		x.emit(&next, Step{Verb: verbFence, Node: n, Peer: peer})
		return
	}
	if other.memory.floor > node.memory.floor {
		next := *s
		next.collect(&next.nodes[n].memory, other.memory.floor)
		x.emit(&next, Step{verbAdopt, n, peer, other.memory.floor})
	}
	if x.has(Fence) && node.memory.floor > x.w(s, peer, &other.memory) {
		return // the peer is no source
	}
	for rank := uint8(1); rank <= s.count; rank++ {
		if s.at(rank).write() && s.next(&node.memory, rank) == rank {
			x.pull(n, peer, rank)
		}
	}
	if w := x.w(s, peer, &other.disk); x.Bounds.Hearing && w > x.w(s, n, &node.memory) && node.epoch >= other.epoch &&
		(!x.has(TakeCovered) || other.disk.covered&^node.memory.covered == 0) {
		next := *s
		next.nodes[n].memory.taken = w
		x.emit(&next, Step{verbTake, n, peer, w})
	}
}

// pull yields a frame of one row from peer to n.
func (x *replicationSteps) pull(n, peer, rank uint8) {
	s, other := x.s, &x.s.nodes[peer]
	e := s.at(rank)
	if other.memory.covered&bit(rank) == 0 || e.node == peer && x.stopped(s, n, peer) ||
		s.excluded(rank, s.nodes[n].epoch) || x.has(NoGaps) && other.memory.rows&bit(rank) == 0 {
		return
	}
	next := *s
	r := &next.nodes[n].memory
	if held := other.memory.store[e.key]; other.memory.rows&bit(rank) != 0 && (held == rank || x.has(SendPresent)) {
		x.merge(s, r, held)
	}
	r.cover(rank)
	x.emit(&next, Step{verbPull, n, peer, rank})
}

// raise yields the floors that n may set by what the roster has gossiped.
func (x *replicationSteps) raise(n uint8) {
	s, node := x.s, &x.s.nodes[n]
	if node.standing != ready || !s.member(node.epoch, n) {
		return
	}
	limit := s.count
	for k := range uint8(nodes) {
		other := &s.nodes[k]
		if !s.member(node.epoch, k) || !x.has(FloorRoster) && k != n {
			continue
		}
		r := &other.disk
		if !x.has(FloorSynced) {
			r = &other.memory
		}
		limit = min(limit, x.w(s, k, r))
	}
	for floor := node.memory.floor + 1; floor <= limit; floor++ {
		if floor < limit && !s.at(floor).write() {
			continue // the same as the next lower write
		}
		next := *s
		next.collect(&next.nodes[n].memory, floor)
		x.emit(&next, Step{verbRaise, n, 0, floor})
	}
}

// roster yields what n does to change the roster, and to learn of changes.
func (x *replicationSteps) roster(n uint8) {
	s, node := x.s, &x.s.nodes[n]
	p := &s.proposal
	if node.epoch < s.epoch {
		next := *s
		if x.adoptEpoch(&next, n) {
			x.emit(&next, Step{verbEpoch, n, 0, node.epoch + 1})
		}
		return
	}
	if node.standing != ready || !s.member(s.epoch, n) {
		return
	}
	if p.running && p.epoch.drops && p.epoch.members>>n&1 != 0 && p.said>>n&1 == 0 {
		next := *s
		own := &next.nodes[n]
		own.disk = own.memory
		if q := &next.proposal; q.said == 0 || x.has(LongestEnd) {
			q.epoch.end |= own.disk.covered & s.own(q.epoch.subject, s.count+1, false)
		}
		next.proposal.said |= 1 << n
		x.emit(&next, Step{Verb: verbSay, Node: n})
	}
	if p.running || int(s.epoch)+1 == maxEpochs {
		return
	}
	for k := range uint8(nodes) {
		roster := s.epochs[s.epoch].members
		if s.member(s.epoch, k) && k != n && s.changes(true) < x.Bounds.Drops {
			next := *s
			next.proposal = proposal{running: true, epoch: epoch{members: roster &^ (1 << k), subject: k, drops: true}}
			x.emit(&next, Step{Verb: verbDrop, Node: n, Peer: k})
		}
		if !s.member(s.epoch, k) && s.changes(false) < x.Bounds.Admits && x.room() && s.nodes[k].standing == outside {
			for rank := node.last + 1; rank <= s.count+1; rank++ {
				next := *s
				next.insert(rank, event{kind: barring, node: n, epoch: node.epoch})
				next.nodes[n].last, next.nodes[n].bar = rank, rank
				next.proposal = proposal{running: true, epoch: epoch{members: roster | 1<<k, subject: k, bar: rank}}
				x.emit(&next, Step{verbPropose, n, k, rank})
			}
		}
	}
}

// changes counts the epochs that drop, or admit, a member.
func (s *ReplicationState) changes(drops bool) int {
	count := 0
	for i := range s.epoch {
		if s.epochs[i+1].drops == drops {
			count++
		}
	}
	return count
}

// adoptEpoch has n adopt the epoch after its own. It reports false if the model has
// no room for that.
func (x *replicationSteps) adoptEpoch(s *ReplicationState, n uint8) bool {
	node := &s.nodes[n]
	was := node.standing != outside
	node.epoch++
	node.bar = 0
	e := &s.epochs[node.epoch]
	switch in := e.members>>n&1 != 0; {
	case in && !was:
		node.standing = behind
		if x.has(StampAboveBar) {
			node.last = max(node.last, e.bar)
		}
	case !in && was:
		node.standing = outside
		for k, rank := range node.memory.store {
			if rank != 0 && s.excluded(rank, node.epoch) {
				node.memory.store[k] = 0
			}
		}
		node.disk = node.memory
	case in && e.drops && x.has(OfferAnew):
		for k := range node.memory.store {
			rank := node.memory.store[k]
			if rank == 0 || !s.excluded(rank, node.epoch) {
				continue
			}
			if s.count == maxEvents {
				return false
			}
			s.write(n, s.count+1, uint8(k), s.at(rank).kind)
		}
	}
	return true
}

// decide yields the outcome of a proposal.
func (x *replicationSteps) decide() {
	s := x.s
	p := &s.proposal
	if !p.running {
		return
	}
	if !p.epoch.drops || p.said == p.epoch.members {
		next := *s
		next.epoch++
		next.epochs[next.epoch] = p.epoch
		next.proposal = proposal{}
		x.emit(&next, Step{verbDecide, p.epoch.subject, 0, next.epoch})
	}
	for n := range s.nodes {
		if s.nodes[n].bar != 0 && !x.has(BarKept) {
			next := *s
			next.nodes[n].bar = 0
			x.emit(&next, Step{Verb: verbOvertake, Node: uint8(n)})
		}
	}
}

// advance yields the next step of a bootstrap.
func (x *replicationSteps) advance() {
	s := x.s
	c := &s.scan
	if !c.running {
		return
	}
	donor := &s.nodes[c.donor]
	step := Step{Node: c.node, Peer: c.donor, Arg: c.at}
	next := *s
	switch {
	case donor.standing != ready:
		next.scan = scan{}
		step.Verb = verbAgain
	case int(c.at) < x.Bounds.Keys:
		next.scan.staged[c.at] = donor.memory.store[c.at]
		next.scan.at++
		step.Verb = verbStage
	case x.has(ScanCurrent) && donor.memory.floor > c.w:
		next.scan = scan{}
		step.Verb = verbAgain
	default:
		x.finish(&next)
		step.Verb = verbReady
	}
	x.emit(&next, step)
}

// finish has the node that bootstraps adopt what it has staged.
func (x *replicationSteps) finish(s *ReplicationState) {
	c := s.scan
	node, donor := &s.nodes[c.node], &s.nodes[c.donor]
	r := &node.memory
	floor, marks := c.floor, c.marks
	if x.has(FloorAfter) {
		floor = donor.memory.floor
	}
	if !x.has(MarksBefore) {
		marks = donor.memory.covered
	}
	for k := range r.store {
		if r.store[k] <= floor && x.has(ClearBelow) {
			r.store[k] = 0
		}
		r.store[k] = max(r.store[k], c.staged[k])
	}
	r.covered |= marks
	s.collect(r, max(r.floor, floor))
	node.epoch = max(node.epoch, donor.epoch)
	node.standing = ready
	if c.w > x.w(s, c.node, r) {
		r.taken = c.w
	}
	node.disk = *r
	s.scan = scan{}
}

// tell puts the event of a rank into words.
func (s *ReplicationState) tell(rank uint8) string {
	if rank == 0 {
		return "nothing"
	}
	e := s.at(rank)
	what := [...]string{"", "put %d", "delete %d", "closed %d", "bar %d"}[e.kind]
	line := fmt.Sprintf(what, rank) + " of " + name(e.node)
	if e.write() {
		line += fmt.Sprintf(" (key %d)", e.key)
	}
	return line
}

// Tell implements System. An event is called by its rank at that moment; what comes
// in below it later raises it.
func (m Replication) Tell(s, next *ReplicationState, step Step) string {
	n, peer, arg := name(step.Node), name(step.Peer), step.Arg
	line := ""
	switch step.Verb {
	case verbWrite:
		line = n + " writes " + next.tell(arg)
	case verbClose:
		line = n + " closes: " + next.tell(arg)
	case verbPull:
		line = fmt.Sprintf("%s pulls from %s the row of %s", n, peer, s.tell(arg))
	case verbLate:
		line = fmt.Sprintf("%s gets a copy of %s", n, s.tell(arg))
	case verbHear:
		line = fmt.Sprintf("%s hears of %s", n, s.tell(arg))
	case verbTake:
		line = fmt.Sprintf("%s takes W %s from %s", n, s.tell(arg), peer)
	case verbSync:
		line = n + " syncs"
	case verbRestart:
		line = n + " restarts"
	case verbBackup:
		line = "the disk of " + n + " is backed up"
	case verbRestore:
		line = n + " starts from its backup"
	case verbRaise:
		line = fmt.Sprintf("%s raises the floor to %s", n, s.tell(arg))
	case verbAdopt:
		line = fmt.Sprintf("%s takes over the floor of %s, %s", n, peer, s.tell(arg))
	case verbFence:
		line = fmt.Sprintf("%s finds itself below the floor of %s", n, peer)
	case verbPropose:
		line = fmt.Sprintf("%s proposes to admit %s above %s", n, peer, next.tell(arg))
	case verbOvertake:
		line = n + " accepts a rival's proposal and forgets its bar"
	case verbDecide:
		line = fmt.Sprintf("epoch %d about %s is decided", arg, n)
	case verbEpoch:
		line = fmt.Sprintf("%s adopts epoch %d", n, arg)
	case verbScan:
		line = fmt.Sprintf("%s begins to bootstrap from %s", n, peer)
	case verbStage:
		line = fmt.Sprintf("%s scans key %d of %s: %s", n, arg, peer, s.tell(next.scan.staged[arg]))
	case verbAgain:
		line = fmt.Sprintf("%s has to begin its bootstrap again", n)
	case verbReady:
		line = fmt.Sprintf("%s ends its bootstrap and is ready", n)
	case verbDrop:
		line = fmt.Sprintf("%s proposes to drop %s", n, peer)
	case verbSay:
		line = fmt.Sprintf("%s says how far it holds %s", n, name(s.proposal.epoch.subject))
	}
	w := m.w(next, step.Node, &next.nodes[step.Node].memory)
	if w != m.w(s, step.Node, &s.nodes[step.Node].memory) && w != 0 {
		line += "; its W is " + next.tell(w)
	}
	return line
}
