package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"hearsay/gossip"
	"hearsay/gossip/wire"
	"hearsay/store"
)

// An inbound is a stream that a peer dialed.
type inbound struct {
	conn net.Conn
	life gossip.Life   // of the peer
	done chan struct{} // closed when nothing more of it reaches the inbox
	// challenged is when another process first wanted to take its place; under Links.mu.
	challenged time.Time
}

// An inboundKey tells the streams from one peer apart.
type inboundKey struct {
	node store.NodeID
	bulk bool
}

// serve answers the handshake on conn, after the magic, and reads messages until
// the stream breaks.
func (l *Links) serve(conn net.Conn) {
	defer conn.Close()
	m := l.meet(conn)
	frames := wire.NewReader(m)
	hello, err := l.hear(frames)
	if err != nil {
		l.refuse(conn, hello, err)
		return
	}
	s := &inbound{conn: conn, life: hello.Line.Life(), done: make(chan struct{})}
	defer close(s.done)
	key := inboundKey{hello.Node, hello.Bulk}
	older, err := l.admit(key, s, hello)
	if err != nil {
		l.refuse(conn, hello, err)
		return
	}
	defer l.dismiss(key, s)
	if older != nil {
		older.conn.Close()
		<-older.done
	}
	if err := l.in.Admit(hello.Node, hello.Line); err != nil {
		l.refuse(conn, hello, err)
		return
	}
	back := l.wayTo(hello.Region)
	if err := l.answer(conn, back); err != nil {
		return
	}
	if err := l.trust(m); err != nil {
		return
	}
	l.nudge(hello.Node)
	l.read(conn, frames, hello, back)
}

// answer welcomes the dialer of conn.
func (l *Links) answer(conn net.Conn, back *way) error {
	ctx, cancel := context.WithTimeout(l.ctx, l.cfg.DialTimeout)
	defer cancel()
	if err := back.travel(ctx, time.Now().Add(back.delay(0))); err != nil {
		return err
	}
	_, err := conn.Write(append([]byte{welcome}, l.hello...))
	return err
}

func (l *Links) refuse(conn net.Conn, hello wire.Hello, why error) {
	if l.ctx.Err() != nil {
		return
	}
	l.count.refused.Add(1)
	l.log.Warn("refused a stream", zap.Stringer("addr", conn.RemoteAddr()),
		zap.String("peer", string(hello.Node)), zap.String("name", hello.Name), zap.Error(why))
	conn.Write(refusal(why)) //nolint:errcheck // the peer is told if it listens
}

// admit makes s the stream of that key and returns the one before it.
func (l *Links) admit(key inboundKey, s *inbound, hello wire.Hello) (older *inbound, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.twin(hello); err != nil {
		return nil, err
	}
	older = l.inbound[key]
	if n := l.admitted(key.bulk); older == nil && n >= l.cfg.MaxPeers {
		return nil, fmt.Errorf("%d peers are connected, the most is %d", n, l.cfg.MaxPeers)
	}
	l.inbound[key] = s
	return older, nil
}

// admitted returns how many streams of one kind are open. The caller holds mu.
func (l *Links) admitted(bulk bool) int {
	n := 0
	for key := range l.inbound {
		if key.bulk == bulk {
			n++
		}
	}
	return n
}

func (l *Links) dismiss(key inboundKey, s *inbound) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inbound[key] == s {
		delete(l.inbound, key)
	}
}

// read hands on messages, and beats back, until the stream breaks.
func (l *Links) read(conn net.Conn, frames *wire.Reader, hello wire.Hello, back *way) {
	log := l.log.With(zap.String("peer", string(hello.Node)), zap.String("name", hello.Name))
	var beaten time.Time
	for {
		frame, err := frames.Next()
		switch {
		case err != nil, is(frame, beat):
		case is(frame, parting):
			l.parted(hello.Node)
		default:
			err = l.receive(hello.Node, frame)
		}
		if malformed(err) {
			l.count.malformed.Add(1)
			log.Warn("closed a stream for what it carried", zap.Error(err))
			return
		}
		if err != nil {
			log.Debug("stream from peer ended", zap.Error(err))
			return
		}
		if now := time.Now(); now.Sub(beaten) >= l.cfg.IdleTimeout/3 && !back.cut() {
			beaten = now
			if err := l.beat(conn); err != nil {
				log.Debug("stream from peer ended", zap.Error(err))
				return
			}
		}
	}
}

func (l *Links) receive(from store.NodeID, frame []byte) error {
	m, err := wire.Decode(frame)
	if err != nil {
		return err
	}
	l.in.Receive(from, m, len(frame))
	return nil
}

// beat tells the dialer that it is heard. It does not travel the emulated wide
// area: a beat is no news, and only its absence means anything.
func (l *Links) beat(conn net.Conn) error {
	if err := conn.SetWriteDeadline(time.Now().Add(l.cfg.WriteTimeout)); err != nil {
		return err
	}
	n, err := conn.Write(beat)
	l.count.bytesOut.Add(uint64(n))
	return err
}

func malformed(err error) bool {
	return errors.Is(err, wire.ErrMalformed) || errors.Is(err, wire.ErrTooLarge) || errors.Is(err, wire.ErrVersion)
}
