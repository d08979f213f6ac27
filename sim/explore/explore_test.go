package explore_test

import (
	"errors"
	"testing"
	"time"

	"hearsay/sim"
	"hearsay/sim/explore"
	"hearsay/sim/scenario"
)

// stale is a scenario that asks for more than is promised: whoever roams without a
// bookmark sees his own writes.
const stale = `scenario: v1
name: stale
seeds: {from: 1, count: 3}
time: {warmup: 4s, run: 4s}
vary: {token: [causal, none]}
topology: {regions: [{id: a, at: [50, 8], nodes: 2}, {id: b, at: [40, -74], nodes: 2}]}
workload: {sessions: 10, arrival: {rate: 400/s}, keys: {count: 5}, roam: {every: 200ms}, session: {token: "${token}"}}
faults: [{at: 1s, for: 2s, do: proc.pause, on: a-1}]
assert: [{always: read_your_writes}]
`

// What fails is found, shrunk to hardly anything, and its plan fails in the same way.
func TestExplore(t *testing.T) {
	f, err := scenario.Parse([]byte(stale))
	if err != nil {
		t.Fatal(err)
	}
	out, err := explore.Explore(explore.Of(f, stale), explore.Options{Jobs: 2, Shrink: 400})
	if err != nil || out.Failure == nil {
		t.Fatalf("found %+v: %v", out, err)
	}
	got := out.Failure
	if got.Seed != 1 || got.Case.Variant.String() != "token=none" || got.Shrunk.Failure != "read_your_writes" {
		t.Errorf("found %s under seed %d with %v, want read_your_writes under 1 with token=none", got.Shrunk.Failure, got.Seed, got.Case.Variant)
	}
	if to := got.Shrunk.To; to.Faults != 0 || to.Operations > 4 || to.Machines > 3 {
		t.Errorf("shrunk to %+v in %d runs, want no fault, a write and a read, two or three machines", to, got.Shrunk.Runs)
	}
	c, err := got.Plan.Case()
	if err != nil {
		t.Fatal(err)
	}
	if failure, _ := c.Fails(c.Config); failure != "read_your_writes" {
		t.Errorf("the plan fails with %q, want read_your_writes", failure)
	}
	if r := sim.Run(c.Config); r.Digest.String() != got.Plan.Digest {
		t.Errorf("the plan has digest %v, and says %s", r.Digest, got.Plan.Digest)
	}
}

// The least seed that fails is what is found, however many run at once.
func TestExploreFindsTheLeast(t *testing.T) {
	short := func(fails func(seed uint64) bool) explore.Space {
		return explore.Space{First: 10, Seeds: 20, Cases: 1, Case: func(seed uint64, _ int) (*scenario.Case, error) {
			c := &scenario.Case{Config: sim.Config{Seed: seed, Nodes: 3, For: 100 * time.Millisecond, Settle: 20 * time.Second}}
			if fails(seed) {
				c.Config.Settle = time.Millisecond // too short for anybody
			}
			return c, nil
		}}
	}
	for _, jobs := range []int{1, 4} {
		out, err := explore.Explore(short(func(seed uint64) bool { return seed == 13 || seed == 15 }), explore.Options{Jobs: jobs})
		if err != nil || out.Failure == nil || out.Failure.Seed != 13 || out.Failure.Plan.Failure != "C2" {
			t.Errorf("%d at once: found %+v, %v; want C2 under seed 13", jobs, out.Failure, err)
		}
		out, err = explore.Explore(short(func(uint64) bool { return false }), explore.Options{Jobs: jobs})
		if err != nil || out.Failure != nil || out.Runs != 20 || out.Happenings == 0 {
			t.Errorf("%d at once, nothing fails: found %+v, %v; want 20 runs", jobs, out, err)
		}
	}
	wrong := errors.New("no such case")
	if _, err := explore.Explore(explore.Space{Seeds: 1, Cases: 1, Case: func(uint64, int) (*scenario.Case, error) { return nil, wrong }}, explore.Options{}); !errors.Is(err, wrong) {
		t.Errorf("a case that cannot be made: %v, want that error", err)
	}
}
