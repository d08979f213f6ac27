package history_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hearsay/sim/history"
)

// TestCorpus judges histories of which it is known what is wrong with them. Each
// property has one that is convicted of it, and is acquitted of all that a history
// does not name.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories in testdata: %v", err)
	}
	convicted := map[history.Property]bool{}
	var all []history.Finding
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := parse(t, string(text))
			report := history.Check(&r.h, r.options)
			all = report.Findings
			for _, f := range report.Findings {
				switch want := slices.Contains(r.violates, f.Property); {
				case want && f.Holds():
					t.Errorf("%s holds, want a violation", f.Property)
				case !want && !f.Holds():
					t.Errorf("%s is violated: %s", f.Property, f.Says)
				case want && (f.Says == "" || f.Violations > f.Checked):
					t.Errorf("%s: %d of %d are violations; it says %q", f.Property, f.Violations, f.Checked, f.Says)
				}
				if !f.Holds() {
					convicted[f.Property] = true
				}
			}
			for i, p := range r.violates {
				f := report.Finding(p)
				if f == nil {
					t.Errorf("no property %s", p)
				} else if i == 0 && !slices.Equal(f.Witness, r.witness) {
					t.Errorf("%s: the witness is %d, want %d; it says %q", p, f.Witness, r.witness, f.Says)
				}
			}
		})
	}
	for _, f := range all {
		if !convicted[f.Property] {
			t.Errorf("no history in testdata violates %s", f.Property)
		}
	}
}
