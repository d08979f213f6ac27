package main

import (
	"encoding/json"
	"strings"
	"testing"

	"hearsay/node/admin"
)

// askWhy returns what 'hearsay kv why' tells, by node.
func askWhy(t *testing.T, c *cluster, key string) map[string]admin.Why {
	t.Helper()
	var told struct{ Nodes []admin.Why }
	out := must(t, "kv", "why", key, "-n", "notes", "--admin", c.page.url(), "-o", "json")
	if err := json.Unmarshal([]byte(out), &told); err != nil {
		t.Fatalf("kv why: %v: %s", err, out)
	}
	nodes := map[string]admin.Why{}
	for _, n := range told.Nodes {
		nodes[n.Name] = n
	}
	return nodes
}

func TestWhyThisValue(t *testing.T) {
	c := startDev(t, 2, 2)
	e := c.endpoints()
	writer := e.Regions[0].Nodes[0]
	must(t, "kv", "namespace", "create", "notes", "--api", writer.API)
	must(t, "kv", "key", "put", "hello", "world", "-n", "notes", "--api", writer.API, "--request-id", "r1")
	for _, r := range e.Regions {
		for _, n := range r.Nodes {
			must(t, "kv", "key", "get", "hello", "-n", "notes", "--api", n.API, "--wait", "10s")
		}
	}
	nodes := askWhy(t, c, "hello")
	if len(nodes) != 4 {
		t.Fatalf("kv why tells of %d nodes, want 4", len(nodes))
	}
	paths := map[string]int{}
	for name, n := range nodes {
		h := n.Holds
		if h == nil || h.Write.Name != writer.ID || h.Begins != "world" || h.Bytes != 5 || h.State != "live" || h.Request != "r1" {
			t.Fatalf("%s holds %+v, want world by %s", name, h, writer.ID)
		}
		if (name == writer.ID) != (h.Path == admin.WrittenHere) {
			t.Errorf("at %s it came as %q", name, h.Path)
		}
		if name != writer.ID && (h.From == "" || h.At.Before(h.Write.At)) {
			t.Errorf("at %s it came from %q at %v, want after it was written at %v", name, h.From, h.At, h.Write.At)
		}
		paths[h.Path]++
	}
	if paths["fresh"] < 2 || paths["relay"]+paths["pull"] < 1 {
		t.Errorf("it came as %v, want fresh to two, and on to a fourth", paths)
	}

	last := e.Regions[1].Nodes[1]
	must(t, "kv", "key", "delete", "hello", "-n", "notes", "--api", last.API)
	if n := askWhy(t, c, "hello")[last.ID]; n.Holds.State != "deleted" || len(n.Holds.Replaced) != 1 || n.Holds.Replaced[0].Name != writer.ID {
		// What W has passed needs no list.
		if n.Holds.State != "deleted" || n.Holds.Through < nodes[last.ID].Holds.Write.Version {
			t.Errorf("after a delete %s holds %+v, want that it replaced the write of %s", last.ID, n.Holds, writer.ID)
		}
	}
	if out := must(t, "kv", "why", "hello", "-n", "notes", "--admin", c.page.url()); !strings.Contains(out, "REPLACED") || !strings.Contains(out, "nodes asked") {
		t.Errorf("kv why = %s, want a table and a verdict", out)
	}
	if out := must(t, "kv", "key", "get", "never", "-n", "notes", "--everywhere", "--admin", c.page.url()); strings.Count(out, "nothing") != 4 || !strings.Contains(out, "All 4 nodes asked agree.") {
		t.Errorf("kv key get --everywhere of no key = %s, want nothing at 4 nodes", out)
	}
	two := c.page.url() + "/nodes/" + writer.ID + "," + c.page.url() + "/nodes/nobody"
	r := hearsay(t, "kv", "why", "hello", "-n", "notes", "--admin", two)
	if r.code != exitOK || !strings.Contains(r.stdout, "All 1 nodes") || !strings.Contains(r.stderr, "not counted: ") {
		t.Errorf("kv why of two ports of which one is none: exit code %d, %q and %q, want one node and who is not counted", r.code, r.stdout, r.stderr)
	}
	if r := hearsay(t, "kv", "why", "hello", "-n", "notes", "--admin", "http://127.0.0.1:1"); r.code != exitNoAnswer {
		t.Errorf("kv why where nothing listens: exit code %d, want %d", r.code, exitNoAnswer)
	}
	if r := hearsay(t, "kv", "why", "hello"); r.code != exitUsage {
		t.Errorf("kv why without a namespace: exit code %d, want %d", r.code, exitUsage)
	}
}
