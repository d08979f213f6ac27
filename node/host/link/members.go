package link

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/vmihailenco/msgpack/v5"
	"go.uber.org/zap"

	"hearsay/store"
)

// metaVersion is of the metadata's form. A node that speaks another is ignored.
const metaVersion = 1

// meta is what a node tells about itself through memberlist.
type meta struct {
	_msgpack struct{} `msgpack:",as_array"` //nolint:unused // read by the library
	Version  int
	Name     string
	Region   string
	API      string
}

func encodeMeta(c Config) ([]byte, error) {
	b, err := msgpack.Marshal(&meta{Version: metaVersion, Name: c.Name, Region: c.Region, API: c.API})
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	if len(b) > memberlist.MetaMaxSize {
		return nil, fmt.Errorf("name, region and API address take %d bytes in the metadata, the most is %d: shorten them",
			len(b), memberlist.MetaMaxSize)
	}
	return b, nil
}

func decodeMeta(b []byte) (meta, error) {
	var m meta
	if err := msgpack.Unmarshal(b, &m); err != nil {
		return meta{}, fmt.Errorf("decode metadata: %w", err)
	}
	if m.Version != metaVersion {
		return meta{}, fmt.Errorf("its metadata has version %d, this node reads %d", m.Version, metaVersion)
	}
	return m, nil
}

func memberOf(n *memberlist.Node) (Member, error) {
	if n.Name == "" || len(n.Name) > store.MaxNodeID {
		return Member{}, fmt.Errorf("its id has %d bytes: 1 to %d are allowed", len(n.Name), store.MaxNodeID)
	}
	m, err := decodeMeta(n.Meta)
	if err != nil {
		return Member{}, err
	}
	return Member{ID: store.NodeID(n.Name), Name: m.Name, Region: m.Region, Addr: n.Address(), API: m.API}, nil
}

func (l *Links) memberlistConfig() *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.Name = string(l.cfg.ID)
	c.Label = l.cfg.Cluster
	c.ProtocolVersion = memberlist.ProtocolVersionMax
	c.Transport = l.trans
	c.BindAddr, c.BindPort = l.addr.Addr().String(), int(l.addr.Port())
	c.AdvertisePort = c.BindPort
	c.Logger = memberlistLog(l.log)
	c.EnableCompression = false
	c.TCPTimeout = l.cfg.DialTimeout
	c.ProbeInterval, c.ProbeTimeout = l.cfg.ProbeInterval, l.cfg.ProbeTimeout
	c.GossipInterval = l.cfg.GossipInterval
	// A silent node is dead after three probe intervals where others confirm it,
	// six where none does.
	c.SuspicionMult, c.SuspicionMaxTimeoutMult = 3, 2
	// Gossip tells a few nodes of each newcomer and forgets it, so where two groups
	// meet through one node it is the exchange of whole states that makes them one.
	c.PushPullInterval = 10 * l.cfg.ProbeInterval
	// The dead are joined again by rejoin, so gossip need not go on to them.
	c.GossipToTheDeadTime = 3 * l.cfg.ProbeInterval
	// Who died may come back elsewhere at once. Two that run under one id take
	// nothing from each other: the address of one that lives is not given away.
	c.DeadNodeReclaimTime = time.Nanosecond
	d := delegate{l}
	c.Delegate, c.Events, c.Alive = d, d, d
	return c
}

// A delegate takes memberlist's calls, some of which come under its locks: none
// may block or call it back.
type delegate struct{ l *Links }

func (d delegate) NodeMeta(int) []byte             { return d.l.meta }
func (d delegate) NotifyMsg([]byte)                {}
func (d delegate) GetBroadcasts(int, int) [][]byte { return nil }
func (d delegate) LocalState(bool) []byte          { return nil }
func (d delegate) MergeRemoteState([]byte, bool)   {}

// NotifyAlive keeps nodes out that this one could not talk to. memberlist logs
// the reason.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	_, err := memberOf(n)
	return err
}

func (d delegate) NotifyJoin(n *memberlist.Node) { d.l.joined(n) }

func (d delegate) NotifyUpdate(n *memberlist.Node) { d.l.joined(n) }

func (d delegate) NotifyLeave(n *memberlist.Node) {
	d.l.gone(Member{ID: store.NodeID(n.Name), Addr: n.Address()})
}

// joined notes what memberlist says of n and sees to a stream to it.
func (l *Links) joined(n *memberlist.Node) {
	m, err := memberOf(n)
	if err != nil || m.ID == l.cfg.ID {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(m)
	if p := l.peers[m.ID]; p != nil {
		if p.abandon != nil && p.member.Addr != m.Addr {
			p.abandon(errMoved)
		}
		p.member, p.alive, p.left = m, true, false
		p.nudge()
		return
	}
	if len(l.peers) >= l.cfg.MaxPeers {
		l.log.Warn("ignored a member", zap.String("peer", string(m.ID)), zap.Error(errPeers), zap.Int("limit", l.cfg.MaxPeers))
		return
	}
	p := &peer{id: m.ID, wake: make(chan struct{}, 1), bulkWake: make(chan struct{}, 1), member: m, alive: true}
	if l.start(func() { l.keep(p) }) {
		l.peers[m.ID] = p
	}
}

var errPeers = errors.New("there are as many peers as allowed")

// gone notes that memberlist shows m no more. A stream that works is kept. The
// address of one that did not leave of its own will is joined again and again,
// for memberlist never does: after a cut both sides hold each other dead.
func (l *Links) gone(m Member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.peers[m.ID]
	if p != nil {
		p.alive = false
		p.nudge()
	}
	if m.ID == l.cfg.ID {
		return
	}
	l.forget(m)
	if p != nil && p.left {
		return
	}
	if len(l.dead) >= l.cfg.MaxPeers {
		l.dead = slices.Delete(l.dead, 0, 1)
	}
	l.dead = append(l.dead, m)
}

// parted notes that id said on its stream that it leaves, which may come before
// memberlist tells or after. memberlist knows the one who left from one who died, and
// keeps it to itself.
func (l *Links) parted(id store.NodeID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.peers[id]; p != nil {
		p.left = true
	}
	l.dead = slices.DeleteFunc(l.dead, func(d Member) bool { return d.ID == id })
}

// forget strikes from the dead the one with m's id, wherever it was, and whoever
// was where m is. The caller holds mu.
func (l *Links) forget(m Member) {
	l.dead = slices.DeleteFunc(l.dead, func(d Member) bool { return d.ID == m.ID || d.Addr == m.Addr })
}
