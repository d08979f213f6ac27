package node

import (
	"fmt"

	"hearsay/store"
)

// A Write is a put or a delete that a client asked this node for.
type Write struct {
	Key   store.Key
	Value []byte // kept by the node; the caller must not change it
	// Manifest stands for a value of more than store.MaxInline bytes, all of which
	// is staged and synced; nil for none. If the write is refused the upload is the
	// caller's to drop, else the node's.
	Manifest *store.Manifest
	Metadata []byte // JSON text, nil for none; kept likewise
	Expires  int64  // seconds since the Unix epoch, 0 for never
	Delete   bool   // leaves a tombstone; Value, Metadata and Expires are ignored
	// Request is the client's own name for the write, empty for none: a retry under
	// the same name writes nothing if its key still holds the first one's entry.
	Request string
	// Seen is what the client has seen. The write is stamped above it, and whoever
	// reads the write has seen it too. The caller has made sure that the node
	// serves it; see Front.Serve.
	Seen store.Bookmark
	Ack  Ack // how far it has to be before the reply
}

// A Ticket is what the node gives for a Write until its Reply, perhaps many
// turns later. Tickets count up from 1.
type Ticket uint64

// A Reply says that a Write is done: durable here, under this version and as its
// origin's write number Seq, and as far as Ack says, which may be less than was
// asked for.
type Reply struct {
	Ticket  Ticket
	Version store.Version
	Seq     uint64
	Ack     Ack
}

// The longest parts of a write, in bytes, as in Workers KV.
const (
	MaxValue    = store.MaxValue
	MaxMetadata = 1024
)

func (w Write) validate() error {
	switch {
	case w.Key.Namespace == "" || len(w.Key.Namespace) > store.MaxNamespace:
		return fmt.Errorf("%w: namespace has %d bytes, must have 1 to %d", ErrWrite, len(w.Key.Namespace), store.MaxNamespace)
	case w.Key.Name == "" || len(w.Key.Name) > store.MaxName:
		return fmt.Errorf("%w: key has %d bytes, must have 1 to %d", ErrWrite, len(w.Key.Name), store.MaxName)
	case len(w.Value) > store.MaxInline:
		return fmt.Errorf("%w: value has %d bytes, must have a manifest above %d", ErrWrite, len(w.Value), store.MaxInline)
	case w.Manifest != nil && (w.Delete || w.Value != nil):
		return fmt.Errorf("%w: a manifest beside a value or in a delete", ErrWrite)
	case len(w.Metadata) > MaxMetadata:
		return fmt.Errorf("%w: metadata has %d bytes, must have at most %d", ErrWrite, len(w.Metadata), MaxMetadata)
	case len(w.Request) > store.MaxRequest:
		return fmt.Errorf("%w: request has %d bytes, must have at most %d", ErrWrite, len(w.Request), store.MaxRequest)
	case w.Ack > AckAll:
		return fmt.Errorf("%w: acknowledgement %d is unknown", ErrWrite, w.Ack)
	case w.Expires < 0:
		return fmt.Errorf("%w: expiration %d is negative", ErrWrite, w.Expires)
	}
	if w.Manifest != nil {
		if err := w.Manifest.Validate(); err != nil {
			return fmt.Errorf("%w: %w", ErrWrite, err)
		}
	}
	return nil
}
