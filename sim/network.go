package sim

import (
	"slices"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// Regions are where machines stand: of AWS, and far apart.
var regionNames = [...]string{"us-east", "eu-central", "ap-northeast", "us-west", "sa-east"}

// oneWay is half the median round trip between two regions over the year to May
// 2025, in microseconds; the diagonal is half that between two zones of one
// region (measured by cloudping.co; zones: IBM's published matrix).
var oneWay = [len(regionNames)][len(regionNames)]int64{
	{380, 46535, 74690, 32135, 57605},
	{46305, 380, 113540, 71165, 101975},
	{74575, 113815, 380, 49230, 128685},
	{31985, 71300, 49025, 380, 87215},
	{57695, 102430, 129025, 87525, 380},
}

// jitter is what comes on top of a delay, in permille of it: up to the 99th
// percentile as the worst tenth of Azure's pairs of regions had it in 2026,
// beyond as AWS had it in 2013.
var jitter = table{{0, 0}, {32768, 20}, {58982, 190}, {62259, 250}, {64881, 400}, {65470, 1500}, {65536, 4000}}

// A link leads from one machine to another.
type link struct{ from, to int }

// A network loses, repeats and delays messages, each by itself.
type network struct {
	seed    uint64
	calm    bool
	regions []int           // of each machine
	faults  []*Fault        // that last now, in the order in which they began
	latest  []time.Duration // by link, when its last message arrives; nil for datagrams
}

// A fate is what becomes of one message: when its copies arrive, if any does.
type fate struct {
	copies int
	after  [2]time.Duration
}

// fate draws what becomes of message id on l.
func (n *network) fate(l link, id uint64) fate {
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
	f.after[0] = held + n.delay(l, Draw(n.seed, "delay", a, b, id))
	// The copy of a message takes another way, up to a second longer.
	f.after[1] = n.delay(l, Draw(n.seed, "delay of copy", a, b, id)) + between(Draw(n.seed, "copy", a, b, id), 0, time.Second)
	return f
}

// arrival returns when a message arrives on l that would, alone, at at. On a stream
// it comes after the one before it.
func (n *network) arrival(l link, at time.Duration) time.Duration {
	if n.latest == nil {
		return at
	}
	last := &n.latest[l.from*len(n.regions)+l.to]
	*last = max(*last+1, at)
	return *last
}

// delay turns a draw into the time that a message is on its way.
func (n *network) delay(l link, draw uint64) time.Duration {
	d := time.Duration(oneWay[n.regions[l.from]][n.regions[l.to]]) * time.Microsecond
	if n.calm {
		return d
	}
	return d + d*time.Duration(jitter.at(draw))/1000
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
