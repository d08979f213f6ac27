package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"hearsay/sim"
)

func newSim() *cobra.Command {
	return group(&cobra.Command{
		Use:     "sim",
		Short:   "Run a cluster under virtual time, with faults drawn from a seed",
		Example: "  hearsay sim run --seed 1 --nodes 20 --for 1m\n  hearsay sim explore --seeds 200\n  hearsay sim replay plan.yaml",
	}, newSimRun(), newSimExplore(), newSimReplay())
}

func newSimRun() *cobra.Command {
	var cfg sim.Config
	cmd := &cobra.Command{
		Use:   "run [SCENARIO]",
		Short: "Run one seed, or a scenario with all its seeds, and tell what came of it",
		Long: `Run one seed: first a phase with faults, then one in which all is healed and the
replicas must become equal. The same flags give the same run, to the last bit. Exit
code 1 says that a promise was broken.

With a SCENARIO, a YAML file, run every variant of it under every seed of it, or
under --seed alone. The exit code is 10 where a promise was broken, 11 where the
replicas did not become equal, 12 where a figure is not as expected, 13 where
something never came that should sometimes, and 16 where the file is no scenario.`,
		Example: "  hearsay sim run --seed 1\n  hearsay sim run --seed 7 --nodes 100 --for 30s --output json\n  hearsay sim run sim/scenarios/one-way-glass.yaml --seed 100",
		Args:    cobra.MaximumNArgs(1),
	}
	cmd.Flags().Uint64Var(&cfg.Seed, "seed", 1, "what the run is drawn from")
	cmd.Flags().IntVar(&cfg.Nodes, "nodes", 6, "how many nodes")
	cmd.Flags().DurationVar(&cfg.For, "for", 20*time.Second, "length of the phase with faults, in virtual time")
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		if len(files) == 1 {
			for _, name := range []string{"nodes", "for"} {
				if cmd.Flags().Changed(name) {
					return usageError("--%s and SCENARIO exclude each other: the scenario says it", name)
				}
			}
			var seed *uint64
			if cmd.Flags().Changed("seed") {
				seed = &cfg.Seed
			}
			return runScenario(cmd, files[0], seed, asJSON())
		}
		if err := cfg.Validate(); err != nil {
			return usageError("%w", err)
		}
		start := time.Now()
		result, err := simulate(cmd, cfg)
		if err != nil {
			return err
		}
		took := time.Since(start)
		if asJSON() {
			err = json.NewEncoder(cmd.OutOrStdout()).Encode(newSimReport(result, took))
		} else {
			_, err = fmt.Fprint(cmd.OutOrStdout(), result.Report(took))
		}
		if err != nil {
			return err
		}
		if v := result.Violation; v != nil {
			return fmt.Errorf("a promise was broken: %w; see it again with '%s'", v, result.Command())
		}
		return nil
	}
	return cmd
}

// stepsPerLook is how many happenings pass between two looks at the real clock.
const stepsPerLook = 1 << 14

// simulate runs cfg to its end, and tells of its progress on standard error
// about once a second.
func simulate(cmd *cobra.Command, cfg sim.Config) (*sim.Result, error) {
	ctx, stop := untilStopped(cmd.Context())
	defer stop()
	w := sim.New(cfg)
	last, steps := time.Now(), 0
	for w.Step() {
		if steps++; steps%stepsPerLook != 0 {
			continue
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("interrupted after %d happenings: %w", steps, context.Cause(ctx))
		}
		if time.Since(last) >= time.Second {
			last = time.Now()
			fmt.Fprintf(cmd.ErrOrStderr(), "simulated %d happenings\n", steps)
		}
	}
	return w.Result(), nil
}

// A simReport is a result as JSON. Times are in seconds of virtual time unless
// named otherwise.
type simReport struct {
	Passed        bool          `json:"passed"`
	Violation     *simViolation `json:"violation,omitempty"`
	Command       string        `json:"command"`
	Digest        string        `json:"digest"`
	Happenings    uint64        `json:"happenings"`
	PerSecond     float64       `json:"happenings_per_second"` // of real time
	Took          float64       `json:"took_real_seconds"`
	Converged     float64       `json:"converged_seconds"` // after the healing
	Writes        uint64        `json:"writes"`
	Acknowledged  uint64        `json:"acknowledged"`
	Reads         uint64        `json:"reads"`
	Messages      uint64        `json:"messages"`
	Applied       uint64        `json:"entries_applied"`
	EverywhereP50 float64       `json:"everywhere_p50_seconds"`
	EverywhereP99 float64       `json:"everywhere_p99_seconds"`
}

type simViolation struct {
	Invariant string  `json:"invariant"`
	At        float64 `json:"at_seconds"`
	Machine   string  `json:"machine"`
	Sentence  string  `json:"sentence"`
}

func newSimReport(r *sim.Result, took time.Duration) simReport {
	s := &r.Stats
	report := simReport{
		Passed:        r.Finished,
		Command:       r.Command(),
		Digest:        fmt.Sprint(r.Digest),
		Happenings:    r.Happenings,
		PerSecond:     float64(r.Happenings) / took.Seconds(),
		Took:          took.Seconds(),
		Converged:     r.Converged.Seconds(),
		Writes:        s.Writes,
		Acknowledged:  s.Acknowledged,
		Reads:         s.Reads,
		Messages:      s.Sent,
		Applied:       s.Applied,
		EverywhereP50: s.Everywhere.Quantile(500).Seconds(),
		EverywhereP99: s.Everywhere.Quantile(990).Seconds(),
	}
	if v := r.Violation; v != nil {
		report.Violation = &simViolation{v.Invariant, v.At.Seconds(), string(v.Machine), v.Sentence}
	}
	return report
}
