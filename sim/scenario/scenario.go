// Package scenario reads scenario files: one says which machines there are and where,
// how the network is between them, what clients do, what goes wrong, and what must come
// out of it. DESIGN.md has all names. Start at Parse.
package scenario

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"hearsay/sim"
)

// A File is a scenario that was read, of which every seed and everything that varies
// makes another run.
type File struct {
	Name, Doc string
	Seeds     Seeds
	// Variants are the combinations of what varies, one that is empty for none.
	Variants []Variant
	body     ast.Node
}

// Seeds are Count seeds from From on.
type Seeds struct{ From, Count uint64 }

// A Variant is one combination of what varies.
type Variant []Setting

// A Setting is one value of one thing that varies.
type Setting struct{ Name, Value string }

func (v Variant) String() string {
	var parts []string
	for _, s := range v {
		parts = append(parts, s.Name+"="+s.Value)
	}
	return strings.Join(parts, " ")
}

// A Case is one run of a scenario.
type Case struct {
	Config  sim.Config
	Variant Variant
	// Warmup is how long after the start clients come, and the times of faults begin.
	Warmup  time.Duration
	Asserts []Assertion
}

// Bounds of a file.
const (
	MaxBytes    = 1 << 20
	maxVariants = 64
	maxSeeds    = 1_000_000
)

// Parse reads a scenario and checks every variant of it under its first seed. An error
// is an *Error.
func Parse(text []byte) (*File, error) {
	if len(text) > MaxBytes {
		return nil, &Error{1, 1, "the file is longer than 1 MiB"}
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, malformed(err)
	}
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		return nil, &Error{1, 1, "want one YAML document with the fields of a scenario"}
	}
	f := &File{body: tree.Docs[0].Body}
	src := &source{}
	f.head(src.object(f.body, ""))
	if src.err != nil {
		return nil, src.err
	}
	for _, v := range f.Variants {
		if _, err := f.Case(v, f.Seeds.From); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// malformed is an error of the YAML parser as ours.
func malformed(err error) *Error {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return &Error{1, 1, err.Error()}
	}
	at := e.GetToken().Position
	return &Error{at.Line, at.Column, e.GetMessage()}
}

// head reads what is the same in all runs.
func (f *File) head(o *object) {
	o.choice("scenario", "v1")
	if !o.has("scenario") {
		o.src.fail(o.node, "want scenario: v1 in the first line")
	}
	f.Name, f.Doc = o.text("name"), strings.TrimSpace(o.text("doc"))
	if f.Name == "" {
		o.src.fail(o.node, "a scenario has no name")
	}
	f.Seeds = Seeds{1, 1}
	if o.has("seed") {
		f.Seeds.From = uint64(o.number("seed", 1, 0, 1<<62))
	}
	seeds := o.in("seeds")
	f.Seeds.From = uint64(seeds.number("from", int64(f.Seeds.From), 0, 1<<62))
	f.Seeds.Count = uint64(seeds.number("count", 1, 1, maxSeeds))
	seeds.done()
	f.Variants = o.in("vary").variants()
}

// variants returns every combination of the values of all fields.
func (o *object) variants() []Variant {
	all := []Variant{nil}
	for _, key := range o.keys {
		name := key.GetToken().Value
		var next []Variant
		for _, v := range all {
			for _, n := range o.list(name) {
				next = append(next, append(slices.Clone(v), Setting{name, o.src.text(n, o.at(name))}))
			}
		}
		if all = next; len(all) == 0 || len(all) > maxVariants {
			o.src.fail(key, "vary has %d combinations with %s, want 1 to %d", len(all), name, maxVariants)
			return []Variant{nil}
		}
	}
	return all
}

// Case returns the run of a variant under a seed. An error is an *Error.
func (f *File) Case(v Variant, seed uint64) (*Case, error) {
	src := &source{seed: seed, vary: map[string]string{}}
	for _, s := range v {
		src.vary[s.Name] = s.Value
	}
	c := src.object(f.body, "").run(v)
	if src.err != nil {
		return nil, src.err
	}
	if err := c.Config.Validate(); err != nil {
		return nil, &Error{1, 1, err.Error()}
	}
	return c, nil
}

// run reads one run.
func (o *object) run(v Variant) *Case {
	for _, name := range [...]string{"scenario", "name", "doc", "seed", "seeds", "vary"} {
		o.ask(name) // read by others
	}
	for _, n := range o.list("targets") {
		if target := o.src.text(n, "targets"); target != "sim" {
			o.src.fail(n, "targets has %q, but scenarios run in the simulator alone: sim", target)
		}
	}
	c := &Case{Variant: v}
	c.Config.Seed = o.src.seed
	times := o.in("time")
	c.Warmup = times.duration("warmup", 5*time.Second)
	c.Config.For = c.Warmup + times.duration("run", 30*time.Second)
	c.Config.Settle = times.duration("settle", 30*time.Second)
	times.done()
	regions := o.in("topology").topology()
	if o.src.err != nil {
		return c
	}
	c.Config.Topology = build(regions)
	c.Config.Network, c.Config.Links = o.in("network").network(regions)
	o.in("store").store(&c.Config)
	c.Config.Workloads = o.workloads(regions)
	for i := range c.Config.Workloads {
		c.Config.Workloads[i].Begin = c.Warmup
	}
	p := &planner{src: o.src, regions: regions, home: c.Config.Topology.Home, names: c.Config.NodeIDs()}
	if c.Config.Faults = p.faults(o.list("faults")); c.Config.Faults == nil {
		c.Config.Faults = []sim.Fault{}
	}
	for i := range c.Config.Faults {
		c.Config.Faults[i].At += c.Warmup
	}
	c.Asserts = o.asserts(v)
	o.done()
	return c
}
