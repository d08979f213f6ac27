package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The page as a person uses it, in a real browser where there is one.
func TestPageInBrowser(t *testing.T) {
	c := startDev(t, 3, 1)
	b := startBrowser(t)
	b.open(t, c.page.url())

	b.await(t, "state", "3 of 3 nodes up, nothing cut")
	b.eval(t, `document.querySelector("#put button").click()`)
	b.await(t, "outcome", "all 3 nodes showed it")

	// Cut off, a region hears nothing, whatever the way around.
	b.eval(t, `document.querySelector("[aria-label='Cut off eu-west']").click()`)
	b.await(t, "state", "3 of 3 nodes up, 4 directions cut")
	b.eval(t, `document.querySelector("#put button").click()`)
	b.await(t, "outcome", "2 of 3 nodes show it, waiting for eu-west-1")
	b.await(t, "regions", "1 behind")
	b.eval(t, `document.getElementById("heal").click()`)
	b.await(t, "outcome", "all 3 nodes showed it")

	// A node that stops is shown, and the rest goes on.
	if err := c.regions[0].nodes[0].Close(); err != nil {
		t.Fatal(err)
	}
	b.await(t, "state", "2 of 3 nodes up")
	b.eval(t, `document.querySelector("#put select").value = "eu-west"; document.querySelector("#put button").click()`)
	b.await(t, "outcome", "2 of 3 nodes show it, waiting for us-east-1")
	if len(b.complaints) > 0 {
		t.Errorf("the console shows %q, want nothing", b.complaints)
	}
}

// browserWait bounds each wait for what a page shows.
const browserWait = 20 * time.Second

// A browser is Chromium, spoken to by its devtools protocol over two pipes: JSON
// with a zero byte after each message.
type browser struct {
	to         io.Writer
	from       *bufio.Reader
	session    string // of the page, once it is open
	calls      int
	complaints []string // what was written to the console, or thrown
}

// startBrowser starts a browser until the test ends, and skips the test where
// none is installed.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("no chromium in PATH to look at the page with; make test installs it")
	}
	in, to := pipe(t)
	from, out := pipe(t)
	ctx, kill := context.WithTimeout(context.Background(), 6*browserWait)
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--remote-debugging-pipe", "--user-data-dir="+t.TempDir())
	cmd.ExtraFiles = []*os.File{in, out} // its descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		kill()
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	b := &browser{to: to, from: bufio.NewReader(from)}
	t.Cleanup(func() {
		defer kill()
		to.Close() // has it end by itself, and its children with it
		if err := cmd.Wait(); err != nil {
			t.Errorf("the browser ended with %v", err)
		}
	})
	return b
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}

func (b *browser) open(t *testing.T, url string) {
	t.Helper()
	var target struct {
		ID string `json:"targetId"`
	}
	b.call(t, "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		Session string `json:"sessionId"`
	}
	b.call(t, "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached)
	b.session = attached.Session
	b.call(t, "Runtime.enable", nil, nil)
	b.call(t, "Log.enable", nil, nil)
	b.call(t, "Page.navigate", map[string]any{"url": url}, nil)
}

// call asks the browser for something, and decodes the answer into result unless
// that is nil.
func (b *browser) call(t *testing.T, method string, params, result any) {
	t.Helper()
	b.calls++
	request := map[string]any{"id": b.calls, "method": method}
	if params != nil {
		request["params"] = params
	}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	message, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.to.Write(append(message, 0)); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	for {
		line, err := b.from.ReadBytes(0)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		var m struct {
			ID     int             `json:"id"`
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
			Result json.RawMessage `json:"result"`
			Error  json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(line[:len(line)-1], &m); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		switch m.Method {
		case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
			b.complaints = append(b.complaints, string(m.Params))
		}
		if m.ID != b.calls {
			continue
		}
		if m.Error != nil {
			t.Fatalf("%s: %s", method, m.Error)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

// eval runs a script in the page, and returns its value, or that of its promise,
// if it is a string.
func (b *browser) eval(t *testing.T, script string) string {
	t.Helper()
	var answer struct {
		Result struct {
			Value any `json:"value"`
		} `json:"result"`
		Thrown json.RawMessage `json:"exceptionDetails"`
	}
	b.call(t, "Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true}, &answer)
	if answer.Thrown != nil {
		t.Fatalf("%s: %s", script, answer.Thrown)
	}
	text, _ := answer.Result.Value.(string)
	return text
}

// await waits until the element with that id says want.
func (b *browser) await(t *testing.T, id, want string) {
	t.Helper()
	says := b.eval(t, fmt.Sprintf(`new Promise((resolve) => {
		const end = Date.now() + %d;
		(function look() {
			const says = document.getElementById(%q)?.textContent ?? "";
			if (says.includes(%q) || Date.now() > end) resolve(says);
			else setTimeout(look, 20);
		})();
	})`, browserWait.Milliseconds(), id, want))
	if !strings.Contains(says, want) {
		t.Fatalf("after %v #%s says %q, want %q", browserWait, id, says, want)
	}
}
