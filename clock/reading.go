// Package clock is time as data: readings that a driver takes from a machine's
// clocks, and the hybrid logical clock that turns them into timestamps.
//
// Nothing here reads a clock. Every input of a node carries a Reading, so time
// stands still while the node thinks and a recorded run replays exactly.
package clock

import "time"

// A Reading is one look at a machine's clocks.
type Reading struct {
	// Wall is the physical clock in nanoseconds since the Unix epoch. It may
	// jump, run fast or slow, and disagree with other machines.
	Wall int64
	// Mono is the time since the node started. It never goes back and is what
	// timeouts are measured on.
	Mono time.Duration
}

// Ahead returns how far t is beyond the physical clock; negative if behind. A
// clock set to before 1970 counts as 1970, lest the difference overflow and a
// timestamp at the end of time pass for one in the past.
func (r Reading) Ahead(t Timestamp) time.Duration {
	return time.Duration(t.Wall - max(r.Wall, 0))
}
