package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// A data directory is copied while its node stands still, and both are started. The
// later one ends and says what to do; the other goes on as if nothing had been.
func TestCopiedDataDirectory(t *testing.T) {
	nodes, values := startVictims(t)
	original := nodes[2]
	if err := original.kill(); err != nil {
		t.Fatal(err)
	}
	data := original.args[slices.Index(original.args, "--data")+1]
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	original.start(t)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := []string{"node", "--cluster", "victims", "--region", "here", "--name", "copy", "--data", copied,
		"--api", "127.0.0.1:0", "--peer", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--join", original.join, "--log-level", "error"}
	twin := process(ctx, t, args...)
	var said bytes.Buffer
	twin.Stderr = &said
	err := twin.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("the copy ran on or ended well: %v, %v: %s", err, ctx.Err(), said.String())
	}
	for _, want := range []string{"copy", "empty directory"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the copy ended with %q, want that it says %q", said.String(), want)
		}
	}

	must(t, "kv", "key", "put", "k", "v", "-n", "load", "--api", original.ready.API)
	// That another node can say so proves that the original closes its timestamps.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, nodes[0].ready.API+values+"k", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Hearsay-Max-Staleness", "2")
	req.Header.Set("Hearsay-Wait", "30")
	must(t, "kv", "key", "get", "k", "-n", "load", "--api", nodes[0].ready.API, "--wait", "30s")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a read at another node that may be 2 s stale = %s, want that the original is a member still", resp.Status)
	}
}
