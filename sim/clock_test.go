package sim_test

import (
	"testing"
	"time"

	"hearsay/sim"
)

// A machine whose clock jumps away from the others takes no writes until it is
// right again: they would win over, or lose to, what others write at the same time.
func TestClockThatIsOffTakesNoWrites(t *testing.T) {
	const from, until = 9 * time.Second, 13 * time.Second
	for _, amount := range []time.Duration{-2 * time.Second, 2 * time.Second} {
		var before, within, others, after int
		pass(t, sim.Config{
			Seed: 1, Nodes: 5, Regions: 3, For: 19 * time.Second,
			Faults: []sim.Fault{{ID: 1, Kind: sim.ClockJump, At: from, For: until - from, A: []int{1}, Amount: amount}},
			Trace: func(s sim.Step) {
				switch {
				case s.Kind != sim.Told || s.Note != "write_accepted":
				case s.Machine != 1 && s.At > from && s.At < until:
					others++
				case s.Machine != 1:
				case s.At < from:
					before++
				case s.At < until:
					within++
				default:
					after++
				}
			},
		})
		if before == 0 || within != 0 || others == 0 || after == 0 {
			t.Errorf("with its clock off by %v for a while a machine took %d writes before, %d then and %d after, others %d then; want some, 0, some, some",
				amount, before, within, after, others)
		}
	}
}

// A clock that was an hour off for a while, however long, leaves nothing behind: what
// its machine writes once it is right again is stamped like anyone's, and nobody waits
// for it, though the machine started anew with such a clock.
func TestClockThatWasFarOffLeavesNothingBehind(t *testing.T) {
	for _, amount := range []time.Duration{-time.Hour, time.Hour} {
		for seed := range uint64(4) {
			faults := []sim.Fault{{ID: 1, Kind: sim.ClockJump, At: 9 * time.Second, For: 5 * time.Second, A: []int{1}, Amount: amount}}
			if seed%2 == 1 {
				faults = append(faults, sim.Fault{ID: 2, Kind: sim.Crash, At: 10 * time.Second, For: time.Second, A: []int{1}})
			}
			pass(t, sim.Config{Seed: seed, Nodes: 5, Regions: 3, For: 19 * time.Second, Faults: faults})
		}
	}
}

// A machine that starts cut off, with a clock far ahead, can compare it with nobody and
// takes writes. Nobody takes these over; once its clock is right the machine begins anew,
// and offers them with true timestamps, within seconds and not when they are due.
func TestWritesOfAClockFarAheadAreOfferedAnew(t *testing.T) {
	for seed, ahead := range []time.Duration{30 * time.Second, time.Hour} {
		r := pass(t, sim.Config{
			Seed: uint64(seed), Nodes: 5, Regions: 3, For: 18 * time.Second,
			Faults: []sim.Fault{
				{ID: 1, Kind: sim.CutRegion, At: 2 * time.Second, For: 9 * time.Second, A: []int{2}},
				{ID: 2, Kind: sim.ClockJump, At: 2 * time.Second, For: 11 * time.Second, A: []int{2}, Amount: ahead},
				{ID: 3, Kind: sim.Crash, At: 2500 * time.Millisecond, For: 500 * time.Millisecond, A: []int{2}},
			},
		})
		if r.Stats.Offered == 0 {
			t.Errorf("%v ahead: nothing was offered anew", ahead)
		}
	}
}
