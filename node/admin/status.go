package admin

import (
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
	// Marks is how far the node's replica is, by origin.
	Marks  []Mark  `json:"marks"`
	Peers  []Peer  `json:"peers"`
	Queues []Queue `json:"queues"`
	// Events counts what happened in the node since it started, by its name.
	Events map[string]uint64 `json:"events"`
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
	// Behind those that this node holds and the peer has not yet said it does.
	Ahead  uint64 `json:"ahead"`
	Behind uint64 `json:"behind"`
}

// A Queue is what waits to go through the node, or to be answered.
type Queue struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	Bytes int64  `json:"bytes"`
	// Waiting counts those who wait for room in the queue.
	Waiting int `json:"waiting"`
}
