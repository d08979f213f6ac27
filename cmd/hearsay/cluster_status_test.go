package main

import (
	"strings"
	"testing"

	"hearsay/node/admin"
)

func TestClusterStatusTellsWhatIsRefused(t *testing.T) {
	s := clusterSeen(admin.Status{
		Name: "us-east-1", TakesNoWrites: "its clock is off",
		Refused: []admin.Refused{{ID: "f00d", Name: "eu-west-1", Ahead: 3600, For: 9}},
	})
	var out strings.Builder
	if err := s.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"us-east-1 takes no writes: its clock is off.\n",
		"us-east-1 refuses writes of eu-west-1, stamped 1h0m0s ahead of its clock: one of the two clocks is wrong, or was.\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("print wrote\n%swant it to say %q", out.String(), want)
		}
	}
}
