package admin

import (
	"cmp"
	"fmt"
	"time"

	"hearsay/store"
)

// A Status is what a node is and how far it is, as /admin/v1/status shows it.
type Status struct {
	ID      store.NodeID `json:"id"`
	Name    string       `json:"name"`
	Region  string       `json:"region"`
	Cluster string       `json:"cluster"`
	// Started is when the process opened the node.
	Started time.Time `json:"started"`
	// TakesNoWrites is why the node takes none now, empty if it does.
	TakesNoWrites string `json:"takes_no_writes,omitempty"`
	// Freshness is how much the node may miss, and because of whom.
	Freshness Freshness `json:"freshness"`
	// Refused are whose writes the node does not take, for their timestamps.
	Refused []Refused `json:"refused"`
	// Marks is how far the node's replica is, by origin.
	Marks  []Mark  `json:"marks"`
	Peers  []Peer  `json:"peers"`
	Queues []Queue `json:"queues"`
	Disk   Disk    `json:"disk"`
	// Events counts what happened in the node since it started, by its name.
	Events map[string]uint64 `json:"events"`
}

// A Freshness is how much of what others wrote a node may miss. Times are in
// seconds.
type Freshness struct {
	// W is the timestamp up to which the node misses nothing, empty if unknown.
	W string `json:"w"`
	// Staleness is what a read states now, nil if unknown.
	Staleness *float64 `json:"staleness_seconds"`
	// Bound is what the staleness, less the maximum skew, should keep to.
	Bound   float64 `json:"bound_seconds"`
	MaxSkew float64 `json:"max_skew_seconds"`
	// ExceededSince is since when it does not, zero while it does.
	ExceededSince time.Time `json:"exceeded_since,omitzero"`
	// Snapshot is how far the node is with the snapshot that it takes, nil if it takes
	// none.
	Snapshot *Snapshot `json:"snapshot,omitempty"`
	// Epoch is the roster's, and Members who belongs to it.
	Epoch   uint64   `json:"epoch"`
	Members []Member `json:"members"`
}

// A Refused is a node of whose writes another takes no more, since their timestamps are
// ahead of the other one's clock by more than twice the maximum skew.
type Refused struct {
	ID   store.NodeID `json:"id"`
	Name string       `json:"name"`
	// Ahead is how far they are, and For since how long, in seconds.
	Ahead float64 `json:"ahead_seconds"`
	For   float64 `json:"for_seconds"`
}

func (r Refused) String() string {
	ahead := time.Duration(r.Ahead * float64(time.Second))
	return fmt.Sprintf("refuses writes of %s, stamped %v ahead of its clock: one of the two clocks is wrong, or was", cmp.Or(r.Name, string(r.ID)), ahead)
}

// A Snapshot is how a node catches up where logs do not help.
type Snapshot struct {
	// Fenced says that what the node holds may be deleted long since: it takes no
	// writes, and how stale it is is unknown.
	Fenced bool `json:"fenced"`
	// Donor is who gives it, empty while there is nobody.
	Donor store.NodeID `json:"donor"`
	// Entries have come so far, of about Total, 0 if that is unknown.
	Entries uint64 `json:"entries"`
	Total   uint64 `json:"total"`
	// For is for how long the node has needed it.
	For float64 `json:"for_seconds"`
}

func (s *Snapshot) String() string {
	switch {
	case s.Donor == "":
		return "catching up by snapshot: waiting for a peer that gives one"
	case s.Total == 0:
		return fmt.Sprintf("catching up by snapshot from %s", s.Donor)
	}
	return fmt.Sprintf("catching up by snapshot from %s: %d entries of about %d", s.Donor, s.Entries, s.Total)
}

// A Member is how far a node misses nothing of one member of the roster. The
// member with the greatest age holds the staleness back.
type Member struct {
	ID     store.NodeID `json:"id"`
	Name   string       `json:"name"`
	Region string       `json:"region"`
	// Closed is up to when nothing is missing that was acknowledged by the member's
	// region, empty if unknown, and Age how long ago that was, nil if unknown.
	Closed string   `json:"closed"`
	Age    *float64 `json:"age_seconds"`
}

// A Mark is how far a replica is with one origin.
type Mark struct {
	Node store.NodeID `json:"node"`
	// Incarnation is the part of the node's life that is the origin, as text.
	Incarnation string `json:"incarnation"`
	Seq         uint64 `json:"seq"`
}

// A Peer is another node, as this one sees it.
type Peer struct {
	ID     store.NodeID `json:"id"`
	Name   string       `json:"name"`
	Region string       `json:"region"`
	// Peer and API are the addresses of its peer port and its client port.
	Peer string `json:"peer"`
	API  string `json:"api"`
	// Connected says that this node has a stream to it.
	Connected bool `json:"connected"`
	// Ahead counts the writes that the peer said it holds and this node lacks,
	// Behind those that this node holds and the peer has not yet said it does. A node
	// tells a few others how far it is: they are nil for a peer that tells others.
	Ahead  *uint64 `json:"ahead"`
	Behind *uint64 `json:"behind"`
	// Staleness is that of reads there by what the peer said last, in seconds; nil
	// if unknown.
	Staleness *float64 `json:"staleness_seconds"`
}

// A Disk is the room where the node's data lie, in bytes.
type Disk struct {
	// Free is what is free, nil if that cannot be told.
	Free *uint64 `json:"free_bytes"`
	// Reserve is what is kept free. With less than that the node is full: it takes no
	// writes, from clients or peers.
	Reserve uint64 `json:"reserve_bytes"`
	Full    bool   `json:"full"`
	// SyncEvery is for how many seconds at most a write that was acknowledged local is
	// not synced, and a crash may take it back; 0 is for none.
	SyncEvery float64 `json:"sync_every_seconds"`
}

// A Queue is what waits to go through the node, or to be answered.
type Queue struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	Bytes int64  `json:"bytes"`
	// Waiting counts those who wait for room in the queue.
	Waiting int `json:"waiting"`
}
