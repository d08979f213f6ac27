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
	lanes     [2]lane // the second one of what gives way
	turn      int     // the lane that goes first
	queued    int     // bytes not yet written, those in the writer's hands included
	finishing bool    // close when all is written
}

// An item is one frame on its way. Several streams may share the frame.
type item struct {
	frame   []byte
	release time.Time // when it would have crossed the emulated wide area by itself
}

// A lane is what waits to be sent, in order.
type lane struct {
	items []item
	head  int // before it they are sent
}

func (l *lane) waiting() []item { return l.items[l.head:] }

func (l *lane) push(i item) {
	if l.head > len(l.items)/2 {
		n := copy(l.items, l.waiting())
		clear(l.items[n:])
		l.items, l.head = l.items[:n], 0
	}
	l.items = append(l.items, i)
}

func (l *lane) drop(n int) {
	clear(l.items[l.head : l.head+n])
	if l.head += n; l.head < len(l.items) {
		return
	}
	if l.items, l.head = l.items[:0], 0; cap(l.items) > keepItems {
		l.items = nil
	}
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
// taken when nothing else waits. What gives way goes behind what does not, but each
// other time.
func (s *stream) push(frame []byte, givesWay bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued > 0 && s.queued+len(frame) > s.limit {
		return false
	}
	i := item{frame: frame}
	if s.way != nil {
		i.release = time.Now().Add(s.way.delayOf(len(frame), givesWay))
	}
	to := &s.lanes[0]
	if givesWay {
		to = &s.lanes[1]
	}
	to.push(i)
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

// take appends to items what is to be sent in one write. If that is nothing, it
// returns when the first of what waits will have crossed, zero if nothing waits.
func (s *stream) take(items []item) (taken []item, next time.Time, finishing bool) {
	var now time.Time
	if s.way != nil {
		now = time.Now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.lanes {
		l := &s.lanes[(s.turn+i)%len(s.lanes)]
		waiting := l.waiting()
		n := batch(waiting, now)
		if n > 0 {
			// Who has both in plenty sends of each in turn.
			s.turn = (s.turn + i + 1) % len(s.lanes)
			items = append(items, waiting[:n]...)
			l.drop(n)
			return items, time.Time{}, false
		}
		if len(waiting) > 0 && (next.IsZero() || waiting[0].release.Before(next)) {
			next = waiting[0].release
		}
	}
	s.turn = 0
	return items, next, s.finishing
}

// batch returns how many of waiting have arrived by now and may be sent in one write.
func batch(waiting []item, now time.Time) int {
	n, size := 0, 0
	for n < len(waiting) && !waiting[n].release.After(now) {
		if size += len(waiting[n].frame); n > 0 && size > maxWrite {
			break
		}
		n++
	}
	return n
}

// write sends what is pushed until the stream breaks.
func (s *stream) write() error {
	timer := time.NewTimer(s.silence)
	defer timer.Stop()
	var items []item
	for {
		taken, next, finishing := s.take(items[:0])
		items = taken
		if len(items) > 0 {
			if err := s.way.await(s.ctx); err != nil {
				return err
			}
			if err := s.send(items); err != nil {
				return err
			}
			if clear(items); cap(items) > keepItems {
				items = nil
			}
			continue
		}
		quiet := next.IsZero()
		if quiet && finishing {
			return s.part()
		}
		if timer.Reset(s.silence); !quiet {
			timer.Reset(time.Until(next))
		}
		select {
		case <-s.wake:
		case <-timer.C:
			if quiet {
				s.push(beat, false)
			}
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
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
