package history

import (
	"cmp"
	"fmt"
	"slices"
)

// This file is what real time demands. A history is linearizable if each of its keys
// is.

// Order checks LWWInversion, that no acknowledged write loses to what had ended before
// it began, and LinearizableInOrder, that some order of all operations in which
// versions rise explains all of them.
func (x *Index) Order() []Finding {
	inversion, linear := Finding{Property: LWWInversion}, Finding{Property: LinearizableInOrder}
	h := x.h
	for key := range uint32(len(h.keys.texts)) {
		newest, ended := x.base[key], x.returned.of(key)
		by := uint32(none) // the first to end of newest
		via := func() []uint32 { return []uint32{by} }
		for _, op := range x.invoked.of(key) {
			for ; len(ended) > 0 && h.returned[ended[0]] < h.invoked[op]; ended = ended[1:] {
				if slot := x.slot[ended[0]]; slot > newest {
					newest, by = slot, ended[0]
				}
			}
			linear.Checked++
			slot := x.slot[op]
			switch {
			case h.kind[op].isWrite():
				inversion.Checked++
				if slot < newest && h.outcome[op] == OK {
					x.convict(&inversion, op, newest, endedBefore, via)
				}
				if slot <= newest && x.writer[slot] == op {
					x.convict(&linear, op, newest, endedBefore, via)
				}
			case slot < newest:
				x.convict(&linear, op, newest, endedBefore, via)
			case x.isThinAir(op):
				x.convict(&linear, op, none, "nobody wrote that", nil)
			}
		}
	}
	return []Finding{inversion, linear}
}

// A zone is a write and the reads that found it. Its operations stand together in any
// linear order, so they stand after every other zone of which one operation ended
// before one of them began (Gibbons and Korach, "Testing Shared Memories", 1997).
type zone struct {
	ended   int64 // the first that any of them ended
	written int64 // when the write began
	read    int64 // the last that any of the reads began
	first   uint32
	last    uint32 // the operations of ended and read
	slot    uint32
}

// begun returns when the last of z's operations began, if reads had begun earlier.
func (z *zone) begun(earlier int64) int64 {
	if z.read == always {
		return z.written
	}
	return max(z.written, z.read-earlier)
}

// Zones checks Linearizable, in any order of versions. It also returns the least
// time by which all reads would have had to begin earlier to make it so.
func (x *Index) Zones() (Finding, int64) {
	f, far := Finding{Property: Linearizable}, int64(0)
	var zones []zone
	for key := range uint32(len(x.h.keys.texts)) {
		ops := x.invoked.of(key)
		if len(ops) == 0 {
			continue
		}
		f.Checked++
		var impossible uint32
		zones, impossible = x.zones(zones[:0], key, ops)
		if impossible != none {
			x.convict(&f, impossible, none, "nobody had begun to write that", nil)
			continue
		}
		a, b := conflict(zones, 0)
		if a == nil {
			continue
		}
		x.convictZones(&f, a, b)
		if a, _ = conflict(zones, far); a != nil {
			far = leastWithout(zones, far)
		}
	}
	return f, far
}

// leastWithout returns how much earlier reads have to begin, more than far, for there
// to be no conflict. If they begin before all else there is none.
func leastWithout(zones []zone, far int64) int64 {
	isEnough := func(earlier int64) bool {
		a, _ := conflict(zones, earlier)
		return a == nil
	}
	enough := far + 1
	for !isEnough(enough) {
		far, enough = enough, 2*enough
	}
	for enough-far > 1 {
		if mid := far + (enough-far)/2; isEnough(mid) {
			enough = mid
		} else {
			far = mid
		}
	}
	return enough
}

// zones appends the zones of a key, by when they ended. A read that cannot be
// explained by any order is returned as impossible.
func (x *Index) zones(zones []zone, key uint32, ops []uint32) (_ []zone, impossible uint32) {
	h, base := x.h, x.base[key]
	for s := base; s < x.base[key+1]; s++ {
		z := zone{ended: x.acked[s], written: x.began[s], read: always, first: x.writer[s], last: x.writer[s], slot: s}
		zones = append(zones, z)
	}
	for _, op := range ops {
		z := &zones[x.slot[op]-base]
		if h.kind[op].isWrite() {
			continue
		}
		if x.isThinAir(op) || h.returned[op] < z.written {
			return nil, op
		}
		if h.returned[op] < z.ended {
			z.ended, z.first = h.returned[op], op
		}
		if h.invoked[op] > z.read {
			z.read = h.invoked[op]
			if z.read > z.written {
				z.last = op
			}
		}
	}
	slices.SortFunc(zones, func(a, b zone) int { return cmp.Compare(a.ended, b.ended) })
	return zones, none
}

// conflict finds two zones that have to stand before one another if reads had begun
// earlier; nil if there are none. Of the zones that ended before z it is enough to look
// at the one that began last: if another is in conflict with z, then that one with it.
func conflict(zones []zone, earlier int64) (a, b *zone) {
	last := &zones[0]
	for i := range zones {
		z := &zones[i]
		begun := z.begun(earlier)
		switch latest := last.begun(earlier); {
		case latest > z.ended && begun > last.ended && z != last:
			return last, z
		case begun > latest:
			last = z
		}
	}
	return nil, nil
}

// convictZones counts a key whose zones a and b are in conflict.
func (x *Index) convictZones(f *Finding, a, b *zone) {
	f.Violations++
	op := a.last
	if x.h.invoked[b.last] > x.h.invoked[op] {
		op = b.last
	}
	if !x.isFirst(f, op) {
		return
	}
	f.Witness = nil
	for _, seen := range []uint32{a.first, a.last, b.first, b.last, op} {
		f.see(seen)
	}
	f.Says = fmt.Sprintf("%s; %s and %s were each seen after the other", x.tell(op), x.version(a.slot), x.version(b.slot))
}
