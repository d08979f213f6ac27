package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"hearsay/sim/explore"
	"hearsay/sim/plan"
	"hearsay/sim/scenario"
	"hearsay/sim/shrink"
)

func newSimExplore() *cobra.Command {
	var seeds, first uint64
	var nodes, jobs, runs int
	var lasts time.Duration
	var keep string
	cmd := &cobra.Command{
		Use:   "explore [SCENARIO]",
		Short: "Run seeds on all cores until one fails, and shrink that one",
		Long: `Run many seeds, of package sim's own clients and faults or of a SCENARIO, until one
fails. That one is shrunk: to the shortest run with the least faults, operations and
machines that still fails in the same way, within --runs runs. What is left is written
under --keep: a plan, which 'hearsay sim replay' runs, and a Go test that fails.

The exit code is 0 where nothing failed, 10 where a promise was broken, and 11 where the
replicas did not become equal.`,
		Example: "  hearsay sim explore --seeds 200\n  hearsay sim explore sim/scenarios/roaming-reader.yaml --seeds 50",
		Args:    cobra.MaximumNArgs(1),
	}
	cmd.Flags().Uint64Var(&seeds, "seeds", 100, "how many seeds to run")
	cmd.Flags().Uint64Var(&first, "first-seed", 1, "the first of them")
	cmd.Flags().IntVar(&nodes, "nodes", 6, "how many nodes, without a SCENARIO")
	cmd.Flags().DurationVar(&lasts, "for", 20*time.Second, "length of the phase with faults, without a SCENARIO")
	cmd.Flags().IntVar(&jobs, "jobs", runtime.NumCPU(), "how many runs at once")
	cmd.Flags().IntVar(&runs, "runs", 2000, "how many runs may be made to shrink a failure")
	cmd.Flags().StringVar(&keep, "keep", "failures", "where to write what failed")
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		space := explore.Random(first, seeds, nodes, lasts)
		if len(files) == 1 {
			f, err := readScenario(files[0])
			if err != nil {
				return err
			}
			text, err := os.ReadFile(files[0])
			if err != nil {
				return err
			}
			space = explore.Of(f, string(text))
			if cmd.Flags().Changed("seeds") {
				space.Seeds = seeds
			}
			if cmd.Flags().Changed("first-seed") {
				space.First = first
			}
		}
		if _, err := space.Case(space.First, 0); err != nil {
			return usageError("%w", err)
		}
		if seeds < 1 || jobs < 1 || runs < 0 {
			return usageError("--seeds and --jobs must be above 0, --runs at least 0")
		}
		ctx, stop := untilStopped(cmd.Context())
		defer stop()
		return exploreSpace(ctx, cmd, space, explore.Options{Jobs: jobs, Shrink: runs}, keep)
	}
	return cmd
}

func exploreSpace(ctx context.Context, cmd *cobra.Command, space explore.Space, o explore.Options, keep string) error {
	tick, start := newTicker(cmd), time.Now()
	all := space.Seeds * uint64(space.Cases)
	o.Stop = func() bool { return ctx.Err() != nil }
	o.Progress = func(p explore.Progress) {
		if p.Shrinking {
			tick("shrinking, after %d runs: %s", p.Shrunk, sizeText(p.Size))
			return
		}
		tick("%d of %d runs passed, %d happenings/s", p.Runs, all, perSecond(p.Happenings, time.Since(start)))
	}
	out, err := explore.Explore(space, o)
	if err != nil {
		return err
	}
	if ctx.Err() != nil && out.Failure == nil {
		return fmt.Errorf("interrupted after %d runs: %w", out.Runs, context.Cause(ctx))
	}
	f := out.Failure
	if f == nil {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d runs passed, %d happenings\n", out.Runs, out.Happenings)
		return err
	}
	dir, err := keepFailure(f, keep)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "seed %d fails: %s\n", f.Seed, f.Plan.Says)
	fmt.Fprintf(cmd.OutOrStdout(), "shrunk from %s\n    to %s, in %d runs\n", sizeText(f.Shrunk.From), sizeText(f.Shrunk.To), f.Shrunk.Runs)
	for i := range f.Shrunk.Config.Faults {
		fmt.Fprintf(cmd.OutOrStdout(), "  %v\n", &f.Shrunk.Config.Faults[i])
	}
	fmt.Fprintf(cmd.OutOrStdout(), "replay: hearsay sim replay %s\n", filepath.Join(dir, "plan.yaml"))
	return &exitError{failureCode(f.Shrunk.Failure), fmt.Errorf("%s is broken under seed %d", f.Shrunk.Failure, f.Seed)}
}

// failureCode returns the exit code of a run that broke what is named.
func failureCode(failure string) int {
	if failure == "C2" || failure == "I6" {
		return int(scenario.Liveness)
	}
	return int(scenario.Safety)
}

func sizeText(s shrink.Size) string {
	return fmt.Sprintf("%d faults, %d operations and %d nodes in %v", s.Faults, s.Operations, s.Machines, s.For)
}

func perSecond(n uint64, took time.Duration) uint64 {
	return uint64(float64(n) / max(took.Seconds(), 1e-3))
}

// keepFailure writes what is left of a failure into a directory of its own, and returns
// that.
func keepFailure(f *explore.Failure, keep string) (string, error) {
	dir := filepath.Join(keep, fmt.Sprintf("%s-seed-%d", f.Shrunk.Failure, f.Seed))
	text, err := f.Plan.Text()
	if err != nil {
		return "", fmt.Errorf("write the plan: %w", err)
	}
	test, err := f.Plan.Test(fmt.Sprintf("Seed%d", f.Seed))
	if err != nil {
		return "", fmt.Errorf("write the test: %w", err)
	}
	return dir, errors.Join(
		os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "plan.yaml"), text, 0o644),
		os.WriteFile(filepath.Join(dir, fmt.Sprintf("seed_%d_test.go", f.Seed)), test, 0o644),
	)
}

func newSimReplay() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "replay PLAN",
		Short:   "Run a plan again, as 'hearsay sim explore' wrote it",
		Example: "  hearsay sim replay failures/C5-seed-7/plan.yaml",
		Args:    args("PLAN"),
	}
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		text, err := os.ReadFile(files[0])
		if err != nil {
			return &exitError{int(scenario.Misread), err}
		}
		p, err := plan.Parse(text)
		if err != nil {
			return &exitError{int(scenario.Misread), fmt.Errorf("%s:%w", files[0], err)}
		}
		c, err := p.Case()
		if err != nil {
			return &exitError{int(scenario.Misread), fmt.Errorf("%s: %w", files[0], err)}
		}
		run, err := c.Run(nil)
		if err != nil {
			return err
		}
		fmt.Fprint(cmd.OutOrStdout(), run.Summary())
		if digest := run.Result.Digest.String(); p.Digest != "" && p.Digest != digest {
			fmt.Fprintf(cmd.OutOrStdout(), "  the plan was written of a run with digest %s: the code has changed since\n", p.Digest)
		}
		if failure, _ := c.Fails(c.Config); failure != "" {
			return &exitError{failureCode(failure), errors.New(run.Why())}
		}
		return nil
	}
	return cmd
}
