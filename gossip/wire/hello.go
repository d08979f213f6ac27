package wire

import (
	"fmt"

	"hearsay/store"
)

// A Hello is the first frame on each connection, in both directions: who speaks.
type Hello struct {
	Cluster string // the cluster's id; a node of another is turned away
	Node    store.NodeID
	Name    string // the node's label, for people
	Region  string
	Bulk    bool // the connection is for chunks of large values
}

// AppendHello appends h to dst as Append does a message.
func (e *Encoder) AppendHello(dst []byte, h Hello) ([]byte, error) {
	if err := checkHello(h); err != nil {
		return dst, fmt.Errorf("%w: hello: %w", ErrMalformed, err)
	}
	e.begin(dst, kindHello)
	e.array(5)
	e.text(h.Cluster)
	e.text(string(h.Node))
	e.text(h.Name)
	e.text(h.Region)
	e.bool(h.Bulk)
	return e.finish(dst)
}

// DecodeHello returns the Hello in frame, which comes without its length prefix.
// It returns ErrTooLarge, ErrVersion or ErrMalformed as Decode does.
func DecodeHello(frame []byte) (Hello, error) {
	c, kind, err := unwrap(frame)
	if err != nil {
		return Hello{}, err
	}
	if kind != kindHello {
		return Hello{}, fmt.Errorf("%w: kind %d where a hello belongs", ErrMalformed, kind)
	}
	unknown := c.open("hello", 5)
	h := Hello{
		Cluster: c.text("cluster", MaxLabel),
		Node:    store.NodeID(c.text("node id", store.MaxNodeID)),
		Name:    c.text("name", MaxLabel),
		Region:  c.text("region", MaxLabel),
		Bulk:    c.bool("bulk"),
	}
	if err := c.done("hello", unknown, func() error { return checkHello(h) }); err != nil {
		return Hello{}, err
	}
	return h, nil
}
