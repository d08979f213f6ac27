package link_test

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"hearsay/gossip"
	"hearsay/node/host/link"
	"hearsay/node/host/wan"
	"hearsay/store"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// An inbox keeps what it is told.
type inbox struct {
	mu      sync.Mutex
	changed chan struct{} // closed at each change
	up      map[store.NodeID]bool
	regions map[store.NodeID]string
	ups     int
	downs   int
	got     map[store.NodeID][]gossip.Message
	bytes   int
	// admit is what Admit says, and disowned why others refused for good.
	admit    func(store.NodeID, gossip.Line) error
	disowned []string
	gate     chan struct{} // Receive waits for it, if there is one …
	hold     chan struct{} // … and of chunks for this one
}

func newInbox() *inbox {
	return &inbox{
		changed: make(chan struct{}),
		up:      make(map[store.NodeID]bool),
		regions: make(map[store.NodeID]string),
		got:     make(map[store.NodeID][]gossip.Message),
	}
}

func (in *inbox) change(f func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	f()
	close(in.changed)
	in.changed = make(chan struct{})
}

func (in *inbox) PeerUp(p gossip.Peer) {
	in.change(func() {
		in.up[p.ID], in.regions[p.ID] = true, p.Region
		in.ups++
	})
}

func (in *inbox) Admit(id store.NodeID, line gossip.Line) error {
	if in.admit == nil {
		return nil
	}
	return in.admit(id, line)
}

func (in *inbox) Disowned(by store.NodeID, why string) {
	in.change(func() { in.disowned = append(in.disowned, why) })
}

func (in *inbox) PeerDown(id store.NodeID) {
	in.change(func() {
		delete(in.up, id)
		in.downs++
	})
}

func (in *inbox) Receive(from store.NodeID, m gossip.Message, size int) {
	if in.gate != nil {
		<-in.gate
	}
	if _, chunk := m.(*gossip.Chunk); chunk && in.hold != nil {
		<-in.hold
	}
	in.change(func() {
		in.got[from] = append(in.got[from], m)
		in.bytes += size
	})
}

// await waits until ok holds of the inbox.
func (in *inbox) await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	late := time.After(patience)
	for {
		in.mu.Lock()
		met, changed := ok(), in.changed
		in.mu.Unlock()
		if met {
			return
		}
		select {
		case <-changed:
		case <-late:
			in.mu.Lock()
			defer in.mu.Unlock()
			t.Fatalf("waited %v for %s: up %v, %d ups, %d downs, messages of %d peers", patience, what, in.up, in.ups, in.downs, len(in.got))
		}
	}
}

func (in *inbox) awaitUp(t testing.TB, ids ...store.NodeID) {
	t.Helper()
	in.await(t, fmt.Sprint("streams to ", ids), func() bool {
		return !slices.ContainsFunc(ids, func(id store.NodeID) bool { return !in.up[id] })
	})
}

func (in *inbox) awaitMessages(t testing.TB, from store.NodeID, n int) []gossip.Message {
	t.Helper()
	in.await(t, fmt.Sprintf("%d messages from %s", n, from), func() bool { return len(in.got[from]) >= n })
	return in.messages(from)
}

// wantDowns fails unless n streams went down.
func (in *inbox) wantDowns(t testing.TB, n int) {
	t.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.downs != n {
		t.Errorf("%d streams broke, want %d", in.downs, n)
	}
}

func (in *inbox) messages(from store.NodeID) []gossip.Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.got[from])
}

// A node is an open peer port and its inbox.
type node struct {
	*link.Links
	*inbox
	id store.NodeID
}

// config returns that of a node id of cluster "c" in "here" on a free port, with
// short waits.
func config(id store.NodeID, seeds ...string) link.Config {
	return link.Config{
		Cluster: "c", ID: id, Name: "name-" + string(id), Region: "here",
		Bind: "127.0.0.1:0", API: "127.0.0.1:80", Seeds: seeds,
		BackoffMin: 5 * time.Millisecond, BackoffMax: 100 * time.Millisecond,
		ReconnectInterval: 500 * time.Millisecond,
		GossipInterval:    20 * time.Millisecond,
	}
}

func open(t testing.TB, cfg link.Config) *node {
	t.Helper()
	in := newInbox()
	l, err := link.Open(cfg, in)
	if err != nil {
		t.Fatalf("Open(%s): %v", cfg.ID, err)
	}
	t.Cleanup(func() { l.Close() })
	return &node{Links: l, inbox: in, id: cfg.ID}
}

// pair opens nodes a and b, b with change made to both configs, and waits until
// both streams are up.
func pair(t testing.TB, change func(cfg *link.Config)) (a, b *node) {
	t.Helper()
	cfg := config("a")
	change(&cfg)
	a = open(t, cfg)
	cfg = config("b", a.Addr())
	change(&cfg)
	b = open(t, cfg)
	a.awaitUp(t, "b")
	b.awaitUp(t, "a")
	return a, b
}

// far opens nodes a in "east" and b in "west", rtt apart.
func far(t testing.TB, rtt time.Duration, change func(cfg *link.Config)) (a, b *node, network *wan.Network) {
	t.Helper()
	network = twoRegions(t, rtt)
	a, b = pair(t, func(cfg *link.Config) {
		cfg.WAN, cfg.Region = network, "east"
		if cfg.ID == "b" {
			cfg.Region = "west"
		}
		change(cfg)
	})
	return a, b, network
}

func twoRegions(t testing.TB, rtt time.Duration) *wan.Network {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wan.csv")
	rows := fmt.Sprintf("from,to,rtt_ms\neast,west,%d\n", rtt.Milliseconds())
	if err := os.WriteFile(path, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := wan.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return wan.New(m, func(purpose string, a, b uint64) uint64 {
		h := fnv.New64a()
		fmt.Fprint(h, purpose, a, b)
		return h.Sum64()
	})
}

func cut(t testing.TB, n *wan.Network, from, to string) {
	t.Helper()
	if err := n.Cut(from, to); err != nil {
		t.Fatal(err)
	}
}

// pull is a small message that carries a number.
func pull(n int) gossip.Message { return &gossip.Pull{Credit: n} }

// frame is a message with values of size bytes together.
func frame(size int) *gossip.Frame {
	f := &gossip.Frame{Origin: store.Origin{Node: "origin"}}
	for size > 0 || len(f.Rows) == 0 {
		n := min(size, store.MaxInline)
		size -= n
		f.Rows = append(f.Rows, gossip.FrameRow{Entry: len(f.Entries)})
		f.Entries = append(f.Entries, &store.Entry{
			Key: store.Key{Namespace: "ns", Name: fmt.Sprint("key", len(f.Entries))}, Value: make([]byte, n),
			Version: store.Version{Origin: f.Origin}, Seq: uint64(len(f.Rows)),
		})
	}
	return f
}

func (n *node) send(to store.NodeID, messages ...gossip.Message) {
	envelopes := make([]gossip.Envelope, len(messages))
	for i, m := range messages {
		envelopes[i] = gossip.Envelope{To: to, Message: m}
	}
	n.Send(envelopes)
}

// wantOrder fails unless messages are pull(0), pull(1), …
func wantOrder(t *testing.T, messages []gossip.Message) {
	t.Helper()
	for i, m := range messages {
		if p, ok := m.(*gossip.Pull); !ok || p.Credit != i {
			t.Fatalf("message %d is %+v, want pull %d", i, m, i)
		}
	}
}

func silent(*link.Config) {}

func logTo(log *zap.Logger) func(*link.Config) {
	return func(cfg *link.Config) { cfg.Log = log }
}
