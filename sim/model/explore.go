// Package model explores small models of the replication protocol completely:
// every state that any order of steps can reach, within bounds. A clause of the
// protocol is a switch; with all of them on no state breaks a promise, and with
// one off some state does, which shows what the clause is for.
//
// Replication is the model of watermarks, closed timestamps, rosters and the
// floor; Region is the model of reading one's writes within a region. DESIGN.md
// says what they leave out.
package model

// A System is a transition system whose states can be told apart by ==.
type System[S comparable] interface {
	// Start is the first state.
	Start() S
	// Steps calls yield for every state that one step leads to. The state passed
	// to yield is only valid during the call.
	Steps(s *S, yield func(next *S, step Step))
	// Broken names the promise that s breaks and says how. Both are empty if it
	// breaks none.
	Broken(s *S) (promise, how string)
	// Canon returns the one that stands for all states which differ from s only in
	// what the nodes are called.
	Canon(s *S) S
	// Hash spreads states evenly; equal states have equal hashes.
	Hash(s *S) uint64
	// Tell puts into words the step from s to next.
	Tell(s, next *S, step Step) string
}

// A Step names a step well enough to tell it.
type Step struct {
	Verb       uint8
	Node, Peer uint8
	Arg        uint8
}

// A Result says what an exploration found.
type Result struct {
	States int
	Steps  int // taken, those to known states included
	Depth  int // steps from the first state to the farthest
	// Complete reports that every reachable state was seen. It is false after a
	// violation, and when the limit was reached.
	Complete bool
	// Promise is the promise broken first, by the fewest steps, or empty; How says
	// in what way, and Trace how it came to that, a line a step.
	Promise string
	How     string
	Trace   []string
}

// Explore visits the states of sys breadth first, at most limit of them, and
// stops at the first that breaks a promise.
func Explore[S comparable](sys System[S], limit int) Result {
	x := explorer[S]{sys: sys, slots: make([]int32, 1<<16)}
	start := sys.Start()
	start = sys.Canon(&start)
	x.add(&start, -1)
	var res Result
	level := 1 // the first state of the next depth
	for at := 0; at < len(x.states) && len(x.states) <= limit; at++ {
		if at == level {
			res.Depth++
			level = len(x.states)
		}
		s := x.states[at]
		if promise, _ := sys.Broken(&s); promise != "" {
			res.Promise = promise
			res.How, res.Trace = x.trace(at)
			res.States, res.Steps = len(x.states), x.steps
			return res
		}
		sys.Steps(&s, func(next *S, _ Step) {
			x.steps++
			canon := sys.Canon(next)
			x.add(&canon, at)
		})
	}
	res.States, res.Steps = len(x.states), x.steps
	res.Complete = len(x.states) <= limit
	return res
}

// An explorer holds each state once, in the order in which they were found, and
// finds them again through an open hash table of their indices.
type explorer[S comparable] struct {
	sys     System[S]
	states  []S
	parents []int32
	slots   []int32 // index+1 into states, 0 if free
	steps   int
}

func (x *explorer[S]) add(s *S, parent int) {
	if len(x.states) >= len(x.slots)/2 {
		x.grow()
	}
	mask := uint64(len(x.slots) - 1)
	for h := x.sys.Hash(s) & mask; ; h = (h + 1) & mask {
		i := x.slots[h]
		if i == 0 {
			x.states = append(x.states, *s)
			x.parents = append(x.parents, int32(parent))
			x.slots[h] = int32(len(x.states))
			return
		}
		if x.states[i-1] == *s {
			return
		}
	}
}

func (x *explorer[S]) grow() {
	x.slots = make([]int32, 2*len(x.slots))
	mask := uint64(len(x.slots) - 1)
	for i := range x.states {
		h := x.sys.Hash(&x.states[i]) & mask
		for x.slots[h] != 0 {
			h = (h + 1) & mask
		}
		x.slots[h] = int32(i + 1)
	}
}

// trace tells the way to the state at index at, and what is broken there, each node
// under one name throughout.
func (x *explorer[S]) trace(at int) (how string, lines []string) {
	var path []int
	for ; at >= 0; at = int(x.parents[at]) {
		path = append(path, at)
	}
	from := x.sys.Start()
	for i := len(path) - 2; i >= 0; i-- {
		var to S
		told := false
		x.sys.Steps(&from, func(next *S, step Step) {
			if !told && x.sys.Canon(next) == x.states[path[i]] {
				told, to = true, *next
				lines = append(lines, x.sys.Tell(&from, next, step))
			}
		})
		from = to
	}
	_, how = x.sys.Broken(&from)
	return how, lines
}

// permutations are the ways to call three nodes by each other's names.
var permutations = [6][3]uint8{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}

// rename returns a set of nodes under their names by p.
func rename(set uint8, p [3]uint8) uint8 {
	return set&1<<p[0] | set>>1&1<<p[1] | set>>2&1<<p[2]
}

// mix folds v into the hash h.
func mix(h, v uint64) uint64 {
	h = (h ^ v) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}
