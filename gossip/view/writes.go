package view

import (
	"cmp"
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// A report is how far a peer said that it holds this node's present origin,
// synced, and with which tag.
type report struct {
	tag Tag
	seq uint64
}

// A check is a number that a peer has to confirm, since a Reading.Mono.
type check struct {
	seq   uint64
	since time.Duration
}

// Wrote tells that this node's present origin reaches to mark once the turn is
// committed.
func (r *Region) Wrote(now clock.Reading, mark store.Mark) {
	r.now = now
	if mark.Origin != r.wrote.Origin {
		r.confirmed = 0
		for _, p := range r.peers {
			p.report, p.check = report{tag: p.report.tag}, check{}
		}
	}
	r.wrote = mark
	for _, p := range r.peers {
		p.expect(mark.Seq, now.Mono)
	}
}

// Held tells that a peer holds mark.Origin up to mark.Seq, synced, and that tag
// was its Tag at the same moment.
func (r *Region) Held(now clock.Reading, from store.NodeID, mark store.Mark, tag Tag) {
	r.now = now
	p := r.peer(from)
	if p == nil || mark.Origin != r.wrote.Origin {
		return
	}
	p.report.seq = max(p.report.seq, mark.Seq)
	// All of these only rise, so they hold of a late report too.
	if tag.View.Compare(p.report.tag.View) > 0 {
		p.report.tag.View = tag.View
	}
	p.report.tag.Config = max(p.report.tag.Config, tag.Config)
	p.expect(r.wrote.Seq, now.Mono)
}

// expect has p confirm seq from now on if it confirmed what it had to.
func (p *peer) expect(seq uint64, now time.Duration) {
	if p.report.seq >= p.check.seq {
		p.check = check{seq, now}
	}
}

// lags reports whether p leaves this node's writes unconfirmed.
func (r *Region) lags(p *peer) bool {
	return p.report.seq < p.check.seq && r.silent(p.check.since)
}

// settleConfirmed finds how far every node of the view and a majority of the
// granters hold this node's writes, the granters while they support the view. What
// later granters say counts once this node knows of them.
func (r *Region) settleConfirmed() {
	v := &r.ledger.View
	low := r.wrote.Seq
	for _, id := range v.Nodes {
		if id != r.self {
			low = min(low, r.held(id))
		}
	}
	tagged := make([]uint64, 0, r.granters)
	for _, p := range r.peers {
		switch {
		case !p.granter:
		case p.id == r.self && r.ledger.Granted == v.ID:
			tagged = append(tagged, r.wrote.Seq)
		case p.report.tag.View == v.ID && p.report.tag.Config <= r.config:
			tagged = append(tagged, p.report.seq)
		}
	}
	if seq, ok := greatest(tagged, r.majority()); ok && len(v.Nodes) > 0 {
		r.confirmed = max(r.confirmed, min(low, seq))
	}
}

func (r *Region) held(id store.NodeID) uint64 {
	if p := r.peer(id); p != nil {
		return p.report.seq
	}
	return 0
}

// Confirmed returns how far the region holds this node's present origin, as of
// the last Collect: what is at or below is acknowledged `region`.
func (r *Region) Confirmed() store.Mark {
	return store.Mark{Origin: r.wrote.Origin, Seq: r.confirmed}
}

// greatest returns the n-th greatest value of list, which it sorts, and false if
// there are fewer.
func greatest[T cmp.Ordered](list []T, n int) (T, bool) {
	if len(list) < n {
		var none T
		return none, false
	}
	slices.Sort(list)
	return list[len(list)-n], true
}
