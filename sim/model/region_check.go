package model

import (
	"fmt"
	"math/bits"
	"strings"
)

// Broken implements System. The promise is C1.
func (m Region) Broken(s *RegionState) (promise, how string) {
	if s.stale != 0 {
		return "C1", fmt.Sprintf("a read answers w%d, though w%d was acknowledged before it began", s.stale-1, s.owed)
	}
	owes := top(s.acked)
	for n := range uint8(regionNodes) {
		if shows := top(s.nodes[n].has); shows < owes && s.fresh(n) {
			return "C1", fmt.Sprintf("%s is in view %s and shows w%d, though w%d was acknowledged",
				name(n), s.views[s.nodes[n].granted], shows, owes)
		}
	}
	return "", ""
}

// Canon implements System.
func (m Region) Canon(s *RegionState) RegionState {
	least, hash := *s, m.Hash(s)
	for _, p := range permutations {
		t := s.rename(p)
		if h := m.Hash(&t); h < hash {
			least, hash = t, h
		}
	}
	return least
}

func (s *RegionState) rename(p [regionNodes]uint8) RegionState {
	t := *s
	for n, node := range s.nodes {
		got := node.got
		for g := range got {
			node.got[p[g]] = got[g]
		}
		t.nodes[p[n]] = node
	}
	for v := range t.views {
		t.views[v].members = rename(s.views[v].members, p)
	}
	for w := range s.made {
		t.writers[w] = p[s.writers[w]]
		t.holders[w] = rename(s.holders[w], p)
	}
	if s.read.running {
		t.read.node = p[s.read.node]
	}
	return t
}

// Hash implements System.
func (m Region) Hash(s *RegionState) uint64 {
	h := uint64(s.made) | uint64(s.acked)<<8 | uint64(s.proposed)<<16 | uint64(s.crashes)<<24 |
		uint64(s.suspends)<<32 | uint64(s.reads)<<40 | uint64(s.read.node)<<48 | uint64(s.read.top)<<52 | uint64(s.read.owes)<<56
	for _, n := range s.nodes {
		v := uint64(n.has) | uint64(n.synced)<<8 | uint64(n.granted)<<16
		if n.forgot {
			v |= 1 << 20
		}
		if n.suspended {
			v |= 1 << 21
		}
		for _, g := range n.got {
			v = v<<8 ^ v>>56 ^ uint64(g.view) ^ uint64(g.lacks)<<4
		}
		h = mix(h, v)
	}
	for i := range s.holders {
		h = mix(h, uint64(s.holders[i])|uint64(s.writers[i])<<8)
	}
	for _, v := range s.views {
		h = mix(h, uint64(v.level)|uint64(v.members)<<8)
	}
	return h
}

func (v view) String() string { return fmt.Sprintf("%d{%s}", v.level, names(v.members)) }

// name is what a trace calls a node.
func name(n uint8) string { return string("ABC"[n]) }

func names(set uint8) string {
	var b strings.Builder
	for n := range uint8(regionNodes) {
		if set>>n&1 != 0 {
			b.WriteString(name(n))
		}
	}
	return b.String()
}

// Tell implements System. A write is called by its place in the order of
// timestamps, which may rise when another comes in below it.
func (m Region) Tell(s, next *RegionState, step Step) string {
	n, arg := name(step.Node), step.Arg
	switch step.Verb {
	case regionWrite:
		return fmt.Sprintf("%s writes w%d of %d", n, arg+1, next.made) + acknowledged(s, next)
	case regionCopy:
		if step.Peer == 0 {
			return fmt.Sprintf("%s gets w%d and does not sync it", n, arg+1) + acknowledged(s, next)
		}
		return fmt.Sprintf("%s gets w%d", n, arg+1) + acknowledged(s, next)
	case regionPropose, regionGrant:
		line := fmt.Sprintf("%s grants view %s", n, next.views[arg])
		if step.Peer < regionNodes {
			line += ", though " + name(step.Peer) + " counts on its former lease"
		}
		return line + acknowledged(s, next)
	case regionCrash:
		return n + " crashes and restarts"
	case regionSuspend:
		return n + " is suspended"
	case regionResume:
		return n + " is resumed"
	case regionRead:
		if m.has(ClockFirst) {
			return fmt.Sprintf("a read at %s takes the clock", n)
		}
		return fmt.Sprintf("a read at %s reads the store", n)
	}
	return fmt.Sprintf("the read at %s answers w%d", n, arg)
}

// acknowledged says whether the step from s to next had a write acknowledged.
func acknowledged(s, next *RegionState) string {
	if bits.OnesCount8(s.acked) == bits.OnesCount8(next.acked) {
		return ""
	}
	return fmt.Sprintf("; acknowledged up to w%d", top(next.acked))
}
