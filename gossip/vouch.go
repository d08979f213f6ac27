package gossip

import (
	"fmt"
	"slices"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// This file has a node that starts on what its disk holds find out whether that is
// all that it ever wrote and said. A restored backup lacks its own last writes, and
// would close a timestamp above them that does not name them: W would pass writes
// that others hold. It does not know either what it granted, voted or said that it
// holds. So
//
//   - a member closes nothing after its start before each other member has told how
//     far it holds this node's streams, and this node covers that. Nothing waits for
//     it that would not wait for the member who is silent;
//   - who tells also says up to where it knows this node to have closed. What a disk
//     has closed is below the bound on it, which runs a second ahead and is renewed
//     all the time: so a disk with a lower bound is an old one, and the node ends;
//   - until a peer has told that, nothing is granted to it, and no ballot of it joined.

// A vouching is what a node still has to hear before it may close.
type vouching struct {
	due   bool            // since the start; for good once all have told
	bound clock.Timestamp // above all that this node closed before
	// knows are those who told up to where it closed, and heard those of them of whose
	// word on its streams it covers all; both sorted.
	knows, heard []store.NodeID
}

// recognize takes in what p knows of this node's earlier lives.
func (e *Engine) recognize(p *peer, s *Status) error {
	if !e.vouching.due || !s.Full || s.Facts.Epoch != e.roster.Epoch().Number {
		return nil
	}
	if s.Yours.Compare(e.vouching.bound) > 0 {
		return fmt.Errorf("%w: %s has it that node %s closed %v, which its disk does not know: these are a copy of its data, or an old backup; stop the other one and have the cluster forget the node, or begin on an empty directory", ErrOtherDisk, p.ID, e.self.ID, s.Yours)
	}
	e.vouching.knows = enlist(e.vouching.knows, p.ID)
	return nil
}

// vouch notes that p, whose watermarks are known in full and count by the present
// epoch, holds nothing of this node's streams that this node lacks.
func (e *Engine) vouch(p *peer, s *Status) {
	if !e.vouching.due || s.Facts.Epoch != e.roster.Epoch().Number {
		return
	}
	if _, knows := slices.BinarySearch(e.vouching.knows, p.ID); knows && e.holdsAll(p.have.Of(e.self.ID)) {
		e.vouching.heard = enlist(e.vouching.heard, p.ID)
	}
}

// enlist returns the sorted list with id in it.
func enlist(list []store.NodeID, id store.NodeID) []store.NodeID {
	i, in := slices.BinarySearch(list, id)
	if in {
		return list
	}
	return slices.Insert(list, i, id)
}

// vouched reports whether this node is known to hold all that it ever wrote. Whom
// it has not heard yet it asks.
func (e *Engine) vouched() bool {
	if !e.vouching.due {
		return true
	}
	whole := true
	for _, m := range e.roster.Epoch().Members {
		if m.Node == e.self.ID || slices.Contains(e.vouching.heard, m.Node) {
			continue
		}
		whole = false
		if p := e.peer(m.Node); p != nil {
			p.ask = true
		}
	}
	if whole {
		e.vouching = vouching{}
	}
	return whole
}

// maySwear reports whether m may be taken in: it asks for no promise, or its sender
// has told what it knows of this node's earlier ones.
func (e *Engine) maySwear(from store.NodeID, m Message) bool {
	switch m := m.(type) {
	case *View:
	case *Roster:
		if m.Step != roster.Prepare && m.Step != roster.Accept {
			return true
		}
	default:
		return true
	}
	_, knows := slices.BinarySearch(e.vouching.knows, from)
	return !e.vouching.due || knows
}

// closedBy returns up to where p is known to have closed, zero if that is unknown.
// Where a member was admitted counts as closed, but not as said by itself.
func (e *Engine) closedBy(p *peer) clock.Timestamp {
	st := e.standing(p.ID)
	if st == nil {
		return clock.Timestamp{}
	}
	closed := st.best
	if e.w.Compare(closed) > 0 {
		closed = e.w // which may be from before a restart of this node
	}
	if closed.Compare(st.since) <= 0 {
		return clock.Timestamp{}
	}
	return closed
}
