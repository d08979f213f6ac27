package history

import (
	"fmt"
	"slices"
)

// This file is what replicas hold: how soon, and in the end.

// A Latency is how long after its acknowledgement a write made in the region From was
// held by nodes of the region To, itself or a newer version: a case for each node but
// the writer's.
type Latency struct {
	From, To string
	Time     Histogram // nanoseconds
}

// Latency measures how soon writes were visible, by pair of regions, ordered.
func (x *Index) Latency() []Latency {
	h := x.h
	byKey := groupBy(x.byApplied, h.applied.key, len(h.keys.texts))
	regions := len(h.regions.texts)
	times := make([]Histogram, regions*regions)
	holds := make([]uint32, len(h.nodes.texts)) // by node: the newest slot of this key
	for key := range uint32(len(h.keys.texts)) {
		for node := range holds {
			holds[node] = x.base[key]
		}
		for _, i := range byKey.of(key) {
			node, at := h.applied.node[i], h.applied.at[i]
			for slot := holds[node] + 1; slot <= x.applied[i]; slot++ {
				w := x.writer[slot]
				if w == none || x.acked[slot] == never || h.node[w] == node {
					continue
				}
				from, to := h.regionOf[h.node[w]], h.regionOf[node]
				times[int(from)*regions+int(to)].add(max(at-x.acked[slot], 0))
			}
			holds[node] = max(holds[node], x.applied[i])
		}
	}
	var latencies []Latency
	for i, t := range times {
		if t.Count() > 0 {
			latencies = append(latencies, Latency{h.regions.texts[i/regions], h.regions.texts[i%regions], t})
		}
	}
	return latencies
}

// Replicas checks what the nodes hold in the end: Convergence, that all show the same,
// and NoLostAckedWrite, that some node holds each acknowledged write or a newer one.
func (x *Index) Replicas() []Finding {
	h := x.h
	converged, kept := Finding{Property: Convergence}, Finding{Property: NoLostAckedWrite}
	if len(h.ended) == 0 {
		return []Finding{converged, kept}
	}
	byKey := groupBy(upTo(len(h.held.key)), h.held.key, len(h.keys.texts))
	at := filled(len(h.nodes.texts)) // by node: what it holds of this key, none for nothing
	for key := range uint32(len(h.keys.texts)) {
		held := byKey.of(key)
		for _, i := range held {
			at[h.held.node[i]] = i
		}
		converged.Checked++
		kept.Checked++
		first, newest := at[h.ended[0].node], x.base[key]
		for _, e := range h.ended {
			i := at[e.node]
			if !x.showsAlike(first, i) {
				x.convictKey(&converged, func() string {
					return fmt.Sprintf("%s shows %s of %s, %s shows %s", h.nodes.texts[h.ended[0].node], x.shows(first),
						h.keys.texts[key], h.nodes.texts[e.node], x.shows(i))
				}, x.writerOf(first), x.writerOf(i))
				break
			}
		}
		for _, e := range h.ended {
			if i := at[e.node]; i != none {
				newest = max(newest, x.held[i])
			} else {
				newest = max(newest, x.collectedAt(key, e.floor))
			}
		}
		x.lost(&kept, key, newest)
		for _, i := range held {
			at[h.held.node[i]] = none
		}
	}
	return []Finding{converged, kept}
}

// showsAlike reports whether a client is shown the same by both Holds, of one key.
func (x *Index) showsAlike(a, b uint32) bool {
	hash := x.h.held.hash
	switch {
	case a == none || hash[a] == 0:
		return b == none || hash[b] == 0
	case b == none || hash[b] == 0:
		return false
	}
	return x.held[a] == x.held[b] && hash[a] == hash[b]
}

func (x *Index) shows(hold uint32) string {
	if hold == none || x.h.held.hash[hold] == 0 {
		return "nothing"
	}
	return x.version(x.held[hold])
}

// writerOf returns the operation that wrote what a Hold is of, none if there is no such.
func (x *Index) writerOf(hold uint32) uint32 {
	if hold == none {
		return none
	}
	return x.writer[x.held[hold]]
}

// convictKey counts a key as a violation, and has says tell the first.
func (x *Index) convictKey(f *Finding, says func() string, witness ...uint32) {
	f.Violations++
	if f.Says == "" {
		f.Says = says()
		f.see(witness...)
	}
}

// lost checks the acknowledged writes of a key against the newest version that is
// held in the end.
func (x *Index) lost(f *Finding, key, newest uint32) {
	for s := newest; s > x.base[key]; s-- {
		if s < newest && x.acked[s] < never {
			f.Superseded++
		}
	}
	name := x.h.keys.texts[key]
	switch {
	case x.writer[newest] == none && newest > x.base[key]:
		x.convictKey(f, func() string { return fmt.Sprintf("in the end %s is held of %s", x.version(newest), name) })
	case x.after[newest] < never:
		lost := newest + 1
		for x.acked[lost] != x.after[newest] {
			lost++
		}
		x.convictKey(f, func() string {
			return fmt.Sprintf("%s, and was acknowledged, but in the end nobody holds more of %s than %s", x.tell(x.writer[lost]), name, x.version(newest))
		}, x.writer[newest], x.writer[lost])
	}
}

// Resurrection checks NoResurrection: nobody is shown what a delete hides that was
// acknowledged before Settled, or Grace before the read.
func (x *Index) Resurrection() Finding {
	f, h := Finding{Property: NoResurrection}, x.h
	if x.o.Grace == 0 && x.o.Settled == 0 {
		return f
	}
	for op, slot := range x.slot {
		if slot == none || h.kind[op].isWrite() {
			continue
		}
		f.Checked++
		if h.flags[op]&(tombstone|collected) != 0 || x.stamps[slot] == (stamp{}) {
			continue
		}
		deleted, began := x.buried[slot], h.invoked[op]
		if x.o.Grace > 0 && deleted+int64(x.o.Grace) < began || deleted <= x.o.Settled && x.o.Settled < began {
			if !x.isFirst(&f, uint32(op)) {
				f.Violations++
				continue
			}
			x.convict(&f, uint32(op), x.hidingDelete(slot), deletedBefore, nil)
		}
	}
	return f
}

// hidingDelete returns the first acknowledged delete that hides slot.
func (x *Index) hidingDelete(slot uint32) uint32 {
	for s := slot + 1; ; s++ {
		if x.acked[s] == x.buried[slot] && x.has(s, tombstone) {
			return s
		}
	}
}

// A Share is how many operations of one kind were answered in time, of all in one
// region during one window; the window is empty for the whole run.
type Share struct {
	Region, Window  string
	Kind            Kind
	Asked, Answered uint64
}

// Availability counts what was answered within the deadline, by region, window and
// kind, ordered; what nobody asked for is left out. A node that is down was not asked.
// The finding holds if every node that was asked has answered everything: total
// availability.
func (x *Index) Availability() ([]Share, Finding) {
	h, f := x.h, Finding{Property: Availability}
	windows := append([]Window{{From: always, To: never}}, x.o.Windows...)
	shares := make([]Share, 0, len(h.regions.texts)*len(windows)*int(kinds))
	for _, region := range h.regions.texts {
		for _, w := range windows {
			for kind := range kinds {
				shares = append(shares, Share{Region: region, Window: w.Name, Kind: kind})
			}
		}
	}
	for op, kind := range h.kind {
		answered := h.outcome[op] == OK && (x.o.Deadline == 0 || h.returned[op]-h.invoked[op] <= int64(x.o.Deadline))
		f.Checked++
		if !answered {
			x.convictUnanswered(&f, uint32(op))
		}
		for i, w := range windows {
			if h.invoked[op] < w.From || h.invoked[op] >= w.To {
				continue
			}
			s := &shares[(int(h.regionOf[h.node[op]])*len(windows)+i)*int(kinds)+int(kind)]
			s.Asked++
			if answered {
				s.Answered++
			}
		}
	}
	return slices.DeleteFunc(shares, func(s Share) bool { return s.Asked == 0 }), f
}

func (x *Index) convictUnanswered(f *Finding, op uint32) {
	f.Violations++
	if x.isFirst(f, op) {
		f.Witness, f.Says = []uint32{op}, x.tell(op)+", but was not answered in time"
	}
}
