package model

// Canon implements System.
func (m Replication) Canon(s *ReplicationState) ReplicationState {
	least, hash := *s, m.Hash(s)
	for _, p := range permutations {
		t := s.rename(p)
		if h := m.Hash(&t); h < hash {
			least, hash = t, h
		}
	}
	return least
}

func (s *ReplicationState) rename(p [nodes]uint8) ReplicationState {
	t := *s
	for n := range s.nodes {
		t.nodes[p[n]] = s.nodes[n]
		t.nodes[p[n]].asks = rename(s.nodes[n].asks, p)
	}
	for i := range s.count {
		t.events[i].node = p[s.events[i].node]
	}
	call := func(e *epoch, used bool) {
		e.members = rename(e.members, p)
		if used {
			e.subject = p[e.subject]
		}
	}
	for i := range t.epochs {
		call(&t.epochs[i], i > 0 && i <= int(s.epoch))
	}
	call(&t.proposal.epoch, s.proposal.running)
	t.proposal.said = rename(s.proposal.said, p)
	if s.scan.running {
		t.scan.node, t.scan.donor = p[s.scan.node], p[s.scan.donor]
	}
	if s.backup.taken {
		t.backup.node = p[s.backup.node]
	}
	return t
}

func flag(on bool) uint64 {
	if on {
		return 1
	}
	return 0
}

// Hash implements System.
func (m Replication) Hash(s *ReplicationState) uint64 {
	hold := func(h uint64, r *replica) uint64 {
		return mix(h, uint64(r.store[0])|uint64(r.store[1])<<8|uint64(r.covered)<<16|uint64(r.rows)<<24|
			uint64(r.heard)<<32|uint64(r.taken)<<40|uint64(r.floor)<<48)
	}
	h := uint64(s.count) | uint64(s.epoch)<<8 | uint64(s.restarts)<<16 | flag(s.lost)<<24 | uint64(s.restores)<<32
	for i := range s.nodes {
		n := &s.nodes[i]
		h = hold(h, &n.memory)
		if m.Bounds.Unsynced {
			h = hold(h, &n.disk)
		}
		h = mix(h, uint64(n.epoch)|uint64(n.last)<<8|uint64(n.life)<<16|uint64(n.bar)<<24|uint64(n.standing)<<32|uint64(n.asks)<<40)
	}
	for i := range s.count {
		e := &s.events[i]
		h = mix(h, uint64(e.kind)|uint64(e.node)<<8|uint64(e.key)<<16|uint64(e.life)<<24|uint64(e.epoch)<<32|uint64(e.need)<<40|flag(e.lost)<<48)
	}
	roster := func(h uint64, e *epoch) uint64 {
		return mix(h, uint64(e.members)|uint64(e.subject)<<8|uint64(e.bar)<<16|uint64(e.end)<<24|flag(e.drops)<<32)
	}
	for i := range s.epoch {
		h = roster(h, &s.epochs[i+1])
	}
	if s.proposal.running {
		h = mix(roster(h, &s.proposal.epoch), uint64(s.proposal.said))
	}
	if c := &s.scan; c.running {
		h = mix(h, uint64(c.node)|uint64(c.donor)<<8|uint64(c.at)<<16|uint64(c.staged[0])<<24|uint64(c.staged[1])<<32|
			uint64(c.marks)<<40|uint64(c.w)<<48|uint64(c.floor)<<56)
	}
	if s.backup.taken {
		h = mix(hold(h, &s.backup.disk), uint64(s.backup.node))
	}
	return h
}
