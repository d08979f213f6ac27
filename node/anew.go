package node

import (
	"fmt"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// This file offers anew what lies beyond the end of a node that was dropped: such
// a write counts nowhere, but where it is held it may be all that is left of what
// a client was told is done. So whoever shows one writes the same under a number
// and a timestamp of its own.

// A clearing is the search for such entries in what a node holds.
type clearing struct {
	due  bool
	at   store.Key // where it goes on
	ends uint64    // the last epoch that set an end
	done uint64    // what it had been when the last search came to its end
}

// sweepStep bounds the entries that one turn looks at.
const sweepStep = 256

// follow begins a search if e sets an end that the last one did not know.
func (c *clearing) follow(e *roster.Epoch) {
	for _, end := range e.Ends {
		c.ends = max(c.ends, end.Epoch)
	}
	if c.done < c.ends && !c.due {
		c.again()
	}
}

func (c *clearing) again() { c.due, c.at = true, store.Key{} }

// excluded reports whether e lies beyond the end of its origin.
func (n *Node) excluded(e *store.Entry) bool {
	return n.engine.Roster().Epoch().Excludes(e.Version, e.Seq)
}

// refused reports whether e, besides, has a timestamp that others refuse: then it is no
// measure for any other.
func (n *Node) refused(e *store.Entry) bool {
	return n.refuses(e.Version.Timestamp) && n.excluded(e)
}

// writable reports whether the node may write, and misses nothing of the time
// before it was admitted: else it would write anew what was written over since.
func (n *Node) writable(now clock.Reading) bool {
	return n.member && !n.full && !n.engine.Fenced() && now.Wall >= n.past.Wall && !n.clockUnheard(now) && !n.clockOff(now) && n.lead(now) <= 2*n.cfg.MaxSkew && n.engine.W().Compare(n.since) >= 0
}

// offer writes anew what this turn merged, and the next part of what the node had
// held before.
func (n *Node) offer(now clock.Reading) error {
	if !n.writable(now) {
		if len(n.strays) > 0 {
			n.strays = nil
			return n.sweepAgain()
		}
		return nil
	}
	for _, key := range n.strays {
		if err := n.offerAnew(now, key); err != nil {
			return err
		}
	}
	n.strays = nil
	if !n.sweep.due {
		return nil
	}
	entries, err := n.store.Scan(n.sweep.at, store.Key{}, sweepStep)
	if err != nil {
		return fmt.Errorf("scan from %v: %w", n.sweep.at, err)
	}
	for _, e := range entries {
		if n.excluded(e) {
			if err := n.offerAnew(now, e.Key); err != nil {
				return err
			}
		}
	}
	if len(entries) == sweepStep {
		n.sweep.at = entries[sweepStep-1].Key
		n.sweep.at.Name += "\x00"
		return nil
	}
	n.sweep.due = false
	return n.swept(n.sweep.ends)
}

// sweepAgain has the whole store searched once the node may write, in another
// life if need be.
func (n *Node) sweepAgain() error {
	n.sweep.again()
	return n.swept(0)
}

func (n *Node) swept(ends uint64) error {
	n.sweep.done = ends
	return n.save(memoSwept, ends)
}

// offerAnew writes what key holds, if it still lies beyond its origin's end.
func (n *Node) offerAnew(now clock.Reading, key store.Key) error {
	old, err := n.current(key)
	if err != nil || old == nil || !n.excluded(old) {
		return err
	}
	seen := old.Seen
	if n.refuses(seen.Time()) {
		seen = store.Bookmark{} // nobody serves that
	}
	e, err := n.enter(now, Write{
		Key: key, Value: old.Value, Manifest: old.Manifest, Metadata: old.Metadata, Expires: old.Expires, Delete: old.Tombstone, Request: old.Request, Seen: seen,
	}, old)
	if err != nil {
		return err
	}
	n.observe(OfferedAnew{Key: key, Old: old.Version, New: e.Version})
	return nil
}
