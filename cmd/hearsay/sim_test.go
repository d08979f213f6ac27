package main

import (
	"encoding/json"
	"strings"
	"testing"
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
