package sim

import "time"

// A Kind is what a happening or an effect is.
type Kind uint8

// What waits in the queue, and, after Sent, what only leaves traces.
const (
	Wake      Kind = iota // a machine's node has asked for a Tick
	Synced                // a machine's disk has the open turn
	Doomed                // a machine's power fails in an open turn
	Arrived               // a message reaches a machine
	PeerUp                // a machine learns that another is there
	PeerDown              // a machine learns, perhaps wrongly, that another is gone
	Looked                // a read takes the front, having taken the clock
	Asked                 // a client asks a machine for a read or a write
	Roamed                // a session asks a machine, for the first time …
	Again                 // … or again where it was behind
	Began                 // a fault begins
	Ended                 // a fault ends
	Healed                // the safety phase is over
	Probed                // the checker asks whether the replicas agree
	Sent                  // a message leaves a machine
	Lost                  // a message leaves a machine and reaches nobody
	Refused               // a node refuses a write
	Replied               // a client hears that its write is durable
	Read                  // a client reads
	Told                  // a node tells its observer of an event
	Forgotten             // a machine is told to have another forgotten
)

var kinds = [...]string{"wake", "synced", "doomed", "arrived", "peer up", "peer down", "looked", "asked", "roamed", "again", "fault begins", "fault ends", "healed", "probed",
	"sent", "lost", "refused", "replied", "read", "told", "forgotten"}

func (k Kind) String() string { return kinds[k] }

// A happening is one thing that comes to pass at one moment.
type happening struct {
	at time.Duration
	// tie orders what comes to pass at one moment, by a draw keyed by what it is:
	// the seed explores the orders, and they outlive the removal of a fault.
	tie uint64
	// last is the order of insertion, for two happenings alike in all else.
	last    uint64
	kind    Kind
	machine int
	other   int    // the peer, the sender, or the session
	ends    ends   // of a message
	id      uint64 // by kind: a message's hash, a fault's index, an operation's ordinal, a life
	data    []byte // an encoded message
}

func (h *happening) before(g *happening) bool {
	if h.at != g.at {
		return h.at < g.at
	}
	if h.tie != g.tie {
		return h.tie < g.tie
	}
	return h.last < g.last
}

// A queue is a binary heap of happenings, the earliest on top.
type queue struct {
	heap   []happening
	pushed uint64
}

func (q *queue) push(h happening) {
	q.pushed++
	h.last = q.pushed
	q.heap = append(q.heap, h)
	i := len(q.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !h.before(&q.heap[parent]) {
			break
		}
		q.heap[i] = q.heap[parent]
		i = parent
	}
	q.heap[i] = h
}

// pop takes out the earliest happening. The queue must not be empty.
func (q *queue) pop() happening {
	top := q.heap[0]
	n := len(q.heap) - 1
	h := q.heap[n]
	q.heap[n] = happening{}
	q.heap = q.heap[:n]
	if n == 0 {
		return top
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && q.heap[child+1].before(&q.heap[child]) {
			child++
		}
		if !q.heap[child].before(&h) {
			break
		}
		q.heap[i] = q.heap[child]
		i = child
	}
	q.heap[i] = h
	return top
}
