package history

import (
	"fmt"
	"math/bits"
)

// This file is how old what is read is.

// Staleness is how old reads were.
type Staleness struct {
	// Reads is how many there were, Stale how many of them missed a write that was
	// acknowledged before they began.
	Reads, Stale uint64
	// Time is for how long, in nanoseconds, a stale read's version had been superseded
	// by an acknowledged write. Missed is how many acknowledged writes it missed.
	Time, Missed Histogram
	// Pairs are the chances to see a write, by pair of regions, ordered.
	Pairs []Visibility
}

// A Visibility is how likely reads in the region To saw the latest write that was
// acknowledged before they began, which was made in From.
type Visibility struct {
	From, To string
	cells    [visibilityCells]cell
}

// A cell is of reads that began about equally long after the acknowledgement.
type cell struct{ reads, fresh uint64 }

const (
	visibilityFine  = 2  // four cells for each doubling of the time
	visibilityFrom  = 56 // the bucket of 2^15 ns: what is below lies in the first cell
	visibilityCells = 104
)

func visibilityCell(after int64) int {
	return min(max(bucket(after, visibilityFine)-visibilityFrom, 0), visibilityCells-1)
}

// A Point is a part of a curve: of reads that began from After nanoseconds on after
// the acknowledgement and before that of the next point. Low and High bound the share
// of fresh ones, in millionths, at 95 % confidence (Wilson, 1927).
type Point struct {
	After        int64
	Reads, Fresh uint64
	Low, High    uint64
}

// Curve returns the parts that have reads, ascending.
func (v *Visibility) Curve() []Point {
	var points []Point
	for i, c := range v.cells {
		if c.reads == 0 {
			continue
		}
		p := Point{Reads: c.reads, Fresh: c.fresh}
		if i > 0 {
			p.After = least(i+visibilityFrom, visibilityFine)
		}
		p.Low, p.High = wilson(c.fresh, c.reads)
		points = append(points, p)
	}
	return points
}

// wilson returns the bounds of a share k of n, in millionths, at 95 % confidence. It
// reckons in integers, as exact here as everywhere: z² is 3.8416, in ten-thousandths.
func wilson(k, n uint64) (low, high uint64) {
	const unit, z2, million = 10_000, 38_416, 1_000_000
	n, k = min(n, 1<<31), min(k, 1<<31)
	hi, lo := bits.Mul64(4*unit*k, n-k)
	variance, _ := bits.Div64(hi, lo, n)
	hi, lo = bits.Mul64(z2, z2+variance)
	spread := root(hi, lo)
	middle, whole := 2*unit*k+z2, 2*(unit*n+z2)
	part := func(x uint64) uint64 {
		hi, lo := bits.Mul64(x, million)
		share, _ := bits.Div64(hi, lo, whole)
		return share
	}
	return part(middle - min(spread, middle)), part(min(middle+spread, whole))
}

// root returns the square root of a number of two words, rounded down.
func root(hi, lo uint64) uint64 {
	var r uint64
	for bit := uint64(1) << 63; bit > 0; bit >>= 1 {
		if h, l := bits.Mul64(r|bit, r|bit); h < hi || h == hi && l <= lo {
			r |= bit
		}
	}
	return r
}

// Staleness measures how stale reads were, and checks BoundedStaleness and TTL.
func (x *Index) Staleness() (Staleness, []Finding) {
	h := x.h
	var result Staleness
	bounded, ttl := Finding{Property: BoundedStaleness}, Finding{Property: TTL}
	regions := len(h.regions.texts)
	pairs := make([]*Visibility, regions*regions)
	tree := make([]uint32, len(x.writer)+1)
	for key := range uint32(len(h.keys.texts)) {
		ended := x.returned.of(key)
		acked := counter{tree: tree[x.base[key] : x.base[key+1]+1]}
		latest := uint32(none)
		for _, op := range x.invoked.of(key) {
			began, slot := h.invoked[op], x.slot[op]
			if h.kind[op].isWrite() {
				continue
			}
			for ; len(ended) > 0 && h.returned[ended[0]] < began; ended = ended[1:] {
				if w := ended[0]; h.kind[w].isWrite() && h.returned[w] == x.acked[x.slot[w]] {
					latest = x.slot[w]
					acked.add(latest - x.base[key])
				}
			}
			result.Reads++
			if latest != none {
				from, to := h.regionOf[h.node[x.writer[latest]]], h.regionOf[h.node[op]]
				pair := &pairs[int(from)*regions+int(to)]
				if *pair == nil {
					*pair = &Visibility{From: h.regions.texts[from], To: h.regions.texts[to]}
				}
				c := &(*pair).cells[visibilityCell(began-x.acked[latest])]
				c.reads++
				if slot >= latest {
					c.fresh++
				}
			}
			var stale int64
			var missed uint64
			if x.after[slot] < began {
				stale, missed = began-x.after[slot], uint64(acked.above(slot-x.base[key]))
				result.Stale++
				result.Time.add(stale)
				result.Missed.add(int64(missed))
			}
			if o := &x.o; o.Bound > 0 || o.Behind > 0 {
				bounded.Checked++
				if o.Bound > 0 && stale > int64(o.Bound) || o.Behind > 0 && missed > o.Behind {
					x.convictStale(&bounded, op, stale, missed)
				}
			}
			if x.o.TTL > 0 {
				ttl.Checked++
				if stale > int64(x.o.TTL+x.o.Bound) {
					x.convictStale(&ttl, op, stale, missed)
				}
			}
		}
	}
	for _, pair := range pairs {
		if pair != nil {
			result.Pairs = append(result.Pairs, *pair)
		}
	}
	return result, []Finding{bounded, ttl}
}

// convictStale counts a read that is more stale than f allows.
func (x *Index) convictStale(f *Finding, op uint32, stale int64, missed uint64) {
	if !x.isFirst(f, op) {
		f.Violations++
		return
	}
	x.convict(f, op, x.firstAcked(op), ackedBefore, nil)
	f.Says += fmt.Sprintf("; that is %d ns stale and misses %d acknowledged writes", stale, missed)
}

// firstAcked returns the first newer version to be acknowledged than what op read.
func (x *Index) firstAcked(op uint32) uint32 {
	slot := x.slot[op]
	for s := slot + 1; ; s++ {
		if x.acked[s] == x.after[slot] {
			return s
		}
	}
}

// A counter counts slots in a Fenwick tree.
type counter struct {
	tree []uint32
	n    uint32
}

func (c *counter) add(slot uint32) {
	c.n++
	for i := slot + 1; i < uint32(len(c.tree)); i += i & -i {
		c.tree[i]++
	}
}

// above returns how many of those added are above slot.
func (c *counter) above(slot uint32) uint32 {
	n := c.n
	for i := slot + 1; i > 0; i -= i & -i {
		n -= c.tree[i]
	}
	return n
}
