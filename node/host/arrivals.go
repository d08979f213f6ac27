package host

import (
	"sync"

	"hearsay/node"
	"hearsay/store"
)

// maxArrivals bounds the arrivals that a host remembers. They take some 300 bytes
// each.
const maxArrivals = 4096

// arrivals is how the last entries came here, for people to ask. The oldest one
// gives way to the next.
type arrivals struct {
	limit int

	mu    sync.Mutex
	ring  []node.Arrival
	next  int               // where the next one goes, once the ring is full
	where map[store.Key]int // in the ring, of each key's last
}

func newArrivals(limit int) *arrivals {
	return &arrivals{limit: limit, where: make(map[store.Key]int)}
}

func (a *arrivals) add(n node.Arrival) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.next
	if len(a.ring) < a.limit {
		at = len(a.ring)
		a.ring = append(a.ring, n)
	} else {
		if old := a.ring[at].Key; a.where[old] == at {
			delete(a.where, old)
		}
		a.ring[at] = n
		a.next = (at + 1) % a.limit
	}
	a.where[n.Key] = at
}

// of returns how version of key came, if that is remembered.
func (a *arrivals) of(key store.Key, version store.Version) (node.Arrival, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok := a.where[key]
	if !ok || a.ring[at].Version != version {
		return node.Arrival{}, false
	}
	return a.ring[at], true
}
