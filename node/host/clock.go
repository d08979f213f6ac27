package host

import (
	"time"

	"hearsay/clock"
)

// A Clock reads this machine's clocks. System is the real one.
type Clock interface {
	Read() clock.Reading
}

// System reads the clocks of the machine that the process runs on. Its Mono is
// Go's monotonic clock, which on Linux stands still while the machine is
// suspended; the node notices by comparing it with Wall.
type System struct{ start time.Time }

// NewSystem returns a System whose Mono counts from now.
func NewSystem() System { return System{start: time.Now()} }

// Read returns both clocks as they stood at one instant.
func (s System) Read() clock.Reading {
	now := time.Now()
	return clock.Reading{Wall: now.UnixNano(), Mono: now.Sub(s.start)}
}
