package sim

import (
	"slices"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/store"
)

// This file checks what is collected by itself: that nobody takes out what another
// still needs to be told (I5), and that what was deleted or has expired, once anybody
// may have taken that out, shows nowhere again (C7).

// A grave is a version that may be collected at a floor: a deletion, or what expires.
type grave struct {
	at      clock.Timestamp
	key     store.Key
	version store.Version
}

// entryOf returns what says when v, which w became, may be collected.
func entryOf(key store.Key, v store.Version, w node.Write) store.Entry {
	return store.Entry{Key: key, Version: v, Tombstone: w.Delete, Expires: w.Expires}
}

// due notes from which floor on v, which says what e does, may be collected.
func (c *checker) due(e store.Entry) {
	at, ever := e.Due()
	if !ever {
		return
	}
	c.dues[e.Version] = at
	i, _ := slices.BinarySearchFunc(c.graves, at, func(g grave, at clock.Timestamp) int { return g.at.Compare(at) })
	c.graves = slices.Insert(c.graves, i, grave{at, e.Key, e.Version})
}

// bury notes what may be collected at a floor that was not known before.
func (c *checker) bury(floor clock.Timestamp) {
	for len(c.graves) > 0 && c.graves[0].at.Compare(floor) <= 0 {
		g := c.graves[0]
		c.graves = c.graves[1:]
		h := c.history(g.key)
		if h.has(g.version) && !c.excluded(g.version, h.seq(g.version)) && g.version.Compare(h.buried) > 0 {
			h.buried, h.buriedAt = g.version, floor
		}
	}
}

// tookOut checks the entries that m's node has collected since the last front: its floor
// has passed them, and no other member holds what they hide. Who is fenced may, as it
// gives that to nobody.
func (c *checker) tookOut(m *machine) {
	for _, e := range m.collected {
		if !e.DueAt(m.front.Floor) {
			c.w.violated("I5", m, "takes out %s, though its floor is %v", describe(e), m.front.Floor)
			return
		}
		for _, other := range c.w.machines {
			if _, member := c.epoch.Member(other.peer.ID); !member || c.of[other.index].fenced {
				continue
			}
			hidden, err := other.disk.Get(e.Key)
			if err == nil && hidden.Version.Compare(e.Version) < 0 {
				c.w.violated("I5", m, "takes out %s, which hides what %s still holds: %s", describe(e), other.peer.ID, describe(hidden))
				return
			}
		}
	}
	c.w.stats.Collected += len(m.collected)
	m.collected = nil
}

// freed checks all that m shows, which is fenced no more.
func (c *checker) freed(m *machine) {
	all, err := m.front.Entries.Scan(store.Key{}, store.Key{}, len(c.order)+1)
	if err != nil {
		c.w.violated("store", m, "scan %s: %v", m.peer.ID, err)
	}
	for _, e := range all {
		c.returned(m, e)
	}
}

// returned checks that e, which m has come to show, was not hidden by a deletion
// or an expiration that may be collected, up to where m misses nothing.
func (c *checker) returned(m *machine, e *store.Entry) {
	h := c.history(e.Key)
	if e.Version.Compare(h.buried) < 0 && m.front.W.Compare(h.buriedAt) >= 0 && !m.front.Fenced {
		c.w.violated("C7", m, "shows %s again, which %v had hidden until the floor passed that", describe(e), h.buried)
	}
}
