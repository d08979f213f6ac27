package sim

import (
	"fmt"
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/node"
	"hearsay/store"
	"hearsay/store/memstore"
)

// This file is how machines lose their disks and clusters forget nodes, and what the
// checker makes of it: what lies beyond the end of a node that was dropped counts
// nowhere, but is offered anew by whoever holds it.

// silence is how long a machine has to be silent here until it is replaced.
const silence = time.Second

// ends tells the disks between which a message travels: it outlives neither.
type ends struct{ from, to int }

func (w *World) ends(from, to int) ends {
	return ends{w.machines[from].disks, w.machines[to].disks}
}

// spares reports whether the cluster gets over the loss of m's disk: all others
// belong to it.
func (w *World) spares(m *machine) bool {
	return !slices.ContainsFunc(w.present, func(other *machine) bool {
		_, member := w.check.epoch.Member(other.peer.ID)
		return other != m && !member
	})
}

// wipe takes m's disk. What comes back is another node of the same name.
func (w *World) wipe(m *machine, f *Fault) {
	m.crashes++
	if m.node != nil {
		m.doom = f
		w.powerOff(m)
	}
	m.disk, m.line = memstore.New(), gossip.Line{}
	m.disks++
	m.peer.ID = store.NodeID(fmt.Sprintf("%s.%d", m.peer.Name, m.disks))
	w.byID[m.peer.ID] = m.index
	w.check.wiped(m)
}

// forgetPeer tells m's node that the stream to another machine is gone.
func (w *World) forgetPeer(m *machine, now clock.Reading, other int) {
	if id := m.known[other]; id != "" {
		m.known[other] = ""
		m.node.PeerDown(now, id)
	}
}

// tellToForget has an operator at m ask for another machine to be forgotten, though
// it may be up.
func (w *World) tellToForget(m *machine, now clock.Reading, other int) {
	if _, err := m.node.Forget(now, []string{w.machines[other].peer.Name}, true); err != nil {
		w.effect(Step{Kind: Refused, Machine: m.index, Note: err.Error()})
	}
}

// follow takes in m's roster if it is the latest, and checks that a majority of the
// one before can have decided it.
func (c *checker) follow(m *machine) {
	e := m.node.Roster()
	if e.Number <= c.epoch.Number {
		return
	}
	before := c.epoch
	c.epoch = *e
	for _, end := range e.Ends {
		if end.Epoch > before.Number {
			c.ended(m, &before, end)
		}
	}
	c.calendar.writes = slices.DeleteFunc(c.calendar.writes, func(t timed) bool { return c.excluded(t.version(), t.seq) })
}

// ended checks that an end excludes what the node had written and none of those who
// stay covers, and nothing else; but what was stamped far ahead, which members count as
// not held though a wrong clock of theirs had let them take it. Whom the epoch admits was
// not asked.
func (c *checker) ended(m *machine, before *roster.Epoch, end roster.End) {
	for _, t := range c.calendar.writes {
		if _, ended := c.epoch.Ended(t.origin); t.origin.Node != end.Node || !ended || c.farAhead[t.version()] {
			continue
		}
		held := slices.ContainsFunc(c.w.machines, func(other *machine) bool {
			now, stays := c.epoch.Member(other.peer.ID)
			was, _ := before.Member(other.peer.ID)
			l := &c.of[other.index]
			return stays && was.Since == now.Since && other.peer.ID != end.Node && c.w.cfg.covers(l.marks, l.floor, t.origin, t.seq)
		})
		if c.excluded(t.version(), t.seq) == held {
			c.w.violated("C6", m, "takes over epoch %d, by which write %d of %v counts: %v; those who stay cover it: %v", c.epoch.Number, t.seq, t.origin, !held, held)
			return
		}
	}
}

// excluded reports whether v, write seq of its origin, lies beyond the end of that.
func (c *checker) excluded(v store.Version, seq uint64) bool { return c.epoch.Excludes(v, seq) }

// beyond reports whether a bookmark names a write that lies beyond an end.
func (c *checker) beyond(b store.Bookmark) bool {
	return slices.ContainsFunc(b.Marks, c.beyondEnd)
}

// beyondEnd reports whether what was seen lies beyond an end.
func (c *checker) beyondEnd(s store.Seen) bool {
	return c.excluded(store.Version{Timestamp: s.Timestamp, Origin: s.Origin}, s.Seq)
}

// unaware reports whether m cannot know yet that e lies beyond an end, so that W says
// nothing of it.
func (c *checker) unaware(m *machine, e *store.Entry) bool {
	mark := store.Mark{Origin: e.Version.Origin, Seq: e.Seq}
	return counted(&c.epoch, mark) < e.Seq && counted(m.node.Roster(), mark) == e.Seq
}

// counted returns how much of a watermark counts by an epoch.
func counted(e *roster.Epoch, m store.Mark) uint64 {
	if last, ended := e.Ended(m.Origin); ended {
		return min(m.Seq, last)
	}
	return m.Seq
}

// offered notes that m's node wrote anew what lies beyond an end: what it says may
// only be what that says.
func (c *checker) offered(m *machine, e node.OfferedAnew) {
	c.w.stats.Offered++
	h := c.history(e.Key)
	refused := c.refused(h, e.Old)
	if e.New.Compare(e.Old) <= 0 && !refused {
		c.w.violated("C5", m, "offers %v of %v anew as %v, which loses to it", e.Old, e.Key, e.New)
		return
	}
	if refused {
		c.restamped(h, e)
	}
	if by, ok := c.by[e.Old]; ok {
		c.by[e.New] = by
		wrote := c.clients[by.client].wrote
		wrote[by.ordinal] = append(wrote[by.ordinal], e.New)
		c.due(entryOf(e.Key, e.New, c.clients[by.client].issued[by.ordinal]))
	}
	c.wrote(m, e.Key, e.New, m.node.Watermarks())
}

// refused reports whether v lies beyond an end because its timestamp is too far ahead of
// the true time.
func (c *checker) refused(h *history, v store.Version) bool {
	return time.Duration(v.Timestamp.Wall-dawn)-c.w.now > c.w.cfg.MaxSkew && c.excluded(v, h.seq(v))
}

// restamped has whoever was told that e.Old, or what that had replaced, is written be owed
// e.New, which need not be above it.
func (c *checker) restamped(h *history, e node.OfferedAnew) {
	renew := func(v store.Version) store.Version {
		if v.Compare(e.Old) <= 0 && c.refused(h, v) {
			return e.New
		}
		return v
	}
	for i, v := range h.acks {
		h.acks[i] = renew(v)
	}
	h.forgive(func(store.Version) bool { return false })
	for i := range c.of {
		for j, a := range c.of[i].acked {
			if a.key == e.Key {
				c.of[i].acked[j].version = renew(a.version)
			}
		}
	}
}

// wiped forgets what m held. An acknowledged write that nobody else holds is lost
// with the disk.
func (c *checker) wiped(m *machine) {
	c.of[m.index] = ledger{pending: map[node.Ticket]pending{}, told: newTold()}
	for _, h := range c.order {
		h.forgive(func(v store.Version) bool {
			return !slices.ContainsFunc(c.w.machines, func(other *machine) bool { _, ok := other.holds(h.key, v); return ok })
		})
	}
}

// inDoubt notes that m took out a write that counts nowhere, and left it to an operator:
// others may have deleted it since and collected that.
func (c *checker) inDoubt(m *machine, e node.EntryInDoubt) {
	h := c.history(e.Key)
	if !c.excluded(e.Version, h.seq(e.Version)) || e.Version.Timestamp.Compare(c.calendar.floor) > 0 {
		c.w.violated("C6", m, "takes out %v of %v as if it were in doubt", e.Version, e.Key)
		return
	}
	// With it goes what it had superseded and nobody else may hold.
	gone := func(v store.Version) bool { return v.Compare(e.Version) <= 0 && c.excluded(v, h.seq(v)) }
	h.forgive(gone)
	for i := range c.of {
		c.of[i].acked = slices.DeleteFunc(c.of[i].acked, func(a acknowledged) bool { return a.key == e.Key && gone(a.version) })
	}
}

// forgive has nobody owe the writes that were acknowledged and of which gone says so.
func (h *history) forgive(gone func(store.Version) bool) {
	h.acks = slices.DeleteFunc(h.acks, gone)
	h.acked = store.Version{}
	for _, v := range h.acks {
		if v.Compare(h.acked) > 0 {
			h.acked = v
		}
	}
}
