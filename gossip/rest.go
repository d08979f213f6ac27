package gossip

// This file is how a node takes in nothing while its disk has no room. It goes on to
// say how far it is, to close timestamps, to vote and to send what it has.

// Rest tells whether the node takes in nothing for now: no entry and no chunk. What
// comes is dropped as if it were lost; the node's watermarks stand, so nobody is told
// that it is here. Nothing is asked for either. Afterwards the node catches up like one
// that was cut off.
func (e *Engine) Rest(resting bool) {
	e.resting, e.wantsDue = resting, true
	for _, s := range e.seats {
		s.region.Rest(resting)
	}
}
