package node

import "hearsay/store"

// A Write is a put or a delete that a client asked this node for.
type Write struct {
	Key      store.Key
	Value    []byte // kept by the node; the caller must not change it
	Metadata []byte // JSON text, nil for none; kept likewise
	Expires  int64  // seconds since the Unix epoch, 0 for never
	Delete   bool   // leaves a tombstone; Value, Metadata and Expires are ignored
}

// A Ticket is what the node gives for a Write until its Reply, perhaps many
// turns later. Tickets count up from 1.
type Ticket uint64

// A Reply says that a Write is done: durable here, under this version.
type Reply struct {
	Ticket  Ticket
	Version store.Version
}
