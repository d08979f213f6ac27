package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// This file is what a node keeps beside its entries, in memos of its store.

const (
	memoRoster = "roster"      // the ledger, as JSON
	memoBound  = "clock bound" // a timestamp's text
	memoShown  = "shown"       // a wall time, nanoseconds, as JSON
	memoKept   = "kept"        // a gossip.Kept, as JSON
	memoSwept  = "swept"       // the epoch to whose ends it was swept, as JSON
	memoSeats  = "seats"       // []gossip.Seat, as JSON
	memoLine   = "line"        // a gossip.Line, as JSON
	memoMet    = "met"         // []gossip.Met, as JSON
	memoStray  = "stray"       // a clock.Timestamp, as JSON: see rewind
)

// boundAhead is how far ahead of what a node closes its clock bound is set: how
// long a restart may have to wait. It moves at half of that, so that the bound is
// also above every reading by which an expiration was judged.
const boundAhead = time.Second

// recall reads what an earlier life of the node left, whose store has held nothing that
// is stamped above newest.
func (n *Node) recall(newest clock.Timestamp) (past gossip.Memory, err error) {
	var stray clock.Timestamp
	if err := n.load(memoStray, &stray); err != nil {
		return past, err
	}
	if newest.Compare(stray) > 0 { // else it may be what was rewound
		n.hlc.Restore(newest)
	}
	err = errors.Join(n.load(memoRoster, &past.Ledger), n.load(memoKept, &past.Kept), n.load(memoSeats, &past.Seats),
		n.load(memoMet, &past.Met), n.load(memoLine, &n.line), n.load(memoSwept, &n.sweep.done), n.load(memoShown, &n.shown), n.recallBound())
	past.Bound = n.bound
	n.join(&past.Ledger.Epoch)
	return past, err
}

func (n *Node) recallBound() error {
	bound, err := n.store.Memo(memoBound)
	if err != nil {
		return fmt.Errorf("read clock bound: %w", err)
	}
	if bound != nil {
		if n.bound, err = clock.ParseTimestamp(string(bound)); err != nil {
			return fmt.Errorf("read clock bound: %w", err)
		}
	}
	n.hlc.Restore(n.bound)
	n.past, n.wall = n.bound, max(n.bound.Wall, n.shown)
	return nil
}

// rememberShown has no expiration that was judged undone by a restart, though the clock
// was off then, or not compared yet, and so moved no bound.
func (n *Node) rememberShown() error {
	if n.wall+int64(boundAhead/4) <= max(n.bound.Wall, n.shown) {
		return nil
	}
	n.shown = n.wall + int64(boundAhead)
	return n.save(memoShown, n.shown)
}

// load reads the memo of that name, JSON, into v, which stays if there is none.
func (n *Node) load(name string, v any) error {
	text, err := n.store.Memo(name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if text == nil {
		return nil
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// save puts v, as JSON, under that name into the turn's batch.
func (n *Node) save(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return n.keep(name, text)
}

// keep puts text under that name into the turn's batch, which is synced for it: no
// promise and no ballot is taken back by a crash.
func (n *Node) keep(name string, text []byte) error {
	n.keeps = true
	if err := n.open().SetMemo(name, text); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// found makes the node the founder of a cluster if it is told to be.
func (n *Node) found() {
	if n.cfg.Found {
		n.engine.Roster().Found()
	}
}

// remember puts what changed of the ledgers into the turn's batch.
func (n *Node) remember() error {
	if err := n.rememberShown(); err != nil {
		return err
	}
	if seats, changed := n.engine.SaveSeats(); changed {
		if err := n.save(memoSeats, seats); err != nil {
			return err
		}
	}
	if met, changed := n.engine.SaveLives(); changed {
		if err := n.save(memoMet, met); err != nil {
			return err
		}
	}
	ledger, changed := n.engine.Roster().Save()
	if !changed {
		return nil
	}
	if err := n.save(memoRoster, ledger); err != nil {
		return err
	}
	n.join(&ledger.Epoch)
	return nil
}

// join makes the node a member if e says so, and none if it does not. It stamps
// above where it was admitted, and nothing before.
func (n *Node) join(e *roster.Epoch) {
	var m roster.Member
	m, n.member = e.Member(n.cfg.ID)
	n.since = m.Since
	n.hlc.Restore(m.Since)
	if _, ended := e.Ended(n.own); ended {
		n.own, n.seq = store.Origin{}, 0
	}
	n.sweep.follow(e)
}

// Ready returns why the node takes no writes at now, nil if it does.
func (n *Node) Ready(now clock.Reading) error {
	switch {
	case n.draining:
		return fmt.Errorf("%w: %w", ErrNotReady, ErrLeaving)
	case n.full:
		return fmt.Errorf("%w: %w, and it takes none until there is room", ErrNotReady, ErrFull)
	}
	return n.stamps(now)
}

// stamps returns why the node may not give a write a timestamp at now, nil if it may.
func (n *Node) stamps(now clock.Reading) error {
	switch {
	case !n.member:
		if end, dropped := n.engine.Roster().Epoch().End(n.cfg.ID); dropped {
			return fmt.Errorf("%w: epoch %d dropped it from the cluster, and it has not been admitted again yet", ErrNotReady, end.Epoch)
		}
		return fmt.Errorf("%w: it has not been admitted to the cluster yet", ErrNotReady)
	case n.engine.Fenced():
		return fmt.Errorf("%w: %w", ErrNotReady, ErrFenced)
	case now.Wall < n.past.Wall:
		return fmt.Errorf("%w: its clock has to pass what it closed before its restart, in %v", ErrNotReady, time.Duration(n.past.Wall-now.Wall))
	case n.clockUnheard(now):
		return fmt.Errorf("%w: it has not compared its clock with another member's since its start", ErrNotReady)
	case n.clockOff(now):
		return fmt.Errorf("%w: its clock is off from those of its peers by %v at least; set it right", ErrNotReady, n.engine.ClockOff(now).Abs().Round(time.Millisecond))
	case n.lead(now) > 2*n.cfg.MaxSkew:
		return fmt.Errorf("%w: its timestamps are %v ahead of its clock, which was wrong, and others refuse them; it asks the cluster to begin anew", ErrNotReady, n.lead(now).Round(time.Millisecond))
	}
	return nil
}
