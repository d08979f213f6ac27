package node_test

import (
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/node"
)

// Staleness is told by the clock, so where that is wrong none is told.
func TestStalenessNeedsAClock(t *testing.T) {
	front := node.Front{Acked: clock.Timestamp{Wall: 98 * second}, Clock: at(100), MaxSkew: 500 * time.Millisecond}
	off := front
	off.ClockOff = true
	set := func(by time.Duration) clock.Reading {
		now := at(101)
		now.Wall += int64(by)
		return now
	}
	tests := []struct {
		name  string
		front node.Front
		now   clock.Reading
		want  time.Duration
		known bool
	}{
		{"right", front, set(0), 3500 * time.Millisecond, true},
		{"slewed", front, set(-250 * time.Millisecond), 3250 * time.Millisecond, true},
		{"set back since", front, set(-251 * time.Millisecond), 0, false},
		{"set ahead since", front, set(251 * time.Millisecond), 0, false},
		{"known to be off", off, set(0), 0, false},
	}
	for _, tt := range tests {
		if got, known := tt.front.Staleness(tt.now); got != tt.want || known != tt.known {
			t.Errorf("%s: Staleness = %v, %v, want %v, %v", tt.name, got, known, tt.want, tt.known)
		}
	}
}
