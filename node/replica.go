package node

import (
	"fmt"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

// replica is the node as its gossip engine sees it.
type replica struct{ n *Node }

func (r replica) Watermarks() store.Watermarks { return r.n.marks }

func (r replica) Rows(origin store.Origin, after uint64, limit int) ([]store.Row, error) {
	return r.n.store.Rows(origin, after, limit)
}

func (r replica) Get(key store.Key) (*store.Entry, error) { return r.n.store.Get(key) }

func (r replica) Observe(e gossip.Event) { r.n.observe(e) }

func (r replica) Raise(origin store.Origin, seq uint64) error {
	if seq <= r.n.marks.At(origin) {
		panic("node: watermark of " + origin.String() + " would go back")
	}
	r.n.marks.Set(origin, seq)
	if err := r.n.open().SetMark(origin, seq); err != nil {
		return fmt.Errorf("raise watermark of %v: %w", origin, err)
	}
	return nil
}

// Cut implements gossip.Replica.
func (r replica) Cut(origin store.Origin, seq uint64) error {
	r.n.marks.Reset(origin, seq)
	if err := r.n.open().SetMark(origin, seq); err != nil {
		return fmt.Errorf("cut watermark of %v: %w", origin, err)
	}
	return nil
}

// Stamp returns a timestamp above all that this node gave or took in. A clock that is
// wrong, or may be, does not count: what it shows would stand long after it is right again.
func (r replica) Stamp() clock.Timestamp {
	wall := r.n.now.Wall
	if r.n.clockUnheard(r.n.now) || r.n.clockOff(r.n.now) {
		wall = 0
	}
	return r.n.hlc.Now(wall, clock.Timestamp{})
}

// Close is Stamp, with the turn's batch making sure that a restart begins above.
func (r replica) Close() (clock.Timestamp, error) {
	c := r.Stamp()
	if c.Wall+int64(boundAhead/2) <= r.n.bound.Wall {
		return c, nil
	}
	bound := clock.Timestamp{Wall: c.Wall + int64(boundAhead)}
	if err := r.n.keep(memoBound, []byte(bound.String())); err != nil {
		return clock.Timestamp{}, err
	}
	r.n.bound = bound
	return c, nil
}

func (r replica) Keep(k gossip.Kept) error { return r.n.save(memoKept, k) }

// Apply takes f in row by row, so that a timestamp too far ahead stops it
// between two rows and not inside one.
func (r replica) Apply(now clock.Reading, f *gossip.Frame, via gossip.Via) (gossip.Applied, error) {
	done := gossip.Applied{Through: f.Through(), Short: make([]bool, len(f.Entries))}
	mark := r.n.marks.At(f.Origin)
	merged := make([]bool, len(f.Entries))
	superseded := 0
	for i, row := range f.Rows {
		seq := f.From + 1 + uint64(i)
		e := f.Entries[row.Entry]
		if hold := r.ahead(now, e.Version.Origin.Node, e.Version.Timestamp); hold > 0 {
			done.Through, done.Hold = seq-1, hold
			return done, nil
		}
		if !merged[row.Entry] {
			merged[row.Entry] = true
			outcome, err := r.merge(now, e)
			if err != nil {
				return done, err
			}
			done.Short[row.Entry] = outcome == mergeShort
			switch outcome {
			case mergeWon:
				r.n.arrived(now, e, via)
			case mergeLost:
				superseded++
			}
		}
		if seq <= mark {
			continue
		}
		if err := r.n.open().Log(f.Origin, store.Row{Seq: seq, Key: e.Key, Timestamp: row.Timestamp}); err != nil {
			return done, fmt.Errorf("log %v of %v: %w", e.Key, f.Origin, err)
		}
	}
	r.n.observe(EntriesMerged{Offered: len(f.Entries), Won: len(f.Entries) - superseded})
	return done, nil
}

func (r replica) Adopt(now clock.Reading, e *store.Entry, via gossip.Via) error {
	outcome, err := r.show(e)
	if outcome == mergeWon && err == nil {
		r.n.arrived(now, e, via)
	}
	return err
}

func (r replica) Meet(loser, winner *store.Entry) { r.n.meet(loser, winner) }

// ahead returns how long what id stamped t has to wait until it is not ahead of this
// machine's clock by more than the maximum skew; 0 if it is not.
func (r replica) ahead(now clock.Reading, id store.NodeID, t clock.Timestamp) time.Duration {
	ahead := now.Ahead(t)
	if ahead > 2*r.n.cfg.MaxSkew {
		r.n.engine.Refuse(now, id, ahead)
	}
	return max(0, ahead-r.n.cfg.MaxSkew)
}

func (r replica) Refuses(t clock.Timestamp) bool { return r.n.refuses(t) }

// An outcome is what became of an entry that was merged.
type outcome uint8

const (
	mergeWon outcome = iota
	mergeLost
	mergeShort // its large value is not whole here
)

// merge makes e the entry of its key unless the key holds its equal or better, or
// e cannot be shown yet.
func (r replica) merge(now clock.Reading, e *store.Entry) (outcome, error) {
	if err := r.n.hlc.Observe(e.Version.Timestamp, now.Wall); err != nil {
		return mergeLost, fmt.Errorf("observe %v: %w", e.Version, err)
	}
	return r.show(e)
}

// show is merge of an entry whose timestamp was observed.
func (r replica) show(e *store.Entry) (outcome, error) {
	if r.n.engine.Passed(e.Version.Timestamp) {
		// The key held it, or what superseded it, and may have been collected.
		r.n.observe(EntryBelowFloor{Key: e.Key, Version: e.Version})
		return mergeLost, nil
	}
	old, err := r.n.current(e.Key)
	if err != nil {
		return mergeLost, err
	}
	if !e.Supersedes(old) {
		r.n.meet(e, old)
		return mergeLost, nil
	}
	if e.Manifest != nil && !sameUpload(old, e) && !r.n.engine.Whole(e.Manifest) {
		return mergeShort, nil
	}
	if old != nil {
		r.n.meet(old, e)
	}
	if r.n.excluded(e) {
		r.n.strays = append(r.n.strays, e.Key)
	}
	return mergeWon, r.n.put(old, e)
}

// meet notes that loser and winner, which may be the same, are two entries of
// one key that met here.
func (n *Node) meet(loser, winner *store.Entry) {
	if e, lost := n.losses.met(loser, winner, n.excluded(loser)); lost {
		n.observe(e)
	}
}

func (r replica) Cleared() bool { return !r.n.sweep.due && len(r.n.strays) == 0 }

func (r replica) Digest() ([]store.Bucket, error) { return r.n.store.Digest() }

func (r replica) Bucket(i int) ([]*store.Entry, error) { return r.n.store.Bucket(i) }

func (r replica) Recount(i int) (bad, done bool, err error) {
	if r.n.batch != nil {
		return false, false, nil
	}
	digest, err := r.Digest()
	if err != nil {
		return false, false, fmt.Errorf("read digest: %w", err)
	}
	entries, err := r.Bucket(i)
	if err != nil {
		return false, false, fmt.Errorf("read bucket %d: %w", i, err)
	}
	counted := store.Bucket{Newest: digest[i].Newest}
	for _, e := range entries {
		counted.Replace(nil, e)
	}
	if counted.Equal(digest[i]) {
		return false, true, nil
	}
	if err := r.n.open().SetBucket(i, counted); err != nil {
		return false, false, fmt.Errorf("recount bucket %d: %w", i, err)
	}
	return true, true, nil
}

// Mend implements gossip.Replica.
func (r replica) Mend(now clock.Reading, e *store.Entry, instead bool) (mended, short bool, err error) {
	old, err := r.n.current(e.Key)
	if err != nil {
		return false, false, err
	}
	same := old != nil && old.Version == e.Version
	switch {
	case !instead, !same && !r.n.engine.Passed(e.Version.Timestamp):
		outcome, err := r.merge(now, e)
		return outcome == mergeWon, outcome == mergeShort, err
	case r.n.excluded(e), same && old.Fingerprint() == e.Fingerprint(), !same && !e.Supersedes(old):
		return false, false, nil
	}
	// Below the floor too: the peer has collected what it would collect, and kept e.
	short, err = r.Restore(now, e.Key, e)
	return !short, short, err
}

// Restore implements gossip.Replica.
func (r replica) Restore(now clock.Reading, key store.Key, e *store.Entry) (short bool, err error) {
	old, err := r.n.current(key)
	switch {
	case err != nil:
		return false, err
	case old != nil && !r.n.engine.Passed(old.Version.Timestamp) && (e == nil || e.Version.Compare(old.Version) < 0):
		return false, nil // it was written since
	case e != nil && e.Manifest != nil && !sameUpload(old, e) && !r.n.engine.Whole(e.Manifest):
		return true, nil
	case e != nil:
		if err := r.n.hlc.Observe(e.Version.Timestamp, now.Wall); err != nil {
			return false, fmt.Errorf("observe %v: %w", e.Version, err)
		}
		return false, r.n.put(old, e)
	case old == nil:
		return false, nil
	}
	if err := r.n.open().Remove(key); err != nil {
		return false, err
	}
	return false, r.n.giveUp(old)
}
