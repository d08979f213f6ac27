package model

// Broken implements System.
func (m Replication) Broken(s *ReplicationState) (promise, how string) {
	if s.lost {
		return "C5", "a write lost to what its node had shown"
	}
	var floor uint8
	for n := range s.nodes {
		floor = max(floor, s.nodes[n].memory.floor)
	}
	for n := range uint8(nodes) {
		if s.nodes[n].standing != ready {
			continue
		}
		if promise, how = m.brokenAt(s, n, floor); promise != "" {
			return promise, how
		}
	}
	for a := range uint8(nodes) {
		for b := range a {
			if how := m.differ(s, a, b); how != "" {
				return "I4", how
			}
		}
	}
	return "", ""
}

// brokenAt is Broken for one node. Floor is the highest of any node.
func (m Replication) brokenAt(s *ReplicationState, n, floor uint8) (promise, how string) {
	r := &s.nodes[n].memory
	w := m.w(s, n, r)
	if r.floor > w {
		return "F<=W", name(n) + " has its floor above its W"
	}
	for rank := uint8(1); rank <= s.count; rank++ {
		e := s.at(rank)
		if !e.write() {
			continue
		}
		held := r.store[e.key]
		if r.covered&bit(rank) != 0 && held < rank && rank > r.floor {
			return "I1", name(n) + " covers " + s.tell(rank) + " and holds neither it nor what supersedes it"
		}
		if e.lost || s.excluded(rank, s.epoch) {
			continue
		}
		// Absent is as good as deleted, once the floor has passed the deletion.
		collected := held == 0 && r.floor >= rank && s.endsDeleted(rank, r.floor)
		if rank <= w && held < rank && !collected {
			return "C4", name(n) + " has W " + s.tell(w) + " without " + s.tell(rank)
		}
		if e.kind == deletion && rank <= floor && held != 0 && held < rank && s.member(s.epoch, n) {
			return "C7", name(n) + " shows " + s.tell(held) + " although " + s.tell(rank) + " is below a floor"
		}
	}
	return "", ""
}

// endsDeleted reports whether the newest write at or below floor of the key of the
// write of a rank is a deletion.
func (s *ReplicationState) endsDeleted(rank, floor uint8) bool {
	for i := floor; i >= rank; i-- {
		if e := s.at(i); e.write() && !e.lost && e.key == s.at(rank).key && !s.excluded(i, s.epoch) {
			return e.kind == deletion
		}
	}
	return false
}

// differ says which key two nodes hold differently though all of it is at or below
// both their W, and their floors are equal.
func (m Replication) differ(s *ReplicationState, a, b uint8) string {
	x, y := &s.nodes[a], &s.nodes[b]
	if x.standing != ready || y.standing != ready || x.memory.floor != y.memory.floor ||
		!s.member(s.epoch, a) || !s.member(s.epoch, b) {
		return ""
	}
	w := min(m.w(s, a, &x.memory), m.w(s, b, &y.memory))
	for k := range m.Bounds.Keys {
		if p, q := x.memory.store[k], y.memory.store[k]; p != q && max(p, q) <= w {
			return name(a) + " and " + name(b) + " are equal by W and floor and differ in a key: " + s.tell(p) + ", " + s.tell(q)
		}
	}
	return ""
}
