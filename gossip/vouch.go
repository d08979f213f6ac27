package gossip

import (
	"slices"

	"hearsay/store"
)

// This file has a node that starts on what its disk holds find out whether that is
// all that it ever wrote. A restored backup lacks its own last writes, and would
// close a timestamp above them that does not name them: W would pass writes that
// others hold. So a member closes nothing after its start before each other member
// has told how far it holds this node's streams, and this node covers that. Nothing
// waits for it that would not wait for the member who is silent.

// A vouching is what a node still has to hear before it may close.
type vouching struct {
	due   bool // since the start; for good once all have told
	heard []store.NodeID
}

// vouch notes that p, whose watermarks are known in full and count by the present
// epoch, holds nothing of this node's streams that this node lacks.
func (e *Engine) vouch(p *peer, s *Status) {
	if !e.vouching.due || s.Facts.Epoch != e.roster.Epoch().Number {
		return
	}
	if e.replica.Watermarks().Covers(p.have.Of(e.self.ID)) {
		if i, known := slices.BinarySearch(e.vouching.heard, p.ID); !known {
			e.vouching.heard = slices.Insert(e.vouching.heard, i, p.ID)
		}
	}
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
