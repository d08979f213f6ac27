package node

import (
	"fmt"
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

// This file is how the gossip engine gives and takes snapshots of the replica.

func (r replica) Scan(start, end store.Key, limit int) ([]*store.Entry, error) {
	return r.n.store.Scan(start, end, limit)
}

func (r replica) Load(now clock.Reading, entries []*store.Entry, via gossip.Via) (short []bool, hold time.Duration, err error) {
	for _, e := range entries {
		if hold := r.ahead(now, e.Version.Origin.Node, e.Version.Timestamp); hold > 0 {
			return nil, hold, nil
		}
	}
	short = make([]bool, len(entries))
	for i, e := range entries {
		outcome, err := r.merge(now, e)
		if err != nil {
			return nil, 0, fmt.Errorf("load %v: %w", e.Key, err)
		}
		short[i] = outcome == mergeShort
		if outcome == mergeWon {
			r.n.arrived(now, e, via)
		}
	}
	return short, 0, nil
}

func (r replica) Clear(start store.Key, p *gossip.Page, w clock.Timestamp, limit int) (next store.Key, err error) {
	held, err := r.n.store.Scan(start, p.Next, limit)
	if err != nil {
		return store.Key{}, fmt.Errorf("clear from %v: %w", start, err)
	}
	for _, old := range held {
		if err := r.clear(old, p, w); err != nil {
			return store.Key{}, fmt.Errorf("clear %v: %w", old.Key, err)
		}
	}
	if len(held) < limit {
		return p.Next, nil
	}
	next = held[limit-1].Key
	next.Name += "\x00"
	return next, nil
}

func (r replica) clear(old *store.Entry, p *gossip.Page, w clock.Timestamp) error {
	given := func() bool {
		_, ok := slices.BinarySearchFunc(p.Entries, old.Key, func(e *store.Entry, k store.Key) int { return e.Key.Compare(k) })
		return ok
	}
	if old.Version.Timestamp.Compare(w) > 0 || given() {
		return nil
	}
	if r.n.excluded(old) {
		if old.Version.Timestamp.Compare(p.Facts.Floor) > 0 {
			return nil // it is written anew: what hides it would be in p
		}
		r.n.observe(EntryInDoubt{Key: old.Key, Version: old.Version})
	}
	if err := r.n.open().Remove(old.Key); err != nil {
		return err
	}
	return r.n.giveUp(old)
}
