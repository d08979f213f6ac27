package sim

import (
	"bytes"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// read checks what a client read at m, nil for nothing, against what m's front
// claims to hold.
func (c *checker) read(m *machine, now clock.Reading, key store.Key, e *store.Entry) {
	held, err := m.front.Entries.Get(key)
	if err != nil {
		held = nil
	}
	if m.front.Fenced {
		return // it says that what it shows may be deleted long since
	}
	newest := c.newest(key, m.front.Marks, m.front.Floor)
	if newest != nil && held != nil && held.Version.Compare(*newest) < 0 || newest != nil && held == nil && !c.collected(key, *newest, m.front.Floor) {
		c.w.violated("I1", m, "shows %s for %v, but its watermarks cover %v", describe(held), key, *newest)
		return
	}
	if e == nil {
		if held != nil && !held.Tombstone && held.Expires == 0 {
			c.w.violated("C2", m, "reads nothing for %v, but holds %s", key, describe(held))
		}
		return
	}
	if e.Tombstone || e != held {
		c.w.violated("C7", m, "reads %s for %v, but holds %s", describe(e), key, describe(held))
		return
	}
	if wall := max(now.Wall, c.of[m.index].wall); e.Expires != 0 && e.Expires*int64(time.Second) <= wall {
		c.w.violated("C10", m, "reads %s, which expired at %d s; its clock has shown %d ns", describe(e), e.Expires, wall)
		return
	}
	c.written(m, key, e)
}

// written checks that a value that was read is one that a client had asked to
// be written, whole and under this key.
func (c *checker) written(m *machine, key store.Key, e *store.Entry) {
	value, err := m.value(e)
	if err != nil {
		c.w.violated("I1", m, "reads %s, which is not whole: %v", describe(e), err)
		return
	}
	author, ordinal, ok := c.w.cfg.authorOf(value)
	if !ok {
		c.w.violated("I3", m, "reads %s, a value that nobody wrote", describe(e))
		return
	}
	w, issued := c.clients[author].issued[ordinal]
	if !issued || w.Delete || w.Key != key || w.Expires != e.Expires || !bytes.Equal(w.Metadata, e.Metadata) {
		c.w.violated("I3", m, "reads %s, not what operation %d of client %d wrote", describe(e), ordinal, author)
	}
}

// newest returns the greatest version of key that a replica with marks and floor
// covers, or nil.
func (c *checker) newest(key store.Key, marks store.Watermarks, floor clock.Timestamp) *store.Version {
	h := c.history(key)
	for i := len(h.versions) - 1; i >= 0; i-- {
		n := &h.versions[i]
		if !c.excluded(n.version, n.seq) && c.w.cfg.covers(marks, floor, n.version.Origin, n.seq) {
			return &n.version
		}
	}
	return nil
}
