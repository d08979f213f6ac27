package node

import (
	"fmt"
	"time"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/gossip/view"
	"hearsay/store"
)

// A Front is what one Flush made readable: a replica at one moment, immutable.
// Reads do not pass through the node; any number of them may use one front
// beside the node's turns. Its owner closes Entries when the last one is done.
type Front struct {
	Entries store.Snapshot
	// Marks is how far the replica is.
	Marks store.Watermarks
	// W is the timestamp up to which the replica misses nothing that any member of
	// the cluster has ever written; zero if that is unknown.
	W clock.Timestamp
	// Acked is a time: what was acknowledged `region` before it, by any member, is not
	// missing; zero if that is unknown. It is never before W, and later while a region
	// goes on without one of its nodes.
	Acked clock.Timestamp
	// Floor is the timestamp at or below which everything is everywhere, at every
	// member of the cluster; zero if that is unknown. It is never above W.
	Floor clock.Timestamp
	// Epoch is the roster over which these count, and by whose ends writes do not.
	Epoch roster.Epoch
	// Hold is how long the node may answer `region`; see Region.
	Hold view.Hold
	// Fenced says that what the replica shows may be deleted long since, and how stale
	// it is is unknown: it takes a snapshot.
	Fenced bool
	// Refusal is why the node takes no writes; see ErrNotReady. Nil if it does.
	Refusal error
	// MaxSkew is how far apart the cluster's clocks may be.
	MaxSkew time.Duration
	// Wall is the greatest wall time, nanoseconds since the Unix epoch, that the
	// node had seen. A clock stepped back brings no expired key back.
	Wall int64
	// Clock is the reading of the turn, and ClockOff whether the node's clock was known
	// to be wrong then: no staleness can be told by it.
	Clock    clock.Reading
	ClockOff bool
	// Lost is the updates that the node has seen lose in this life, oldest first,
	// the last MaxLost of them.
	Lost []UpdateLost
}

// Staleness returns how long before now the last write that f misses may have been
// acknowledged `region`, and false if that is unknown, as it is where the clock is
// wrong, or was set since f. It never says too little while clocks are within the
// maximum skew: cut off from a member, unless that member's region goes on without it,
// the figure grows.
func (f *Front) Staleness(now clock.Reading) (time.Duration, bool) {
	set := time.Duration(now.Wall-f.Clock.Wall) - (now.Mono - f.Clock.Mono)
	if f.Acked.IsZero() || f.Fenced || f.ClockOff || set.Abs() > f.MaxSkew/2 {
		return 0, false
	}
	return time.Duration(f.at(now)-f.Acked.Wall) + f.MaxSkew, true
}

// Region reports whether a read that took its reading now and then f shows every
// write that the region had acknowledged before now, or what supersedes it.
func (f *Front) Region(now clock.Reading) bool { return f.Hold.On(now) }

// Read returns the live entry of key in f at now, or store.ErrNotFound. It is a
// pure function of its arguments; take the reading first, then the front.
func Read(now clock.Reading, f *Front, key store.Key) (*store.Entry, error) {
	e, err := f.Entries.Get(key)
	if err != nil {
		return nil, fmt.Errorf("read %v: %w", key, err)
	}
	if !e.Live(f.at(now)) {
		return nil, store.ErrNotFound
	}
	return e, nil
}

// Scan visits up to limit entries of f from key start on and before end, and
// returns those that are live at now, in key order. Next is where the next scan
// begins, the zero key when this one reached the end: a page may be empty and
// yet not the last, for deleted and expired keys count against limit.
func Scan(now clock.Reading, f *Front, start, end store.Key, limit int) (live []*store.Entry, next store.Key, err error) {
	visited, err := f.Entries.Scan(start, end, limit)
	if err != nil {
		return nil, store.Key{}, fmt.Errorf("scan from %v: %w", start, err)
	}
	wall := f.at(now)
	for _, e := range visited {
		if e.Live(wall) {
			live = append(live, e)
		}
	}
	if len(visited) == limit && limit > 0 {
		next = visited[limit-1].Key
		next.Name += "\x00"
	}
	return live, next, nil
}

func (f *Front) at(now clock.Reading) int64 { return max(now.Wall, f.Wall) }
