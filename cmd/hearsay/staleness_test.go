package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// readAt reads a key at a node's client port and returns the answer's status
// line and the staleness that it states, in seconds.
func readAt(t *testing.T, api string, header ...string) (status string, stale float64) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api+"/hello", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-KV-Namespace", "notes")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	stale, err = strconv.ParseFloat(resp.Header.Get("Hearsay-Staleness"), 64)
	if err != nil {
		t.Fatalf("read at %s: %s: staleness: %v", api, resp.Status, err)
	}
	return resp.Status, stale
}

// clusterSeenBy returns what 'hearsay cluster status' tells of a node of c.
func clusterSeenBy(t *testing.T, c *cluster, name string) clusterStatus {
	t.Helper()
	var s clusterStatus
	out := must(t, "cluster", "status", "--admin", c.page.url()+"/nodes/"+name, "-o", "json")
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("cluster status: %v: %s", err, out)
	}
	return s
}

func (c clusterStatus) node(name string) nodeStatus {
	for _, n := range c.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nodeStatus{}
}

// eu-west is deaf: it hears nothing of the others, who hear it.
func TestStalenessOfARegionCutOff(t *testing.T) {
	c := startDev(t, 3, 1)
	e := c.endpoints()
	here, deaf := e.Regions[0].Nodes[0].API, ""
	for _, r := range e.Regions {
		if r.Name == "eu-west" {
			deaf = r.Nodes[0].API
		}
	}
	must(t, "kv", "namespace", "create", "notes", "--api", here)
	must(t, "kv", "key", "put", "hello", "world", "-n", "notes", "--api", here)
	must(t, "kv", "key", "get", "hello", "-n", "notes", "--api", deaf, "--wait", "10s")
	if status, stale := readAt(t, deaf, "Hearsay-Max-Staleness", "2", "Hearsay-Wait", "10"); status != "200 OK" || stale > 2 {
		t.Fatalf("before the cut: %s, %v s stale, want 200 OK and at most 2", status, stale)
	}

	for _, r := range e.Regions {
		if r.Name != "eu-west" {
			must(t, "chaos", "cut", r.Name, "eu-west", "--admin", c.page.url())
		}
	}
	cut := time.Now()
	// The network may still bring what was under way; from here on nothing comes.
	status, last := readAt(t, deaf, "Hearsay-Max-Staleness", "2", "Hearsay-Wait", "0")
	for strings.HasPrefix(status, "200") && time.Since(cut) < 20*time.Second {
		status, last = readAt(t, deaf, "Hearsay-Max-Staleness", "2", "Hearsay-Wait", "0")
	}
	if want := "503 The node may lack writes of the last 2"; !strings.HasPrefix(status, want) || !strings.Contains(status, "Hearsay-Max-Staleness allows 2s") {
		t.Errorf("read at the region cut off: %q, want %s… because only 2s are allowed", status, want)
	}
	if status, stale := readAt(t, deaf, "Hearsay-Max-Staleness", "2", "Hearsay-Wait", "0.5"); stale < last+0.5 {
		t.Errorf("half a second later: %s, %v s stale, want at least %v: the figure grows", status, stale, last+0.5)
	}
	if status, stale := readAt(t, here, "Hearsay-Max-Staleness", "2", "Hearsay-Wait", "10"); status != "200 OK" {
		t.Errorf("read at %s: %s, %v s stale, want 200 OK: it hears everybody", here, status, stale)
	}

	readAt(t, deaf, "Hearsay-Max-Staleness", "2", "Hearsay-Wait", "1") // past the bound
	if s := clusterSeenBy(t, c, "eu-west-1"); s.ExceededSince.IsZero() || s.laggard() == "eu-west-1" || *s.Staleness < 2.5 {
		t.Errorf("the node cut off sees %+v, want the bound of 2 s exceeded because of others", s)
	}
	if s := clusterSeenBy(t, c, "us-east-1"); !s.ExceededSince.IsZero() || *s.node("eu-west-1").Staleness < 2 || len(s.Nodes) != 3 {
		t.Errorf("the others see %+v, want the bound kept, and eu-west-1 stale", s)
	}
	if out := must(t, "cluster", "status", "--admin", c.page.url()+"/nodes/eu-west-1"); !strings.Contains(out, "the bound of 2 s is exceeded since 20") {
		t.Errorf("cluster status = %s, want it to say that the bound is exceeded", out)
	}
	if _, metrics := get(t, c.page.url()+"/nodes/eu-west-1/metrics"); !strings.Contains(metrics, "\nhearsay_bound_exceeded 1\n") ||
		!strings.Contains(metrics, "\nhearsay_staleness_seconds ") || !strings.Contains(metrics, `hearsay_events_total{event="bound_exceeded"} 1`) {
		t.Errorf("metrics of the node cut off do not say that its bound is exceeded")
	}

	must(t, "chaos", "heal", "--all", "--admin", c.page.url())
	if status, stale := readAt(t, deaf, "Hearsay-Max-Staleness", "2", "Hearsay-Wait", "20"); status != "200 OK" || stale > 2 {
		t.Errorf("after heal: %s, %v s stale, want 200 OK and at most 2", status, stale)
	}
	if s := clusterSeenBy(t, c, "eu-west-1"); !s.node("us-east-1").Member || !s.node("eu-west-1").Self {
		t.Errorf("after heal the node sees %+v, want members, itself among them", s)
	}
}

func TestClusterStatusAsksAnAdminPort(t *testing.T) {
	c := startDev(t, 1, 1)
	if out := must(t, "cluster", "status", "--admin", c.page.url()); !strings.Contains(out, "us-east-1  itself") || !strings.Contains(out, "the bound of 2 s is kept") {
		t.Errorf("cluster status = %s, want us-east-1 itself, and the bound kept", out)
	}
	api := c.endpoints().Regions[0].Nodes[0].API
	if r := hearsay(t, "cluster", "status", "--admin", api); r.code != exitFailed || !strings.Contains(r.stderr, "is it one?") {
		t.Errorf("cluster status at a client port: exit code %d, %q; want %d and a question", r.code, r.stderr, exitFailed)
	}
	if r := hearsay(t, "cluster", "status", "--admin", "http://127.0.0.1:1"); r.code != exitNoAnswer {
		t.Errorf("cluster status where nothing listens: exit code %d, want %d", r.code, exitNoAnswer)
	}
}
