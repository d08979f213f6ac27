package wan

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Network is the wide area between the nodes of one process: which region
// each address stands in, how long packets travel, which directions are cut. It
// may be used from any goroutine.
type Network struct {
	draw    func(purpose string, a, b uint64) uint64
	regions []string
	ways    map[pair]*way // fixed at New

	mu     sync.Mutex
	placed map[string]string      // address to region
	cuts   map[pair]chan struct{} // closed at heal
}

// A way is one direction between two regions of the matrix.
type way struct {
	number  uint64
	delay   time.Duration // half the round trip
	packets atomic.Uint64
	rate    int64 // bytes a second, 0 for no limit

	mu   sync.Mutex
	free time.Time // when all that was sent so far has left
}

// leave returns how long what is sent now waits until it has left: for what was sent
// before it, and for its own bytes.
func (w *way) leave(now time.Time, bytes int) time.Duration {
	if w.rate == 0 {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.free.Before(now) {
		w.free = now
	}
	w.free = w.free.Add(time.Duration(int64(bytes) * int64(time.Second) / w.rate))
	return w.free.Sub(now)
}

// A Rule is what holds for one direction between two regions.
type Rule struct {
	From, To string
	Delay    time.Duration // one way, without jitter
	Cut      bool
}

// New returns a network with the delays and bandwidths of m and nothing cut. Draw gives all its
// chance: the jitter of a direction's n-th packet is draw("wan jitter",
// direction, n).
func New(m Matrix, draw func(purpose string, a, b uint64) uint64) *Network {
	n := &Network{
		draw:    draw,
		regions: m.Regions(),
		ways:    make(map[pair]*way, len(m.rtt)),
		placed:  make(map[string]string),
		cuts:    make(map[pair]chan struct{}),
	}
	for i, from := range m.regions {
		for j, to := range m.regions {
			if rtt, ok := m.RTT(from, to); ok {
				n.ways[pair{from, to}] = &way{number: uint64(i*MaxRegions + j), delay: rtt / 2, rate: m.Rate(from, to)}
			}
		}
	}
	return n
}

// Place says that region is where addr, host:port, stands. The host must be an
// IP address as the other nodes write it.
func (n *Network) Place(addr, region string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.placed[addr] = region
}

// Remove takes back Place. Each connection's own end is placed while it is open.
func (n *Network) Remove(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.placed, addr)
}

// RegionOf returns the region that addr was placed in.
func (n *Network) RegionOf(addr string) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	region, ok := n.placed[addr]
	return region, ok
}

// Delay draws how long so many bytes, sent now, travel: half the measured round trip
// of that direction and a jitter, and, where bandwidth is limited, until they and all
// that was sent before them have left; 0 within a region and from or to an unknown one.
// What waits to leave is bounded by what its senders may have under way.
func (n *Network) Delay(from, to string, bytes int) time.Duration {
	w := n.ways[pair{from, to}]
	if w == nil {
		return 0
	}
	return w.leave(time.Now(), bytes) + w.delay + jitter(n.draw("wan jitter", w.number, w.packets.Add(1)))
}

// Cut closes the direction from one region to another until Heal; the other
// direction stays as it is. A region that is neither in the matrix nor placed is
// refused. Cutting twice is cutting once.
func (n *Network) Cut(from, to string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, region := range []string{from, to} {
		if known := n.known(); !slices.Contains(known, region) {
			return fmt.Errorf("no region %q to cut; there are %s", region, strings.Join(known, ", "))
		}
	}
	if from == to {
		return fmt.Errorf("cannot cut %q from itself: a cut is between two regions", from)
	}
	if n.cuts[pair{from, to}] == nil {
		n.cuts[pair{from, to}] = make(chan struct{})
	}
	return nil
}

// Heal opens a direction again and wakes who waits for it.
func (n *Network) Heal(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.heal(pair{from, to})
}

// HealAll opens every direction that is cut.
func (n *Network) HealAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for p := range n.cuts {
		n.heal(p)
	}
}

func (n *Network) heal(p pair) {
	if healed := n.cuts[p]; healed != nil {
		close(healed)
		delete(n.cuts, p)
	}
}

// IsCut reports whether the direction is cut.
func (n *Network) IsCut(from, to string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cuts[pair{from, to}] != nil
}

// Await returns nil once the direction is not cut, or the cause of ctx's end.
func (n *Network) Await(ctx context.Context, from, to string) error {
	for {
		n.mu.Lock()
		healed := n.cuts[pair{from, to}]
		n.mu.Unlock()
		if healed == nil {
			return nil
		}
		select {
		case <-healed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Rules returns what holds between the regions that are placed, and every cut,
// ordered by names.
func (n *Network) Rules() []Rule {
	n.mu.Lock()
	defer n.mu.Unlock()
	rules := make(map[pair]Rule)
	add := func(p pair) {
		r := Rule{From: p.from, To: p.to, Cut: n.cuts[p] != nil}
		if w := n.ways[p]; w != nil {
			r.Delay = w.delay
		}
		rules[p] = r
	}
	for _, from := range n.placed {
		for _, to := range n.placed {
			if from != to {
				add(pair{from, to})
			}
		}
	}
	for p := range n.cuts {
		add(p)
	}
	return slices.SortedFunc(maps.Values(rules), func(r, s Rule) int {
		return cmp.Or(cmp.Compare(r.From, s.From), cmp.Compare(r.To, s.To))
	})
}

// known returns the regions of the matrix, then the placed ones it lacks.
func (n *Network) known() []string {
	known := slices.Clone(n.regions)
	for _, region := range slices.Sorted(maps.Values(n.placed)) {
		if !slices.Contains(known, region) {
			known = append(known, region)
		}
	}
	return known
}
