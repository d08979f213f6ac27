package sim_test

import (
	"strings"
	"testing"
	"time"

	"hearsay/sim"
)

// pass runs cfg and fails the test on a violation.
func pass(t *testing.T, cfg sim.Config) *sim.Result {
	t.Helper()
	r := runTwice(t, cfg)
	if r.Violation != nil {
		t.Fatal(r.Violation)
	}
	return r
}

func TestCutOneWay(t *testing.T) {
	const from, until = time.Second, 3 * time.Second
	var cutSent, cutLost, backLost, after int
	pass(t, sim.Config{
		Seed: 1, Nodes: 3, For: 5 * time.Second,
		Faults: []sim.Fault{{ID: 1, Kind: sim.CutOneWay, At: from, For: until - from, A: []int{0}, B: []int{1, 2}}},
		Trace: func(s sim.Step) {
			within := s.At > from && s.At < until
			switch {
			case s.Kind == sim.Sent && s.Machine == 0 && within:
				cutSent++
			case s.Kind == sim.Sent && s.Machine == 0 && s.At > until:
				after++
			case s.Kind == sim.Lost && s.Machine == 0 && within:
				cutLost++
			case s.Kind == sim.Lost:
				backLost++
			}
		},
	})
	if cutSent != 0 || cutLost == 0 || backLost != 0 || after == 0 {
		t.Errorf("one way cut: %d messages came through and %d were lost, the other way %d, and %d came through later; want 0, some, 0, some",
			cutSent, cutLost, backLost, after)
	}
}

// When everything sent in the last seconds is lost and no connection breaks, the
// periodic hash of the watermarks alone can tell a node that it missed
// something.
func TestSilence(t *testing.T) {
	for seed := range uint64(5) {
		r := pass(t, sim.Config{
			Seed: seed, Nodes: 3, For: 5 * time.Second,
			Faults: []sim.Fault{{ID: 1, Kind: sim.Loss, At: 3 * time.Second, For: 2 * time.Second, Permille: 1000}},
		})
		if r.Converged < 50*time.Millisecond {
			t.Errorf("seed %d: equal %v after the silence, before news could cross an ocean", seed, r.Converged)
		}
	}
}

// A region cut off for long comes back with all that it wrote, and gets all that
// it missed.
func TestRegionReturns(t *testing.T) {
	r := pass(t, sim.Config{
		Seed: 1, Nodes: 6, Regions: 3, For: 30 * time.Second,
		Faults: []sim.Fault{{ID: 1, Kind: sim.CutRegion, At: time.Second, For: 29 * time.Second, A: []int{1, 4}}},
	})
	if r.Stats.LostOnTheWay == 0 {
		t.Error("the cut lost nothing")
	}
}

// All machines lose power at once, in the midst of writes.
func TestBlackout(t *testing.T) {
	r := pass(t, sim.Config{
		Seed: 1, Nodes: 6, For: 10 * time.Second, Pace: 5 * time.Millisecond,
		Faults: []sim.Fault{
			{ID: 1, Kind: sim.Crash, At: 2 * time.Second, For: time.Second, A: []int{0, 1, 2, 3, 4, 5}},
			{ID: 2, Kind: sim.Crash, At: 5 * time.Second, For: time.Second, A: []int{0, 1, 2, 3, 4, 5}},
		},
	})
	if s := &r.Stats; s.Survived == 0 || s.Dropped == 0 {
		t.Errorf("of the open turns %d survived and %d were lost, want some of both", s.Survived, s.Dropped)
	}
}

func TestSmallestCluster(t *testing.T) {
	for seed := range uint64(10) {
		pass(t, sim.Config{Seed: seed, Nodes: sim.MinNodes, For: 8 * time.Second})
	}
}

func TestReport(t *testing.T) {
	r := pass(t, sim.Config{Seed: 3, For: 8 * time.Second})
	report := r.Report(2 * time.Second)
	for _, want := range []string{
		"hearsay sim run --seed 3 --nodes 6 --for 8s\n",
		"verdict       passed\n",
		r.Digest.String(),
		"times real time",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("report lacks %q:\n%s", want, report)
		}
	}
	if again := r.Report(2 * time.Second); again != report {
		t.Error("two reports of one result differ")
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name string
		cfg  sim.Config
		want string // what the error names, empty for none
	}{
		{"defaults", sim.Config{}, ""},
		{"too few nodes", sim.Config{Nodes: sim.MinNodes - 1}, "Nodes"},
		{"the least nodes", sim.Config{Nodes: sim.MinNodes}, ""},
		{"too many nodes", sim.Config{Nodes: sim.MaxNodes + 1}, "Nodes"},
		{"more regions than nodes", sim.Config{Nodes: 3, Regions: 4}, "Regions"},
		{"negative span", sim.Config{For: -1}, "For"},
		{"too few keys", sim.Config{Keys: 1}, "Keys"},
		{"a fault of no machine", sim.Config{Nodes: 3, Faults: []sim.Fault{{A: []int{3}}}}, "machine 3"},
		{"a fault that ends before it begins", sim.Config{Faults: []sim.Fault{{ID: 5, For: -1}}}, "fault 5"},
		{"a fault of no kind", sim.Config{Faults: []sim.Fault{{Kind: 200}}}, "kind"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.cfg.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Validate() = %v, want an error that names %q", err, tt.want)
			}
		})
	}
}

// A clock that was ahead is set right: what had expired stays so.
func TestExpiredStaysExpired(t *testing.T) {
	jump := sim.Fault{ID: 1, Kind: sim.ClockJump, At: 2 * time.Second, For: 4 * time.Second, A: []int{0}, Amount: 4 * time.Second}
	// The clock is set right while the machine is down: its next life begins with
	// no memory of the time but what the disk has.
	crash := sim.Fault{ID: 2, Kind: sim.Crash, At: 5 * time.Second, For: 1500 * time.Millisecond, A: []int{0}}
	for seed := range uint64(20) {
		for _, faults := range [][]sim.Fault{{jump}, {jump, crash}} {
			pass(t, sim.Config{Seed: seed, Nodes: 3, For: 10 * time.Second, Pace: 20 * time.Millisecond, Keys: 400, Faults: faults})
		}
	}
}

// Two regions that cannot hear each other write the same keys, seldom: what meets
// after the cut is told as lost, where without the cut most writes would have seen
// what they replace.
func TestCutLosesUpdates(t *testing.T) {
	var cut, whole uint64
	for seed := range uint64(10) {
		cfg := sim.Config{Seed: seed, Nodes: 3, Regions: 2, For: 20 * time.Second, Keys: 4, Pace: 2 * time.Second}
		cfg.Faults = []sim.Fault{}
		whole += pass(t, cfg).Stats.Lost
		cfg.Faults = []sim.Fault{{ID: 1, Kind: sim.CutRegion, At: time.Second, For: 19 * time.Second, A: []int{1}}}
		cut += pass(t, cfg).Stats.Lost
	}
	if cut < 10 || cut < 3*whole {
		t.Errorf("%d updates were lost over the cuts, %d without them; want 10 and three times as many at least", cut, whole)
	}
}
