// Package link is everything that touches a node's peer port: who is there, by
// memberlist, and the streams that carry messages to each of them.
//
// One port serves all. On UDP memberlist gossips. On TCP the first byte tells a
// replication stream from memberlist's own connections. Each node dials one
// stream to every peer and only sends on it; what it receives comes on the
// streams that its peers dialed.
//
// memberlist says who may be there and where. It carries no data, and it is not
// believed that a peer is alive: a peer is up while the stream to it is.
package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"

	"hearsay/gossip"
	"hearsay/gossip/wire"
	"hearsay/store"
)

// An Inbox is told what the peer port hears, from several goroutines. For one
// peer the calls of PeerUp and PeerDown come in order, and so do those of
// Receive from one of its streams. Close waits for calls in progress, so an inbox
// must let go of them when its owner stops.
type Inbox interface {
	// PeerUp says that the stream to p is up, or up again.
	PeerUp(p gossip.Peer)
	// PeerDown says that the stream to id broke.
	PeerDown(id store.NodeID)
	// Admit is asked before anything else about the node id is told, by its name and
	// the starts of its disk. An error is why no stream with it may be used; with
	// gossip.ErrOtherDisk its node is to end.
	Admit(id store.NodeID, line gossip.Line) error
	// Disowned says that the peer by has refused this node for good, and why: its data
	// are a copy, or an old backup.
	Disowned(by store.NodeID, why string)
	// Receive takes a message that had size bytes. While it blocks nothing more is
	// read from that stream.
	Receive(from store.NodeID, m gossip.Message, size int)
}

// A Member is a peer that memberlist shows alive or suspect.
type Member struct {
	ID        store.NodeID
	Name      string
	Region    string
	Addr      string // of its peer port
	API       string // of its client port
	Connected bool   // the stream to it is up
}

// Links are the open peer port of one node.
type Links struct {
	cfg   Config
	in    Inbox
	log   *zap.Logger
	ctx   context.Context // ends with Close
	end   context.CancelFunc
	tcp   net.Listener
	udp   *net.UDPConn
	addr  netip.AddrPort // advertised
	hello []byte         // the frame
	// bulkHello is hello of a stream for chunks.
	bulkHello []byte
	meta      []byte // what memberlist tells of this node
	list      *memberlist.Memberlist
	trans     *transport
	count     counters
	work      sync.WaitGroup

	sniffs chan struct{} // a slot per connection that has not said what it is

	encoder *wire.Encoder // Send's

	life sync.Mutex // held by Leave and Close

	// mu is taken under memberlist's locks, so it is held briefly and over no call
	// of memberlist.
	mu      sync.Mutex
	closing bool // no new work
	peers   map[store.NodeID]*peer
	inbound map[inboundKey]*inbound
	dead    []Member // that died, the longest ago first: ID and Addr
	seeds   []string

	joining chan struct{} // holds one token while there are new seeds
}

// Open binds the peer port, starts memberlist and begins to join the seeds. It
// does not wait for any of them.
func Open(cfg Config, in Inbox) (*Links, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("open links: %w", err)
	}
	l := &Links{
		cfg:     cfg,
		in:      in,
		log:     cfg.Log.Named("link"),
		sniffs:  make(chan struct{}, maxSniffs),
		encoder: wire.NewEncoder(),
		peers:   make(map[store.NodeID]*peer),
		inbound: make(map[inboundKey]*inbound),
		seeds:   slices.Clone(cfg.Seeds),
		joining: make(chan struct{}, 1),
	}
	l.ctx, l.end = context.WithCancel(context.Background())
	if err := l.open(); err != nil {
		l.shut()
		l.work.Wait()
		return nil, fmt.Errorf("open links: %w", err)
	}
	return l, nil
}

func (l *Links) open() error {
	hello := wire.Hello{Cluster: l.cfg.Cluster, Node: l.cfg.ID, Name: l.cfg.Name, Region: l.cfg.Region, Line: l.cfg.Line}
	var err error
	if l.hello, err = l.encoder.AppendHello(nil, hello); err != nil {
		return err
	}
	hello.Bulk = true
	if l.bulkHello, err = l.encoder.AppendHello(nil, hello); err != nil {
		return err
	}
	if l.meta, err = encodeMeta(l.cfg); err != nil {
		return err
	}
	if err := l.listen(); err != nil {
		return err
	}
	if l.cfg.WAN != nil {
		l.cfg.WAN.Place(l.addr.String(), l.cfg.Region)
	}
	l.trans = newTransport(l)
	l.work.Go(l.accept)
	l.work.Go(l.trans.receive)
	if l.list, err = memberlist.Create(l.memberlistConfig()); err != nil {
		return err
	}
	l.work.Go(l.rejoin)
	l.work.Go(l.introduce)
	return nil
}

// Addr returns the host:port that peers reach this node under.
func (l *Links) Addr() string { return l.addr.String() }

// Join adds a seed, as Config.Seeds has them, and joins it at once.
func (l *Links) Join(seed string) error {
	if err := validateSeed(seed); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	l.mu.Lock()
	if !slices.Contains(l.seeds, seed) {
		if len(l.seeds) >= maxSeeds {
			l.mu.Unlock()
			return fmt.Errorf("join %s: there are %d seeds already, the most there may be", seed, maxSeeds)
		}
		l.seeds = append(l.seeds, seed)
	}
	l.mu.Unlock()
	select {
	case l.joining <- struct{}{}:
	default:
	}
	return nil
}

// Members returns the peers, without this node, ordered by ID.
func (l *Links) Members() []Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	var members []Member
	for _, p := range l.peers {
		if p.alive {
			m := p.member
			m.Connected = p.connected()
			members = append(members, m)
		}
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return members
}

// Send queues each message for its peer and never blocks. One goroutine calls it.
//
// A message to a peer without a stream is dropped: the PeerDown or PeerUp under
// way says so. When a peer's queue is full a Status is dropped, and for any other
// message the stream is broken, which the inbox hears of in the same way. A Chunk
// goes by itself, later, with what Config.Load makes of it; what is not sent of such
// is asked for again.
func (l *Links) Send(envelopes []gossip.Envelope) {
	var last gossip.Message
	var frame []byte
	for _, e := range envelopes {
		if c, ok := e.Message.(*gossip.Chunk); ok {
			l.sendChunk(e, c)
			continue
		}
		s := l.streamTo(e.To)
		if s == nil {
			l.count.undelivered.Add(1)
			continue
		}
		if e.Message != last {
			last, frame = e.Message, l.encode(e.Message)
		}
		if frame == nil {
			l.count.undelivered.Add(1)
			continue
		}
		_, status := e.Message.(*gossip.Status)
		switch {
		case s.push(frame):
		case status:
			l.count.dropped.Add(1)
		default:
			l.count.resets.Add(1)
			s.fail(errFull)
		}
	}
}

func (l *Links) streamTo(id store.NodeID) *stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.peers[id]
	if p == nil || !p.connected() {
		return nil
	}
	return p.out
}

// encode returns the frame of m, nil if m cannot be one.
func (l *Links) encode(m gossip.Message) []byte {
	room := 256
	if f, ok := m.(*gossip.Frame); ok {
		room += f.Size()
	}
	frame, err := l.encoder.Append(make([]byte, 0, room), m)
	if err != nil {
		l.log.Error("cannot send a message", zap.Error(err))
		return nil
	}
	return frame
}

// Leave tells the peers that this node goes for good, for up to ten
// GossipIntervals, sends what is queued, and closes. When ctx ends first it closes
// without sending the rest and returns the cause.
func (l *Links) Leave(ctx context.Context) error {
	l.life.Lock()
	defer l.life.Unlock()
	if l.ctx.Err() != nil {
		return net.ErrClosed
	}
	patience := leaveRounds * l.cfg.GossipInterval
	if at, ok := ctx.Deadline(); ok {
		patience = min(patience, max(time.Until(at), time.Millisecond))
	}
	if err := l.list.Leave(patience); err != nil {
		// Peers that leave too are told nothing more, so the telling never ends. One
		// that missed it notices that this node is gone.
		l.log.Debug("left before all were told", zap.Error(err))
	}
	return errors.Join(l.drain(ctx), l.close())
}

// leaveRounds is how many rounds of gossip Leave waits for. The news is told four
// times over for each factor of ten in nodes, and to three nodes a round, so a
// thousand nodes take six.
const leaveRounds = 10

// drain has every stream send what it holds and close.
func (l *Links) drain(ctx context.Context) error {
	l.mu.Lock()
	l.closing = true
	var streams []*stream
	for _, p := range l.peers {
		if p.out != nil {
			streams = append(streams, p.out)
		}
	}
	l.mu.Unlock()
	for _, s := range streams {
		s.push(parting)
		s.finish()
	}
	for _, s := range streams {
		select {
		case <-s.ctx.Done():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Close gives the port back at once and returns when nothing of it runs any
// more. What was queued is lost, as in a crash. It may be called twice.
func (l *Links) Close() error {
	l.life.Lock()
	defer l.life.Unlock()
	return l.close()
}

func (l *Links) close() error {
	err := l.list.Shutdown() // calls shut
	l.work.Wait()
	return err
}

// shut ends all work and closes the sockets. Connections end with the context.
func (l *Links) shut() {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.end()
	if l.tcp != nil {
		l.tcp.Close()
	}
	if l.udp != nil {
		l.udp.Close()
	}
}

// start runs f as work that Close waits for, unless there is to be no more. The
// caller holds mu.
func (l *Links) start(f func()) bool {
	if l.closing {
		return false
	}
	l.work.Go(f)
	return true
}
