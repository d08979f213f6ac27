package sim

import (
	"slices"

	"hearsay/clock"
	"hearsay/store"
)

// This file is what was ever written to one key, and the laws by which of several
// entries one wins.

// A history is all that was ever written to one key.
type history struct {
	key      store.Key
	versions []numbered      // ascending
	acks     []store.Version // that a client was told of …
	acked    store.Version   // … the greatest of them …
	region   []store.Version // … and, by region, that its region holds
	recent   []*store.Entry  // the last few
	buried   store.Version   // the greatest that may be collected …
	buriedAt clock.Timestamp // … and the floor that was known first of those at which it may
}

// A numbered version is one write of its origin.
type numbered struct {
	version store.Version
	seq     uint64
}

func (c *checker) history(key store.Key) *history {
	h := c.keys[key]
	if h == nil {
		h = &history{key: key, region: make([]store.Version, c.w.cfg.Regions)}
		c.keys[key] = h
		c.order = append(c.order, h)
	}
	return h
}

func (h *history) insert(n numbered) {
	i := len(h.versions)
	h.versions = append(h.versions, n)
	for i > 0 && h.versions[i-1].version.Compare(n.version) > 0 {
		h.versions[i] = h.versions[i-1]
		i--
	}
	h.versions[i] = n
}

// seq returns the number of v, 0 if it is not among h.
func (h *history) seq(v store.Version) uint64 {
	for _, n := range slices.Backward(h.versions) {
		if n.version == v {
			return n.seq
		}
	}
	return 0
}

func (h *history) has(v store.Version) bool {
	for i := len(h.versions) - 1; i >= 0; i-- {
		if c := h.versions[i].version.Compare(v); c <= 0 {
			return c == 0
		}
	}
	return false
}

// laws checks I4 for a new entry against the last few of its key: which of them
// wins does not depend on the order in which they meet.
func (c *checker) laws(m *machine, h *history, e *store.Entry) {
	for _, x := range h.recent {
		if e.Supersedes(x) == x.Supersedes(e) {
			c.w.violated("I4", m, "neither or both of %s and %s supersede the other", describe(e), describe(x))
			return
		}
		for _, y := range h.recent {
			if a, b := winner(e, x, y), winner(y, x, e); a != b {
				c.w.violated("I4", m, "%s or %s wins as the order is", describe(a), describe(b))
				return
			}
		}
	}
	if len(h.recent) == 4 {
		h.recent = append(h.recent[:0], h.recent[1:]...)
	}
	h.recent = append(h.recent, e)
}

func winner(entries ...*store.Entry) *store.Entry {
	var best *store.Entry
	for _, e := range entries {
		if e.Supersedes(best) {
			best = e
		}
	}
	return best
}

func hashEntry(e *store.Entry) uint64 {
	h := hashBytes(hashBytes(1, e.Value), e.Metadata)
	if e.Manifest != nil {
		h = mix(h ^ e.Manifest.Upload.Life ^ mix(e.Manifest.Upload.Number))
		for _, chunk := range e.Manifest.Hashes {
			h = hashBytes(h, chunk[:])
		}
	}
	h = mix(hashText(h, e.Request) ^ uint64(e.Expires))
	for _, v := range e.Known.Versions {
		h = mix(h ^ uint64(v.Timestamp.Wall) ^ hashOrigin(v.Origin))
	}
	h = mix(h ^ uint64(e.Known.Through.Wall) ^ mix(uint64(e.Known.Maybe.Wall)))
	for _, s := range e.Seen.Marks {
		h = mix(h ^ s.Seq ^ uint64(s.Timestamp.Wall) ^ hashOrigin(s.Origin))
	}
	h = mix(h ^ uint64(e.Seen.Through.Wall))
	if e.Tombstone {
		h = mix(^h)
	}
	return h | 1
}
