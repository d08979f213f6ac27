package link

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync/atomic"
	"time"

	"hearsay/gossip/wire"
	"hearsay/store"
)

// A stream begins with the dialer's magic and hello. The acceptor answers one
// byte: welcome and its own hello, or refuse, a length byte and the reason. Outcast in
// place of refuse ends the dialer's node.
//
// From then on messages go one way. A dialer that has been silent for a third of
// IdleTimeout sends a beat; an acceptor answers with a beat what it hears, once
// in that time. So each end notices that the other is gone, also where nothing
// breaks the connection.
const (
	// magic begins with a byte that none of memberlist's streams begins with: those
	// are a label, 244, or a message type below 16.
	magic   = "hearsay\n"
	welcome = 1
	refuse  = 0
	outcast = 2

	maxReason = 255
	// maxHello bounds what is read of a peer before it is known.
	maxHello = 1024
)

// beat and parting are hellos that no node sends as its own. They are a few bytes
// long, and any release decodes them. Parting is the last word of who leaves.
var (
	beat    = sign("beat")
	parting = sign("parting")
)

func sign(name store.NodeID) []byte {
	frame, err := wire.NewEncoder().AppendHello(nil, wire.Hello{Node: name})
	if err != nil {
		panic(err)
	}
	return frame
}

// lengthPrefix is what a frame on the wire has before what Reader.Next returns.
const lengthPrefix = 4

// is reports whether frame is the sign.
func is(frame, sign []byte) bool { return string(frame) == string(sign[lengthPrefix:]) }

// A meter is a connection whose bytes are counted.
type meter struct {
	net.Conn
	count *atomic.Uint64
	left  int64         // bytes that may be read
	idle  time.Duration // how long each Read may wait; 0: until the deadline that is set
}

var errHello = errors.New("it sent too much before it was answered")

func (c *meter) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errHello
	}
	if c.idle > 0 {
		if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.count.Add(uint64(n))
	return n, err
}

// meet returns conn before the handshake.
func (l *Links) meet(conn net.Conn) *meter {
	return &meter{Conn: conn, count: &l.count.bytesIn, left: maxHello}
}

// trust lets c be read without end, now that its far end is known.
func (l *Links) trust(c *meter) error {
	c.left, c.idle = math.MaxInt64, l.cfg.IdleTimeout
	return c.SetDeadline(time.Time{})
}

// greet sends the dialer's half of the handshake, with its own hello, over conn and
// reads the answer,
// under the deadline that is set. It returns who answered and how to read on.
func (l *Links) greet(conn net.Conn, want store.NodeID, own []byte) (wire.Hello, *wire.Reader, error) {
	if _, err := conn.Write(append([]byte(magic), own...)); err != nil {
		return wire.Hello{}, nil, err
	}
	m := l.meet(conn)
	var verdict [1]byte
	if _, err := io.ReadFull(m, verdict[:]); err != nil {
		return wire.Hello{}, nil, fmt.Errorf("read answer: %w", err)
	}
	if verdict[0] != welcome {
		why, err := readRefusal(m)
		if err == nil {
			err = fmt.Errorf("it refuses: %q", why)
		}
		if verdict[0] == outcast {
			l.in.Disowned(want, why)
		}
		return wire.Hello{}, nil, err
	}
	frames := wire.NewReader(m)
	hello, err := l.hear(frames)
	if err != nil {
		return wire.Hello{}, nil, err
	}
	if hello.Node != want {
		return wire.Hello{}, nil, fmt.Errorf("it is node %q, not %q", hello.Node, want)
	}
	if err := l.in.Admit(hello.Node, hello.Line); err != nil {
		return wire.Hello{}, nil, err
	}
	return hello, frames, l.trust(m)
}

// hear reads the far end's hello and says what is wrong with it.
func (l *Links) hear(frames *wire.Reader) (wire.Hello, error) {
	frame, err := frames.Next()
	if err != nil {
		return wire.Hello{}, err
	}
	hello, err := wire.DecodeHello(frame)
	switch {
	case err != nil:
		return wire.Hello{}, err
	case hello.Cluster != l.cfg.Cluster:
		return hello, fmt.Errorf("it is of cluster %q, this node of %q", hello.Cluster, l.cfg.Cluster)
	case hello.Node == l.cfg.ID:
		return hello, errors.New("it has this node's id: was a data directory copied?")
	}
	return hello, nil
}

func readRefusal(r io.Reader) (string, error) {
	var n [1]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return "", fmt.Errorf("read why it refuses: %w", err)
	}
	reason := make([]byte, n[0])
	if _, err := io.ReadFull(r, reason); err != nil {
		return "", fmt.Errorf("read why it refuses: %w", err)
	}
	return string(reason), nil
}

func refusal(why error) []byte {
	verdict, reason := byte(refuse), why.Error()
	if turnsAway(why) {
		verdict = outcast
	}
	reason = reason[:min(len(reason), maxReason)]
	return append([]byte{verdict, byte(len(reason))}, reason...)
}
