package host

import (
	"sync"

	"hearsay/clock"
	"hearsay/store"
)

// A peerTable is what the connected peers said they hold, for people to look
// at. The node keeps its own account and never asks this one.
type peerTable struct {
	maxOrigins int // kept of each peer

	mu   sync.Mutex
	have map[store.NodeID]*word
}

// A word is what a peer said last.
type word struct {
	marks store.Watermarks
	w     clock.Timestamp
}

func newPeerTable(maxOrigins int) *peerTable {
	return &peerTable{maxOrigins: maxOrigins, have: make(map[store.NodeID]*word)}
}

// up adds a peer, of which nothing is known until it tells.
func (t *peerTable) up(id store.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.have[id] = new(word)
}

func (t *peerTable) down(id store.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.have, id)
}

// tell notes how far a peer is. One that is not up is not listened to.
func (t *peerTable) tell(id store.NodeID, marks store.Watermarks, w clock.Timestamp) {
	t.mu.Lock()
	defer t.mu.Unlock()
	have := t.have[id]
	if have == nil {
		return
	}
	for _, m := range marks {
		if len(have.marks) < t.maxOrigins || have.marks.At(m.Origin) > 0 {
			have.marks.Raise(m.Origin, m.Seq)
		}
	}
	if w.Compare(have.w) > 0 {
		have.w = w
	}
}

// w returns the peer's W as it said it last, zero if it has not.
func (t *peerTable) w(id store.NodeID) clock.Timestamp {
	t.mu.Lock()
	defer t.mu.Unlock()
	if have := t.have[id]; have != nil {
		return have.w
	}
	return clock.Timestamp{}
}

// lag returns how many writes the peer says it holds that marks lack, and how
// many marks cover that it has not said it holds.
func (t *peerTable) lag(id store.NodeID, marks store.Watermarks) (ahead, behind uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var have store.Watermarks
	if said := t.have[id]; said != nil {
		have = said.marks
	}
	return missing(marks, have), missing(have, marks)
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
