package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hearsay/sim/scenario"
)

func TestSimRun(t *testing.T) {
	text := must(t, "sim", "run", "--seed", "3", "--nodes", "3", "--for", "2s")
	for _, want := range []string{"passed", "hearsay sim run --seed 3 --nodes 3 --for 2s", "happenings/s"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q: %s", want, text)
		}
	}
	var report simReport
	if err := json.Unmarshal([]byte(must(t, "sim", "run", "--seed", "3", "--nodes", "3", "--for", "2s", "-o", "json")), &report); err != nil {
		t.Fatal(err)
	}
	if !report.Passed || report.Happenings == 0 || !strings.Contains(text, report.Digest) {
		t.Errorf("report = %+v, want passed, with the digest of the same run as text: %s", report, text)
	}
	if r := hearsay(t, "sim", "run", "--nodes", "1"); r.code != exitUsage || !strings.Contains(r.stderr, "Nodes") {
		t.Errorf("--nodes 1: exit code %d, %q; want %d and the limit", r.code, r.stderr, exitUsage)
	}
}

// A scenario runs from a file, tells each verdict, and says by its exit code what came
// of it.
func TestSimScenario(t *testing.T) {
	const head = "scenario: v1\nname: small\ntime: {run: 2s}\ntopology: {regions: [{id: a, at: [50, 8], nodes: 3}]}\n"
	for _, tt := range []struct {
		name, text string
		code       int
		says       string
	}{
		{"passes", head + "assert: [{always: causal}, {measure: propagation}]\n", exitOK, "holds      {always: causal}: 0 of"},
		{"breaks a promise", head + "assert: [{never: convergence}]\n", int(scenario.Safety), "FAILS      {never: convergence}"},
		{"is not as expected", head + "assert: [{expect: propagation, le: 1ns}]\n", int(scenario.Expectation), "FAILS"},
		{"lacks what should come", head + "assert: [{sometimes: event.no_such}]\n", int(scenario.Coverage), "not seen"},
		{"is none", head + "assert: [{always: causality}]\n", int(scenario.Misread), "there is no property causality"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "small.yaml")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			r := hearsay(t, "sim", "run", path)
			if r.code != tt.code || !strings.Contains(r.stdout+r.stderr, tt.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", r.code, tt.code, tt.says, r.stdout, r.stderr)
			}
			if tt.code == int(scenario.Misread) {
				if want := path + ":5:19: "; !strings.Contains(r.stderr, want) {
					t.Errorf("%q does not say where: %q", r.stderr, want)
				}
				return
			}
			var report runReport
			if err := json.Unmarshal([]byte(hearsay(t, "sim", "run", path, "--seed", "1", "-o", "json").stdout), &report); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(r.stdout, report.Digest) || len(report.Verdicts) == 0 {
				t.Errorf("as JSON %+v, want the run of %s", report, r.stdout)
			}
		})
	}
	if r := hearsay(t, "sim", "run", "x.yaml", "--nodes", "5"); r.code != exitUsage || !strings.Contains(r.stderr, "--nodes and SCENARIO exclude each other") {
		t.Errorf("--nodes with a scenario: exit code %d, %q", r.code, r.stderr)
	}
}

// What fails is found, shrunk, kept, and fails again when it is replayed.
func TestSimExplore(t *testing.T) {
	dir := t.TempDir()
	path, keep := filepath.Join(dir, "stale.yaml"), filepath.Join(dir, "failures")
	text := `scenario: v1
name: stale
seeds: {from: 1, count: 3}
time: {warmup: 4s, run: 4s}
topology: {regions: [{id: a, at: [50, 8], nodes: 2}, {id: b, at: [40, -74], nodes: 2}]}
workload: {sessions: 10, arrival: {rate: 400/s}, keys: {count: 5}, roam: {every: 200ms}}
assert: [{always: read_your_writes}]
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := hearsay(t, "sim", "explore", path, "--keep", keep, "--runs", "300")
	if r.code != int(scenario.Safety) || !strings.Contains(r.stdout, "seed 1 fails: read_your_writes: 1 of") {
		t.Fatalf("exit code %d, %s%s; want %d and what fails", r.code, r.stdout, r.stderr, scenario.Safety)
	}
	kept := filepath.Join(keep, "read_your_writes-seed-1")
	if _, err := os.Stat(filepath.Join(kept, "seed_1_test.go")); err != nil {
		t.Error(err)
	}
	again := hearsay(t, "sim", "replay", filepath.Join(kept, "plan.yaml"))
	if again.code != int(scenario.Safety) || !strings.Contains(again.stdout, "FAILS      {always: read_your_writes}: 1 of") || strings.Contains(again.stdout, "has changed") {
		t.Errorf("replay: exit code %d, %s%s; want the same failure and digest", again.code, again.stdout, again.stderr)
	}
	if r := hearsay(t, "sim", "explore", "--seeds", "2", "--nodes", "3", "--for", "1s", "--keep", keep); r.code != exitOK || !strings.Contains(r.stdout, "2 runs passed") {
		t.Errorf("two seeds that pass: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r := hearsay(t, "sim", "replay", path); r.code != int(scenario.Misread) || !strings.Contains(r.stderr, "want plan: v1") && !strings.Contains(r.stderr, "unknown field") {
		t.Errorf("replay of a scenario: exit code %d, %s", r.code, r.stderr)
	}
}
