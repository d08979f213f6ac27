package model

import (
	"fmt"
	"math/bits"
	"strings"
)

// A RegionClause is a clause of the rules by which a region reads its writes.
type RegionClause uint16

// The clauses.
const (
	LeaseEnds    RegionClause = 1 << iota // the asker's lease ends before the granter's
	OneView                               // a granter supports one view at a time
	HighestView                           // a granter keeps the highest view it granted on disk
	WaitAtStart                           // a granter grants nothing in the first second after a restart
	VoidOnResume                          // the grants that a suspended machine holds are void
	GrantMarks                            // a node is in the view once it covers what the grants named
	WholeView                             // a write is acknowledged when every node of the view holds it …
	AckMajority                           // … and a majority of the granters does …
	AckSynced                             // … synced …
	AckTagged                             // … each saying so while its latest grant is this view
	ClockFirst                            // a read takes the clock before it reads the store
	NumberOnce                            // a proposer gives each view a number of its own, crashes included
)

// AllRegionClauses is the protocol as it is.
const AllRegionClauses = NumberOnce<<1 - 1

const (
	regionNodes  = 3
	regionQuorum = regionNodes/2 + 1
	maxViews     = 4 // with the first one, and with index 0 for none
	maxWrites    = 3
)

// RegionBounds bound what may happen in a run of a Region.
type RegionBounds struct {
	Writes   int // to the one key, by any node; at most 3
	Views    int // besides the first; at most 2
	Crashes  int
	Suspends int // of whole machines, with their clocks
	Slow     int // reads that pause between their steps
}

// Region models one region of three nodes, all granters, and one key.
//
// A lease has no length: it has an end at the asker and an end at the granter,
// and which comes first is what the clauses are about. What can only make it
// easier to break the promise happens at once: a granter's grant reaches all
// nodes of the view, leases last until the granter grants another view, the
// writer hears that a node holds its write, and acknowledges it. For the same
// reason what a node gets is synced at once or, by a crash, never.
type Region struct {
	On     RegionClause
	Bounds RegionBounds
}

// A view is a set of nodes. Its number and proposer are its level, the place in
// the order of views; two views share one if a proposer reused a number.
type view struct{ level, members uint8 }

// A grant is what an asker holds from one granter.
type grant struct {
	view  uint8 // 0 if none is held
	lacks uint8 // writes that the granter named and the asker has yet to get
}

// A regionNode is one node. Sets of writes are masks; bit i is the i-th write in
// the order of timestamps.
type regionNode struct {
	has, synced uint8
	granted     uint8 // the highest view granted
	forgot      bool  // it crashed, and no longer knows that leases may be running
	suspended   bool
	got         [regionNodes]grant
}

// A slowRead has done the first of its two steps: read the store, or taken the
// clock.
type slowRead struct {
	running bool
	node    uint8
	top     uint8 // the greatest write seen, counted from 1
	owes    uint8 // the greatest acknowledged when the read began
}

// A RegionState is a state of a Region.
type RegionState struct {
	nodes    [regionNodes]regionNode
	views    [maxViews]view
	writers  [maxWrites]uint8
	holders  [maxWrites]uint8 // who told the writer that it holds the write; 0: nobody waits
	made     uint8            // writes
	acked    uint8            // a set
	proposed uint8            // views, the first one included
	crashes  uint8
	suspends uint8
	reads    uint8
	read     slowRead
	stale    uint8 // the slow read gave this in place of what it owes, counted from 1
	owed     uint8
}

// The verbs of a Region's steps.
const (
	regionWrite = iota
	regionCopy
	regionPropose
	regionGrant
	regionCrash
	regionSuspend
	regionResume
	regionRead
	regionAnswer
)

// Start implements System: every node has granted the first view, of all nodes,
// and all leases have run out.
func (m Region) Start() RegionState {
	var s RegionState
	s.views[1] = view{1, 1<<regionNodes - 1}
	s.proposed = 1
	for n := range s.nodes {
		s.nodes[n].granted = 1
	}
	return s
}

func (m Region) has(c RegionClause) bool { return m.On&c != 0 }

// top is the greatest write of a set, counted from 1.
func top(set uint8) uint8 { return uint8(bits.Len8(set)) }

// fresh reports whether node n is in its view, by the leases it holds.
func (s *RegionState) fresh(n uint8) bool {
	node := &s.nodes[n]
	if node.suspended || s.views[node.granted].members>>n&1 == 0 {
		return false
	}
	count := 0
	for _, g := range node.got {
		if g.view != 0 && g.view == node.granted && g.lacks == 0 {
			count++
		}
	}
	return count >= regionQuorum
}

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

// Broken implements System. The promise is C1.
func (m Region) Broken(s *RegionState) (promise, how string) {
	if s.stale != 0 {
		return "C1", fmt.Sprintf("a read answers w%d, though w%d was acknowledged before it began", s.stale-1, s.owed)
	}
	owes := top(s.acked)
	for n := range uint8(regionNodes) {
		if shows := top(s.nodes[n].has); shows < owes && s.fresh(n) {
			return "C1", fmt.Sprintf("%s is in view %s and shows w%d, though w%d was acknowledged",
				name(n), s.views[s.nodes[n].granted], shows, owes)
		}
	}
	return "", ""
}

// Canon implements System.
func (m Region) Canon(s *RegionState) RegionState {
	least, hash := *s, m.Hash(s)
	for _, p := range permutations {
		t := s.rename(p)
		if h := m.Hash(&t); h < hash {
			least, hash = t, h
		}
	}
	return least
}

func (s *RegionState) rename(p [regionNodes]uint8) RegionState {
	t := *s
	for n, node := range s.nodes {
		got := node.got
		for g := range got {
			node.got[p[g]] = got[g]
		}
		t.nodes[p[n]] = node
	}
	for v := range t.views {
		t.views[v].members = rename(s.views[v].members, p)
	}
	for w := range s.made {
		t.writers[w] = p[s.writers[w]]
		t.holders[w] = rename(s.holders[w], p)
	}
	if s.read.running {
		t.read.node = p[s.read.node]
	}
	return t
}

// Hash implements System.
func (m Region) Hash(s *RegionState) uint64 {
	h := uint64(s.made) | uint64(s.acked)<<8 | uint64(s.proposed)<<16 | uint64(s.crashes)<<24 |
		uint64(s.suspends)<<32 | uint64(s.reads)<<40 | uint64(s.read.node)<<48 | uint64(s.read.top)<<52 | uint64(s.read.owes)<<56
	for _, n := range s.nodes {
		v := uint64(n.has) | uint64(n.synced)<<8 | uint64(n.granted)<<16
		if n.forgot {
			v |= 1 << 20
		}
		if n.suspended {
			v |= 1 << 21
		}
		for _, g := range n.got {
			v = v<<8 ^ v>>56 ^ uint64(g.view) ^ uint64(g.lacks)<<4
		}
		h = mix(h, v)
	}
	for i := range s.holders {
		h = mix(h, uint64(s.holders[i])|uint64(s.writers[i])<<8)
	}
	for _, v := range s.views {
		h = mix(h, uint64(v.level)|uint64(v.members)<<8)
	}
	return h
}

func (v view) String() string { return fmt.Sprintf("%d{%s}", v.level, names(v.members)) }

// name is what a trace calls a node.
func name(n uint8) string { return string("ABC"[n]) }

func names(set uint8) string {
	var b strings.Builder
	for n := range uint8(regionNodes) {
		if set>>n&1 != 0 {
			b.WriteString(name(n))
		}
	}
	return b.String()
}

// Tell implements System. A write is called by its place in the order of
// timestamps, which may rise when another comes in below it.
func (m Region) Tell(s, next *RegionState, step Step) string {
	n, arg := name(step.Node), step.Arg
	switch step.Verb {
	case regionWrite:
		return fmt.Sprintf("%s writes w%d of %d", n, arg+1, next.made) + acknowledged(s, next)
	case regionCopy:
		if step.Peer == 0 {
			return fmt.Sprintf("%s gets w%d and does not sync it", n, arg+1) + acknowledged(s, next)
		}
		return fmt.Sprintf("%s gets w%d", n, arg+1) + acknowledged(s, next)
	case regionPropose, regionGrant:
		line := fmt.Sprintf("%s grants view %s", n, next.views[arg])
		if step.Peer < regionNodes {
			line += ", though " + name(step.Peer) + " counts on its former lease"
		}
		return line + acknowledged(s, next)
	case regionCrash:
		return n + " crashes and restarts"
	case regionSuspend:
		return n + " is suspended"
	case regionResume:
		return n + " is resumed"
	case regionRead:
		if m.has(ClockFirst) {
			return fmt.Sprintf("a read at %s takes the clock", n)
		}
		return fmt.Sprintf("a read at %s reads the store", n)
	}
	return fmt.Sprintf("the read at %s answers w%d", n, arg)
}

// acknowledged says whether the step from s to next had a write acknowledged.
func acknowledged(s, next *RegionState) string {
	if bits.OnesCount8(s.acked) == bits.OnesCount8(next.acked) {
		return ""
	}
	return fmt.Sprintf("; acknowledged up to w%d", top(next.acked))
}
