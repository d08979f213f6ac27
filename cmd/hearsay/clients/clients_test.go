// Package clients runs the real, unmodified clients of Workers KV against a
// whole cluster: wrangler over the REST API, and a Worker on workerd over the
// runtime's own protocol. They come from npm, as package-lock.json pins them.
package clients

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	buildTime = 5 * time.Minute
	startTime = 30 * time.Second
	stopTime  = 15 * time.Second
)

func TestClients(t *testing.T) {
	modules := install(t)
	c := startCluster(t)
	t.Run("wrangler", func(t *testing.T) {
		t.Parallel()
		testWrangler(t, newWrangler(t, modules, c.api(t, "us-east-1")))
	})
	t.Run("workers", func(t *testing.T) {
		t.Parallel()
		virginia, tokyo := startWorkers(t, modules, c.api(t, "us-east-1"), c.api(t, "ap-northeast-1"))
		testWorkers(t, virginia, tokyo)
	})
}

// A cluster is what hearsay dev prints of itself once every node is ready.
type cluster struct {
	Regions []struct {
		Name  string `json:"name"`
		Nodes []struct {
			ID  string `json:"id"`
			API string `json:"api"`
		} `json:"nodes"`
	} `json:"regions"`
}

// api returns the URL of the client port of a node.
func (c cluster) api(t *testing.T, node string) string {
	t.Helper()
	for _, r := range c.Regions {
		for _, n := range r.Nodes {
			if n.ID == node {
				return n.API
			}
		}
	}
	t.Fatalf("hearsay dev runs no node %s: %+v", node, c)
	return ""
}

// startCluster builds hearsay and runs its dev command until the test ends.
func startCluster(t *testing.T) cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), buildTime)
	defer cancel()
	bin := filepath.Join(t.TempDir(), "hearsay")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", bin, "hearsay/cmd/hearsay").CombinedOutput(); err != nil {
		t.Fatalf("go build hearsay/cmd/hearsay: %v\n%s", err, out)
	}

	cmd := exec.Command(bin, "dev", "--output", "json", "--listen", "127.0.0.1:0")
	lines, stdout := newPipe(t)
	cmd.Stdout = stdout
	start(t, cmd, stdout)
	var c cluster
	line := nextLine(t, cmd, lines)
	if err := json.Unmarshal(line, &c); err != nil {
		t.Fatalf("hearsay dev --output json began with %q: %v", line, err)
	}
	return c
}

// newPipe returns both ends of a pipe; whoever reads waits for startTime at
// most.
func newPipe(t *testing.T) (lines *bufio.Scanner, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if err := r.SetReadDeadline(time.Now().Add(startTime)); err != nil {
		t.Fatal(err)
	}
	return bufio.NewScanner(r), w
}

func nextLine(t *testing.T, cmd *exec.Cmd, lines *bufio.Scanner) []byte {
	t.Helper()
	if !lines.Scan() {
		t.Fatalf("%v: no line, and then %v", cmd, cmp.Or(lines.Err(), io.EOF))
	}
	return lines.Bytes()
}

// start runs cmd until the test ends, then interrupts it and waits. It closes
// pipe, which then is cmd's alone. A process that does not end well fails the
// test.
func start(t *testing.T, cmd *exec.Cmd, pipe *os.File) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Start()
	pipe.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		late := time.AfterFunc(stopTime, func() { _ = cmd.Process.Kill() }) // it may just have ended
		defer late.Stop()
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Errorf("interrupt %v: %v", cmd, err)
		}
		if err := cmd.Wait(); err != nil && !interrupted(err) {
			t.Errorf("%v ended with %v", cmd, err)
		}
		if t.Failed() {
			t.Logf("%v wrote last:\n%s", cmd, stderr.Bytes()[max(0, stderr.Len()-8<<10):])
		}
	})
}

// interrupted reports whether err tells of a process that left it to the system
// to end it at an interrupt, as workerd does.
func interrupted(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.String() == "signal: interrupt"
}
