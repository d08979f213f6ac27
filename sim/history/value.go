package history

import (
	"fmt"
	"slices"
)

// This file is what every single operation has to be, whatever its session.

// ThinAir checks NoThinAirReads: what is read was written, as it is read, by a write
// that had begun.
func (x *Index) ThinAir() Finding {
	f, h := Finding{Property: NoThinAirReads}, x.h
	for op, slot := range x.slot {
		if slot == none || h.kind[op].isWrite() || h.flags[op]&collected != 0 {
			continue
		}
		f.Checked++
		w := x.writer[slot]
		switch {
		case x.stamps[slot] == (stamp{}):
		case w == none:
			x.convict(&f, uint32(op), none, "nobody wrote that", nil)
		case h.returned[op] < x.began[slot]:
			x.convict(&f, uint32(op), none, "that write began only after the read had ended", nil)
		case h.flags[op]&tombstone == 0 && h.flags[w]&tombstone == 0 && h.hash[op] == h.hash[w]:
		case h.flags[op]&tombstone != 0 && x.has(slot, tombstone|lapses):
		default:
			x.convict(&f, uint32(op), none, "the content differs from what was written", nil)
		}
	}
	for _, both := range x.doubled {
		f.Checked++
		x.convict(&f, both[1], x.slot[both[0]], sharedVersion, nil)
	}
	return f
}

// Clock checks HLCMonotone, that a node stamps a write above all that it had stamped
// or applied before the write began, and HLCPhysicalAhead, that no version is ahead of
// the true time by more than MaxOffset.
func (x *Index) Clock() []Finding {
	monotone, ahead := Finding{Property: HLCMonotone}, Finding{Property: HLCPhysicalAhead}
	h := x.h
	applied := groupBy(x.byApplied, h.applied.node, len(h.nodes.texts))
	for node := range uint32(len(h.nodes.texts)) {
		ended, merged := x.byNodeEnded.of(node), applied.of(node)
		newest := uint32(none)
		raise := func(slot uint32) {
			if newest == none || x.stamps[slot].compare(x.stamps[newest]) > 0 {
				newest = slot
			}
		}
		for _, op := range x.byNode.of(node) {
			began, slot := h.invoked[op], x.slot[op]
			for ; len(ended) > 0 && h.returned[ended[0]] < began; ended = ended[1:] {
				raise(x.slot[ended[0]])
			}
			for ; len(merged) > 0 && h.applied.at[merged[0]] < began; merged = merged[1:] {
				raise(x.applied[merged[0]])
			}
			monotone.Checked++
			if newest != none && x.writer[slot] == op && !isLater(x.stamps[slot], x.stamps[newest]) {
				x.convict(&monotone, op, newest, appliedBefore, nil)
			}
			if x.o.MaxOffset > 0 && h.outcome[op] == OK && !slices.Contains(x.o.Astray, node) {
				ahead.Checked++
				if by := x.stamps[slot].wall - x.o.Epoch - h.returned[op]; by > int64(x.o.MaxOffset) {
					x.convict(&ahead, op, none, fmt.Sprintf("that is %d ns ahead of the true time", by), nil)
				}
			}
		}
	}
	return []Finding{monotone, ahead}
}

func isLater(s, t stamp) bool { return s.wall > t.wall || s.wall == t.wall && s.logical > t.logical }
