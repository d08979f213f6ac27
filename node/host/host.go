// Package host runs one node on a real machine: the loop that owns it, its data
// directory and identity, its clocks, the front that readers share, its ports,
// and its events as log lines and metrics.
//
// Start at Open here and at loop.turn in loop.go. Everything that comes from
// outside goes through the inbox to the loop; only reads go past it, to the
// latest front.
package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/node"
	"hearsay/node/admin"
	"hearsay/node/api"
	"hearsay/node/bookmark"
	"hearsay/node/host/link"
	"hearsay/node/kv"
	"hearsay/store"
	"hearsay/store/pebblestore"
)

// A Host is one node on a real machine. Its methods may be called from any
// goroutine.
type Host struct {
	cfg     Config
	dir     *directory
	store   store.Store
	fronts  *fronts
	loop    *loop
	space   *space
	large   *large
	uploads *api.Uploads
	copying sync.Mutex // held by the one backup or restore
	links   *link.Links
	peers   *peerTable
	counts  counts

	arrivals *arrivals
	metrics  *metrics
	log      *zap.Logger

	api, admin net.Listener // admin is nil if there is no admin port

	identity  api.Identity
	line      gossip.Line
	bookmarks bookmark.Key
	started   time.Time
	opened    time.Duration // Reading.Mono
	ready     atomic.Bool   // it was once
	progress  atomic.Pointer[node.Progress]
	lookDue   time.Duration // Reading.Mono at which the loop renews progress
	leaving   atomic.Bool
	drained   chan struct{} // closed once the node has left the cluster …
	left      bool          // … as the loop knows
	running   bool          // the loop's goroutine was started
	done      chan struct{} // closed when the node has stopped …
	ended     sync.Once
	failure   error       // … for this, if by itself
	wrecked   atomic.Bool // calls of the store may never return
	closing   sync.Once
	closed    error
}

var (
	_ api.Backend  = (*Host)(nil)
	_ admin.Source = (*Host)(nil)
	_ link.Inbox   = (*Host)(nil)
)

// Open starts a node on the data in cfg.Dir: when it returns, reads and writes
// are served and the peer port is open; Serve serves the ports over HTTP. Peers
// are looked for in the background. The caller ends a host by Leave or Close.
func Open(cfg Config) (*Host, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Clock == nil {
		cfg.Clock = NewSystem()
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Listen == nil {
		cfg.Listen = net.Listen
	}
	h := &Host{cfg: cfg, drained: make(chan struct{}), done: make(chan struct{}), log: cfg.Log, counts: newCounts(), arrivals: newArrivals(maxArrivals), peers: newPeerTable(cfg.Node.Gossip.MaxOrigins)}
	h.metrics = newMetrics(h)
	opened := make(chan error, 1)
	go func() { opened <- h.open() }()
	select {
	case err := <-opened:
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open node: %w", err), h.Close())
		}
		return h, nil
	case <-h.done: // and open may never return
		return nil, fmt.Errorf("open node: %w", h.failure)
	}
}

func (h *Host) open() (err error) {
	now := h.cfg.Clock.Read()
	h.started, h.opened = time.Unix(0, now.Wall), now.Mono
	if h.dir, err = openDirectory(h.cfg.Dir); err != nil {
		return err
	}
	h.name()
	if err := h.listen(); err != nil {
		return err
	}
	if err := h.openStore(); err != nil {
		return err
	}
	if err := h.startNode(); err != nil {
		return err
	}
	if h.links, err = link.Open(h.linkConfig(), h); err != nil {
		return fmt.Errorf("peer port: %w", err)
	}
	h.loop.send = func(out []gossip.Envelope) {
		h.large.note(out)
		h.links.Send(out)
	}
	h.running = true
	go h.run()
	return nil
}

// name settles who this host says it is.
func (h *Host) name() {
	id := h.dir.id
	name := h.cfg.Name
	if name == "" {
		name = string(id[:8])
	}
	h.identity = api.Identity{Cluster: h.cfg.Cluster, Node: id, Name: name, Region: h.cfg.Region}
	h.bookmarks = bookmark.NewKey(h.cfg.Cluster, h.cfg.ClusterKey)
	h.log = h.log.With(zap.String("node", name))
	if every := h.cfg.Node.SyncEvery; every > 0 {
		h.log.Warn("syncs are put off: a crash may lose writes of that last time that were acknowledged local", zap.Duration("every", every))
	}
	h.log.Info("data directory opened", zap.String("dir", h.dir.path), zap.String("id", string(id)), zap.Bool("new", h.dir.fresh))
}

func (h *Host) listen() (err error) {
	if h.api, err = h.cfg.Listen("tcp", h.cfg.API); err != nil {
		return fmt.Errorf("client port: %w", err)
	}
	if h.cfg.Admin == "" {
		return nil
	}
	if h.admin, err = h.cfg.Listen("tcp", h.cfg.Admin); err != nil {
		return fmt.Errorf("admin port: %w", err)
	}
	return nil
}

func (h *Host) openStore() error {
	opt := h.cfg.Store
	if opt.Events == nil {
		opt.Events = storeEvents(h.log)
	}
	opt.Fatal = h.wreck
	st, err := pebblestore.Open(h.dir.store(), opt)
	if err != nil {
		return err
	}
	h.store = st
	h.space = newSpace(st, h.cfg.DiskReserve, h.log)
	if h.large, err = newLarge(st, h.log); err != nil {
		return err
	}
	h.large.full = h.space.full.Load
	h.uploads = api.NewUploads(h.large, h.cfg.UploadBytes, api.DefaultUploadWait)
	return nil
}

// startNode makes the node and takes its first turn, which gives the first
// front. It has no peers yet, so nothing is sent.
func (h *Host) startNode() error {
	cfg := h.cfg.Node
	cfg.ID, cfg.Region, cfg.Name = h.identity.Node, h.identity.Region, h.identity.Name
	if cfg.Draw == nil {
		cfg.Draw = newDraw()
	}
	also, events := cfg.Observe, newEventLog(h.log)
	cfg.Observe = func(e node.Event) {
		h.counts.add(e)
		events.write(e)
		if also != nil {
			also(e)
		}
	}
	cfg.Arrived = h.arrivals.add
	n, err := node.New(cfg, h.store)
	if err != nil {
		return err
	}
	h.line = n.Line()
	h.fronts = newFronts(func(err error) { h.log.Warn("snapshot would not close", zap.Error(err)) })
	h.loop = newLoop(n, h.cfg.Clock, h.fronts, h.cfg.Clients, h.cfg.Peers)
	h.loop.drop = h.large.drop
	h.loop.before = func(now clock.Reading) { n.Full(now, h.space.look(now)) }
	h.loop.measure = func(t turn) {
		h.metrics.measure(t)
		h.keepProgress(n)
		h.keepDrained(n)
	}
	return h.loop.turn()
}

func (h *Host) linkConfig() link.Config {
	cfg := h.cfg.Link
	cfg.Cluster, cfg.ID = h.identity.Cluster, h.identity.Node
	cfg.Name, cfg.Region = h.identity.Name, h.identity.Region
	cfg.Line = h.line
	cfg.API = h.api.Addr().String()
	cfg.Log = h.log
	cfg.Load = h.large.load
	return cfg
}

func (h *Host) run() {
	h.loop.run()
	if err := h.loop.err; err != nil {
		h.log.Error("node stopped", zap.Error(err))
	}
	h.finish(h.loop.err)
}

// Identity returns who the node is.
func (h *Host) Identity() api.Identity { return h.identity }

// View returns the latest front at the present reading. The caller closes it,
// once, and soon: the store keeps what a view shows. After the host has stopped
// every read of a view answers api.ErrStopped.
func (h *Host) View() *kv.View {
	v := &kv.View{Now: h.cfg.Clock.Read(), Cluster: h.identity.Cluster}
	f := h.fronts.acquire()
	if f == nil {
		v.Front = &node.Front{Entries: nothing{api.ErrStopped}}
		return v
	}
	v.Front, v.Release, v.Staging = &f.Front, f.release, h.large
	return v
}

// Staging implements api.Backend.
func (h *Host) Staging() api.Staging { return h.large }

// Fresher implements api.Backend.
func (h *Host) Fresher() <-chan struct{} { return h.fronts.risen() }

// Newer implements api.Backend.
func (h *Host) Newer() <-chan struct{} { return h.fronts.replaced() }

// Bookmarks implements api.Backend.
func (h *Host) Bookmarks() bookmark.Key { return h.bookmarks }

// Write has the node accept ws and waits until all are acknowledged. Writes of
// up to 1 MiB together share one turn; more take several, one after another. The
// node keeps ws and what it points to.
//
// With an error come the replies of the writes that are known to be done, the
// first ones of ws. After api.ErrOverloaded, and after a refusal by the node,
// the rest is not done. After the end of ctx, or api.ErrStopped, the outcome of
// the rest is unknown: some of it may be, or become, done.
func (h *Host) Write(ctx context.Context, ws []node.Write) ([]node.Reply, error) {
	ws, err := api.StageLarge(h.large, ws)
	if err != nil {
		return nil, err
	}
	return h.loop.write(ctx, ws, h.cfg.WriteWait)
}

// PeerUp implements link.Inbox.
func (h *Host) PeerUp(p gossip.Peer) {
	h.peers.up(p.ID)
	h.loop.tell(peerUp(p), 0)
}

// PeerDown implements link.Inbox.
func (h *Host) PeerDown(id store.NodeID) {
	h.peers.down(id)
	h.loop.tell(peerDown(id), 0)
}

// Receive implements link.Inbox. It waits for room in the inbox.
func (h *Host) Receive(from store.NodeID, m gossip.Message, size int) {
	if s, ok := m.(*gossip.Status); ok {
		h.peers.tell(from, s, h.cfg.Clock.Read().Mono)
	}
	if c, ok := m.(*gossip.Chunk); ok {
		if c = h.large.takeIn(from, c); c == nil {
			return
		}
		m, size = c, 0
	}
	h.loop.tell(received{from, m}, size)
}

// finish notes that the node has stopped, by itself because of err or, if that is
// nil, because it was told to.
func (h *Host) finish(err error) {
	h.ended.Do(func() {
		h.failure = err
		close(h.done)
	})
}

// wreck ends the node because of err, from which its store does not come back. It does
// not return: the store's own calls would end the process at once.
func (h *Host) wreck(err error) {
	h.wrecked.Store(true)
	h.log.Error("node stopped: its disk failed", zap.Error(err))
	h.finish(fmt.Errorf("%w: store: %w", api.ErrStopped, err))
	select {}
}

// Done is closed when the node has stopped: after Close, or by itself when its
// store failed.
func (h *Host) Done() <-chan struct{} { return h.done }

// Err returns why the node stopped by itself: nil while it runs and after Close.
func (h *Host) Err() error {
	select {
	case <-h.done:
		return h.failure
	default:
		return nil
	}
}

// Leave stops the node in good order: it takes no more writes, answers those it
// has, tells its peers that it goes, and closes. The end of ctx cuts the
// waiting short.
func (h *Host) Leave(ctx context.Context) error {
	h.leaving.Store(true)
	if h.wrecked.Load() {
		return h.Close()
	}
	clients := &h.loop.inbox.clients
	h.loop.inbox.shut(clients, api.ErrStopped)
	select {
	case <-clients.drained:
	case <-ctx.Done():
	}
	return errors.Join(h.links.Leave(ctx), h.Close())
}

// Close stops the node as it is. Writes that wait are answered with
// api.ErrStopped. A host whose disk failed in a way that leaves nothing to close is left
// as it is. It waits up to StopWait for the views that are open; with
// views still open it leaves the store open too, and says so.
func (h *Host) Close() error {
	h.closing.Do(func() { h.closed = h.close() })
	return h.closed
}

// close undoes what open did, in reverse, as far as it came.
func (h *Host) close() error {
	var errs []error
	note := func(what string, err error) {
		if err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("close %s: %w", what, err))
		}
	}
	if h.wrecked.Load() {
		return nil // nothing can be waited for; the process ends
	}
	if h.loop != nil {
		h.loop.halt(h.running)
	}
	h.finish(nil)
	if h.links != nil {
		note("peer port", h.links.Close())
	}
	for _, l := range []net.Listener{h.api, h.admin} {
		if l != nil {
			note("port", l.Close())
		}
	}
	if h.fronts != nil {
		if err := h.awaitViews(); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	if h.large != nil {
		h.large.close()
	}
	if h.store != nil {
		note("store", h.store.Close())
	}
	if h.dir != nil {
		note("data directory", h.dir.close())
	}
	return errors.Join(errs...)
}

// awaitViews waits for the last reader: a store closed under one would fail it.
func (h *Host) awaitViews() error {
	timer := time.NewTimer(h.cfg.StopWait)
	defer timer.Stop()
	select {
	case <-h.fronts.drained:
		return nil
	case <-timer.C:
		return fmt.Errorf("close store: left open, for views were still in use after %v", h.cfg.StopWait)
	}
}
