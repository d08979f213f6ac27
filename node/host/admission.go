package host

import (
	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/node/api"
	"hearsay/store"
)

// This file is how a peer, and this node at a peer, comes to be believed to be who
// it says.

// An admission is a peer that asks to be let in. It is answered once the turn that takes
// note of it is on disk.
type admission struct {
	id   store.NodeID
	line gossip.Line
	err  error
	done chan struct{} // closed when err is settled
}

func (a *admission) apply(l *loop, now clock.Reading) {
	a.err = l.node.Admit(now, a.id, a.line)
	l.asked = append(l.asked, a)
}

// welcome answers those who asked in this turn.
func (l *loop) welcome() {
	for _, a := range l.asked {
		close(a.done)
	}
	clear(l.asked)
	l.asked = l.asked[:0]
}

type disowned struct {
	by  store.NodeID
	why string
}

func (d disowned) apply(l *loop, now clock.Reading) { l.node.Disown(now, d.by, d.why) }

// Admit implements link.Inbox.
func (h *Host) Admit(id store.NodeID, line gossip.Line) error {
	a := &admission{id: id, line: line, done: make(chan struct{})}
	h.loop.tell(a, 0)
	select {
	case <-a.done:
		return a.err
	case <-h.loop.done:
		return api.ErrStopped
	}
}

// Disowned implements link.Inbox.
func (h *Host) Disowned(by store.NodeID, why string) { h.loop.tell(disowned{by, why}, 0) }
