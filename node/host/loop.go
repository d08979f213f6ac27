package host

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/node"
	"hearsay/node/api"
	"hearsay/store"
)

// maxTurn bounds the inputs of one turn, in bytes: what a commit makes others
// wait for.
const maxTurn = 1 << 20

// A replica is what a loop runs: a node.Node.
type replica interface {
	Write(now clock.Reading, w node.Write) (node.Ticket, error)
	Receive(now clock.Reading, from store.NodeID, m gossip.Message)
	PeerUp(now clock.Reading, p gossip.Peer)
	PeerDown(now clock.Reading, id store.NodeID)
	Tick(now clock.Reading)
	NextTick() time.Duration
	Flush() (node.Output, error)
	Forget(now clock.Reading, names []string, force bool) ([]store.NodeID, error)
	Drain(now clock.Reading) error
	Restamp(now clock.Reading, key store.Key) (node.Restamping, error)
	Admit(now clock.Reading, id store.NodeID, line gossip.Line) error
	Disown(now clock.Reading, by store.NodeID, why string)
	Progress() node.Progress
}

// A loop owns a node: one goroutine in which its turns run, one after another.
// What comes in during a turn waits for the next, and so shares its commit.
type loop struct {
	node   replica
	clock  Clock
	fronts *fronts
	// send takes a turn's messages and does not block.
	send func([]gossip.Envelope)
	// drop takes uploads that nobody needs any more and does not block. Any goroutine
	// may call it.
	drop func([]store.Upload)
	// before begins each turn.
	before func(now clock.Reading)
	// measure is told of each turn.
	measure func(turn)
	// maxTurn bounds a turn's inputs, in bytes; a single larger one goes alone.
	maxTurn int64

	inbox *inbox
	stop  chan struct{} // closed to end the loop
	done  chan struct{} // closed when it has ended
	err   error         // why it ended by itself; to be read once done is closed

	items   []item // of the present turn
	pending map[node.Ticket]place
	over    []*call      // answered by the present turn
	asked   []*admission // likewise
}

// A turn is what one turn took.
type turn struct {
	inputs int
	took   time.Duration
}

// A call is a client's writes, which share one turn. Its fields belong to the
// loop until done is closed.
type call struct {
	item
	writes []node.Write
	// replies are those of writes in their order, as far as the node accepted.
	replies []node.Reply
	left    int   // replies to come
	err     error // why the rest was refused, or that its outcome is unknown
	done    chan struct{}
}

// A place is where a reply belongs.
type place struct {
	call  *call
	index int
}

func newLoop(n replica, c Clock, f *fronts, clients, peers Limit) *loop {
	return &loop{
		node:    n,
		clock:   c,
		fronts:  f,
		send:    func([]gossip.Envelope) {},
		drop:    func([]store.Upload) {},
		before:  func(clock.Reading) {},
		measure: func(turn) {},
		maxTurn: maxTurn,
		inbox:   newInbox(clients, peers),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
		pending: make(map[node.Ticket]place),
	}
}

// run takes turns until stop is closed or the node fails.
func (l *loop) run() {
	defer close(l.done)
	timer := time.NewTimer(l.untilTick())
	defer timer.Stop()
	for {
		select {
		case <-l.stop:
			l.end(api.ErrStopped)
			return
		case <-l.inbox.wake:
		case <-timer.C:
		}
		if err := l.turn(); err != nil {
			l.err = err
			l.end(fmt.Errorf("%w: %w", api.ErrStopped, err))
			return
		}
		timer.Reset(l.untilTick())
	}
}

// halt ends the loop after its present turn, and in place of run if it never
// ran.
func (l *loop) halt(running bool) {
	if !running {
		l.end(api.ErrStopped)
		close(l.done)
		return
	}
	close(l.stop)
	<-l.done
}

func (l *loop) untilTick() time.Duration { return l.node.NextTick() - l.clock.Read().Mono }

// turn runs one turn. An error means that nothing of it was released and that
// the node must not go on.
func (l *loop) turn() error {
	l.items = l.inbox.take(l.items, l.maxTurn)
	now := l.clock.Read()
	l.before(now)
	for _, it := range l.items {
		it.apply(l, now)
	}
	l.node.Tick(now)
	out, err := l.node.Flush()
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	// Readers first: whoever hears of a write finds it here.
	if out.Front != nil {
		l.fronts.publish(out.Front)
	}
	if len(out.Messages) > 0 {
		l.send(out.Messages)
	}
	l.drop(out.Drop)
	l.reply(out.Replies)
	l.welcome()
	l.measure(turn{inputs: len(l.items), took: l.clock.Read().Mono - now.Mono})
	l.clear()
	return nil
}

// reply fills in what has come for the calls, and answers those that are whole.
func (l *loop) reply(replies []node.Reply) {
	for _, r := range replies {
		p, ok := l.pending[r.Ticket]
		if !ok {
			panic("host: reply to a ticket that nobody holds")
		}
		delete(l.pending, r.Ticket)
		p.call.replies[p.index] = r
		if p.call.left--; p.call.left == 0 {
			l.over = append(l.over, p.call)
		}
	}
	for _, c := range l.over {
		l.answer(c, c.err)
	}
}

// clear gives back the room of the turn's inputs, except that of writes, who
// hold theirs until they are answered.
func (l *loop) clear() {
	for _, it := range l.items {
		if it.lane == &l.inbox.peers {
			l.inbox.release(it)
		}
	}
	clear(l.items)
	clear(l.over)
	l.items, l.over = l.items[:0], l.over[:0]
}

func (l *loop) answer(c *call, err error) {
	c.err = err
	close(c.done)
	l.inbox.release(c.item)
}

// end answers everything that waits with err, of which the outcome is unknown,
// and lets nothing more in.
func (l *loop) end(err error) {
	l.fronts.close()
	l.inbox.shut(&l.inbox.clients, err)
	l.inbox.shut(&l.inbox.peers, err)
	l.items = l.inbox.take(l.items, math.MaxInt64)
	open := make(map[*call]bool)
	for _, it := range l.items {
		if c, ok := it.input.(*call); ok {
			open[c] = true
		}
	}
	for _, p := range l.pending {
		open[p.call] = true
	}
	for c := range open {
		c.replies = nil
		l.answer(c, err)
	}
	l.pending = nil
	l.clear()
}

// write puts ws through turns of at most maxTurn bytes, one after another; see
// Host.Write. It drops the uploads of the writes that the node does not take.
func (l *loop) write(ctx context.Context, ws []node.Write, patience time.Duration) ([]node.Reply, error) {
	replies := make([]node.Reply, 0, len(ws))
	for len(ws) > 0 {
		n, size := l.share(ws)
		c := &call{writes: ws[:n], done: make(chan struct{})}
		c.item = item{input: c, size: size, lane: &l.inbox.clients}
		if err := l.inbox.put(ctx, c.item, patience, api.ErrOverloaded); err != nil {
			l.dropWrites(ws)
			return replies, err
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			l.dropWrites(ws[n:])
			return replies, fmt.Errorf("outcome of the write unknown: %w", ctx.Err())
		}
		replies = append(replies, c.replies...)
		if c.err != nil {
			if !errors.Is(c.err, api.ErrStopped) { // then the next start sweeps
				l.dropWrites(ws[len(c.replies):])
			}
			return replies, c.err
		}
		ws = ws[n:]
	}
	return replies, nil
}

func (l *loop) dropWrites(ws []node.Write) {
	for _, w := range ws {
		if w.Manifest != nil {
			l.drop([]store.Upload{w.Manifest.Upload})
		}
	}
}

// share returns how many of ws go into the next turn, and their size.
func (l *loop) share(ws []node.Write) (n int, size int64) {
	for n < len(ws) {
		s := writeSize(ws[n])
		if n > 0 && size+s > l.maxTurn {
			break
		}
		size += s
		n++
	}
	return n, size
}

// writeOverhead is about what an accepted write takes besides its parts.
const writeOverhead = 128

func writeSize(w node.Write) int64 {
	size := writeOverhead + len(w.Key.Namespace) + len(w.Key.Name) + len(w.Value) + len(w.Metadata)
	if w.Manifest != nil {
		size += len(w.Manifest.Hashes) * len(store.Hash{})
	}
	return int64(size)
}

func (c *call) apply(l *loop, now clock.Reading) {
	c.replies = make([]node.Reply, len(c.writes))
	for i, w := range c.writes {
		t, err := l.node.Write(now, w)
		if err != nil {
			c.replies, c.err = c.replies[:i], err
			break
		}
		l.pending[t] = place{c, i}
		c.left++
	}
	if c.left == 0 {
		l.over = append(l.over, c)
	}
}

type (
	received struct {
		from    store.NodeID
		message gossip.Message
	}
	peerUp   gossip.Peer
	peerDown store.NodeID
)

func (r received) apply(l *loop, now clock.Reading) { l.node.Receive(now, r.from, r.message) }
func (p peerUp) apply(l *loop, now clock.Reading)   { l.node.PeerUp(now, gossip.Peer(p)) }
func (p peerDown) apply(l *loop, now clock.Reading) { l.node.PeerDown(now, store.NodeID(p)) }

// tell puts what a link tells in the inbox, and waits for room there. A loop
// that has ended hears nothing.
func (l *loop) tell(in input, size int) {
	it := item{input: in, size: int64(size), lane: &l.inbox.peers}
	_ = l.inbox.put(context.Background(), it, 0, nil)
}
