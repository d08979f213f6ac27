package node

import (
	"errors"
	"time"
)

// This file is when a turn's commit is synced. Whatever a node sends speaks of what it
// holds, so nothing is sent before all of that is synced: who hears of a write, of
// a watermark, of a closed timestamp or of a grant hears of it for good. To put a sync
// off is therefore to put off all that is sent, and several turns are to the peers
// as one.

// MaxSyncEvery bounds how long a sync may be put off: peers hear of a node that much
// later, twice in an answer, and may not find it silent for that.
const MaxSyncEvery = 200 * time.Millisecond

// unsynced is what was committed and may be lost in a crash.
type unsynced struct {
	any   bool
	since time.Duration // Reading.Mono of the oldest
}

// commit applies the turn's batch, and reports whether all that was ever committed is
// synced.
func (n *Node) commit() (synced bool, err error) {
	sync := n.syncs()
	if n.batch == nil && (!n.tail.any || !sync) {
		return !n.tail.any, nil
	}
	err = n.open().Commit(sync)
	err = errors.Join(err, n.batch.Close())
	n.batch, n.keeps = nil, false
	switch {
	case sync:
		n.tail = unsynced{}
		n.durable = n.seq
	case !n.tail.any:
		n.tail = unsynced{any: true, since: n.now.Mono}
	}
	return sync, err
}

// syncs reports whether the turn's commit is synced: if the node is to sync always, if
// the turn has something that the node itself must not forget, if somebody waits, a
// client for his region or a peer for an answer, or if the oldest part has waited
// long enough.
func (n *Node) syncs() bool {
	return n.cfg.SyncEvery == 0 || n.keeps || n.waits.newest() > n.durable || n.engine.Pressed() ||
		n.tail.any && n.now.Mono >= n.syncDue()
}

func (n *Node) syncDue() time.Duration { return n.tail.since + n.cfg.SyncEvery }
