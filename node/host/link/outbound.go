package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"go.uber.org/zap"

	"hearsay/gossip"
	"hearsay/store"
)

// A peer is a member and the stream to it. It lives while memberlist shows the
// member or the stream to it is up.
type peer struct {
	id   store.NodeID
	wake chan struct{} // one slot: something changed that a dialer waits for
	// bulkWake has one slot: a chunk waits.
	bulkWake chan struct{}

	// Under Links.mu.
	member Member
	alive  bool    // memberlist shows it
	left   bool    // it said that it leaves
	out    *stream // nil while none is up
	// bulk is the chunks that wait, bulky whether somebody sends them.
	bulk  []chunkItem
	bulky bool
	// abandon ends the stream to the member, or the dialing of it.
	abandon context.CancelCauseFunc
}

// connected reports whether the stream to p works. The caller holds Links.mu.
func (p *peer) connected() bool { return p.out != nil && p.out.ctx.Err() == nil }

func (p *peer) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// nudge has the stream to id dialed now, if it is not up: id was just heard.
func (l *Links) nudge(id store.NodeID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.peers[id]; p != nil {
		p.nudge()
	}
}

// keep keeps a stream to p up, as long as memberlist shows p.
func (l *Links) keep(p *peer) {
	log := l.log.With(zap.String("peer", string(p.id)))
	wait := l.cfg.BackoffMin
	said := ""
	for {
		ctx, abandon := context.WithCancelCause(l.ctx)
		m, ok := l.target(p, abandon)
		if !ok {
			abandon(nil)
			return
		}
		begun := time.Now()
		s, err := l.dial(ctx, p.id, m, l.hello)
		if err == nil {
			said = ""
			log.Info("stream to peer is up", zap.String("name", m.Name), zap.String("region", s.peer.Region), zap.String("addr", m.Addr))
			log.Info("stream to peer is down", zap.Error(l.carry(p, s)))
		} else if said != err.Error() && ctx.Err() == nil {
			// A peer that stays away is worth one line, not one at each attempt.
			said = err.Error()
			log.Warn("no stream to peer, trying on", zap.String("name", m.Name), zap.String("addr", m.Addr), zap.Error(err))
		}
		abandon(nil)
		// What took long, up or trying, was pause enough.
		if time.Since(begun) > l.cfg.BackoffMax {
			wait = l.cfg.BackoffMin
		}
		l.pause(p, wait)
		wait = min(2*wait, l.cfg.BackoffMax)
	}
}

// target returns where to dial p, or forgets p if there is no more reason to.
// When p moves, abandon is called.
func (l *Links) target(p *peer, abandon context.CancelCauseFunc) (Member, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing || !p.alive {
		delete(l.peers, p.id)
		return Member{}, false
	}
	p.abandon = abandon
	return p.member, true
}

// pause waits from half to all of d, or until p is nudged.
func (l *Links) pause(p *peer, d time.Duration) {
	timer := time.NewTimer(jittered(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.wake:
	case <-l.ctx.Done():
	}
}

func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }

// dial opens a stream to the node id at m, by saying hello, a frame. It breaks when
// ctx ends.
func (l *Links) dial(ctx context.Context, id store.NodeID, m Member, hello []byte) (*stream, error) {
	w := l.wayTo(m.Region)
	conn, err := connect(ctx, m.Addr, w, l.cfg.DialTimeout)
	if err != nil {
		return nil, err
	}
	s := &stream{
		conn: conn, way: w,
		limit: l.cfg.QueueBytes, timeout: l.cfg.WriteTimeout, silence: l.cfg.IdleTimeout / 3,
		wake: make(chan struct{}, 1), sent: &l.count.bytesOut,
	}
	s.ctx, s.fail = context.WithCancelCause(ctx)
	context.AfterFunc(s.ctx, func() { conn.Close() })
	if err := l.shake(s, id, hello); err != nil {
		s.fail(err)
		return nil, fmt.Errorf("handshake with %s: %w", m.Addr, err)
	}
	return s, nil
}

func (l *Links) shake(s *stream, id store.NodeID, hello []byte) error {
	ctx, cancel := context.WithTimeout(s.ctx, l.cfg.DialTimeout)
	defer cancel()
	if err := s.way.travel(ctx, time.Now().Add(s.way.delay(len(hello)))); err != nil {
		return err
	}
	if err := s.conn.SetDeadline(time.Now().Add(l.cfg.DialTimeout)); err != nil {
		return err
	}
	far, beats, err := l.greet(s.conn, id, hello)
	s.peer, s.life, s.beats = gossip.Peer{ID: id, Region: far.Region}, far.Line.Life(), beats
	return err
}

// carry has s send for p until it breaks, and returns why.
func (l *Links) carry(p *peer, s *stream) error {
	if err := l.up(p, s); err != nil {
		s.fail(err)
		return err
	}
	l.in.PeerUp(s.peer)
	err := s.run()
	l.down(p)
	l.in.PeerDown(p.id)
	return err
}

func (l *Links) up(p *peer, s *stream) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return net.ErrClosed
	}
	if in := l.inbound[inboundKey{node: p.id}]; in != nil && in.life != s.life {
		return &twinError{node: p.id}
	}
	p.out = s
	l.count.streams.Add(1)
	return nil
}

func (l *Links) down(p *peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.out = nil
}

// The causes of a stream's end that are this node's own.
var (
	errFull    = errors.New("more waits for the peer than its queue may hold")
	errMoved   = errors.New("the peer has another address now")
	errDrained = errors.New("this node leaves")
)
