package model

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
		s.forget(n)
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

// forget has a dropped node take out what it wrote beyond its end.
func (s *ReplicationState) forget(n uint8) {
	node := &s.nodes[n]
	r := &node.memory
	for rank := uint8(1); rank <= s.count; rank++ {
		if e := s.at(rank); e.write() && s.excluded(rank, node.epoch) {
			r.covered &^= bit(rank)
			r.rows &^= bit(rank)
			if r.store[e.key] == rank {
				r.store[e.key] = 0
			}
		}
	}
	node.disk = *r
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
