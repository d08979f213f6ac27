package admin

import (
	"time"

	"hearsay/store"
)

// A Conflict is an update that was lost: a write that a node saw lose to another,
// whose writer had not known it. /admin/v1/conflicts shows those of one node.
type Conflict struct {
	Namespace string `json:"namespace"`
	Key       string `json:"key"`
	Loser     Write  `json:"loser"`
	Winner    Write  `json:"winner"`
	// Doubtful says that the winner's writer may have known the loser after all.
	Doubtful bool `json:"doubtful"`
}

// A Write is one of the two that met.
type Write struct {
	Version string       `json:"version"`
	Node    store.NodeID `json:"node"` // that accepted it
	// Name and Region are the node's, empty if it is not known here any more.
	Name   string `json:"name"`
	Region string `json:"region"`
	// At is when it was accepted, by the clock of the node.
	At time.Time `json:"at"`
}
