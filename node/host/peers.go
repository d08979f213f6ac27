package host

import (
	"sync"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

// A peerTable is what the connected peers said they hold, for people to look
// at. The node keeps its own account and never asks this one.
type peerTable struct {
	maxOrigins int // kept of each peer

	mu   sync.Mutex
	have map[store.NodeID]*word
}

// A word is what a peer said last. Each peer tells a few others only how far it is;
// for the others its word grows old.
type word struct {
	marks store.Watermarks
	w     clock.Timestamp
	at    time.Duration // Reading.Mono
}

// wordFor is how long a word tells how far its peer is.
const wordFor = 10 * time.Second

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

// tell notes at now how far a peer says that it is. One that is not up is not
// listened to, nor one that tells of a few marks only.
func (t *peerTable) tell(id store.NodeID, s *gossip.Status, now time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	have := t.have[id]
	if have == nil || s.Hash == 0 {
		return
	}
	for _, m := range s.Marks {
		if len(have.marks) < t.maxOrigins || have.marks.At(m.Origin) > 0 {
			have.marks.Raise(m.Origin, m.Seq)
		}
	}
	if s.Facts.W.Compare(have.w) > 0 {
		have.w = s.Facts.W
	}
	have.at = now
}

// lag returns how many writes the peer says it holds that marks lack, and how
// many marks cover that it has not said it holds. It reports false if the peer has
// not told this node lately.
func (t *peerTable) lag(id store.NodeID, marks store.Watermarks, now time.Duration) (l lag, told bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	have := t.have[id]
	if have == nil || have.at == 0 || now-have.at > wordFor {
		return lag{}, false
	}
	return lag{ahead: missing(marks, have.marks), behind: missing(have.marks, marks), w: have.w}, true
}

// A lag is how far a peer is beside this node.
type lag struct {
	ahead, behind uint64
	w             clock.Timestamp // the peer's
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
