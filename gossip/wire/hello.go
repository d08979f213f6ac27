package wire

import (
	"fmt"
	"math"

	"hearsay/gossip"
	"hearsay/store"
)

// A Hello is the first frame on each connection, in both directions: who speaks.
type Hello struct {
	Cluster string // the cluster's id; a node of another is turned away
	Node    store.NodeID
	Name    string // the node's label, for people
	Region  string
	Bulk    bool // the connection is for chunks of large values
	Line    gossip.Line
}

// AppendHello appends h to dst as Append does a message.
func (e *Encoder) AppendHello(dst []byte, h Hello) ([]byte, error) {
	if err := checkHello(h); err != nil {
		return dst, fmt.Errorf("%w: hello: %w", ErrMalformed, err)
	}
	e.begin(dst, kindHello)
	e.array(7)
	e.text(h.Cluster)
	e.text(string(h.Node))
	e.text(h.Name)
	e.text(h.Region)
	e.bool(h.Bulk)
	e.line(h.Line)
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
	unknown := c.open("hello", 7)
	h := Hello{
		Cluster: c.text("cluster", MaxLabel),
		Node:    store.NodeID(c.text("node id", store.MaxNodeID)),
		Name:    c.text("name", MaxLabel),
		Region:  c.text("region", MaxLabel),
		Bulk:    c.bool("bulk"),
		Line:    c.line(),
	}
	if err := c.done("hello", unknown, func() error { return checkHello(h) }); err != nil {
		return Hello{}, err
	}
	return h, nil
}

// line takes two parts: how many starts there were, and the nonces of the last ones,
// the latest first.
func (e *Encoder) line(l gossip.Line) {
	e.uint(l.Starts)
	n := min(l.Starts, gossip.MaxLine)
	e.array(int(n))
	for i := range n {
		e.uint(l.Nonces[(l.Starts-i)%gossip.MaxLine])
	}
}

func (c *cursor) line() (l gossip.Line) {
	l.Starts = c.uint("starts", math.MaxUint64)
	n := c.list("nonces", 1)
	if want := min(l.Starts, gossip.MaxLine); uint64(n) != want && c.err == nil {
		c.fail("nonces", "%d nonces, must be %d", n, want)
	}
	for i := range uint64(n) {
		if c.err != nil {
			return gossip.Line{}
		}
		l.Nonces[(l.Starts-i)%gossip.MaxLine] = c.uint("nonce of a start", math.MaxUint64)
	}
	return l
}
