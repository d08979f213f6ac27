package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// devTestBound is soon exceeded by who is cut off.
const devTestBound = 2 * time.Second

// startDev runs a cluster in this process until the test ends.
func startDev(t *testing.T, regions, nodesPerRegion int) *cluster {
	t.Helper()
	cfg, err := devFlags{regions: regions, nodesPerRegion: nodesPerRegion, wan: "aws", profile: profileFast, listen: "127.0.0.1:0", data: t.TempDir(), bound: devTestBound}.config()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	c, err := startCluster(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Logf("%d × %d nodes ready after %v", regions, nodesPerRegion, time.Since(start).Round(time.Millisecond))
	return c
}

func TestDevSpreadsToEveryNode(t *testing.T) {
	c := startDev(t, 5, 2)
	e := c.endpoints()
	first := e.Regions[0].Nodes[0]
	must(t, "kv", "namespace", "create", "notes", "--api", first.API)
	must(t, "kv", "key", "put", "hello", "wor\x00ld", "-n", "notes", "--api", first.API)
	for _, r := range e.Regions {
		for _, n := range r.Nodes {
			got := hearsay(t, "kv", "key", "get", "hello", "-n", "notes", "--api", n.API, "--wait", "10s")
			if got.code != exitOK || got.stdout != "wor\x00ld" {
				t.Errorf("get at %s = %q, exit code %d, want %q: %s", n.ID, got.stdout, got.code, "wor\x00ld", got.stderr)
			}
			if !strings.HasPrefix(got.stderr, "arrived after ") {
				t.Errorf("get --wait at %s says %q on standard error, want when it arrived", n.ID, got.stderr)
			}
		}
	}
	tell := func(e putEvent) { t.Logf("%-12s %-15s %7.1f ms", e.Event, e.Node, e.MS) }
	if err := c.follow(t.Context(), c.nodes()[0], "followed", []byte("v"), tell); err != nil {
		t.Error(err)
	}
}

func TestPage(t *testing.T) {
	c := startDev(t, 2, 2)
	page := c.page.url()

	for path, want := range map[string]string{
		"/":                                "<title>hearsay dev</title>",
		"/page.js":                         "/v1/cluster",
		"/page.css":                        "prefers-color-scheme",
		"/nodes/us-east-1/healthz":         `"alive": true`,
		"/nodes/eu-west-2/metrics":         "hearsay_events_total",
		"/nodes/eu-west-2/admin/v1/status": `"name": "eu-west-2"`,
		// The gateway, to the first node.
		"/client/v4/accounts/a/storage/kv/namespaces": `"success":true`,
	} {
		if status, body := get(t, page+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET %s = %d %.200q, want 200 and %q", path, status, body, want)
		}
	}

	var look clusterLook
	_, body := get(t, page+"/v1/cluster")
	if err := json.Unmarshal([]byte(body), &look); err != nil {
		t.Fatal(err)
	}
	if len(look.Regions) != 2 || len(look.Links) != 2 {
		t.Fatalf("the page shows %d regions and %d links, want 2 and 2: %s", len(look.Regions), len(look.Links), body)
	}
	if n := look.Regions[1].Nodes[1]; n.ID != "eu-west-2" || !n.Ready || n.Peers != 3 || n.Connected != 3 {
		t.Errorf("the page shows %+v, want eu-west-2, ready and connected to 3 of 3", n)
	}
	if l := look.Links[0]; l.Cut || l.DelayMS < 20 || l.DelayMS > 60 {
		t.Errorf("the page shows %+v, want a delay of half the round trip of about 70 ms", l)
	}
}

func TestPagePut(t *testing.T) {
	c := startDev(t, 2, 2)
	resp, err := http.Post(c.page.url()+"/v1/put", "application/json", strings.NewReader(`{"region":"eu-west","key":"k","value":"v"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var events []string
	shown := make(map[string]bool)
	for dec := json.NewDecoder(resp.Body); ; {
		var e putEvent
		if err := dec.Decode(&e); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		events = append(events, e.Event)
		shown[e.Node] = true
	}
	if got, want := strings.Join(events, " "), "asked acknowledged shown shown shown end"; got != want {
		t.Errorf("events = %s, want %s", got, want)
	}
	for _, h := range c.nodes() {
		if !shown[h.Identity().Name] {
			t.Errorf("nothing is told of %s", h.Identity().Name)
		}
	}
	resp, err = http.Post(c.page.url()+"/v1/put", "application/json", strings.NewReader(`{"region":"mars","key":"k"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("put in an unknown region = %s, want 400", resp.Status)
	}
}

// Another site in the same browser must not be able to write or to cut.
func TestPageRefusesOtherSites(t *testing.T) {
	c := startDev(t, 1, 1)
	for _, path := range []string{"/v1/put", rulesPath} {
		req, err := http.NewRequest(http.MethodPost, c.page.url()+path, strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "https://example.com")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("POST %s from another site = %s, want 403", path, resp.Status)
		}
	}
}

func TestChaosCommands(t *testing.T) {
	c := startDev(t, 2, 1)
	t.Setenv("HEARSAY_ADMIN", c.page.url())
	must(t, "chaos", "cut", "us-east", "eu-west")
	if !c.network.IsCut("us-east", "eu-west") || c.network.IsCut("eu-west", "us-east") {
		t.Errorf("after cut us-east eu-west: cut %t, the other way %t; want true, false",
			c.network.IsCut("us-east", "eu-west"), c.network.IsCut("eu-west", "us-east"))
	}
	var rules []chaosRule
	if err := json.Unmarshal([]byte(must(t, "chaos", "rules", "-o", "json")), &rules); err != nil {
		t.Fatal(err)
	}
	if len(rules) != 2 || rules[0].Cut || !rules[1].Cut || rules[1].From != "us-east" {
		t.Errorf("rules = %+v, want two, the one from us-east cut", rules)
	}
	must(t, "chaos", "heal", "us-east", "eu-west")
	must(t, "chaos", "cut", "eu-west", "us-east")
	if out := must(t, "chaos", "heal", "--all"); strings.Contains(out, "  cut\n") || c.network.IsCut("eu-west", "us-east") {
		t.Errorf("after heal --all something is cut: %s", out)
	}
	if r := hearsay(t, "chaos", "cut", "us-east", "mars"); r.code != exitFailed || !strings.Contains(r.stderr, "mars") {
		t.Errorf("cut of an unknown region: exit code %d, %q; want %d and its name", r.code, r.stderr, exitFailed)
	}
	if r := hearsay(t, "chaos", "heal", "us-east"); r.code != exitUsage {
		t.Errorf("heal FROM alone: exit code %d, want %d", r.code, exitUsage)
	}
	if r := hearsay(t, "chaos", "rules", "--admin", "http://127.0.0.1:1"); r.code != exitNoAnswer {
		t.Errorf("rules where nothing listens: exit code %d, want %d", r.code, exitNoAnswer)
	}
}

func TestDevRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	before, err := portAfter(taken.Addr().String(), -1)
	if err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(t.TempDir(), "odd.yaml")
	if err := os.WriteFile(odd, []byte("regions:\n  - name: mars\n    nodes: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"the page's port is taken", []string{"--listen", taken.Addr().String()}, exitFailed, []string{"the page", taken.Addr().String(), "in use", "--listen"}},
		{"a node's port is taken", []string{"--listen", before, "--regions", "1"}, exitFailed, []string{"us-east-1", taken.Addr().String(), "in use", "--listen"}},
		{"no room for ports", []string{"--listen", "127.0.0.1:65534"}, exitUsage, []string{"leaves no room"}},
		{"no address", []string{"--listen", "here"}, exitUsage, []string{"--listen", "127.0.0.1:8700"}},
		{"an address that others reach", []string{"--listen", "0.0.0.0:0"}, exitUsage, []string{"--insecure", "127.0.0.1"}},
		{"no bound", []string{"--bound", "999ms"}, exitUsage, []string{"--bound 999ms", "at least 1s"}},
		{"a profile of later", []string{"--profile", "workers-kv"}, exitUsage, []string{"not in this release, only fast"}},
		{"no regions", []string{"--regions", "0"}, exitUsage, []string{"want 1 to 12"}},
		{"too many nodes", []string{"--nodes-per-region", "10"}, exitUsage, []string{"want 1 to 9"}},
		{"a region without delays", []string{"--topology", odd}, exitFailed, []string{odd, "mars", "us-east", "--wan none"}},
		{"no such topology", []string{"--topology", odd + "x"}, exitFailed, []string{"no such file"}},
		{"regions and topology", []string{"--topology", odd, "--regions", "2"}, exitUsage, []string{"exclude each other"}},
		{"a bad log level", []string{"--log-level", "loud"}, exitUsage, []string{"debug, info, warn or error"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := hearsay(t, append([]string{"dev"}, tt.args...)...)
			if r.code != tt.code || r.stdout != "" {
				t.Errorf("exit code %d, standard output %q; want %d and nothing: %s", r.code, r.stdout, tt.code, r.stderr)
			}
			for _, w := range tt.want {
				if !strings.Contains(r.stderr, w) {
					t.Errorf("standard error %q does not say %q", r.stderr, w)
				}
			}
		})
	}
}

// A real process: its first line, and that nothing is left of it after Ctrl-C.
func TestDevProcess(t *testing.T) {
	cmd := process(t.Context(), t, "dev", "--regions", "2", "--nodes-per-region", "1", "--listen", "127.0.0.1:0",
		"--namespace", "notes", "--namespace", "letters", "--output", "json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("no first line: %v: %s", err, stderr.String())
	}
	var e endpoints
	dec := json.NewDecoder(strings.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		t.Fatalf("first line %q: %v", line, err)
	}
	if len(e.Regions) != 2 || e.Regions[1].Name != "eu-west" || len(e.Regions[1].Nodes) != 1 || e.Regions[1].Nodes[0].ID != "eu-west-1" {
		t.Fatalf("first line %q, want us-east with us-east-1 and eu-west with eu-west-1", line)
	}
	for _, title := range []string{"notes", "letters"} {
		if out := must(t, "kv", "namespace", "list", "--api", e.Regions[1].Nodes[0].API); !strings.Contains(out, title) {
			t.Errorf("namespaces at eu-west-1 = %q, want %s to be there from the start", out, title)
		}
	}
	temporary := filepath.Join(tempDirOf(t, cmd.Env), "hearsay-dev-*")
	if dirs, _ := filepath.Glob(temporary); len(dirs) != 1 {
		t.Errorf("%d folders %s while running, want 1", len(dirs), temporary)
	}

	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v, want exit code 0: %s", err, stderr.String())
	}
	if dirs, _ := filepath.Glob(temporary); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
	for _, addr := range []string{e.Page, e.Regions[0].Nodes[0].API} {
		if conn, err := net.Dial("tcp", strings.TrimPrefix(addr, "http://")); err == nil {
			conn.Close()
			t.Errorf("%s is still listened at", addr)
		}
	}
}

func TestSecondInterruptIsImmediate(t *testing.T) {
	err := leave(func(ctx context.Context) error {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
	if exitCode(err) != exitInterrupted {
		t.Errorf("leave = %v, exit code %d, want %d", err, exitCode(err), exitInterrupted)
	}
}

func tempDirOf(t *testing.T, env []string) string {
	t.Helper()
	for i := len(env) - 1; i >= 0; i-- {
		if dir, ok := strings.CutPrefix(env[i], "TMPDIR="); ok {
			return dir
		}
	}
	t.Fatal("no TMPDIR in the environment of the process")
	return ""
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
