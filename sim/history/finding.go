package history

import (
	"fmt"
	"slices"
	"strings"
)

// A Property is something that a history has or has not, by its name in scenarios.
type Property string

// The properties. DESIGN.md defines them.
const (
	NoThinAirReads      Property = "no_thin_air_reads"
	ReadYourWrites      Property = "read_your_writes"
	MonotonicReads      Property = "monotonic_reads"
	MonotonicWrites     Property = "monotonic_writes"
	WritesFollowReads   Property = "writes_follow_reads"
	PRAM                Property = "pram"
	Causal              Property = "causal"
	ConsistentPrefix    Property = "consistent_prefix"
	SessionTokens       Property = "session_tokens"
	SequentialPerKey    Property = "sequential_per_key"
	BoundedStaleness    Property = "bounded_staleness"
	TTL                 Property = "ttl"
	LWWInversion        Property = "lww_inversion"
	Linearizable        Property = "linearizable"
	LinearizableInOrder Property = "linearizable_in_version_order"
	Convergence         Property = "convergence"
	NoLostAckedWrite    Property = "no_lost_acked_write"
	NoResurrection      Property = "no_resurrection"
	HLCMonotone         Property = "hlc_monotone"
	HLCPhysicalAhead    Property = "hlc_physical_ahead"
	Availability        Property = "availability"
)

// Why an operation is owed a version.
const (
	ownWrite        = "it had itself written %s before"
	ownRead         = "it had itself read %s before"
	ownSight        = "its session had seen %s before"
	writtenByWriter = "it had read of a session that had first written %s"
	readByWriter    = "it had read of a session that had first read %s"
	inItsPast       = "its causal past has %s"
	ackedBefore     = "%s was acknowledged before it began"
	endedBefore     = "what had ended before it began had written or read %s"
	appliedBefore   = "that node had stamped or applied %s before"
	deletedBefore   = "it was deleted as %s, which was acknowledged long before"
	sharedVersion   = "%s is another write"
)

// A Finding is what came out for one property.
type Finding struct {
	Property Property
	// Checked is how many cases there were of that which the property speaks of:
	// operations, or keys for Linearizable, Convergence and NoLostAckedWrite.
	// Violations is how many of them do not have it.
	Checked, Violations uint64
	// Superseded is for NoLostAckedWrite how many acknowledged writes are not lost but
	// have lost, to a newer version. It is no violation.
	Superseded uint64
	// Witness is the first violation: the operations that show it, the offending one
	// last.
	Witness []uint32
	// Says tells the witness in a sentence.
	Says string
}

// Holds reports whether nothing speaks against the property.
func (f *Finding) Holds() bool { return f.Violations == 0 }

// convict counts an operation as a violation of f: it is not as new as the slot owed,
// for the reason because, which has a place for it; none if nothing is owed.
// Via gives the operations by which that follows, nil for none.
func (x *Index) convict(f *Finding, op, owed uint32, because string, via func() []uint32) {
	f.Violations++
	if !x.isFirst(f, op) {
		return
	}
	f.Witness, f.Says = nil, x.tell(op)
	if owed == none {
		f.Says += ", but " + because
	} else {
		f.Says += ", though " + fmt.Sprintf(because, x.version(owed))
		f.see(x.writer[owed])
	}
	if via != nil {
		f.see(via()...)
	}
	f.see(x.writer[x.slot[op]])
	f.see(op)
}

// isFirst reports whether op began before all that f has convicted, so far.
func (x *Index) isFirst(f *Finding, op uint32) bool {
	return len(f.Witness) == 0 || x.h.invoked[op] < x.h.invoked[f.Witness[len(f.Witness)-1]]
}

// see makes ops the last of the witness.
func (f *Finding) see(ops ...uint32) {
	for _, op := range ops {
		if op == none {
			continue
		}
		f.Witness = append(slices.DeleteFunc(f.Witness, func(seen uint32) bool { return seen == op }), op)
	}
}

// tell says what an operation did.
func (x *Index) tell(op uint32) string {
	h := x.h
	var b strings.Builder
	if s := h.session[op]; s == NoSession {
		b.WriteString("somebody")
	} else {
		fmt.Fprintf(&b, "session %d", s)
	}
	at := fmt.Sprintf("%s at %s (operation %d)", h.keys.texts[h.key[op]], h.nodes.texts[h.node[op]], op)
	found := "nothing"
	if slot := x.slot[op]; slot != none {
		found = x.version(slot)
	}
	switch h.kind[op] {
	case Put:
		fmt.Fprintf(&b, " put %s as %s", at, found)
	case Delete:
		fmt.Fprintf(&b, " deleted %s as %s", at, found)
	case Get:
		fmt.Fprintf(&b, " read %s and found %s", at, found)
	default:
		fmt.Fprintf(&b, " listed %s and found %s", at, found)
	}
	return b.String()
}

// version says what a slot holds and which operation wrote it.
func (x *Index) version(slot uint32) string {
	s, w := x.stamps[slot], x.writer[slot]
	if s == (stamp{}) {
		return "nothing"
	}
	origin := ""
	for i, rank := range x.rank {
		if rank == s.origin && i > 0 {
			origin = string(x.h.origins[i-1].Node)
		}
	}
	text := fmt.Sprintf("%d.%d@%s", s.wall, s.logical, origin)
	if w == none {
		return text + ", which nobody wrote,"
	}
	return fmt.Sprintf("%s of operation %d", text, w)
}
