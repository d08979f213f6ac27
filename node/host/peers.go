package host

import (
	"sync"

	"hearsay/store"
)

// A peerTable is what the connected peers said they hold, for people to look
// at. The node keeps its own account and never asks this one.
type peerTable struct {
	maxOrigins int // kept of each peer

	mu   sync.Mutex
	have map[store.NodeID]*store.Watermarks
}

func newPeerTable(maxOrigins int) *peerTable {
	return &peerTable{maxOrigins: maxOrigins, have: make(map[store.NodeID]*store.Watermarks)}
}

// up adds a peer, of which nothing is known until it tells.
func (t *peerTable) up(id store.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.have[id] = new(store.Watermarks)
}

func (t *peerTable) down(id store.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.have, id)
}

// tell notes how far a peer is. One that is not up is not listened to.
func (t *peerTable) tell(id store.NodeID, marks store.Watermarks) {
	t.mu.Lock()
	defer t.mu.Unlock()
	have := t.have[id]
	if have == nil {
		return
	}
	for _, m := range marks {
		if len(*have) < t.maxOrigins || have.At(m.Origin) > 0 {
			have.Raise(m.Origin, m.Seq)
		}
	}
}

// lag returns how many writes the peer says it holds that marks lack, and how
// many marks cover that it has not said it holds.
func (t *peerTable) lag(id store.NodeID, marks store.Watermarks) (ahead, behind uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	have := t.have[id]
	if have == nil {
		have = new(store.Watermarks)
	}
	return missing(marks, *have), missing(*have, marks)
}

// missing counts the writes that there covers and here does not.
func missing(here, there store.Watermarks) uint64 {
	var n uint64
	for _, m := range there {
		if have := here.At(m.Origin); m.Seq > have {
			n += m.Seq - have
		}
	}
	return n
}
