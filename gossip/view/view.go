// Package view is who may answer `region`: which nodes of a region hold, at
// this moment, every write that the region acknowledged.
//
// They are a view: a number and a set of nodes. A majority of the region's
// granters supports one view at a time, each under leases, so two views never
// live together; and a node enters a view once it covers what they hold, so a
// later view misses nothing that an earlier one acknowledged. DESIGN.md gives the
// rules, why each is there, and what the owner of a Region has to do.
//
// Region is a state machine without I/O. What it must not forget is its Ledger,
// which its owner makes durable before it sends what Collect returns.
package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// An ID names a view. The zero ID is before all others and names none.
type ID struct {
	Number uint64
	By     store.NodeID // who proposed it
}

// Compare orders views by number, then by who proposed them.
func (v ID) Compare(w ID) int {
	if c := cmp.Compare(v.Number, w.Number); c != 0 {
		return c
	}
	return strings.Compare(string(v.By), string(w.By))
}

// A Tag goes with every report of what a node holds: the latest view that it had
// granted by then, and the number of the granters among whom it did so. The zero
// Tag says nothing of grants.
type Tag struct {
	View   ID
	Config uint64
}

// A View is a set of nodes, sorted, that may answer `region`.
type View struct {
	ID
	Nodes []store.NodeID
}

// Has reports whether node is of the view.
func (v *View) Has(node store.NodeID) bool {
	_, has := slices.BinarySearch(v.Nodes, node)
	return has
}

// A Ledger is what a node must not forget.
type Ledger struct {
	// View is the highest that the node knows. It never asks for a lower one, nor
	// proposes its number again.
	View View
	// Granted is the latest that the node granted to anyone.
	Granted ID
}

// A Hold is how long a node is in its view by the grants that it holds. The zero
// Hold is over.
type Hold struct {
	// Until is the Reading.Mono at which too few of the grants are left.
	Until time.Duration
	// Offset is how far the wall clock was ahead of the monotonic one; drift is by
	// how much it may be off until the machine passes for suspended.
	Offset, drift time.Duration
}

// On reports whether the node was in its view at now.
func (h Hold) On(now clock.Reading) bool {
	return now.Mono < h.Until && (offset(now)-h.Offset).Abs() <= h.drift
}

func offset(r clock.Reading) time.Duration { return time.Duration(r.Wall) - r.Mono }

// Config tunes a Region. All nodes of a region and its granters have the same
// Lease and Slack.
type Config struct {
	// Lease is how long a grant holds, counted by the asker from when it asked.
	Lease time.Duration
	// Slack is how much longer a granter counts, from when it answered. It covers
	// clocks that run at different rates, and what a suspended machine may sleep
	// unnoticed, which is half of it.
	Slack time.Duration
	// Renew is the time between two rounds of asking while in the view, Retry
	// while not.
	Renew, Retry time.Duration
	// Silence is how long a node may be silent, or leave a write unconfirmed, until
	// a view without it is proposed. Less than Lease, it costs nothing, since the
	// lease of the silent has to run out first.
	Silence time.Duration
	// Settle is how long another set of nodes has to fit better, unchanged, until
	// it is proposed.
	Settle time.Duration
	// MaxNodes bounds a view.
	MaxNodes int
}

// DefaultConfig returns settings under which a dead node costs its region little
// more than one lease of a second.
func DefaultConfig() Config {
	return Config{
		Lease:    time.Second,
		Slack:    50 * time.Millisecond,
		Renew:    300 * time.Millisecond,
		Retry:    50 * time.Millisecond,
		Silence:  600 * time.Millisecond,
		Settle:   100 * time.Millisecond,
		MaxNodes: 128,
	}
}

// Validate returns an error that names the first field out of its range.
func (c Config) Validate() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Slack", c.Slack},
		{"Retry", c.Retry},
		{"Settle", c.Settle},
	} {
		if d.value <= 0 {
			return fmt.Errorf("view: %s is %v, must be positive", d.name, d.value)
		}
	}
	switch {
	case c.Renew < c.Retry:
		return fmt.Errorf("view: Renew is %v, must be at least Retry, %v", c.Renew, c.Retry)
	case c.Silence < 2*c.Renew:
		return fmt.Errorf("view: Silence is %v, must be at least twice Renew, %v, lest one late answer pass for it", c.Silence, c.Renew)
	case c.Lease <= c.Silence:
		return fmt.Errorf("view: Lease is %v, must be more than Silence, %v", c.Lease, c.Silence)
	case c.MaxNodes <= 0:
		return fmt.Errorf("view: MaxNodes is %d, must be positive", c.MaxNodes)
	}
	return nil
}

// A Step is the part that a Message plays.
type Step uint8

// The steps of a round of asking.
const (
	Ask    Step = iota + 1 // the sender asks to be in View …
	Answer                 // … and is granted it or not; unasked for, it tells of View
)

// A Message travels between two regions' states: nodes ask, granters answer. It
// may be lost, late, or come twice.
type Message struct {
	Step Step
	// View is the highest that the sender knows. Its Nodes are left out for a
	// receiver that has named it.
	View View
	// Round tells an asker which of its rounds of asking an Answer is to, which
	// repeats it. It counts on from a number that is drawn at a start.
	Round uint64
	// Config is the number of the granters that an asker counts on.
	Config uint64
	// Deaf are the nodes, sorted, with which the sender could not share a view.
	Deaf []store.NodeID
	// Granted says of an Answer that View is granted, to a node that held the
	// grants of a majority from when it asked.
	Granted bool
	// Marks are the watermarks of who granted, as durable as the grant. They are
	// left out if Known: the asker has those of an earlier grant of the same view.
	Marks store.Watermarks
	Known bool
}

// An Envelope is a message and the node it goes to.
type Envelope struct {
	To      store.NodeID
	Message Message
}
