package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// members returns the names of the members as the node at an admin port has them.
func members(t *testing.T, at string) []string {
	t.Helper()
	var seen clusterStatus
	if err := json.Unmarshal([]byte(must(t, "cluster", "status", "--admin", at, "-o", "json")), &seen); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range seen.Nodes {
		if n.Member {
			names = append(names, n.Name)
		}
	}
	return names
}

func TestNodesLeave(t *testing.T) {
	c := startDev(t, 3, 1)
	e := c.endpoints()
	page := c.page.url()
	name := func(i int) string { return e.Regions[i].Nodes[0].ID }
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"forget", "nobody"}, `no member has the name or id "nobody"`},
		{[]string{"forget", name(1)}, name(1) + " is up: drain it, or force it"},
		{[]string{"forget", name(0), "--force"}, "drain it, or ask another one"},
		{[]string{"forget"}, "needs NAME"},
		{[]string{"drain", "nobody"}, "not of nobody"},
	} {
		out := hearsay(t, append([]string{"cluster", "--admin", page}, tt.args...)...)
		if out.code == exitOK || !strings.Contains(out.stderr, tt.want) {
			t.Errorf("cluster %v = %d %q, want an error with %q", tt.args, out.code, out.stderr, tt.want)
		}
	}

	must(t, "kv", "namespace", "create", "notes", "--api", e.Regions[2].Nodes[0].API)
	must(t, "kv", "key", "put", "k", "mine", "-n", "notes", "--api", e.Regions[2].Nodes[0].API)
	var gone departure
	if err := json.Unmarshal([]byte(must(t, "cluster", "drain", name(2), "--admin", page, "-o", "json")), &gone); err != nil {
		t.Fatal(err)
	}
	if got := members(t, page); len(gone.Left) != 1 || gone.Epoch == 0 || len(got) != 2 {
		t.Errorf("drain = %+v, and members are %v, want one gone and two", gone, got)
	}
	out := hearsay(t, "kv", "key", "put", "k", "late", "-n", "notes", "--api", e.Regions[2].Nodes[0].API)
	if out.code == exitOK || !strings.Contains(out.stderr, "leaves the cluster") {
		t.Errorf("a put after the drain = %d %q, want that the node has left", out.code, out.stderr)
	}
	if got := must(t, "kv", "key", "get", "k", "-n", "notes", "--api", e.Regions[0].Nodes[0].API); got != "mine" {
		t.Errorf("k = %q elsewhere, want what the one that left wrote", got)
	}

	if out := must(t, "cluster", "forget", name(1), "--force", "--admin", page); !strings.Contains(out, name(1)+": no member any more") {
		t.Errorf("forget = %q", out)
	}
}
