package node

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file has a node begin anew whose timestamps have run so far ahead that others refuse
// them. Its clock was wrong, and it had nobody to compare it with: it started cut off,
// or was one of two. Once the clock is right it has the cluster drop it and admit it
// again. So all agree on where its streams end: with what any other member holds, which
// is nothing that was refused. What it closed ends too, and its hybrid clock may go
// back. What it holds from beyond those ends it writes anew (anew.go), stamped as what it
// is: just written.

// renewAhead is how much further ahead than others take them a node's timestamps are
// when it begins anew: what is not even that is as soon waited out, and a restart sets
// the hybrid clock ahead by as much.
const renewAhead = boundAhead

// refuses reports whether t is so far ahead of this machine's clock that nothing which
// has it is taken.
func (n *Node) refuses(t clock.Timestamp) bool { return n.now.Ahead(t) > 2*n.cfg.MaxSkew }

// alone reports whether the node is the only member of its cluster.
func (n *Node) alone() bool {
	members := n.Roster().Members
	return len(members) == 1 && members[0].Node == n.cfg.ID
}

// lead returns how far the node's timestamps are ahead of its clock; 0 while that is
// not known to be right, or if there is nobody who would refuse them.
func (n *Node) lead(now clock.Reading) time.Duration {
	if n.alone() || n.clockUnheard(now) || n.clockOff(now) {
		return 0
	}
	return max(0, now.Ahead(n.hlc.Last()))
}

// renew takes the next step, if the node has to begin anew.
func (n *Node) renew(now clock.Reading) error {
	if n.lead(now) <= 2*n.cfg.MaxSkew+renewAhead {
		return nil
	}
	if n.member {
		if !n.engine.Spared() {
			return nil
		}
		if !n.renewing {
			n.renewing = true
			n.observe(RunsAhead{By: n.lead(now)})
		}
		n.engine.Roster().Rejoin(now.Mono, n.void(now))
		return nil
	}
	return n.rewind(now)
}

// void returns those of the node's streams that began with a timestamp which is too far
// ahead.
func (n *Node) void(now clock.Reading) []store.Origin {
	var void []store.Origin
	for _, m := range n.marks.Of(n.cfg.ID) {
		if now.Ahead(m.Origin.Incarnation.Start) > n.cfg.MaxSkew {
			void = append(void, m.Origin)
		}
	}
	return void
}

// rewind sets the hybrid clock back, above all that the node took in while its clock was
// right, and all that counts. As it is no member nothing that it closed counts, and it
// stamps nothing before it is one, above where that has it begin.
func (n *Node) rewind(now clock.Reading) error {
	stray := n.hlc.Last()
	counts, err := n.counts()
	if err != nil {
		return err
	}
	n.bound = clock.Timestamp{Wall: now.Wall + int64(n.cfg.MaxSkew)}
	if counts.Compare(n.bound) > 0 {
		n.bound = counts
	}
	if n.bound.Compare(stray) >= 0 {
		return nil // all of it counts, and is waited out
	}
	n.past = n.bound
	n.hlc.Rewind(n.bound)
	n.engine.Rewind()
	n.renewing = false
	if err := n.keep(memoBound, []byte(n.bound.String())); err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	return n.save(memoStray, stray)
}

// counts returns the greatest timestamp that the node holds and that will count: of
// streams that have ended, of what is left of them, and else of what is not refused. What
// is written anew has to be above, or loses to what it is to hide.
func (n *Node) counts() (clock.Timestamp, error) {
	var greatest clock.Timestamp
	for _, m := range n.marks {
		from := n.trimmed.At(m.Origin)
		last, ended := n.Roster().Ended(m.Origin)
		var failed error
		at := func(seq uint64) clock.Timestamp {
			rows, err := n.store.Rows(m.Origin, seq-1, 1)
			if failed = errors.Join(failed, err); err != nil || len(rows) == 0 {
				return clock.Timestamp{} // taken in just now, so by a clock that is right
			}
			return rows[0].Timestamp
		}
		through := min(m.Seq, last)
		if !ended && m.Seq > from {
			through = from + uint64(sort.Search(int(m.Seq-from), func(i int) bool { return n.refuses(at(from + 1 + uint64(i))) }))
		}
		if through > from {
			if t := at(through); t.Compare(greatest) > 0 {
				greatest = t
			}
		}
		if failed != nil {
			return greatest, fmt.Errorf("rows of %v: %w", m.Origin, failed)
		}
	}
	return greatest, nil
}

// RunsAhead says that the node's timestamps are so far ahead of the cluster's clocks that
// others refuse them, and that it begins anew.
type RunsAhead struct{ By time.Duration }

func (RunsAhead) EventName() string { return "runs_ahead" }
