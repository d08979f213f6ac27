package shrink_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hearsay/sim"
	"hearsay/sim/shrink"
)

// cfg is a run whose parts the judges below look at, and never run.
func cfg() sim.Config {
	c := sim.Config{Seed: 1, Nodes: 8, Regions: 2, For: 20 * time.Second}
	for i := range uint64(30) {
		c.Faults = append(c.Faults, sim.Fault{ID: i, Kind: sim.Pause, At: time.Duration(i) * 500 * time.Millisecond, For: 4 * time.Second, A: []int{0, 1, 2, 3}})
	}
	for client := range 8 {
		for ordinal := range uint64(50) {
			c.Only = append(c.Only, sim.OperationID{Client: client, Ordinal: ordinal})
		}
	}
	return c
}

// needs fails where a run has two faults, three operations of two clients and a machine.
func needs(c sim.Config) (string, time.Duration) {
	fault := func(id uint64, machine int) bool {
		return slices.ContainsFunc(c.Faults, func(f sim.Fault) bool { return f.ID == id && slices.Contains(f.A, machine) && f.For >= time.Second })
	}
	asks := func(client int, ordinal uint64) bool {
		return slices.Contains(c.Only, sim.OperationID{Client: client, Ordinal: ordinal})
	}
	if fault(3, 2) && fault(17, 1) && asks(2, 7) && asks(2, 31) && asks(5, 40) && !slices.Contains(c.Absent, 5) && c.For >= 12*time.Second {
		return "C1", 12 * time.Second
	}
	return "", 0
}

func TestShrink(t *testing.T) {
	r := shrink.Shrink(cfg(), needs, shrink.Options{Runs: 2000, Jobs: 4})
	want := shrink.Size{For: 12*time.Second + 500*time.Millisecond, Faults: 2, Operations: 3, Machines: 1}
	if r.To != want || r.Failure != "C1" {
		t.Errorf("shrunk to %+v with failure %q, want %+v and C1", r.To, r.Failure, want)
	}
	for _, f := range r.Config.Faults {
		if len(f.A) != 1 || f.For >= 2*time.Second {
			t.Errorf("%v is left, want one machine and less than 2s", &f)
		}
	}
	if !r.Config.Calm || r.Config.MaxValue != 1 {
		t.Error("what does not matter still varies")
	}
	if failure, _ := needs(r.Config); failure != "C1" {
		t.Error("what was shrunk does not fail any more")
	}
}

// The result is one, however many runs are made at once; and the budget holds.
func TestShrinkIsDeterministic(t *testing.T) {
	for _, runs := range []int{50, 300, 2000} {
		var first string
		for _, jobs := range []int{1, 3, 8} {
			r := shrink.Shrink(cfg(), needs, shrink.Options{Runs: runs, Jobs: jobs})
			got := fmt.Sprintf("%+v %+v %d", r.To, r.Config.Faults, r.Runs)
			if first == "" {
				first = got
			}
			if got != first {
				t.Errorf("%d runs, %d at once: %s, want as with one at once: %s", runs, jobs, got, first)
			}
			if r.Runs > runs+8 {
				t.Errorf("%d runs were made of %d allowed", r.Runs, runs)
			}
		}
	}
}

// A run that fails in another way than the first is not taken for it.
func TestShrinkKeepsTheFailure(t *testing.T) {
	judge := func(c sim.Config) (string, time.Duration) {
		if len(c.Faults) < 10 {
			return "C2", 0
		}
		return "C1", 0
	}
	if r := shrink.Shrink(cfg(), judge, shrink.Options{Runs: 500, Jobs: 1}); r.To.Faults != 10 || r.Failure != "C1" {
		t.Errorf("shrunk to %d faults with %s, want 10 and C1", r.To.Faults, r.Failure)
	}
}

// A real run: of two faults the one that cuts a machine off makes it late to converge.
func TestShrinkARun(t *testing.T) {
	c := sim.Config{Seed: 5, Nodes: 6, Regions: 2, For: 4 * time.Second, Faults: []sim.Fault{
		{ID: 1, Kind: sim.Duplicate, At: time.Second, For: time.Second, Permille: 300},
		{ID: 2, Kind: sim.CutOneWay, At: time.Second, For: 3 * time.Second, A: []int{0}, B: []int{1, 2, 3, 4, 5}},
		{ID: 3, Kind: sim.Pause, At: 2 * time.Second, For: 500 * time.Millisecond, A: []int{3}},
	}}
	// The "failure" is that the cut lost a message of a client's write.
	judge := func(c sim.Config) (failure string, at time.Duration) {
		c.Trace = func(s sim.Step) {
			if s.Kind == sim.Lost && failure == "" && len(c.Only) > 0 {
				failure, at = "lost", s.At
			}
		}
		sim.Run(c)
		return failure, at
	}
	r := shrink.Shrink(c, judge, shrink.Options{Runs: 400, Jobs: 2})
	if r.To.Faults != 1 || r.Config.Faults[0].ID != 2 || r.To.Operations != 1 || r.To.Machines != 2 {
		t.Errorf("shrunk to %+v, %v; want the cut alone, an operation and two machines", r.To, r.Config.Faults)
	}
}
