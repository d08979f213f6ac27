package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"hearsay/sim/scenario"
)

// readScenario reads the scenario at path. An error names the file, line and column.
func readScenario(path string) (*scenario.File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &exitError{int(scenario.Misread), err}
	}
	f, err := scenario.Parse(text)
	if err != nil {
		return nil, &exitError{int(scenario.Misread), fmt.Errorf("%s:%w", path, err)}
	}
	return f, nil
}

// runScenario runs every variant of the scenario at path under all its seeds, or under
// seed, and tells each run as it ends.
func runScenario(cmd *cobra.Command, path string, seed *uint64, asJSON bool) error {
	f, err := readScenario(path)
	if err != nil {
		return err
	}
	if seed != nil {
		f.Seeds = scenario.Seeds{From: *seed, Count: 1}
	}
	ctx, stop := untilStopped(cmd.Context())
	defer stop()
	progress := newTicker(cmd)
	var runs []*scenario.Run
	worst := scenario.Passed
	for _, v := range f.Variants {
		for s := range f.Seeds.Count {
			c, err := f.Case(v, f.Seeds.From+s)
			if err != nil {
				return &exitError{int(scenario.Misread), fmt.Errorf("%s:%w", path, err)}
			}
			run, err := c.Run(func() error {
				progress("%d of %d runs are done", len(runs), uint64(len(f.Variants))*f.Seeds.Count)
				return context.Cause(ctx)
			})
			if err != nil {
				return fmt.Errorf("interrupted after %d runs: %w", len(runs), err)
			}
			runs = append(runs, run)
			if code := run.Code(); worst == scenario.Passed || code != scenario.Passed && code < worst {
				worst = code
			}
			if err := tellRun(cmd, run, asJSON); err != nil {
				return err
			}
		}
	}
	if missing := scenario.Uncovered(runs); len(missing) > 0 && worst == scenario.Passed && seed == nil {
		return &exitError{int(scenario.Coverage), fmt.Errorf("in none of %d runs: %s", len(runs), missing[0].Text)}
	}
	if worst != scenario.Passed {
		return &exitError{int(worst), fmt.Errorf("%s fails; see one run again with 'hearsay sim run %s --seed N'", f.Name, path)}
	}
	return nil
}

// newTicker returns what tells of progress on standard error about once a second, after
// the first.
func newTicker(cmd *cobra.Command) func(format string, args ...any) {
	last := time.Now()
	return func(format string, args ...any) {
		if time.Since(last) >= time.Second {
			last = time.Now()
			fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
		}
	}
}

func tellRun(cmd *cobra.Command, run *scenario.Run, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(newRunReport(run))
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), run.Summary())
	return err
}

// A runReport is one run of a scenario as JSON.
type runReport struct {
	Seed      uint64            `json:"seed"`
	Variant   map[string]string `json:"variant,omitempty"`
	Passed    bool              `json:"passed"`
	Violation *simViolation     `json:"violation,omitempty"`
	Digest    string            `json:"digest"`
	Verdicts  []verdictReport   `json:"verdicts"`
}

type verdictReport struct {
	Assertion string `json:"assertion"`
	Verb      string `json:"verb"`
	Holds     bool   `json:"holds"`
	Says      string `json:"says"`
}

func newRunReport(r *scenario.Run) runReport {
	report := runReport{Seed: r.Case.Config.Seed, Passed: r.Code() == scenario.Passed, Digest: r.Result.Digest.String(), Verdicts: []verdictReport{}}
	for _, s := range r.Case.Variant {
		if report.Variant == nil {
			report.Variant = map[string]string{}
		}
		report.Variant[s.Name] = s.Value
	}
	if v := r.Result.Violation; v != nil {
		report.Violation = &simViolation{v.Invariant, v.At.Seconds(), string(v.Machine), v.Sentence}
	}
	for _, v := range r.Verdicts {
		report.Verdicts = append(report.Verdicts, verdictReport{v.Assertion.Text, string(v.Assertion.Verb), v.Holds, v.Says})
	}
	return report
}
