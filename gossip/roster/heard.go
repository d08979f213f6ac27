package roster

import (
	"time"

	"hearsay/store"
)

// This file is when a node last had a stream to the others.

// meet notes that a node is there.
func (r *Roster) meet(id store.NodeID) {
	_, counts := r.ledger.Epoch.find(id)
	if !counts {
		_, counts = r.findNewcomer(id)
	}
	if counts {
		r.heard[id] = r.now
	}
}

// listen keeps when those were heard who count now; whoever is new, after the
// epoch old, is heard now.
func (r *Roster) listen(old *Epoch) {
	heard := map[store.NodeID]time.Duration{}
	for _, m := range r.newcomers {
		heard[m.Node] = r.heard[m.Node]
	}
	for _, m := range r.ledger.Epoch.Members {
		heard[m.Node] = r.heard[m.Node]
		if _, known := old.find(m.Node); !known {
			heard[m.Node] = r.now
		}
	}
	r.heard = heard
}

// silence is how long there has been no stream to id, as of the last Tick. Whoever
// is new here counts as if it had just been there.
func (r *Roster) silence(id store.NodeID) time.Duration {
	return r.now - max(r.heard[id], r.begun)
}

func (r *Roster) silent(id store.NodeID) bool { return r.silence(id) >= r.cfg.Silence }
