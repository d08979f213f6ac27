package model

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
	verbVouch
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
	if s.tally(n, closing, closing) == x.Bounds.Closes || x.has(AskOwn) && node.asks&s.epochs[node.epoch].members != 0 {
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
		node.asks = (1<<nodes - 1) &^ (1 << n)
		next.lose()
		next.restores++
		next.backup = backup{}
		x.emit(&next, Step{Verb: verbRestore, Node: n})
	}
}

// lose forgets the writes that nobody holds: a copy under way does not outlive the
// time that it takes to restore a backup.
func (s *ReplicationState) lose() {
	for rank := uint8(1); rank <= s.count; rank++ {
		e := s.at(rank)
		e.lost = e.write()
		for n := range s.nodes {
			for _, r := range []*replica{&s.nodes[n].memory, &s.nodes[n].disk} {
				e.lost = e.lost && r.covered&bit(rank) == 0 && r.store[e.key] != rank
			}
		}
	}
}

// late yields the arrival at n of a copy of a write, however old.
func (x *replicationSteps) late(n, rank uint8) {
	s, node := x.s, &x.s.nodes[n]
	e := s.at(rank)
	if !e.write() || e.lost || e.node == n || x.stopped(s, n, e.node) || s.excluded(rank, node.epoch) {
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
	if lacks := other.memory.covered & s.own(n, s.count+1, false) &^ node.memory.covered; node.asks>>peer&1 != 0 && node.epoch == other.epoch && lacks == 0 {
		next := *s
		next.nodes[n].asks &^= 1 << peer
		x.emit(&next, Step{Verb: verbVouch, Node: n, Peer: peer})
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
