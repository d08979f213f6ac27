package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"hearsay/node/host"
	"hearsay/node/host/wan"
	"hearsay/node/kv"
)

// What a node of a cluster in one process may use: many of them share the
// machine, and hold little.
const (
	devCacheBytes    = 4 << 20
	devMemTableBytes = 1 << 20
	devStopWait      = 2 * time.Second
	// devReconnectInterval is short, for nobody else pays for it.
	devReconnectInterval = 500 * time.Millisecond
)

const (
	// readyWait bounds the start of a cluster.
	readyWait = 30 * time.Second
	// readyPoll is how often it is looked whether a start is done.
	readyPoll = 5 * time.Millisecond
)

// A clusterConfig says which cluster to run.
type clusterConfig struct {
	topology topology
	// listen is the address of the page. The nodes' client ports follow it, or
	// are free ones if it has port 0.
	listen   string
	insecure bool
	// dir holds a folder for each node.
	dir string
	// network is what lies between the regions.
	network *wan.Network
	// bound and syncEvery are each node's node.Config.Bound and SyncEvery.
	bound, syncEvery time.Duration
	// namespaces are the titles of those that are there from the start.
	namespaces []string
	log        *zap.Logger
}

// A cluster runs all nodes of several regions, and a page about them, in this
// process.
type cluster struct {
	network *wan.Network
	regions []region
	page    *page
	failed  chan error // told of the first node that stopped by itself

	ctx   context.Context // ends when the cluster closes
	stop  context.CancelFunc
	serve sync.WaitGroup
}

type region struct {
	name  string
	nodes []*host.Host
}

// startCluster returns a running cluster: every node is ready and connected to
// all others, and shows the namespaces. It gives up when ctx ends.
func startCluster(ctx context.Context, cfg clusterConfig) (*cluster, error) {
	c := &cluster{network: cfg.network, failed: make(chan error, 1)}
	c.ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := c.start(ctx, cfg); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *cluster) start(ctx context.Context, cfg clusterConfig) (err error) {
	if c.page, err = openPage(cfg.listen); err != nil {
		return err
	}
	if err := c.openNodes(cfg); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, readyWait)
	defer stop()
	if err := await(ctx, c.ready); err != nil {
		return fmt.Errorf("the cluster is not ready: %w", err)
	}
	for _, title := range cfg.namespaces {
		if err := c.createNamespace(ctx, title); err != nil {
			return fmt.Errorf("create namespace %q: %w", title, err)
		}
	}
	c.page.serve(c)
	return nil
}

// openNodes opens all nodes at once.
func (c *cluster) openNodes(cfg clusterConfig) error {
	configs, err := cfg.hosts()
	if err != nil {
		return err
	}
	for _, r := range cfg.topology.Regions {
		c.regions = append(c.regions, region{name: r.Name, nodes: make([]*host.Host, r.Nodes)})
	}
	errs := make([]error, len(configs))
	var opened sync.WaitGroup
	for i := range configs {
		opened.Go(func() { errs[i] = c.openNode(i, configs[i]) })
	}
	opened.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return c.join()
}

// join has every two nodes join: gossip about newcomers may miss one where all
// come at once, and it would take the others for absent until memberlist's next
// exchange of states, seconds later.
func (c *cluster) join() error {
	all := c.nodes()
	for i, h := range all {
		for _, other := range all[:i] {
			if err := h.Join(other.PeerAddr()); err != nil {
				return err
			}
		}
	}
	return nil
}

// openNode opens the i-th node of all and serves its ports.
func (c *cluster) openNode(i int, cfg host.Config) error {
	h, err := host.Open(cfg)
	if err != nil {
		return explainOpen(err, cfg, "listen")
	}
	*c.slot(i) = h
	c.serve.Go(func() {
		if err := h.Serve(c.ctx); err != nil {
			select {
			case c.failed <- fmt.Errorf("node %s stopped: %w", cfg.Name, err):
			default: // one is enough to end the cluster
			}
		}
	})
	return nil
}

// slot returns the place of the i-th node of all.
func (c *cluster) slot(i int) **host.Host {
	for _, r := range c.regions {
		if i < len(r.nodes) {
			return &r.nodes[i]
		}
		i -= len(r.nodes)
	}
	panic("hearsay: no such node")
}

// hosts returns the config of each node.
func (cfg clusterConfig) hosts() ([]host.Config, error) {
	var all []host.Config
	for _, r := range cfg.topology.Regions {
		for n := range r.Nodes {
			i := len(all)
			hc := host.DefaultConfig()
			var err error
			if hc.API, err = portAfter(cfg.listen, 1+i); err != nil {
				return nil, err
			}
			hc.Cluster, hc.Region, hc.Name = "dev", r.Name, nodeName(r.Name, n+1)
			hc.Dir = filepath.Join(cfg.dir, hc.Name)
			hc.Insecure = cfg.insecure
			hc.CreateNamespaces = true
			hc.Node.Found, hc.Node.Bound, hc.Node.SyncEvery = i == 0, cfg.bound, cfg.syncEvery
			hc.StopWait = devStopWait
			hc.Link.ReconnectInterval = devReconnectInterval
			hc.Link.WAN = cfg.network
			hc.Store.CacheBytes, hc.Store.MemTableBytes = devCacheBytes, devMemTableBytes
			hc.Log = cfg.log
			all = append(all, hc)
		}
	}
	return all, nil
}

// checkExposure refuses an address that other machines reach, unless insecure
// says that the network is trusted.
func checkExposure(flag, addr string, insecure bool) error {
	at, _, err := net.SplitHostPort(addr)
	if err != nil {
		return usageError("--%s %q is not an address; want one like 127.0.0.1:8700", flag, addr)
	}
	if ip, err := netip.ParseAddr(at); at == "localhost" || (err == nil && ip.IsLoopback()) || insecure {
		return nil
	}
	return usageError("--%s %s is reached by other machines, and nothing there is encrypted or asks who you are; "+
		"use 127.0.0.1, or give --insecure on a network you trust", flag, addr)
}

// portAfter returns addr with its port moved up by n. Port 0 stays.
func portAfter(addr string, n int) (string, error) {
	at, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", usageError("--listen %q is not an address; want one like 127.0.0.1:8700", addr)
	}
	p, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", usageError("--listen %q has no port from 0 to 65535", addr)
	}
	if p == 0 {
		return addr, nil
	}
	if int(p)+n > 65535 {
		return "", usageError("--listen %s leaves no room for the nodes' ports after it; choose a lower port", addr)
	}
	return net.JoinHostPort(at, strconv.Itoa(int(p)+n)), nil
}

// explainOpen says what to do about a node that could not be opened; flag is the
// one that moves its client port.
func explainOpen(err error, cfg host.Config, flag string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("node %s: %w; stop what listens there, or choose another address with --%s", cfg.Name, err, flag)
	}
	return fmt.Errorf("node %s: %w", cfg.Name, err)
}

// nodes returns the nodes that are open, region by region.
func (c *cluster) nodes() []*host.Host {
	var all []*host.Host
	for _, r := range c.regions {
		for _, h := range r.nodes {
			if h != nil {
				all = append(all, h)
			}
		}
	}
	return all
}

// ready returns why the cluster is not ready, or nil.
func (c *cluster) ready() error {
	all := c.nodes()
	for _, h := range all {
		if err := h.Ready(); err != nil {
			return fmt.Errorf("%s: %w", h.Identity().Name, err)
		}
		if n := connected(h); n < len(all)-1 {
			return fmt.Errorf("%s is connected to %d of %d others", h.Identity().Name, n, len(all)-1)
		}
	}
	return nil
}

func connected(h *host.Host) int {
	n := 0
	for _, p := range h.Status().Peers {
		if p.Connected {
			n++
		}
	}
	return n
}

// createNamespace makes sure that every node shows a namespace of that title.
func (c *cluster) createNamespace(ctx context.Context, title string) error {
	ns, err := ensureNamespace(ctx, c.nodes()[0], title)
	if err != nil {
		return err
	}
	return await(ctx, func() error {
		for _, h := range c.nodes() {
			v := h.View()
			_, err := v.Namespace(ns.ID)
			v.Close()
			if err != nil {
				return fmt.Errorf("%s: %w", h.Identity().Name, err)
			}
		}
		return nil
	})
}

// ensureNamespace returns the namespace that h shows under title, creating it if
// need be.
func ensureNamespace(ctx context.Context, h *host.Host, title string) (kv.Namespace, error) {
	v := h.View()
	defer v.Close()
	if ns, err := v.ByTitle(title); err == nil {
		return ns, nil
	}
	ns, ws, err := v.CreateNamespace(title)
	if err != nil {
		return kv.Namespace{}, err
	}
	_, err = h.Write(ctx, ws)
	return ns, err
}

// await calls done again and again until it returns nil. When ctx ends first it
// returns what done said last.
func await(ctx context.Context, done func() error) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := done()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}

// close stops everything, each node once its last requests are answered. No node
// takes leave of the others: they all go.
func (c *cluster) close() error {
	c.stop()
	var errs []error
	if c.page != nil {
		errs = append(errs, c.page.close())
	}
	c.serve.Wait()
	all := c.nodes()
	closed := make([]error, len(all))
	var closing sync.WaitGroup
	for i, h := range all {
		closing.Go(func() { closed[i] = h.Close() })
	}
	closing.Wait()
	return errors.Join(append(errs, closed...)...)
}
