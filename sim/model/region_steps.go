package model

import "math/bits"

// Steps implements System.
func (m Region) Steps(s *RegionState, yield func(*RegionState, Step)) {
	for n := range uint8(regionNodes) {
		if s.nodes[n].suspended {
			next := *s
			next.nodes[n].suspended = false
			if m.has(VoidOnResume) {
				next.nodes[n].got = [regionNodes]grant{}
			}
			yield(&next, Step{Verb: regionResume, Node: n})
			continue
		}
		m.data(s, n, yield)
		m.leases(s, n, yield)
		m.faults(s, n, yield)
		m.reading(s, n, yield)
	}
}

// data yields what node n does with writes.
func (m Region) data(s *RegionState, n uint8, yield func(*RegionState, Step)) {
	node := &s.nodes[n]
	if int(s.made) < m.Bounds.Writes {
		for at := top(node.has); at <= s.made; at++ {
			next := *s
			next.write(n, at)
			m.acknowledge(&next)
			yield(&next, Step{regionWrite, n, 0, at})
		}
	}
	for w := range s.made {
		bit := uint8(1) << w
		for peer := range uint8(regionNodes) {
			if node.has&bit != 0 || s.nodes[peer].has&bit == 0 || s.nodes[peer].suspended {
				continue
			}
			for sync := range uint8(2) {
				if sync == 0 && int(s.crashes) == m.Bounds.Crashes {
					continue // it makes no difference
				}
				next := *s
				next.apply(n, bit, sync != 0)
				m.acknowledge(&next)
				yield(&next, Step{regionCopy, n, sync, w})
			}
			break
		}
	}
}

// write adds a write of node n above at others.
func (s *RegionState) write(n, at uint8) {
	low := uint8(1)<<at - 1
	shift := func(set uint8) uint8 { return set&low | set&^low<<1 }
	for i := range s.nodes {
		node := &s.nodes[i]
		node.has, node.synced = shift(node.has), shift(node.synced)
		for g := range node.got {
			node.got[g].lacks = shift(node.got[g].lacks)
		}
	}
	copy(s.writers[at+1:], s.writers[at:s.made])
	copy(s.holders[at+1:], s.holders[at:s.made])
	s.acked = shift(s.acked)
	if s.read.top > at {
		s.read.top++
	}
	if s.read.owes > at {
		s.read.owes++
	}
	s.made++
	s.writers[at], s.holders[at] = n, 1<<n
	// A turn's commit is synced, and so is all that came before it.
	s.apply(n, 1<<at, true)
}

func (s *RegionState) apply(n, set uint8, sync bool) {
	node := &s.nodes[n]
	node.has |= set
	for g := range node.got {
		node.got[g].lacks &^= set
	}
	if sync {
		node.synced = node.has
	}
}

// acknowledge has the writers hear who holds their writes, and acknowledge.
func (m Region) acknowledge(s *RegionState) {
	for w := range s.made {
		if s.holders[w] == 0 {
			continue
		}
		writer := s.writers[w]
		granted := s.nodes[writer].granted
		for n, node := range s.nodes {
			held := node.synced
			if !m.has(AckSynced) {
				held = node.has
			}
			if held>>w&1 != 0 && (node.granted == granted || !m.has(AckTagged)) {
				s.holders[w] |= 1 << n
			}
		}
		members := s.views[granted].members
		if members>>writer&1 == 0 ||
			m.has(WholeView) && members&^s.holders[w] != 0 ||
			m.has(AckMajority) && bits.OnesCount8(s.holders[w]) < regionQuorum {
			continue
		}
		s.acked |= 1 << w
		s.holders[w] = 0
	}
}

// leases yields what node n does as granter, as asker and as proposer.
func (m Region) leases(s *RegionState, n uint8, yield func(*RegionState, Step)) {
	node := &s.nodes[n]
	if int(s.proposed) <= m.Bounds.Views {
		m.propose(s, n, yield)
	}
	for v := uint8(1); v <= s.proposed; v++ {
		if s.views[v].level >= s.views[node.granted].level {
			m.grants(s, n, v, regionGrant, yield)
		}
	}
}

// propose yields the first grant of every further view, by node n. Whether n is in
// it, and how it came by the view's number, makes no difference.
func (m Region) propose(s *RegionState, n uint8, yield func(*RegionState, Step)) {
	for members := uint8(1); members < 1<<regionNodes; members++ {
		for v := s.nodes[n].granted + 1; v <= s.proposed+1; v++ {
			next := *s
			next.insert(v, members)
			m.grants(&next, n, v, regionPropose, yield)
			if !m.has(NumberOnce) && v <= s.proposed {
				next.views[v].level = next.views[v+1].level
				m.grants(&next, n, v, regionPropose, yield)
			}
		}
	}
}

// insert adds a view below those from v on.
func (s *RegionState) insert(v, members uint8) {
	level := s.views[v-1].level + 1
	copy(s.views[v+1:], s.views[v:])
	s.views[v] = view{level, members}
	s.proposed++
	for i := v + 1; i <= s.proposed; i++ {
		s.views[i].level++
	}
	for n := range s.nodes {
		node := &s.nodes[n]
		if node.granted >= v {
			node.granted++
		}
		for g := range node.got {
			if node.got[g].view >= v {
				node.got[g].view++
			}
		}
	}
}

// grants yields the states after node n grants view v.
func (m Region) grants(s *RegionState, n, v, verb uint8, yield func(*RegionState, Step)) {
	node := &s.nodes[n]
	next := *s
	if v != node.granted {
		next.expire(n, v, m.keeps(node))
	}
	m.grant(&next, n, v)
	if next != *s {
		yield(&next, Step{verb, n, regionNodes, v})
	}
	if m.has(LeaseEnds) || v == node.granted {
		return
	}
	for asker := range uint8(regionNodes) {
		if s.nodes[asker].got[n].view == 0 {
			continue
		}
		next := *s
		next.expire(n, v, 1<<asker)
		m.grant(&next, n, v)
		yield(&next, Step{verb, n, asker, v})
	}
}

// keeps returns the askers whose leases from node n do not end although it grants
// another view.
func (m Region) keeps(node *regionNode) uint8 {
	if node.forgot || !m.has(OneView) {
		return 1<<regionNodes - 1
	}
	return 0
}

// expire ends the leases that granter gave for views other than v, but for those
// of the askers in keep and of who is suspended and has a clock that stands.
func (s *RegionState) expire(granter, v, keep uint8) {
	for asker := range s.nodes {
		node := &s.nodes[asker]
		if keep>>asker&1 == 0 && !node.suspended && node.got[granter].view != v {
			node.got[granter] = grant{}
		}
	}
}

// grant gives a lease of view v to all its nodes.
func (m Region) grant(s *RegionState, granter, v uint8) {
	g := &s.nodes[granter]
	g.forgot = false
	if g.granted != v {
		g.granted = v
		// What was under way is acknowledged under the new view.
		for w := range s.made {
			if s.writers[w] == granter && s.holders[w] != 0 && m.has(AckTagged) {
				s.holders[w] = 1 << granter
			}
		}
	}
	for asker := range s.nodes {
		node := &s.nodes[asker]
		if s.views[v].members>>asker&1 == 0 || node.suspended || node.got[granter].view == v {
			continue // a renewal changes nothing: what counts is what was named first
		}
		node.got[granter] = grant{view: v}
		if m.has(GrantMarks) {
			node.got[granter].lacks = g.has &^ node.has
		}
	}
	m.acknowledge(s)
}

func (m Region) faults(s *RegionState, n uint8, yield func(*RegionState, Step)) {
	if int(s.crashes) < m.Bounds.Crashes {
		next := *s
		m.crash(&next, n)
		yield(&next, Step{Verb: regionCrash, Node: n})
	}
	if int(s.suspends) < m.Bounds.Suspends {
		next := *s
		next.suspends++
		next.nodes[n].suspended = true
		yield(&next, Step{Verb: regionSuspend, Node: n})
	}
}

func (m Region) crash(s *RegionState, n uint8) {
	s.crashes++
	node := &s.nodes[n]
	node.has = node.synced
	node.got = [regionNodes]grant{}
	node.forgot = !m.has(WaitAtStart)
	if !m.has(HighestView) {
		node.granted = 0
	}
	for w := range s.made {
		if s.writers[w] == n {
			s.holders[w] = 0
		}
	}
	if s.read.node == n {
		s.read = slowRead{}
	}
}

// reading yields the steps of slow reads. Any other read is what Broken asks of
// every state.
func (m Region) reading(s *RegionState, n uint8, yield func(*RegionState, Step)) {
	node := &s.nodes[n]
	fresh := s.fresh(n)
	if !s.read.running && int(s.reads) < m.Bounds.Slow && (fresh || !m.has(ClockFirst)) {
		next := *s
		next.reads++
		next.read = slowRead{true, n, 0, top(s.acked)}
		if !m.has(ClockFirst) {
			next.read.top = top(node.has)
		}
		yield(&next, Step{Verb: regionRead, Node: n})
	}
	if s.read.running && s.read.node == n && (fresh || m.has(ClockFirst)) {
		next := *s
		seen := s.read.top
		if m.has(ClockFirst) {
			seen = top(node.has)
		}
		if seen < s.read.owes {
			next.stale, next.owed = seen+1, s.read.owes
		}
		next.read = slowRead{}
		yield(&next, Step{Verb: regionAnswer, Node: n, Arg: seen})
	}
}
