package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// A roamer is a client that passes its bookmark along.
type roamer struct{ token string }

// ask sends one request for the key hello to a node's client port.
func (r *roamer) ask(t *testing.T, method, api, body, wait string) (status, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, api+"/hello", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-KV-Namespace", "notes")
	req.Header.Set("Hearsay-Wait", wait)
	if r.token != "" {
		req.Header.Set(headerBookmark, r.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if token := resp.Header.Get(headerBookmark); token != "" {
		r.token = token
	}
	return resp.Status, string(text)
}

// A client hops between regions, one of which hears nothing of the others: with
// its bookmark it reads what it wrote, or is told to wait.
func TestSessionRoamsOverACut(t *testing.T) {
	c := startDev(t, 3, 1)
	apis := map[string]string{}
	for _, r := range c.endpoints().Regions {
		apis[r.Name] = r.Nodes[0].API
	}
	first, deaf := c.endpoints().Regions[0].Name, "eu-west"
	must(t, "kv", "namespace", "create", "notes", "--api", apis[first])
	var client roamer
	if status, _ := client.ask(t, "PUT", apis[first], "0", "10"); status != "200 OK" {
		t.Fatalf("put at %s: %s", first, status)
	}
	for name, api := range apis {
		if status, got := client.ask(t, "GET", api, "", "10"); status != "200 OK" || got != "0" {
			t.Fatalf("get at %s: %s %q, want 0", name, status, got)
		}
	}
	for name := range apis {
		if name != deaf {
			must(t, "chaos", "cut", name, deaf, "--admin", c.page.url())
		}
	}
	last := ""
	for i := range 5 {
		for name, api := range apis {
			if name == deaf {
				continue
			}
			last = fmt.Sprintf("%d by way of %s", i, name)
			if status, _ := client.ask(t, "PUT", api, last, "10"); status != "200 OK" {
				t.Fatalf("put at %s: %s", name, status)
			}
			for other, api := range apis {
				status, got := client.ask(t, "GET", api, "", "0.02")
				late := strings.HasPrefix(status, "503 The node does not hold yet all that the bookmark names")
				if other == deaf && !late || !late && (status != "200 OK" || got != last) {
					t.Errorf("get at %s of what was put at %s: %s %q, want %q, or at %s a 503", other, name, status, got, last, deaf)
				}
			}
		}
	}
	if status, got := (&roamer{}).ask(t, "GET", apis[deaf], "", "0"); status != "200 OK" || got == last {
		t.Errorf("get at %s without a bookmark: %s %q, want an old value: else nothing was tried", deaf, status, got)
	}
	if status, _ := client.ask(t, "PUT", apis[deaf], "blind", "0"); !strings.HasPrefix(status, "503 ") {
		t.Errorf("put at %s: %s, want a 503: what the client saw must not be hidden", deaf, status)
	}
	must(t, "chaos", "heal", "--all", "--admin", c.page.url())
	if status, got := client.ask(t, "GET", apis[deaf], "", "20"); status != "200 OK" || got != last {
		t.Errorf("get at %s after heal: %s %q, want %q", deaf, status, got, last)
	}

	seen := filepath.Join(t.TempDir(), "seen")
	must(t, "kv", "key", "put", "hello", "again", "-n", "notes", "--bookmark", seen, "--api", apis[deaf])
	if got := must(t, "kv", "key", "get", "hello", "-n", "notes", "--bookmark", seen, "--api", apis[first]); got != "again" {
		t.Errorf("kv key get --bookmark at %s = %q, want what was put at %s", first, got, deaf)
	}
}
