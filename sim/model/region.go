package model

import "math/bits"

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
