package sim

import (
	"bytes"
	"fmt"
	"time"

	"hearsay/store"
)

// A difference says why the replicas do not agree yet.
type difference struct {
	machine  *machine
	sentence string
}

// difference returns nil if all machines are through with their clients and
// hold equal watermarks and equal live entries, and know that they miss nothing
// of the time before the healing.
func (c *checker) difference() *difference {
	first := c.w.present[0]
	for _, m := range c.w.present {
		if m.node == nil || m.front == nil {
			return &difference{m, fmt.Sprintf("%s is not up", m.peer.ID)}
		}
		if m.front.Refusal != nil {
			return &difference{m, fmt.Sprintf("%s takes no writes: %v", m.peer.ID, m.front.Refusal)}
		}
		if end := dawn + int64(c.w.cfg.For); m.front.W.Wall < end {
			return &difference{m, fmt.Sprintf("%s cannot tell that it misses nothing of the last %v before the healing", m.peer.ID, time.Duration(end-m.front.W.Wall))}
		}
		if now := m.clocks.read(c.w.now); !m.front.Region(now) {
			return &difference{m, fmt.Sprintf("%s does not answer region", m.peer.ID)}
		}
		if n := len(c.of[m.index].pending); n > 0 {
			return &difference{m, fmt.Sprintf("%s owes %d replies", m.peer.ID, n)}
		}
		if why := c.unserved(m); why != "" {
			return &difference{m, why}
		}
		if d := c.lacking(m, first); d != nil {
			return d
		}
		if d := c.lacking(first, m); d != nil {
			return d
		}
	}
	for _, m := range c.w.present {
		if d := c.stray(m); d != nil {
			return d
		}
		if d := c.unequal(m, first); d != nil {
			return d
		}
	}
	return nil
}

// stray returns what m holds from beyond an end and has not written anew, live or
// not, nil if there is no such thing.
func (c *checker) stray(m *machine) *difference {
	all, err := m.front.Entries.Scan(store.Key{}, store.Key{}, len(c.order)+1)
	if err != nil {
		return &difference{m, fmt.Sprintf("%s cannot be scanned: %v", m.peer.ID, err)}
	}
	for _, e := range all {
		if c.excluded(e.Version, e.Seq) {
			return &difference{m, fmt.Sprintf("%s holds %s, beyond the end of its origin, and has not written it anew", m.peer.ID, describe(e))}
		}
	}
	return nil
}

// lacking returns how m is behind other, nil if it is not.
func (c *checker) lacking(m, other *machine) *difference {
	for _, mark := range other.front.Marks {
		if at := m.front.Marks.At(mark.Origin); !c.w.cfg.covers(m.front.Marks, m.front.Floor, mark.Origin, mark.Seq) {
			return &difference{m, fmt.Sprintf("%s holds %v up to %d, %s up to %d", m.peer.ID, mark.Origin, at, other.peer.ID, mark.Seq)}
		}
	}
	return nil
}

// unequal returns the first key under which m and other do not show the same.
func (c *checker) unequal(m, other *machine) *difference {
	a, err := c.live(m)
	if err != nil {
		return &difference{m, fmt.Sprintf("%s cannot be scanned: %v", m.peer.ID, err)}
	}
	b, err := c.live(other)
	if err != nil {
		return &difference{other, fmt.Sprintf("%s cannot be scanned: %v", other.peer.ID, err)}
	}
	for i := range max(len(a), len(b)) {
		var x, y *store.Entry
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x == nil || y == nil || !same(x, y) {
			return &difference{m, fmt.Sprintf("%s shows %s where %s shows %s", m.peer.ID, describe(x), other.peer.ID, describe(y))}
		}
	}
	return nil
}

// live returns the entries of m that are live now by the true time.
func (c *checker) live(m *machine) ([]*store.Entry, error) {
	all, err := m.front.Entries.Scan(store.Key{}, store.Key{}, len(c.order)+1)
	if err != nil {
		return nil, err
	}
	wall := dawn + int64(c.w.now)
	var live []*store.Entry
	for _, e := range all {
		if e.Live(wall) {
			live = append(live, e)
		}
	}
	return live, nil
}

func same(a, b *store.Entry) bool {
	return a.Key == b.Key && a.Version == b.Version && a.Seq == b.Seq && a.Expires == b.Expires && a.Request == b.Request && a.Known.Equal(b.Known) && a.Seen.Equal(b.Seen) &&
		bytes.Equal(a.Value, b.Value) && a.Manifest.Equal(b.Manifest) && bytes.Equal(a.Metadata, b.Metadata)
}

// nothingLost checks C6 at the end: every machine holds every acknowledged
// write or what supersedes it.
func (c *checker) nothingLost() {
	for _, h := range c.order {
		if h.acked.Timestamp.IsZero() {
			continue
		}
		for _, m := range c.w.present {
			if e, ok := c.holds(m, h.key, h.acked); !ok {
				c.w.violated("C6", m, "holds %s for %v, whose write %v was acknowledged", describe(e), h.key, h.acked)
				return
			}
		}
	}
}
