// Package plan is runs as files: which seed, which scenario, what goes wrong to the
// last detail, and what is left of the clients. A plan is written where a run has failed
// and was shrunk, and is what is replayed. It needs no chance for its faults, so it
// outlives changes to how they are drawn. Start at Parse and Of.
package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"hearsay/sim"
	"hearsay/sim/scenario"
)

// A Plan is one run.
type Plan struct {
	Version string `yaml:"plan"`
	// Failure is in what way it failed, empty for not at all, and Says tells that.
	Failure string `yaml:"failure,omitempty"`
	Says    string `yaml:"says,omitempty"`
	Digest  string `yaml:"digest,omitempty"`

	// The run that this one is a part of: of a scenario, or of package sim's own clients.
	Seed     uint64            `yaml:"seed"`
	Scenario string            `yaml:"scenario,omitempty"` // the whole file
	Variant  map[string]string `yaml:"variant,omitempty"`
	Nodes    int               `yaml:"nodes,omitempty"`

	// What is left of it.
	For        string   `yaml:"for"`
	Calm       bool     `yaml:"calm,omitempty"`
	Streams    bool     `yaml:"streams,omitempty"`
	Collect    bool     `yaml:"collect,omitempty"`
	SyncEvery  string   `yaml:"sync_every,omitempty"` // empty for every turn
	MaxValue   int      `yaml:"max_value,omitempty"`
	Absent     []int    `yaml:"absent,flow,omitempty"`
	Faults     []Fault  `yaml:"faults"`
	All        bool     `yaml:"all_operations,omitempty"`
	Operations []string `yaml:"operations,flow,omitempty"` // client/ordinal
}

// A Fault is a sim.Fault.
type Fault struct {
	ID       uint64 `yaml:"id"`
	Kind     string `yaml:"kind"`
	At       string `yaml:"at"`
	For      string `yaml:"for"`
	A        []int  `yaml:"a,flow,omitempty"`
	B        []int  `yaml:"b,flow,omitempty"`
	Permille int    `yaml:"permille,omitempty"`
	Amount   string `yaml:"amount,omitempty"`
}

const version = "v1"

// MaxBytes bounds a plan's text.
const MaxBytes = 16 << 20

// A Source is what a plan is a plan of.
type Source struct {
	Scenario string // the text of a file, empty for none
	Variant  scenario.Variant
}

// Of returns the plan of a run of a source.
func Of(cfg sim.Config, of Source) *Plan {
	cfg = cfg.Complete()
	if cfg.Faults == nil {
		cfg.Faults = cfg.Plan()
	}
	p := &Plan{
		Version: version, Seed: cfg.Seed, Scenario: of.Scenario,
		For: cfg.For.String(), Calm: cfg.Calm, Streams: cfg.Links == sim.Streams, Collect: cfg.Collection == sim.Collect, MaxValue: cfg.MaxValue,
		Absent: cfg.Absent, Faults: []Fault{}, All: cfg.Only == nil,
	}
	if of.Scenario == "" {
		p.Nodes = cfg.Nodes
	}
	for _, s := range of.Variant {
		if p.Variant == nil {
			p.Variant = map[string]string{}
		}
		p.Variant[s.Name] = s.Value
	}
	if cfg.SyncEvery > sim.SyncAlways {
		p.SyncEvery = cfg.SyncEvery.String()
	}
	for _, f := range cfg.Faults {
		g := Fault{ID: f.ID, Kind: f.Kind.String(), At: f.At.String(), For: f.For.String(), A: f.A, B: f.B, Permille: f.Permille}
		if f.Amount != 0 {
			g.Amount = f.Amount.String()
		}
		p.Faults = append(p.Faults, g)
	}
	for _, id := range cfg.Only {
		p.Operations = append(p.Operations, fmt.Sprintf("%d/%d", id.Client, id.Ordinal))
	}
	return p
}

// Text returns p as Parse reads it.
func (p *Plan) Text() ([]byte, error) {
	return yaml.MarshalWithOptions(p, yaml.UseLiteralStyleIfMultiline(true))
}

// Parse reads a plan. An error begins with the line.
func Parse(text []byte) (*Plan, error) {
	if len(text) > MaxBytes {
		return nil, errors.New("1: the file is longer than 16 MiB")
	}
	var p Plan
	if err := yaml.UnmarshalWithOptions(text, &p, yaml.Strict()); err != nil {
		var e yaml.Error
		if errors.As(err, &e) && e.GetToken() != nil {
			return nil, fmt.Errorf("%d: %s", e.GetToken().Position.Line, e.GetMessage())
		}
		return nil, fmt.Errorf("1: %w", err)
	}
	if p.Version != version {
		return nil, fmt.Errorf("1: want plan: %s in the first line, is this a scenario?", version)
	}
	return &p, nil
}

// Case returns the run that p stands for.
func (p *Plan) Case() (*scenario.Case, error) {
	c := &scenario.Case{Config: sim.Config{Seed: p.Seed, Nodes: p.Nodes}}
	if p.Scenario != "" {
		f, err := scenario.Parse([]byte(p.Scenario))
		if err != nil {
			return nil, fmt.Errorf("the plan's scenario: %w", err)
		}
		i := slices.IndexFunc(f.Variants, p.is)
		if i < 0 {
			return nil, fmt.Errorf("the plan's scenario has no variant %v", p.Variant)
		}
		if c, err = f.Case(f.Variants[i], p.Seed); err != nil {
			return nil, fmt.Errorf("the plan's scenario: %w", err)
		}
	}
	cfg := &c.Config
	cfg.Calm, cfg.MaxValue, cfg.Absent = p.Calm, p.MaxValue, p.Absent
	cfg.Links, cfg.Collection, cfg.SyncEvery = sim.Datagrams, sim.KeepAll, sim.SyncAlways
	if p.Streams {
		cfg.Links = sim.Streams
	}
	if p.Collect {
		cfg.Collection = sim.Collect
	}
	var err error
	if cfg.For, err = time.ParseDuration(p.For); err != nil {
		return nil, fmt.Errorf("for: %w", err)
	}
	if p.SyncEvery != "" {
		if cfg.SyncEvery, err = time.ParseDuration(p.SyncEvery); err != nil {
			return nil, fmt.Errorf("sync_every: %w", err)
		}
	}
	cfg.Faults = []sim.Fault{}
	for _, f := range p.Faults {
		g, err := f.fault()
		if err != nil {
			return nil, fmt.Errorf("fault %d: %w", f.ID, err)
		}
		cfg.Faults = append(cfg.Faults, g)
	}
	if !p.All {
		cfg.Only = []sim.OperationID{}
	}
	for _, text := range p.Operations {
		client, ordinal, _ := strings.Cut(text, "/")
		id := sim.OperationID{}
		if id.Client, err = strconv.Atoi(client); err == nil {
			id.Ordinal, err = strconv.ParseUint(ordinal, 10, 64)
		}
		if err != nil {
			return nil, fmt.Errorf("operation %q: want client/ordinal, like 3/17", text)
		}
		cfg.Only = append(cfg.Only, id)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// is reports whether v is the variant of p.
func (p *Plan) is(v scenario.Variant) bool {
	return len(v) == len(p.Variant) && !slices.ContainsFunc(v, func(s scenario.Setting) bool { return p.Variant[s.Name] != s.Value })
}

func (f *Fault) fault() (sim.Fault, error) {
	g := sim.Fault{ID: f.ID, A: f.A, B: f.B, Permille: f.Permille}
	var ok bool
	if g.Kind, ok = sim.KindOf(f.Kind); !ok {
		return g, fmt.Errorf("there is no kind %q", f.Kind)
	}
	var err error
	if g.At, err = time.ParseDuration(f.At); err != nil {
		return g, fmt.Errorf("at: %w", err)
	}
	if g.For, err = time.ParseDuration(f.For); err != nil {
		return g, fmt.Errorf("for: %w", err)
	}
	if f.Amount != "" {
		if g.Amount, err = time.ParseDuration(f.Amount); err != nil {
			return g, fmt.Errorf("amount: %w", err)
		}
	}
	return g, nil
}

// Test returns a Go test of package sim/plan_test that fails as long as p does.
func (p *Plan) Test(name string) ([]byte, error) {
	text, err := p.Text()
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(text), "`") {
		return nil, errors.New("the plan has a backquote in it")
	}
	return fmt.Appendf(nil, `package plan_test

import (
	"testing"

	"hearsay/sim/plan"
)

// %s.
func Test%s(t *testing.T) {
	p, err := plan.Parse([]byte(text%s))
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Case()
	if err != nil {
		t.Fatal(err)
	}
	if failure, at := c.Fails(c.Config); failure != "" {
		t.Errorf("%%s at %%v: %%s", failure, at, p.Says)
	}
}

const text%s = `+"`%s`\n", strings.ReplaceAll(p.Says, "\n", " "), name, name, name, text), nil
}
