package model

import "math/bits"

// A Clause is a clause of the rules by which writes spread over the cluster.
type Clause uint32

// The clauses.
const (
	StampAbove    Clause = 1 << iota // a write is stamped above what its key holds
	SendPresent                      // for each row a stream sends what its key holds now
	NoGaps                           // a stream does not pass over rows that its sender lacks
	NameEnds                         // a closed timestamp names the ends of earlier incarnations
	KeepClosed                       // a restart stamps above all that was closed before it
	TakeCovered                      // only who covers a peer's marks takes its W
	NameEpoch                        // a closed timestamp is used by who has adopted its epoch
	BarSponsor                       // a sponsor closes nothing above its bar before it adopts the epoch
	BarKept                          // not even if a rival's proposal overtakes its own
	StampAboveBar                    // whom an epoch admits stamps above the bar
	DropBelow                        // below the floor only a snapshot is a source
	Fence                            // who has W below a peer's floor is no source until it has bootstrapped
	FloorSynced                      // the floor is the least synced W
	FloorRoster                      // over the roster
	MarksBefore                      // a newcomer takes the donor's marks of before the scan
	FloorAfter                       // and its floor of after the scan
	ScanCurrent                      // if that is at or below the donor's W of before it, else again
	ClearBelow                       // and lets go of what it had at or below that floor
	StopDropped                      // who said how far it holds a member that is to be dropped takes no more from it
	LongestEnd                       // the longest that any has is the end
	OfferAnew                        // what a node shows beyond that end is written anew
	AskOwn                           // who starts closes nothing before all members told how far they hold its streams, and it covers that
)

// AllClauses is the protocol as it is.
const AllClauses = AskOwn<<1 - 1

const (
	nodes     = 3
	maxKeys   = 2
	maxEvents = 8 // so that a set of them is a byte
	maxEpochs = 3
)

// Bounds bound what may happen in a run of a Replication.
type Bounds struct {
	Keys     int // at most 2
	Writes   int // deletes included
	Deletes  int
	Closes   int // by each node
	Restarts int
	Members  int  // of the first epoch; node C is outside if it is 2
	Admits   int  // at most 1
	Drops    int  // at most 1
	Floor    bool // the floor rises
	Unsynced bool // what a node gets from others may be lost in a restart
	// Hearing has closed timestamps and W travel step by step. Otherwise all hear of
	// a closed timestamp at once, which makes every W the greatest possible.
	Hearing bool
	// Admitted starts where A's proposal to admit C is decided and nobody has adopted
	// it.
	Admitted bool
	// Returning starts there too; C was away and everybody holds one put of A.
	Returning bool
	Restores  int // of a node's disk to what it was once
}

// Replication models three nodes of a cluster.
//
// A frame holds one row. What is sent is never lost for good: a copy of any write
// may arrive at any node at any time, and again.
//
// Timestamps are ranks: what has one (a write, a closed timestamp, a bar) is an
// event, and a new one may come in at any rank that its node may use. So every
// order of clocks is explored.
type Replication struct {
	On     Clause
	Bounds Bounds
}

type kind uint8

const (
	noEvent kind = iota
	put
	deletion
	closing
	barring
)

// An event has a timestamp.
type event struct {
	kind  kind
	node  uint8
	key   uint8
	life  uint8 // incarnation of the node
	epoch uint8 // that its node had adopted
	need  uint8 // of a closed timestamp: the writes to be covered, a set of events
	lost  bool  // a write that nobody held any more when its node was restored
}

func (e *event) write() bool { return e.kind == put || e.kind == deletion }

// A replica is what a node holds. A rank is counted from 1, 0 is before all; of a
// set of events bit r-1 is the one of rank r.
type replica struct {
	store   [maxKeys]uint8 // the rank of the entry that a key holds
	covered uint8          // what the watermarks cover, a set
	rows    uint8          // of the log, a set
	heard   uint8          // closed timestamps, a set
	taken   uint8          // a W taken from a peer
	floor   uint8
}

type standing uint8

const (
	ready  standing = iota
	behind          // has to bootstrap
	outside
)

type replicaNode struct {
	memory, disk replica
	epoch        uint8
	last         uint8 // the greatest timestamp given
	life         uint8
	bar          uint8 // proposed and not yet adopted
	asks         uint8 // who has to tell how far it holds the node's streams, a set of nodes
	standing     standing
}

// An epoch is a roster.
type epoch struct {
	members uint8 // a set of nodes
	subject uint8 // who was admitted or dropped
	bar     uint8 // the rank of the bar, if it admits
	end     uint8 // the writes of who is dropped that count, a set
	drops   bool
}

// A proposal is the next epoch being agreed on.
type proposal struct {
	running bool
	epoch   epoch
	said    uint8 // of a drop: who said how far it holds the member's streams
}

// A scan is a bootstrap under way.
type scan struct {
	running     bool
	node, donor uint8
	at          uint8
	staged      [maxKeys]uint8
	marks       uint8
	w, floor    uint8
}

// A backup is a copy of a node's disk.
type backup struct {
	taken bool
	node  uint8
	disk  replica
}

// A ReplicationState is a state of a Replication.
type ReplicationState struct {
	nodes    [nodes]replicaNode
	events   [maxEvents]event
	count    uint8
	epochs   [maxEpochs]epoch
	epoch    uint8 // the latest
	proposal proposal
	scan     scan
	restarts uint8
	backup   backup
	restores uint8
	lost     bool // a write lost to what its node had shown
}

// Start implements System.
func (m Replication) Start() ReplicationState {
	var s ReplicationState
	s.epochs[0].members = 1<<m.Bounds.Members - 1
	for n := range s.nodes {
		if s.epochs[0].members>>n&1 == 0 {
			s.nodes[n].standing = outside
		}
	}
	if m.Bounds.Admitted || m.Bounds.Returning {
		s.insert(1, event{kind: barring})
		s.nodes[0].last, s.nodes[0].bar = 1, 1
		s.epochs[1] = epoch{members: 1<<nodes - 1, subject: 2, bar: 1}
		s.epoch = 1
	}
	if m.Bounds.Returning {
		s.insert(1, event{kind: put})
		for n := range s.nodes {
			r := &s.nodes[n].memory
			r.store[0] = 1
			r.cover(1)
			s.nodes[n].disk = *r
		}
	}
	return s
}

func (m Replication) has(c Clause) bool { return m.On&c != 0 }

func bit(rank uint8) uint8 { return 1 << (rank - 1) }

func (s *ReplicationState) at(rank uint8) *event { return &s.events[rank-1] }

// member reports whether n is of epoch e.
func (s *ReplicationState) member(e, n uint8) bool { return s.epochs[e].members>>n&1 != 0 }

// excluded reports whether the event of a rank lies beyond the end that an epoch up
// to e has set.
func (s *ReplicationState) excluded(rank, e uint8) bool {
	ev := s.at(rank)
	for i := uint8(1); i <= e; i++ {
		by := &s.epochs[i]
		if by.drops && by.subject == ev.node && ev.epoch < i && by.end&bit(rank) == 0 {
			return true
		}
	}
	return false
}

// stopped reports whether node n takes nothing more from a member to be dropped.
func (m Replication) stopped(s *ReplicationState, n, member uint8) bool {
	if !m.has(StopDropped) {
		return false
	}
	p := &s.proposal
	if p.running && p.epoch.drops && p.epoch.subject == member && p.said>>n&1 != 0 {
		return true
	}
	// It holds to that until it adopts the epoch, which tells it the end.
	for i := s.nodes[n].epoch + 1; i <= s.epoch; i++ {
		if e := &s.epochs[i]; e.drops && e.subject == member {
			return true
		}
	}
	return false
}

// w is the W of a node that holds r.
func (m Replication) w(s *ReplicationState, n uint8, r *replica) uint8 {
	node := &s.nodes[n]
	if node.standing == outside {
		return 0
	}
	least := s.count
	for k := range uint8(nodes) {
		if s.counts(node.epoch, k, r) {
			least = min(least, m.closed(s, n, k, r))
		}
	}
	return max(least, r.taken)
}

// counts reports whether W has to wait for node k: a member, or who was one as long
// as its streams are not held to their ends.
func (s *ReplicationState) counts(e, k uint8, r *replica) bool {
	return s.member(e, k) || s.unended(e, k, r)
}

// unended reports whether r lacks something of what node k wrote until an epoch up
// to e dropped it.
func (s *ReplicationState) unended(e, k uint8, r *replica) bool {
	for i := uint8(1); i <= e; i++ {
		if by := &s.epochs[i]; by.drops && by.subject == k && by.end&^r.covered != 0 {
			return true
		}
	}
	return false
}

// closed is the greatest timestamp that node n may take as closed by node k.
func (m Replication) closed(s *ReplicationState, n, k uint8, r *replica) uint8 {
	var best uint8
	e := s.nodes[n].epoch
	for i := uint8(1); i <= e; i++ {
		if by := &s.epochs[i]; !by.drops && by.subject == k && !s.unended(e, k, r) {
			best = max(best, by.bar)
		}
	}
	for rank := s.count; rank > best; rank-- {
		ev := s.at(rank)
		switch {
		case ev.kind != closing || ev.node != k,
			m.has(NameEpoch) && ev.epoch > e,
			m.Bounds.Hearing && r.heard&bit(rank) == 0,
			ev.need&^r.covered != 0:
			continue
		}
		return rank
	}
	return best
}

// insert makes room for an event of a rank.
func (s *ReplicationState) insert(rank uint8, e event) {
	set := func(v *uint8) { low := bit(rank) - 1; *v = *v&low | *v&^low<<1 }
	up := func(v *uint8) {
		if *v >= rank {
			*v++
		}
	}
	hold := func(r *replica) {
		set(&r.covered)
		set(&r.rows)
		set(&r.heard)
		up(&r.taken)
		up(&r.floor)
		for k := range r.store {
			up(&r.store[k])
		}
	}
	for i := range s.nodes {
		n := &s.nodes[i]
		hold(&n.memory)
		hold(&n.disk)
		up(&n.last)
		up(&n.bar)
	}
	hold(&s.backup.disk)
	for i := range s.events {
		set(&s.events[i].need)
	}
	for i := range s.epochs {
		up(&s.epochs[i].bar)
		set(&s.epochs[i].end)
	}
	up(&s.proposal.epoch.bar)
	set(&s.proposal.epoch.end)
	set(&s.scan.marks)
	up(&s.scan.w)
	up(&s.scan.floor)
	for k := range s.scan.staged {
		up(&s.scan.staged[k])
	}
	copy(s.events[rank:], s.events[rank-1:])
	s.events[rank-1] = e
	s.count++
}

// tally counts the events of node n, or of all if n is nodes, that are of one of
// two kinds.
func (s *ReplicationState) tally(n uint8, a, b kind) int {
	count := 0
	for i := range s.count {
		if e := &s.events[i]; (e.kind == a || e.kind == b) && (n == nodes || e.node == n) {
			count++
		}
	}
	return count
}

// own returns the writes of node n below a rank, those of its present life alone if
// so asked.
func (s *ReplicationState) own(n, below uint8, alone bool) uint8 {
	var set uint8
	for rank := uint8(1); rank < below; rank++ {
		if e := s.at(rank); e.write() && e.node == n && (!alone || e.life == s.nodes[n].life) {
			set |= bit(rank)
		}
	}
	return set
}

// merge has r hold the event of a rank if it wins, and unless it is below the floor.
func (m Replication) merge(s *ReplicationState, r *replica, rank uint8) {
	if rank == 0 || m.has(DropBelow) && rank <= r.floor {
		return
	}
	key := s.at(rank).key
	r.store[key] = max(r.store[key], rank)
}

// cover moves a watermark of r over a write.
func (r *replica) cover(rank uint8) {
	r.covered |= bit(rank)
	r.rows |= bit(rank)
}

// collect raises the floor of r.
func (s *ReplicationState) collect(r *replica, floor uint8) {
	r.floor = floor
	for k, rank := range r.store {
		if rank != 0 && rank <= floor && s.at(rank).kind == deletion {
			r.store[k] = 0
		}
	}
	r.rows &^= uint8(1<<floor - 1)
}

// next returns the first write after its watermark that r lacks of the origin of
// the event of a rank, or 0.
func (s *ReplicationState) next(r *replica, rank uint8) uint8 {
	of := s.at(rank)
	for i := uint8(1); i <= s.count; i++ {
		if e := s.at(i); e.write() && e.node == of.node && e.life == of.life && r.covered&bit(i) == 0 {
			return i
		}
	}
	return 0
}

// newest returns the greatest rank in a set.
func newest(set uint8) uint8 { return uint8(bits.Len8(set)) }
