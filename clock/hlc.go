package clock

import (
	"errors"
	"time"
)

// ErrAhead is returned by HLC.Observe for a timestamp beyond the maximum skew.
// The clock did not change.
var ErrAhead = errors.New("clock: timestamp is ahead of this machine's clock by more than the maximum skew")

// HLC is a hybrid logical clock. It holds no physical clock and takes no lock:
// its owner passes the wall time in and calls it from one goroutine.
type HLC struct {
	last    Timestamp
	maxSkew time.Duration
}

// NewHLC returns a clock that refuses to follow timestamps more than maxSkew
// ahead of the physical clock.
func NewHLC(maxSkew time.Duration) *HLC { return &HLC{maxSkew: maxSkew} }

// Now returns a timestamp after every one that this clock gave or observed,
// and after above: the version that a write is about to replace.
func (c *HLC) Now(wall int64, above Timestamp) Timestamp {
	t := c.last.Next()
	if u := above.Next(); u.Compare(t) > 0 {
		t = u
	}
	if wall > t.Wall {
		t = Timestamp{Wall: wall}
	}
	c.last = t
	return t
}

// Observe moves the clock up to remote, so that what this machine writes next
// is after it. Remote is judged against the physical clock and not against the
// hybrid one, which a far-ahead timestamp might already have lifted.
func (c *HLC) Observe(remote Timestamp, wall int64) error {
	if c.Ahead(remote, wall) > c.maxSkew {
		return ErrAhead
	}
	if remote.Compare(c.last) > 0 {
		c.last = remote
	}
	return nil
}

// Ahead returns how far remote is beyond the physical clock; see Reading.Ahead.
func (c *HLC) Ahead(remote Timestamp, wall int64) time.Duration {
	return Reading{Wall: wall}.Ahead(remote)
}

// Restore moves the clock up to last, the greatest timestamp that the machine
// held before a restart, however far ahead of the physical clock it is.
func (c *HLC) Restore(last Timestamp) {
	if last.Compare(c.last) > 0 {
		c.last = last
	}
}

// Rewind sets the clock back to last: what was given above it counts nowhere any more.
func (c *HLC) Rewind(last Timestamp) { c.last = last }

// Last returns the greatest timestamp given, observed or restored.
func (c *HLC) Last() Timestamp { return c.last }
