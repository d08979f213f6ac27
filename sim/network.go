package sim

import (
	"slices"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// A link leads from one machine to another.
type link struct{ from, to int }

// A network loses, repeats and delays messages, each by itself.
type network struct {
	*Network
	seed    uint64
	calm    bool
	regions []int           // of each machine
	faults  []*Fault        // that last now, in the order in which they began
	latest  []time.Duration // by link, when its last message arrives; nil for datagrams
	busy    []time.Duration // by link, when all that waits for it has left; nil where nothing waits
}

// newNetwork returns the network of cfg, to which no machine is joined yet.
func newNetwork(cfg Config) network {
	n := network{Network: cfg.Network, seed: cfg.Seed, calm: cfg.Calm, regions: cfg.Topology.Home}
	if cfg.Links == Streams {
		n.latest = make([]time.Duration, cfg.Nodes*cfg.Nodes)
	}
	if n.Rate > 0 {
		n.busy = make([]time.Duration, cfg.Nodes*cfg.Nodes)
	}
	return n
}

// A fate is what becomes of one message: when its copies arrive, if any does.
type fate struct {
	copies int
	after  [2]time.Duration
}

// fate draws what becomes of message id, of size bytes, that enters l at now.
func (n *network) fate(l link, id uint64, now time.Duration, size int) fate {
	a, b := uint64(l.from), uint64(l.to)
	f := fate{copies: 1}
	var held time.Duration
	for _, x := range n.faults {
		switch x.Kind {
		case CutOneWay, CutRegion:
			if x.severs(l.from, l.to) {
				return fate{}
			}
		case Loss:
			if happens(Draw(n.seed, "lost", x.ID, a, b, id), x.Permille) {
				return fate{}
			}
		case Duplicate:
			if happens(Draw(n.seed, "repeated", x.ID, a, b, id), x.Permille) {
				f.copies = 2
			}
		case Reorder:
			if happens(Draw(n.seed, "held back", x.ID, a, b, id), x.Permille) {
				held += between(Draw(n.seed, "held back for", x.ID, a, b, id), 0, x.Amount)
			}
		}
	}
	again, lost := n.lose(l, id, now)
	queued, full := n.wait(l, now, size)
	if lost || full {
		return fate{}
	}
	held += again + queued
	f.after[0] = held + n.delay(l, Draw(n.seed, "delay", a, b, id))
	// The copy of a message takes another way, up to a second longer.
	f.after[1] = n.delay(l, Draw(n.seed, "delay of copy", a, b, id)) + between(Draw(n.seed, "copy", a, b, id), 0, time.Second)
	return f
}

// lose draws whether the network loses message id on l or, on a stream, how long it
// takes until one of its copies gets through.
func (n *network) lose(l link, id uint64, now time.Duration) (again time.Duration, lost bool) {
	share := n.Losses.PerMillion
	a, b := uint64(l.from), uint64(l.to)
	if n.Losses.Bad > 0 && below(Draw(n.seed, "bad", a, b, uint64(now/burst)), 1_000_000) < uint64(n.Losses.Bad) {
		share = n.Losses.BadPerMillion
	}
	if share == 0 {
		return 0, false
	}
	for try := range uint64(maxTries) {
		if below(Draw(n.seed, "dropped", a, b, id, try), 1_000_000) >= uint64(share) {
			return again, false
		}
		if n.latest == nil {
			break
		}
		again += min(n.timeout(l)<<try, maxTimeout)
	}
	return 0, true
}

// A stream sends again what was not confirmed in time, each try waiting twice as long
// (RFC 6298), and breaks after maxTries.
const (
	minTimeout = 200 * time.Millisecond // as Linux has it
	maxTimeout = 3 * time.Second
	maxTries   = 8
)

// timeout is how long a stream over l waits at first: four times the deviation above the
// round trip, for which its 99th percentile stands.
func (n *network) timeout(l link) time.Duration {
	there, back := &n.Paths[n.regions[l.from]][n.regions[l.to]], &n.Paths[n.regions[l.to]][n.regions[l.from]]
	const percentile99 = 64881 << 48
	return max(minTimeout, there.at(percentile99)+back.at(percentile99))
}

// wait lets a message of size bytes queue for l, and returns for how long.
func (n *network) wait(l link, now time.Duration, size int) (queued time.Duration, full bool) {
	if n.busy == nil || n.regions[l.from] == n.regions[l.to] {
		return 0, false
	}
	busy := &n.busy[n.index(l)]
	begin := max(*busy, now)
	if n.Queue > 0 && begin > now && n.bytesIn(begin-now)+int64(size) > n.Queue {
		return 0, true
	}
	*busy = begin + time.Duration(int64(size)*int64(time.Second)/n.Rate)
	return *busy - now, false
}

// bytesIn returns how much a link gets through in d.
func (n *network) bytesIn(d time.Duration) int64 {
	return d.Microseconds() * n.Rate / int64(time.Second/time.Microsecond)
}

func (n *network) index(l link) int { return l.from*len(n.regions) + l.to }

// arrival returns when a message arrives on l that would, alone, at at. On a stream
// it comes after the one before it.
func (n *network) arrival(l link, at time.Duration) time.Duration {
	if n.latest == nil {
		return at
	}
	last := &n.latest[n.index(l)]
	*last = max(*last+1, at)
	return *last
}

// delay turns a draw into the time that a message is on its way.
func (n *network) delay(l link, draw uint64) time.Duration {
	path := &n.Paths[n.regions[l.from]][n.regions[l.to]]
	if n.calm {
		return path.Least
	}
	d := path.at(draw)
	if n.Offset > 0 {
		d += between(Draw(n.seed, "offset", uint64(l.from), uint64(l.to)), 0, n.Offset)
	}
	return d
}

// at turns a draw into the time that a message takes.
func (p *Path) at(draw uint64) time.Duration {
	return p.Least + p.Least*time.Duration(p.Jitter.at(draw))/1000
}

// severed reports whether what machine from sends to machine to is lost now.
func (n *network) severed(from, to int) bool {
	for _, f := range n.faults {
		if f.severs(from, to) {
			return true
		}
	}
	return false
}

// Draws for a message are keyed by what it holds and by when it leaves, in
// these steps. Without the time a message that is sent again would meet the
// same fate for ever; with a finer one, the fate of all that follows would turn
// on the microsecond at which it left.
const (
	statusStep = 10 * time.Millisecond
	streamStep = 100 * time.Millisecond
)

// messageID names a message that leaves at now for the draws made for it.
func messageID(m gossip.Message, now time.Duration) uint64 {
	switch m := m.(type) {
	case *gossip.Frame:
		return Draw(hashOrigin(m.Origin), "frame", m.From, m.Through(), uint64(now/streamStep))
	case *gossip.Pull:
		h := uint64(0)
		for _, mark := range m.From {
			h = mix(h ^ hashOrigin(mark.Origin) ^ mark.Seq)
		}
		return Draw(h, "pull", uint64(now/streamStep))
	case *gossip.Chunk:
		return Draw(m.Upload.Life, "chunk", m.Upload.Number, uint64(m.Offset), uint64(now/streamStep))
	case *gossip.Fetch:
		p := m.Pieces[0]
		return Draw(p.Upload.Life, "fetch", p.Upload.Number, uint64(p.Offset), uint64(now/streamStep))
	case *gossip.Offer:
		return Draw(m.Manifest.Upload.Life, "offer", m.Manifest.Upload.Number, uint64(now/streamStep))
	case *gossip.Has:
		return Draw(m.Upload.Life, "has", m.Upload.Number, uint64(now/streamStep))
	case *gossip.Page:
		return Draw(m.Number, "page", hashText(0, m.From.String()), uint64(now/streamStep))
	case *gossip.Scan:
		return Draw(m.Number, "scan", hashText(0, m.From.String()), uint64(now/streamStep))
	default:
		return Draw(0, "status", uint64(now/statusStep))
	}
}

func hashOrigin(o store.Origin) uint64 {
	h := hashText(0, string(o.Node))
	h = mix(h ^ uint64(o.Incarnation.Start.Wall))
	return mix(h ^ uint64(o.Incarnation.Start.Logical)<<32 ^ uint64(o.Incarnation.Nonce))
}

// drop ends a fault.
func (n *network) drop(f *Fault) {
	if i := slices.Index(n.faults, f); i >= 0 {
		n.faults = slices.Delete(n.faults, i, i+1)
	}
}
