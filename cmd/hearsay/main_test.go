package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asMain in the environment makes the test binary the program itself, so that a
// test can start, signal and kill real processes without building one.
const asMain = "HEARSAY_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
	}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "HEARSAY_") {
			os.Unsetenv(name) // whoever runs the tests may use the program too
		}
	}
	os.Exit(m.Run())
}

// A result is what one command line came to.
type result struct {
	code           int
	stdout, stderr string
}

// hearsay runs one command line in this process.
func hearsay(t *testing.T, args ...string) result {
	t.Helper()
	return hearsayIn(t, "", args...)
}

// hearsayIn is hearsay with stdin.
func hearsayIn(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// must is hearsay, and the end of the test if that did not work.
func must(t *testing.T, args ...string) string {
	t.Helper()
	r := hearsay(t, args...)
	if r.code != exitOK {
		t.Fatalf("hearsay %s: exit code %d: %s", strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// process returns a process of this program, not yet started.
func process(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), asMain+"=1", "TMPDIR="+t.TempDir())
	return cmd
}
