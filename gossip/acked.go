package gossip

import (
	"slices"
	"time"

	"hearsay/clock"
)

// This file is how a node that is gone does not make the others stale. Who is in its
// region's view holds whatever the region ever acknowledged, so it can say of each node
// of the region how far nothing is missing that was acknowledged, though more may have
// been written.

// standInAfter is how much older a member's word has to be than that of who speaks for
// it. A word in time says more, and statuses are longer while others' differ from it.
const standInAfter = time.Second

// Acked returns a time: what was acknowledged `region` before it, by any member, is
// not missing in what the last Tick found. It is never before W.
func (e *Engine) Acked() clock.Timestamp { return e.acked }

// ackedTo is up to when this node misses nothing of the member that was acknowledged.
func (st *standing) ackedTo() clock.Timestamp { return later(st.acked, st.best) }

// standIn has this node, if it is in its region's view, speak for those of the region
// who are silent, up to what it would close itself: that was no later than now.
func (e *Engine) standIn(now clock.Reading) {
	e.follow()
	if !e.Hold().On(now) {
		return
	}
	for i := range e.standings {
		st := &e.standings[i]
		if e.roster.Epoch().Members[i].Region == e.self.Region && e.base.Wall-st.best.Wall > int64(standInAfter) {
			e.standAcked(st, e.base)
		}
	}
}

func (e *Engine) standAcked(st *standing, t clock.Timestamp) {
	if t.Compare(st.ackedTo()) > 0 {
		st.acked = t
		e.apart, e.recount = true, true
	}
}

// leastAcked returns up to when this node misses nothing of any member that was
// acknowledged.
//
// Fewer than a majority count by what others say in their stead. For a newcomer that
// this node does not know of was admitted by a majority, all of whom had closed
// nothing since they had accepted that, and the newcomer's writes were acknowledged
// later. One of these counts here by its own word.
func (e *Engine) leastAcked() clock.Timestamp {
	if !e.apart {
		return e.least
	}
	e.apart = false
	least := e.standings[0].ackedTo()
	own := make([]clock.Timestamp, len(e.standings))
	for i := range e.standings {
		st := &e.standings[i]
		own[i] = st.best
		least = earlier(least, st.ackedTo())
		e.apart = e.apart || st.acked.Compare(st.best) > 0
	}
	slices.SortFunc(own, clock.Timestamp.Compare)
	majority := len(own)/2 + 1
	return earlier(least, own[majority-1])
}

func later(a, b clock.Timestamp) clock.Timestamp {
	if b.Compare(a) > 0 {
		return b
	}
	return a
}
