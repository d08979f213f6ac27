package house

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// trapTests matches the tests that a row of the table of traps names, with the
// directory of their package, empty for this one.
var trapTests = regexp.MustCompile("`(?:([a-z/]+)\\.)?(Test[A-Z]\\w*)`")

// TestTraps holds the table of traps against the tests that it names, and wants all
// 82 to be there in order.
func TestTraps(t *testing.T) {
	const table = "node/TRAPS.md"
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 4 || cells[0] == "" || strings.Trim(cells[0], "0123456789ab") != "" {
			continue
		}
		numbers = append(numbers, cells[0])
		named := trapTests.FindAllStringSubmatch(cells[3], -1)
		if (len(named) == 0) != (cells[3] == "–") {
			t.Errorf("%s: row %s names the tests %q, want `directory.TestName` or a dash", table, cells[0], cells[3])
		}
		for _, name := range named {
			if !hasTest(t, name[1], name[2]) {
				t.Errorf("%s: row %s names %s, which does not exist: a test that was renamed takes its row along", table, cells[0], name[0])
			}
		}
	}
	var want []string
	for n := range 80 {
		want = append(want, fmt.Sprint(n+1))
		if n+1 == 15 {
			want = append(want, "15a", "15b")
		}
	}
	if !slices.Equal(numbers, want) {
		t.Errorf("%s has the rows %v, want 1 to 80, with 15a and 15b", table, numbers)
	}
}

// hasTest reports whether a test file in dir has the test.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "\nfunc "+name+"(")
	})
}
