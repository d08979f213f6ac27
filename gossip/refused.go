package gossip

import (
	"slices"
	"sort"
	"strings"
	"time"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// This file is about timestamps that are ahead of this machine's clock by more than twice
// the maximum skew: two clocks cannot be that far apart unless one is wrong. What has
// one waits like all that is too far ahead, for it may be this machine's clock that is
// wrong; but nobody is to wait until it is due, so it is told. The node that gave it finds
// that out by itself once its clock is right, and has its streams end before it (see
// roster.Rejoin and ../node/renew.go).

// A Refusal is that this node takes no more of what another one wrote.
type Refusal struct {
	Node  store.NodeID  // who gave the timestamps
	Ahead time.Duration // of this machine's clock, when the last one came
	Since time.Duration // Reading.Mono of the first …
	last  time.Duration // … and of the last one
}

// refusalLasts is how long after the last such timestamp nobody offers any more: one
// that waits is looked at again each second.
const refusalLasts = 5 * time.Second

// Refuse notes that nothing is taken that has a timestamp which id gave, so far ahead.
func (e *Engine) Refuse(now clock.Reading, id store.NodeID, ahead time.Duration) {
	i, known := slices.BinarySearchFunc(e.refusals, id, func(r Refusal, id store.NodeID) int {
		return strings.Compare(string(r.Node), string(id))
	})
	if !known && len(e.refusals) >= e.cfg.Roster.MaxMembers {
		return
	}
	if !known {
		e.refusals = slices.Insert(e.refusals, i, Refusal{Node: id, Since: now.Mono})
		e.replica.Observe(StampsRefused{Node: id, Ahead: ahead})
	}
	e.refusals[i].Ahead, e.refusals[i].last = ahead, now.Mono
}

// Refusals returns whose timestamps this node refuses, sorted by node. The caller owns
// them.
func (e *Engine) Refusals() []Refusal { return slices.Clone(e.refusals) }

// tickRefusals forgets those who offer no such timestamp any more.
func (e *Engine) tickRefusals() {
	e.refusals = slices.DeleteFunc(e.refusals, func(r Refusal) bool {
		over := e.now-r.last > refusalLasts
		if over {
			e.replica.Observe(StampsAccepted{Node: r.Node, After: e.now - r.Since})
		}
		return over
	})
}

// Spared reports whether the others can do without this node until it is admitted again:
// each member is up and no one is fenced. Of several that run ahead the first begins.
// Where all do there is nobody to admit them, and all have to wait.
func (e *Engine) Spared() bool {
	sponsors := 0
	for _, st := range e.standings {
		if st.node == e.self.ID {
			continue
		}
		ahead := e.replica.Refuses(st.best)
		if p := e.peer(st.node); p == nil || p.behind || ahead && st.node < e.self.ID {
			return false
		}
		if !ahead {
			sponsors++
		}
	}
	return sponsors > 0
}

// Held implements roster.Owner.
func (o owner) Held(id store.NodeID) store.Watermarks {
	held := o.e.replica.Watermarks().Of(id).Clone()
	for i, m := range held {
		held[i].Seq = o.e.sound(m)
	}
	return held
}

// sound returns how much of m comes before the first row that this node would refuse now,
// and most of its peers too, as far as it knows their clocks: it may have taken it while
// its own clock was wrong, but that may also be what is wrong now. What is left out though
// it is sound is written anew; what is counted though it is not stands in the way until it
// is due. Timestamps of a stream only rise.
func (e *Engine) sound(m store.Mark) uint64 {
	theirs := append(e.offsets(clock.Reading{Wall: e.wall, Mono: e.now}), 0) // its own, which may be all it knows
	slices.Sort(theirs)
	beyond := int64(max(0, theirs[len(theirs)/2]))
	refused := func(seq uint64) bool {
		rows, err := e.replica.Rows(m.Origin, seq-1, 1)
		return err == nil && len(rows) == 1 && e.replica.Refuses(clock.Timestamp{Wall: rows[0].Timestamp.Wall - beyond})
	}
	if !refused(m.Seq) {
		return m.Seq
	}
	from := e.replica.Trimmed().At(m.Origin)
	return from + uint64(sort.Search(int(m.Seq-from), func(i int) bool { return refused(from + 1 + uint64(i)) }))
}

// Rewind tells the engine that its node, which is no member, stamps below what it had
// closed as one.
func (e *Engine) Rewind() { e.base = clock.Timestamp{} }

// Fits reports whether neither this node's timestamps nor those of m are such that others
// would refuse them, and their clocks agree as far as is known: else whoever is admitted
// above one of them has its own refused.
func (o owner) Fits(m roster.Member) bool {
	e := o.e
	if e.replica.Refuses(e.base) || e.replica.Refuses(m.Since) {
		return false
	}
	p := e.peer(m.Node)
	if p == nil {
		return true
	}
	apart, known := p.clock.recent(clock.Reading{Wall: e.wall, Mono: e.now}, e.late(p))
	return !known || !e.replica.Refuses(clock.Timestamp{Wall: e.wall + int64(apart.Abs())})
}
