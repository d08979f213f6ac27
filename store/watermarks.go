package store

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// A Mark is how far a replica is with the writes of one origin.
type Mark struct {
	Origin Origin
	Seq    uint64
}

// Watermarks says, per origin, the Seq up to which a replica holds every write
// or something that supersedes it. It is a list sorted by origin, not a map, so
// that loops, frames and traces all see one order.
type Watermarks []Mark

func (w Watermarks) find(o Origin) (int, bool) {
	return slices.BinarySearchFunc(w, o, func(m Mark, o Origin) int { return m.Origin.Compare(o) })
}

// At returns the watermark of origin, 0 if nothing of it is held.
func (w Watermarks) At(origin Origin) uint64 {
	seq, _ := w.Find(origin)
	return seq
}

// Find returns the watermark of origin, and whether w names that.
func (w Watermarks) Find(origin Origin) (seq uint64, named bool) {
	if i, ok := w.find(origin); ok {
		return w[i].Seq, true
	}
	return 0, false
}

// Of returns the part of w that is of node's origins. It shares w's memory.
func (w Watermarks) Of(node NodeID) Watermarks {
	i := sort.Search(len(w), func(i int) bool { return w[i].Origin.Node >= node })
	j := i
	for j < len(w) && w[j].Origin.Node == node {
		j++
	}
	return w[i:j:j]
}

// Set makes seq the watermark of origin, inserting the origin if it is new.
func (w *Watermarks) Set(origin Origin, seq uint64) {
	i, ok := w.find(origin)
	if !ok {
		*w = slices.Insert(*w, i, Mark{Origin: origin})
	}
	(*w)[i].Seq = seq
}

// Reset is Set, but takes the origin out if seq is 0.
func (w *Watermarks) Reset(origin Origin, seq uint64) {
	if seq > 0 {
		w.Set(origin, seq)
	} else if i, ok := w.find(origin); ok {
		*w = slices.Delete(*w, i, i+1)
	}
}

// Raise moves the watermark of origin up to seq, never down, and reports
// whether it moved.
func (w *Watermarks) Raise(origin Origin, seq uint64) bool {
	if seq <= w.At(origin) {
		return false
	}
	w.Set(origin, seq)
	return true
}

// Covers reports whether w is at least as far as v with every origin of v.
func (w Watermarks) Covers(v Watermarks) bool {
	for _, m := range v {
		if w.At(m.Origin) < m.Seq {
			return false
		}
	}
	return true
}

// Clone returns a copy that shares nothing with w.
func (w Watermarks) Clone() Watermarks { return slices.Clone(w) }

func (w Watermarks) String() string {
	var b strings.Builder
	for i, m := range w {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%v:%d", m.Origin, m.Seq)
	}
	return b.String()
}
