package node

import (
	"fmt"

	"hearsay/clock"
	"hearsay/store"
)

// This file is how the gossip engine takes out of the replica what nobody needs.

func (r replica) Trimmed() store.Watermarks { return r.n.trimmed }

func (r replica) Trim(origin store.Origin, seq uint64) error {
	r.n.trimmed.Set(origin, seq)
	if err := r.n.open().Trim(origin, seq); err != nil {
		return fmt.Errorf("trim log of %v: %w", origin, err)
	}
	return nil
}

func (r replica) Forget(origin store.Origin) error {
	r.n.marks.Reset(origin, 0)
	r.n.trimmed.Reset(origin, 0)
	if err := r.n.open().Forget(origin); err != nil {
		return fmt.Errorf("forget %v: %w", origin, err)
	}
	return nil
}

func (r replica) Collect(floor clock.Timestamp, limit int) (more bool, err error) {
	removed, more, err := r.n.open().Collect(floor, limit)
	if err != nil {
		return false, fmt.Errorf("collect: %w", err)
	}
	for _, e := range removed {
		if err := r.n.giveUp(e); err != nil {
			return false, fmt.Errorf("collect: %w", err)
		}
	}
	if len(removed) > 0 {
		r.n.observe(EntriesCollected{Entries: removed})
	}
	return more, nil
}
