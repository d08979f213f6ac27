package node

import (
	"fmt"

	"hearsay/clock"
	"hearsay/store"
)

// A Front is what one Flush made readable: a replica at one moment, immutable.
// Reads do not pass through the node; any number of them may use one front
// beside the node's turns. Its owner closes Entries when the last one is done.
type Front struct {
	Entries store.Snapshot
	// Marks is how far the replica is.
	Marks store.Watermarks
	// Wall is the greatest wall time, nanoseconds since the Unix epoch, that the
	// node had seen. A clock stepped back brings no expired key back.
	Wall int64
}

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
