package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hearsay/node/admin"
)

// Two regions that are cut off from each other write one key. After the cut each
// node tells which of the two was lost, and only that.
func TestConflictsOfACut(t *testing.T) {
	c := startDev(t, 2, 1)
	e := c.endpoints()
	a, b := e.Regions[0], e.Regions[1]
	must(t, "kv", "namespace", "create", "notes", "--api", a.Nodes[0].API)
	must(t, "kv", "key", "put", "k", "base", "-n", "notes", "--api", a.Nodes[0].API)
	must(t, "kv", "key", "get", "k", "-n", "notes", "--api", b.Nodes[0].API, "--wait", "10s")
	must(t, "chaos", "cut", a.Name, b.Name, "--admin", c.page.url())
	must(t, "chaos", "cut", b.Name, a.Name, "--admin", c.page.url())
	must(t, "kv", "key", "put", "k", "one", "-n", "notes", "--api", a.Nodes[0].API)
	must(t, "kv", "key", "put", "k", "two", "-n", "notes", "--api", b.Nodes[0].API)
	must(t, "chaos", "heal", "--all", "--admin", c.page.url())

	var seen struct{ Conflicts []conflict }
	for _, at := range []string{"/nodes/" + a.Nodes[0].ID, "/nodes/" + b.Nodes[0].ID, ""} {
		seen.Conflicts = nil
		for end := time.Now().Add(20 * time.Second); len(seen.Conflicts) == 0 && time.Now().Before(end); {
			if err := json.Unmarshal([]byte(must(t, "cluster", "conflicts", "--admin", c.page.url()+at, "-o", "json")), &seen); err != nil {
				t.Fatal(err)
			}
		}
		if len(seen.Conflicts) != 1 {
			t.Fatalf("conflicts at %q = %+v, want one", at, seen.Conflicts)
		}
		got := seen.Conflicts[0]
		if got.Key != "k" || got.Loser.Name != a.Nodes[0].ID || got.Winner.Name != b.Nodes[0].ID || got.Loser.At.After(got.Winner.At) {
			t.Errorf("conflict at %q = %+v, want k of %s lost to %s", at, got, a.Nodes[0].ID, b.Nodes[0].ID)
		}
	}
	if met := seen.Conflicts[0].Met; !slices.Equal(met, []string{a.Nodes[0].ID, b.Nodes[0].ID}) {
		t.Errorf("the two met at %v, want at both nodes", met)
	}
	if out := must(t, "cluster", "conflicts", "--admin", c.page.url()); !strings.Contains(out, `"k"`) || strings.Count(out, "\n") != 2 {
		t.Errorf("cluster conflicts = %s, want a heading and one line", out)
	}
}

func TestUniteListsEachPairOnce(t *testing.T) {
	pair := func(loser, winner string, doubtful bool) admin.Conflict {
		return admin.Conflict{Key: "k", Loser: admin.Write{Version: loser}, Winner: admin.Write{Version: winner}, Doubtful: doubtful}
	}
	got := unite([]said[conflictsAt]{
		{answer: conflictsAt{"a", []admin.Conflict{pair("2", "3", true), pair("1", "3", true)}}},
		{err: errors.New("silent")},
		{answer: conflictsAt{"b", []admin.Conflict{pair("1", "2", false), pair("2", "3", false), pair("1", "3", true)}}},
	})
	var told []string
	for _, c := range got {
		told = append(told, fmt.Sprintf("%s<%s %v %v", c.Loser.Version, c.Winner.Version, c.Doubtful, c.Met))
	}
	want := []string{"1<2 false [b]", "1<3 true [a b]", "2<3 false [a b]"}
	if !slices.Equal(told, want) {
		t.Errorf("unite = %q, want %q", told, want)
	}
}
