package link

import (
	"context"
	"errors"
	"net"
	"time"

	"go.uber.org/zap"

	"hearsay/gossip"
	"hearsay/gossip/wire"
)

// Chunks of large values go to a peer on a connection of their own, so that what
// is small and urgent does not queue behind them. It is dialed when there is
// something to send and closed when there is not for a while. A chunk's data are
// read when its turn comes: what waits takes no memory, and what is lost is asked
// for again.

const (
	// maxBulk bounds the chunks that wait for one peer.
	maxBulk = 256
	// bulkIdle is how long a bulk connection stays open for nothing.
	bulkIdle = 3 * time.Second
)

// A chunkItem is a chunk that was asked for.
type chunkItem struct {
	chunk   *gossip.Chunk
	release time.Time // when it would have crossed the emulated wide area by itself
}

// sendChunk queues c for its peer. More than the peer may ask for is dropped.
func (l *Links) sendChunk(e gossip.Envelope, c *gossip.Chunk) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.peers[e.To]
	if p == nil || !p.connected() || len(p.bulk) >= maxBulk {
		l.count.undelivered.Add(1)
		return
	}
	i := chunkItem{chunk: c}
	if p.out.way != nil {
		i.release = time.Now().Add(p.out.way.delay(int(c.Size)))
	}
	p.bulk = append(p.bulk, i)
	select {
	case p.bulkWake <- struct{}{}:
	default:
	}
	if !p.bulky {
		p.bulky = l.start(func() { l.carryBulk(p) })
	}
}

// takeBulk returns the next chunk for p. Once there is none and over is set, whoever
// carries is done.
func (l *Links) takeBulk(p *peer, over bool) (item chunkItem, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(p.bulk) == 0 {
		p.bulk, p.bulky = nil, p.bulky && !over
		return chunkItem{}, false
	}
	item, p.bulk = p.bulk[0], p.bulk[1:]
	return item, true
}

// carryBulk sends p its chunks until there are none, or the connection breaks.
func (l *Links) carryBulk(p *peer) {
	l.mu.Lock()
	m := p.member
	l.mu.Unlock()
	s, err := l.dial(l.ctx, p.id, m, l.bulkHello)
	if err == nil {
		err = l.sendBulk(p, s)
		s.fail(err)
	}
	if errors.Is(err, errDrained) {
		return
	}
	if l.ctx.Err() == nil {
		l.log.Info("chunks did not reach a peer", zap.String("peer", string(p.id)), zap.Error(err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p.bulk, p.bulky = nil, false
}

func (l *Links) sendBulk(p *peer, s *stream) error {
	deaf := make(chan struct{})
	go func() {
		defer close(deaf)
		for {
			if _, err := s.beats.Next(); err != nil {
				s.fail(err)
				return
			}
		}
	}()
	defer func() { <-deaf }()
	defer s.fail(net.ErrClosed)
	encoder := wire.NewEncoder()
	var frame []byte
	idle := time.NewTimer(bulkIdle)
	defer idle.Stop()
	for over := false; ; {
		item, ok := l.takeBulk(p, over)
		if !ok && over {
			return s.part()
		}
		if !ok {
			idle.Reset(bulkIdle)
			select {
			case <-p.bulkWake:
			case <-idle.C:
				over = true
			case <-s.ctx.Done():
				return context.Cause(s.ctx)
			}
			continue
		}
		over = false
		if err := s.way.travel(s.ctx, item.release); err != nil {
			return err
		}
		var err error
		if frame, err = encoder.Append(frame[:0], l.cfg.Load(item.chunk)); err != nil {
			return err
		}
		if err := s.sendOne(frame); err != nil {
			return err
		}
	}
}
