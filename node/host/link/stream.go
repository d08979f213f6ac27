package link

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"hearsay/gossip"
	"hearsay/gossip/wire"
)

const (
	// maxWrite is how much is written at once, under one deadline.
	maxWrite = 256 << 10
	// keepItems is the longest queue whose room is kept for the next burst.
	keepItems = 1024
	// farewell is how long a drained stream waits for the peer to have read it all.
	farewell = time.Second
)

// A stream is one outbound connection and what waits to be sent on it. A new
// connection starts with a new queue, so nothing outlives the PeerDown that tells
// the engine to start over.
type stream struct {
	peer    gossip.Peer
	life    gossip.Life // of the peer
	conn    net.Conn
	beats   *wire.Reader // of conn
	way     *way
	ctx     context.Context // ends when the stream broke, with the cause; the connection is closed then
	fail    context.CancelCauseFunc
	limit   int           // of queued
	timeout time.Duration // of each write
	silence time.Duration // after which to send a beat
	wake    chan struct{} // one slot
	sent    *atomic.Uint64

	mu        sync.Mutex
	items     []item
	queued    int  // bytes not yet written, those in the writer's hands included
	finishing bool // close when all is written
}

// An item is one frame on its way. Several streams may share the frame.
type item struct {
	frame   []byte
	release time.Time // when it would have crossed the emulated wide area by itself
}

// run sends and listens for beats until the stream breaks, and returns why.
func (s *stream) run() error {
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
	s.fail(s.write())
	<-deaf
	return context.Cause(s.ctx)
}

// push queues frame unless that exceeds the limit. A frame above the limit is
// taken when nothing else waits.
func (s *stream) push(frame []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued > 0 && s.queued+len(frame) > s.limit {
		return false
	}
	i := item{frame: frame}
	if s.way != nil {
		i.release = time.Now().Add(s.way.delay(len(frame)))
	}
	s.items = append(s.items, i)
	s.queued += len(frame)
	s.signal()
	return true
}

// finish has the stream close once all is written.
func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finishing = true
	s.signal()
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns all items and leaves room for the next ones in their place.
func (s *stream) take(room []item) (items []item, finishing bool) {
	if cap(room) > keepItems {
		room = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	items, s.items = s.items, room[:0]
	return items, s.finishing
}

// write sends what is pushed until the stream breaks.
func (s *stream) write() error {
	quiet := time.NewTimer(s.silence)
	defer quiet.Stop()
	var items []item
	var finishing bool
	for {
		items, finishing = s.take(items)
		for rest := items; len(rest) > 0; {
			if err := s.way.travel(s.ctx, rest[0].release); err != nil {
				return err
			}
			n := s.batch(rest)
			if err := s.send(rest[:n]); err != nil {
				return err
			}
			clear(rest[:n])
			rest = rest[n:]
		}
		if len(items) > 0 {
			continue
		}
		if finishing {
			return s.part()
		}
		quiet.Reset(s.silence)
		select {
		case <-s.wake:
		case <-quiet.C:
			s.push(beat)
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
}

// batch returns how many of items may be sent in one write: those that have
// arrived, the first in any case.
func (s *stream) batch(items []item) int {
	var now time.Time
	if s.way != nil {
		now = time.Now()
	}
	n, size := 1, len(items[0].frame)
	for n < len(items) {
		size += len(items[n].frame)
		if size > maxWrite || items[n].release.After(now) {
			break
		}
		n++
	}
	return n
}

// send writes items, several in one call, a large one in pieces.
func (s *stream) send(items []item) error {
	if len(items) == 1 {
		return s.sendOne(items[0].frame)
	}
	var size int
	frames := make(net.Buffers, len(items))
	for i := range items {
		frames[i] = items[i].frame
		size += len(frames[i])
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return err
	}
	n, err := frames.WriteTo(s.conn)
	s.wrote(int(n), size)
	return err
}

func (s *stream) sendOne(frame []byte) error {
	for len(frame) > 0 {
		if err := s.conn.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
			return err
		}
		piece := frame[:min(len(frame), maxWrite)]
		n, err := s.conn.Write(piece)
		s.wrote(n, len(piece))
		if err != nil {
			return err
		}
		frame = frame[len(piece):]
	}
	return nil
}

func (s *stream) wrote(n, size int) {
	s.sent.Add(uint64(n))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queued -= size
}

// part closes the sending half and waits until the peer, having read all, closes
// its own: a connection closed at once may lose what is still unread.
func (s *stream) part() error {
	tcp, ok := s.conn.(*net.TCPConn)
	if !ok {
		return errDrained
	}
	if err := tcp.CloseWrite(); err != nil {
		return err
	}
	select {
	case <-s.ctx.Done():
	case <-time.After(farewell):
	}
	return errDrained
}
