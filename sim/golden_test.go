package sim_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"hearsay/sim"
)

var update = flag.Bool("update", false, "write the golden digests anew: every seed now means another run")

const (
	goldenSeeds = 10
	goldenPath  = "testdata/digests.txt"
)

// TestGolden pins what some seeds mean. Two runs in one process may be equal and
// yet differ from those of another platform, another Go or another commit; these
// lines may not. One that changes is seen in review.
func TestGolden(t *testing.T) {
	var got strings.Builder
	for seed := range uint64(goldenSeeds) {
		r := sim.Run(sim.Config{Seed: seed, Nodes: 6, For: 10 * time.Second})
		if r.Violation != nil {
			t.Errorf("%v\nreplay: %s", r.Violation, r.Command())
		}
		fmt.Fprintf(&got, "%v after %d happenings of %s\n", r.Digest, r.Happenings, r.Command())
	}
	if *update {
		if err := os.WriteFile(goldenPath, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenPath)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("every seed now means another run. If your change is meant to do that, have it reviewed with new digests,\n"+
			"\tgo test ./sim -run '^TestGolden$' -update\n"+
			"and if not, or if only this platform differs, the simulator is not deterministic. Got\n%swant\n%s", got.String(), want)
	}
}
