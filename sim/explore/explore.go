// Package explore runs many seeds on all cores until one fails, shrinks that one, and
// says what is left of it. Start at Explore.
package explore

import (
	"sync"
	"time"

	"hearsay/sim"
	"hearsay/sim/plan"
	"hearsay/sim/scenario"
	"hearsay/sim/shrink"
)

// A Space is what is explored: seeds, and for each of them its cases.
type Space struct {
	First, Seeds uint64
	// Cases is how many cases a seed has, and Case returns one of them. It is called
	// from several goroutines at once.
	Cases int
	Case  func(seed uint64, n int) (*scenario.Case, error)
	// Scenario is the text of the file that the cases are of, empty for none.
	Scenario string
}

// Options bound the work.
type Options struct {
	Jobs int // at once
	// Shrink is how many runs may be made to shrink a failure; 0 leaves it as it is.
	Shrink int
	// Progress, unless nil, is told of every run that was made, in no order, by one
	// goroutine at a time.
	Progress func(Progress)
	// Stop, unless nil, ends the work early when it reports true.
	Stop func() bool
}

// A Progress is how far the work is.
type Progress struct {
	Runs       uint64 // that passed
	Happenings uint64 // of all runs
	Shrinking  bool
	Shrunk     int // runs made to shrink, …
	Size       shrink.Size
}

// A Failure is a case that failed.
type Failure struct {
	Seed   uint64
	Case   *scenario.Case // as it was explored
	Shrunk shrink.Result
	Plan   *plan.Plan // of what is left
}

// An Outcome is what was found.
type Outcome struct {
	Runs       uint64
	Happenings uint64
	Failure    *Failure // of the least seed that failed, nil for none
}

// Explore runs all cases of a space, the least seeds first, and shrinks the first that
// fails: the same one on every machine, however many run at once.
func Explore(s Space, o Options) (*Outcome, error) {
	e := &explorer{Space: s, Options: o, least: s.Seeds * uint64(s.Cases)}
	var wg sync.WaitGroup
	for range max(o.Jobs, 1) {
		wg.Go(e.work)
	}
	wg.Wait()
	out := &Outcome{Runs: e.progress.Runs, Happenings: e.progress.Happenings}
	if e.err != nil || e.failed == nil {
		return out, e.err
	}
	out.Failure = e.shrink()
	return out, nil
}

type explorer struct {
	Space
	Options

	mu       sync.Mutex
	next     uint64 // case
	least    uint64 // that failed
	failed   *scenario.Case
	progress Progress
	err      error
}

// work runs cases until none is left that could be the least to fail.
func (e *explorer) work() {
	for {
		e.mu.Lock()
		n := e.next
		e.next++
		done := n >= e.least || e.err != nil
		e.mu.Unlock()
		if done || e.Stop != nil && e.Stop() {
			return
		}
		e.run(n)
	}
}

func (e *explorer) run(n uint64) {
	c, err := e.Case(e.First+n/uint64(e.Cases), int(n%uint64(e.Cases)))
	if err != nil {
		e.mu.Lock()
		e.err = err
		e.mu.Unlock()
		return
	}
	failure, _, happenings := c.Judge(c.Config)
	e.mu.Lock()
	defer e.mu.Unlock()
	if failure != "" && n < e.least {
		e.least, e.failed = n, c
	}
	e.progress.Runs++
	e.progress.Happenings += happenings
	if e.Progress != nil {
		e.Progress(e.progress)
	}
}

func (e *explorer) shrink() *Failure {
	c := e.failed
	cfg := c.Config.Complete()
	f := &Failure{Seed: cfg.Seed, Case: c}
	f.Shrunk = shrink.Shrink(cfg, c.Fails, shrink.Options{
		Runs: e.Shrink, Jobs: e.Jobs, Stop: e.Stop,
		Progress: func(runs int, size shrink.Size) {
			if e.Progress != nil {
				e.progress.Shrinking, e.progress.Shrunk, e.progress.Size = true, runs, size
				e.Progress(e.progress)
			}
		},
	})
	f.Plan = plan.Of(f.Shrunk.Config, plan.Source{Scenario: e.Scenario, Variant: c.Variant})
	f.Plan.Failure = f.Shrunk.Failure
	f.Plan.Digest, f.Plan.Says = tell(c, f.Shrunk.Config)
	return f
}

// tell runs a part of a case once more, and says what came of it.
func tell(c *scenario.Case, cfg sim.Config) (digest, says string) {
	part := *c
	part.Config = cfg
	run, err := part.Run(nil)
	if err != nil {
		return "", err.Error()
	}
	return run.Result.Digest.String(), run.Why()
}

// Random returns the space of package sim's own runs: clients, faults and all else drawn
// by the seed.
func Random(first, seeds uint64, nodes int, lasts time.Duration) Space {
	return Space{First: first, Seeds: seeds, Cases: 1, Case: func(seed uint64, _ int) (*scenario.Case, error) {
		return &scenario.Case{Config: sim.Config{Seed: seed, Nodes: nodes, For: lasts}}, nil
	}}
}

// Of returns the space of a scenario: every variant under every seed.
func Of(f *scenario.File, text string) Space {
	return Space{First: f.Seeds.From, Seeds: f.Seeds.Count, Cases: len(f.Variants), Scenario: text, Case: func(seed uint64, n int) (*scenario.Case, error) {
		return f.Case(f.Variants[n], seed)
	}}
}
