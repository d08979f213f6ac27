// Package shrink makes a run that fails smaller, as long as it fails in the same way:
// shorter, with less faults, operations and machines, and with all that varies for
// nothing put to rest.
//
// That works because every draw in package sim is keyed by what it is for: whatever is
// taken out, the rest draws as it did. Start at Shrink.
package shrink

import (
	"slices"
	"sync"
	"time"

	"hearsay/sim"
)

// A Judge runs a config and returns in what way it fails, by the name of what was
// broken, and when; an empty name for a run that passes. It is called from several
// goroutines at once.
type Judge func(sim.Config) (failure string, at time.Duration)

// Broken judges by what package sim checks in every run.
func Broken(cfg sim.Config) (failure string, at time.Duration) {
	if v := sim.Run(cfg).Violation; v != nil {
		return v.Invariant, v.At
	}
	return "", 0
}

// Options bound the work.
type Options struct {
	// Runs is how many runs may be made. Some more may be, to fill a last batch. The
	// result depends on it, and not on how fast or how many cores are.
	Runs int
	// Jobs is how many runs are made at once.
	Jobs int
	// Progress, unless nil, is told now and then how far it is.
	Progress func(runs int, size Size)
	// Stop, unless nil, ends the work early when it reports true.
	Stop func() bool
}

// A Size says how large a run is.
type Size struct {
	For                          time.Duration
	Faults, Operations, Machines int
}

// A Result is the smallest run that was found.
type Result struct {
	Config  sim.Config
	Failure string
	At      time.Duration // of the failure
	Runs    int           // that were made
	From    Size
	To      Size
}

// batch is how many candidates are tried together, of which the first that fails is
// taken: the same on every machine.
const batch = 4

type shrinker struct {
	Options
	judge   Judge
	failure string
	best    sim.Config
	at      time.Duration
	runs    int
}

// Shrink returns the smallest run that it finds to fail as cfg does. Cfg fails.
func Shrink(cfg sim.Config, judge Judge, o Options) Result {
	if cfg.Faults == nil {
		cfg.Faults = cfg.Plan()
	}
	if cfg.Only == nil {
		cfg.Only = sim.Operations(cfg)
	}
	s := &shrinker{Options: o, judge: judge, best: cfg}
	s.failure, s.at = judge(cfg)
	from := sizeOf(cfg)
	for before := (Size{}); before != s.size() && s.left(); {
		before = s.size()
		s.horizon()
		s.faults()
		s.clients()
		s.operations()
		s.machines()
		s.windows()
		s.rest()
	}
	return Result{Config: s.best, Failure: s.failure, At: s.at, Runs: s.runs, From: from, To: s.size()}
}

func sizeOf(cfg sim.Config) Size {
	return Size{cfg.For, len(cfg.Faults), len(cfg.Only), len(cfg.NodeIDs()) - len(cfg.Absent)}
}

func (s *shrinker) size() Size { return sizeOf(s.best) }

func (s *shrinker) left() bool { return s.runs < s.Runs && (s.Stop == nil || !s.Stop()) }

// try returns which of the candidates is the first to fail as it should, and makes it
// the best; -1 for none.
func (s *shrinker) try(candidates ...sim.Config) int {
	type verdict struct {
		failure string
		at      time.Duration
	}
	verdicts := make([]verdict, len(candidates))
	next := make(chan int, len(candidates))
	for i := range candidates {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range max(s.Jobs, 1) {
		wg.Go(func() {
			for i := range next {
				if candidates[i].Validate() == nil {
					verdicts[i].failure, verdicts[i].at = s.judge(candidates[i])
				}
			}
		})
	}
	wg.Wait()
	s.runs += len(candidates)
	first := slices.IndexFunc(verdicts, func(v verdict) bool { return v.failure == s.failure })
	if first >= 0 {
		s.best, s.at = candidates[first], verdicts[first].at
	}
	if s.Progress != nil {
		s.Progress(s.runs, s.size())
	}
	return first
}

// margin is what is left of a run after its failure. With less, whatever is taken out
// later and shifts the failure a little would make it pass.
const margin = 500 * time.Millisecond

// horizon cuts off what comes after the failure, or halves the time before the healing.
func (s *shrinker) horizon() {
	cfg := s.best
	if s.at+margin < cfg.For {
		cfg.For = s.at + margin
		s.try(until(cfg))
		return
	}
	for s.left() && s.best.For > 100*time.Millisecond {
		shorter, less := s.best, s.best
		shorter.For /= 2
		less.For -= less.For / 4
		if s.try(until(shorter), until(less)) < 0 {
			return
		}
	}
}

// until takes out of cfg what comes after its end.
func until(cfg sim.Config) sim.Config {
	var faults []sim.Fault
	for _, f := range cfg.Faults {
		if f.At < cfg.For {
			f.For = min(f.For, cfg.For-f.At)
			faults = append(faults, f)
		}
	}
	cfg.Faults = kept(faults)
	return cfg
}

// kept is a list that may be empty, where nil would mean all.
func kept[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (s *shrinker) faults() {
	minimize(s, s.best.Faults, func(cfg *sim.Config, left []sim.Fault) { cfg.Faults = left })
}

// clients takes out all operations of some clients.
func (s *shrinker) clients() {
	var clients []int
	for _, id := range s.best.Only {
		clients = append(clients, id.Client)
	}
	minimize(s, slices.Compact(clients), func(cfg *sim.Config, left []int) {
		cfg.Only = kept(slices.DeleteFunc(slices.Clone(cfg.Only), func(id sim.OperationID) bool {
			return !slices.Contains(left, id.Client)
		}))
	})
}

func (s *shrinker) operations() {
	minimize(s, s.best.Only, func(cfg *sim.Config, left []sim.OperationID) { cfg.Only = left })
}

func (s *shrinker) machines() {
	var present []int
	nodes := len(s.best.NodeIDs())
	for machine := range nodes {
		if !slices.Contains(s.best.Absent, machine) {
			present = append(present, machine)
		}
	}
	minimize(s, present, func(cfg *sim.Config, left []int) {
		cfg.Absent = nil
		for machine := range nodes {
			if !slices.Contains(left, machine) {
				cfg.Absent = append(cfg.Absent, machine)
			}
		}
	})
}

// windows lets faults end earlier and begin later, as far as halving goes, and befall
// less machines.
func (s *shrinker) windows() {
	for i := range s.best.Faults {
		for s.left() && s.best.Faults[i].For > time.Millisecond {
			half := s.best.Faults[i].For / 2
			if s.try(s.fault(i, func(f *sim.Fault) { f.For = half }), s.fault(i, func(f *sim.Fault) { f.At += half; f.For = half })) < 0 {
				break
			}
		}
		minimize(s, s.best.Faults[i].A, func(cfg *sim.Config, left []int) { set(cfg, i, func(f *sim.Fault) { f.A = left }) })
		minimize(s, s.best.Faults[i].B, func(cfg *sim.Config, left []int) { set(cfg, i, func(f *sim.Fault) { f.B = left }) })
	}
}

// fault returns the best config with another fault i.
func (s *shrinker) fault(i int, change func(*sim.Fault)) sim.Config {
	cfg := s.best
	set(&cfg, i, change)
	return cfg
}

func set(cfg *sim.Config, i int, change func(*sim.Fault)) {
	cfg.Faults = slices.Clone(cfg.Faults)
	change(&cfg.Faults[i])
}

// rest puts to rest what varies by the seed and may not matter.
func (s *shrinker) rest() {
	for _, calm := range []func(*sim.Config){
		func(cfg *sim.Config) { cfg.Calm = true },
		func(cfg *sim.Config) { cfg.SyncEvery = sim.SyncAlways },
		func(cfg *sim.Config) { cfg.Collection = sim.KeepAll },
		func(cfg *sim.Config) { cfg.Links = sim.Streams },
		func(cfg *sim.Config) { cfg.MaxValue = 1 },
	} {
		cfg := s.best
		if calm(&cfg); s.left() {
			s.try(cfg)
		}
	}
}

// minimize takes out of items what the failure does not need, in ever smaller parts
// (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002; of
// its two steps the one that takes parts out).
func minimize[T any](s *shrinker, items []T, apply func(cfg *sim.Config, left []T)) {
	for parts := 1; len(items) > 0 && s.left(); {
		size := (len(items) + parts - 1) / parts
		taken := false
		for from := 0; from < len(items) && s.left(); {
			var candidates []sim.Config
			var lefts [][]T
			for at := from; at < len(items) && len(candidates) < batch; at += size {
				left := slices.Concat(items[:at], items[min(at+size, len(items)):])
				cfg := s.best
				apply(&cfg, kept(left))
				candidates, lefts = append(candidates, cfg), append(lefts, left)
			}
			switch first := s.try(candidates...); {
			case first >= 0:
				items, taken = lefts[first], true
				from += first * size
			default:
				from += len(candidates) * size
			}
		}
		if size == 1 {
			if !taken {
				return
			}
			continue // what is out may have made others needless
		}
		parts = min(max(2*parts, 2), max(len(items), 1))
	}
}
