package plan_test

import (
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"time"

	"hearsay/sim"
	"hearsay/sim/plan"
	"hearsay/sim/scenario"
)

// again writes a plan of cfg and reads it.
func again(t *testing.T, cfg sim.Config, of plan.Source) *scenario.Case {
	t.Helper()
	text, err := plan.Of(cfg, of).Text()
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Parse(text)
	if err != nil {
		t.Fatalf("%v, of\n%s", err, text)
	}
	c, err := p.Case()
	if err != nil {
		t.Fatalf("%v, of\n%s", err, text)
	}
	return c
}

// A plan that was written and read is the same run, to the last bit.
func TestReplay(t *testing.T) {
	for seed := range uint64(6) {
		cfg := sim.Config{Seed: seed, Nodes: 5, For: 4 * time.Second}
		if d := sim.Run(cfg).Compare(sim.Run(again(t, cfg, plan.Source{}).Config)); d != nil {
			t.Errorf("seed %d: the plan is another run: %v", seed, d)
		}
		cfg.Faults = cfg.Plan()
		cfg.Absent, cfg.Calm = []int{4}, true
		cfg.Only = sim.Operations(cfg)[:10]
		if d := sim.Run(cfg).Compare(sim.Run(again(t, cfg, plan.Source{}).Config)); d != nil {
			t.Errorf("seed %d, a part: the plan is another run: %v", seed, d)
		}
	}
}

func TestReplayOfScenario(t *testing.T) {
	text, err := os.ReadFile("../scenarios/answer-before-question.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := scenario.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range f.Variants {
		c, err := f.Case(v, 3)
		if err != nil {
			t.Fatal(err)
		}
		c.Config.For = 8 * time.Second
		p := again(t, c.Config, plan.Source{Scenario: string(text), Variant: v})
		if d := sim.Run(c.Config).Compare(sim.Run(p.Config)); d != nil {
			t.Errorf("%v: the plan is another run: %v", v, d)
		}
		if len(p.Asserts) != len(c.Asserts) {
			t.Errorf("%v: the plan asserts %d things, want %d", v, len(p.Asserts), len(c.Asserts))
		}
	}
}

func TestErrors(t *testing.T) {
	const head = "plan: v1\nseed: 1\nnodes: 3\nfor: 1s\n"
	for _, tt := range []struct{ name, text, want string }{
		{"a scenario", "scenario: v1\n", "1: want plan: v1"},
		{"nothing", "", "want plan: v1"},
		{"a field that is none", head + "fault: []\n", `5: unknown field "fault"`},
		{"a kind that is none", head + "faults: [{id: 1, kind: fire, at: 0s, for: 1s}]\n", `no kind "fire"`},
		{"a time that is none", head + "faults: [{id: 1, kind: crash, at: soon, for: 1s}]\n", "fault 1: at"},
		{"a machine too many", head + "faults: [{id: 1, kind: crash, at: 0s, for: 1s, a: [7]}]\n", "machine 7 of 3"},
		{"an operation that is none", head + "faults: []\noperations: [3-4]\n", `operation "3-4": want client/ordinal`},
		{"a variant that is none", head + "faults: []\nscenario: |\n  scenario: v1\n  name: x\n  topology: {regions: [{id: a, nodes: 3}]}\nvariant: {token: rw}\n", "no variant"},
		{"too long", head + strings.Repeat("#", plan.MaxBytes), "16 MiB"},
	} {
		p, err := plan.Parse([]byte(tt.text))
		if err == nil {
			_, err = p.Case()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

func TestGeneratedTestIsGo(t *testing.T) {
	p := plan.Of(sim.Config{Seed: 1, Nodes: 3, For: time.Second}, plan.Source{})
	p.Failure, p.Says = "C5", "a write lost\nto an older one"
	text, err := p.Test("Seed1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.ParseFile(token.NewFileSet(), "seed1_test.go", text, parser.AllErrors); err != nil {
		t.Errorf("%v, of\n%s", err, text)
	}
}
