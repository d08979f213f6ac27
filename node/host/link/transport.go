package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// maxFlying bounds the packets under way through the emulated wide area; more
// are lost, as in any network.
const maxFlying = 4096

// A transport lets memberlist use the peer port. It implements
// memberlist.Transport.
type transport struct {
	l       *Links
	packets chan *memberlist.Packet
	streams chan net.Conn
	flying  atomic.Int64
}

var _ memberlist.Transport = (*transport)(nil)

func newTransport(l *Links) *transport {
	return &transport{l: l, packets: make(chan *memberlist.Packet), streams: make(chan net.Conn)}
}

func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	at := t.l.addr
	return at.Addr().AsSlice(), int(at.Port()), nil
}

func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, fmt.Errorf("send packet to %q: %w", addr, err)
	}
	w := t.l.wayToAddr(addr)
	if w == nil {
		_, err = t.l.udp.WriteToUDPAddrPort(b, to)
		return time.Now(), err
	}
	if w.cut() {
		return time.Now(), nil
	}
	if t.flying.Add(1) > maxFlying {
		t.flying.Add(-1)
		return time.Now(), nil
	}
	b = slices.Clone(b) // memberlist reuses it
	time.AfterFunc(w.delay(len(b)), func() {
		defer t.flying.Add(-1)
		if !w.cut() {
			t.l.udp.WriteToUDPAddrPort(b, to) //nolint:errcheck // a packet may be lost
		}
	})
	return time.Now(), nil
}

func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// DialTimeout connects, waiting out a cut, and sets the timeout as the first
// deadline of the connection: memberlist writes its label before it sets one.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	w := t.l.wayToAddr(addr)
	conn, err := connect(t.l.ctx, addr, w, timeout)
	if err != nil {
		return nil, err
	}
	own := conn.LocalAddr().String()
	if w != nil {
		t.l.cfg.WAN.Place(own, t.l.cfg.Region)
	}
	conn = t.l.lend(conn, nil, func() {
		if w != nil {
			t.l.cfg.WAN.Remove(own)
		}
	})
	conn = t.far(conn, func() *way { return w })
	return conn, conn.SetDeadline(time.Now().Add(timeout))
}

// accept hands memberlist a connection that is not a replication stream, with
// the head that was read of it.
func (t *transport) accept(conn net.Conn, head []byte) {
	addr := conn.RemoteAddr().String()
	conn = t.l.lend(conn, head, func() {})
	conn = t.far(conn, func() *way { return t.l.wayToAddr(addr) })
	select {
	case t.streams <- conn:
	case <-t.l.ctx.Done():
		conn.Close()
	}
}

// far puts the emulated wide area, if there is one, before conn.
func (t *transport) far(conn net.Conn, w func() *way) net.Conn {
	if t.l.cfg.WAN == nil {
		return conn
	}
	return &farConn{Conn: conn, ctx: t.l.ctx, way: w}
}

// A lentConn is a connection in memberlist's hands: closed at the latest with
// the Links.
type lentConn struct {
	net.Conn
	head    []byte // read already
	closing sync.Once
	onClose func() // before the connection is closed
}

func (l *Links) lend(conn net.Conn, head []byte, onClose func()) net.Conn {
	stop := context.AfterFunc(l.ctx, func() { conn.Close() })
	return &lentConn{Conn: conn, head: head, onClose: func() {
		stop()
		onClose()
	}}
}

func (c *lentConn) Read(p []byte) (int, error) {
	if len(c.head) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.head)
	c.head = c.head[n:]
	return n, nil
}

func (c *lentConn) Close() error {
	c.closing.Do(c.onClose)
	return c.Conn.Close()
}

// Shutdown is called by memberlist before it stops.
func (t *transport) Shutdown() error {
	t.l.shut()
	return nil
}

// receive reads packets until the socket is closed.
func (t *transport) receive() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := t.l.udp.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n == 0 {
			continue // the echo of an earlier packet's failure, or nothing
		}
		p := &memberlist.Packet{
			Buf:       slices.Clone(buf[:n]),
			From:      net.UDPAddrFromAddrPort(from),
			Timestamp: time.Now(),
		}
		select {
		case t.packets <- p:
		case <-t.l.ctx.Done():
			return
		}
	}
}
