package store

import (
	"math"
	"strings"
	"time"

	"hearsay/clock"
)

// SystemPrefix begins the namespaces that hold what the cluster knows of itself.
// Their deletions are kept for ever: what was once used, such as a namespace's id,
// has to be known for as long as something may lie under it.
const SystemPrefix = "system/"

// Due returns the floor at which e may be collected: a tombstone at its
// timestamp, for then everybody has what it hides no more; an entry that expires
// once also its expiration is at or below the floor. It reports false for an entry
// that is kept until it is superseded.
func (e *Entry) Due() (clock.Timestamp, bool) {
	t := e.Version.Timestamp
	switch {
	case strings.HasPrefix(e.Key.Namespace, SystemPrefix):
		return clock.Timestamp{}, false
	case e.Tombstone:
		return t, true
	case e.Expires <= 0 || e.Expires > math.MaxInt64/int64(time.Second):
		return clock.Timestamp{}, false
	}
	return later(t, clock.Timestamp{Wall: e.Expires * int64(time.Second)}), true
}

// DueAt reports whether e may be collected at floor.
func (e *Entry) DueAt(floor clock.Timestamp) bool {
	t, ever := e.Due()
	return ever && t.Compare(floor) <= 0
}
