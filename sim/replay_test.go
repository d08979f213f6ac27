package sim_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"hearsay/sim"
)

// sending is what names a message and the moment at which it left.
type sending struct {
	from, to int
	id       uint64
	at       time.Duration
}

// trace runs cfg and returns how each message fared and when clients came.
func trace(cfg sim.Config) (sent map[sending]time.Duration, asked map[sending]bool) {
	sent, asked = map[sending]time.Duration{}, map[sending]bool{}
	cfg.Trace = func(s sim.Step) {
		key := sending{s.Machine, s.Other, s.ID, s.At}
		switch s.Kind {
		case sim.Sent:
			sent[key] = s.After
		case sim.Lost:
			sent[key] = -1
		case sim.Asked:
			asked[key] = true
		}
	}
	sim.Run(cfg)
	return sent, asked
}

// A failure can be shrunk only if taking a fault away leaves all other chance
// as it was.
func TestRemovingAFaultChangesNoOtherDraw(t *testing.T) {
	cfg := sim.Config{Seed: 7, Nodes: 6, For: 8 * time.Second}
	plan := cfg.Plan()
	if len(plan) < 5 {
		t.Fatalf("seed %d has %d faults, want a seed with more", cfg.Seed, len(plan))
	}
	whole, clients := trace(cfg)
	for i, gone := range plan {
		cfg.Faults = slices.Delete(slices.Clone(plan), i, i+1)
		without, same := trace(cfg)
		for key := range clients {
			if !same[key] {
				t.Fatalf("without %v: operation %d on machine %d is gone", &gone, key.id, key.from)
			}
		}
		common := 0
		for key, fared := range whole {
			now, ok := without[key]
			if !ok || key.at >= gone.At && key.at <= gone.At+gone.For {
				continue
			}
			common++
			if now != fared {
				t.Fatalf("without %v: message %x from %d to %d at %v takes %v, took %v", &gone, key.id, key.from, key.to, key.at, now, fared)
			}
		}
		if common == 0 {
			t.Errorf("without %v: no message left as it did", &gone)
		}
	}
}

func TestPlanIsOfItsSeed(t *testing.T) {
	cfg := seedConfig(7)
	for _, f := range cfg.Plan() {
		if f.At < 0 || f.For <= 0 || f.At+f.For > cfg.For {
			t.Errorf("%v: does not lie within %v", &f, cfg.For)
		}
	}
	drawn, given := sim.Run(cfg), cfg
	given.Faults = cfg.Plan()
	if d := drawn.Compare(sim.Run(given)); d != nil {
		t.Errorf("a run of the seed's plan is not the run of the seed: %v", d)
	}
	other := cfg
	other.Seed++
	if drawn.Compare(sim.Run(other)) == nil {
		t.Error("two seeds give one run")
	}
}

func TestCompare(t *testing.T) {
	run := func(digest sim.Digest, happenings uint64, ladder ...sim.Digest) *sim.Result {
		return &sim.Result{Digest: digest, Happenings: happenings, Ladder: ladder}
	}
	a := run(9, 9000, 1, 2)
	tests := []struct {
		name        string
		b           *sim.Result
		from, until uint64
	}{
		{"in the first rung", run(9, 9000, 8, 2), 0, 4096},
		{"in the second rung", run(9, 9000, 1, 8), 4096, 8192},
		{"past the last rung", run(8, 9000, 1, 2), 8192, 9000},
		{"one is longer", run(8, 12500, 1, 2, 3), 8192, 12500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := a.Compare(tt.b)
			if d == nil || d.From != tt.from || d.Until != tt.until {
				t.Errorf("Compare = %v, want a difference between %d and %d", d, tt.from, tt.until)
			}
		})
	}
	if d := a.Compare(run(9, 9000, 1, 2)); d != nil {
		t.Errorf("Compare of equal runs = %v, want nil", d)
	}
}

// TestCanary plants a range over a map, and wants TestRunTwice to notice.
func TestCanary(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command")
	}
	out, err := exec.CommandContext(t.Context(), "go", "test", "-tags=canary", "-count=1", "-run=^TestRunTwice$", ".").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "not deterministic") {
		t.Errorf("two runs that range over a map were found equal: %v\n%s", err, out)
	}
}

func TestRunTwice(t *testing.T) {
	runTwice(t, seedConfig(1))
}
