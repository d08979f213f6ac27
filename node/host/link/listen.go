package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/hashicorp/go-sockaddr"
	"go.uber.org/zap"
)

const (
	// maxSniffs bounds the connections that have not said yet what they are.
	maxSniffs = 256
	// portTries is how many free ports are tried for one that is free on UDP too.
	portTries = 16
	// udpBuffer is asked of the system for bursts of packets; it may give less.
	udpBuffer = 2 << 20
)

// keepAlive finds a far end that is gone without a word.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// listen binds both halves of the port and settles the address to advertise.
func (l *Links) listen() error {
	at, err := net.ResolveTCPAddr("tcp", l.cfg.Bind)
	if err != nil {
		return fmt.Errorf("bind %q: %w", l.cfg.Bind, err)
	}
	for range portTries {
		if err = l.bind(at); err == nil {
			break
		}
		if at.Port != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	if err != nil {
		return err
	}
	_ = l.udp.SetReadBuffer(udpBuffer)
	bound := l.tcp.Addr().(*net.TCPAddr).AddrPort()
	bound = netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
	l.addr, err = advertised(l.cfg.Advertise, bound)
	return err
}

func (l *Links) bind(at *net.TCPAddr) error {
	cfg := net.ListenConfig{KeepAliveConfig: keepAlive}
	tcp, err := cfg.Listen(l.ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: at.IP, Zone: at.Zone, Port: tcp.Addr().(*net.TCPAddr).Port})
	if err != nil {
		tcp.Close()
		return err
	}
	l.tcp, l.udp = tcp, udp
	return nil
}

// advertised returns the address that peers reach bound under.
func advertised(advertise string, bound netip.AddrPort) (netip.AddrPort, error) {
	if advertise != "" {
		at, err := net.ResolveTCPAddr("tcp", advertise)
		if err != nil || at.IP == nil || at.IP.IsUnspecified() {
			return netip.AddrPort{}, fmt.Errorf("advertise %q: give the host:port that peers reach this node under", advertise)
		}
		port := uint16(at.Port)
		if port == 0 {
			port = bound.Port()
		}
		return netip.AddrPortFrom(at.AddrPort().Addr().Unmap(), port), nil
	}
	if !bound.Addr().IsUnspecified() {
		return bound, nil
	}
	text, err := sockaddr.GetPrivateIP()
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("find a private address: %w", err)
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.AddrPort{}, errors.New("this machine has no private address: say which one peers reach it under (advertise)")
	}
	return netip.AddrPortFrom(ip, bound.Port()), nil
}

// accept takes connections until the listener closes.
func (l *Links) accept() {
	for {
		conn, err := l.tcp.Accept()
		if err == nil {
			l.sniff(conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		l.log.Warn("cannot accept connections for now", zap.Error(err))
		select {
		case <-time.After(100 * time.Millisecond): // out of descriptors, most likely
		case <-l.ctx.Done():
			return
		}
	}
}

// sniff gives conn to whom its first bytes name.
func (l *Links) sniff(conn net.Conn) {
	turnAway := func(why string) {
		l.count.refused.Add(1)
		l.log.Warn("refused a connection", zap.Stringer("addr", conn.RemoteAddr()), zap.String("reason", why))
		conn.Close()
	}
	select {
	case l.sniffs <- struct{}{}:
	default:
		turnAway(strconv.Itoa(maxSniffs) + " others have not said yet what they are")
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	started := l.start(func() {
		stop := context.AfterFunc(l.ctx, func() { conn.Close() })
		defer stop()
		conn.SetDeadline(time.Now().Add(l.cfg.DialTimeout))
		head := make([]byte, len(magic))
		_, err := io.ReadFull(conn, head[:1])
		if err == nil && head[0] == magic[0] {
			_, err = io.ReadFull(conn, head[1:])
		}
		<-l.sniffs
		switch {
		case err != nil:
			conn.Close()
		case string(head) == magic:
			l.serve(conn)
		case head[0] == magic[0]:
			turnAway("it speaks another protocol")
		default:
			conn.SetDeadline(time.Time{})
			l.trans.accept(conn, head[:1])
		}
	})
	if !started {
		<-l.sniffs
		conn.Close()
	}
}

// connect dials addr, waiting while the way to it or back is cut. The end of ctx
// ends the dialing, not the connection.
func connect(ctx context.Context, addr string, w *way, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for _, w := range []*way{w, w.back()} {
		if err := w.await(ctx); err != nil {
			return nil, fmt.Errorf("dial %s: %w", addr, err)
		}
	}
	dialer := net.Dialer{KeepAliveConfig: keepAlive}
	return dialer.DialContext(ctx, "tcp", addr)
}
