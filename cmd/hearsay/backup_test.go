package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearsay/node"
	"hearsay/node/backup"
)

func TestBackupAndRestore(t *testing.T) {
	c := startDev(t, 2, 1)
	first, page := c.endpoints().Regions[0].Nodes[0].API, c.page.url()
	dir := t.TempDir()
	file := filepath.Join(dir, "all.backup")
	must(t, "kv", "namespace", "create", "notes", "--api", first)
	must(t, "kv", "key", "put", "k", "v", "-n", "notes", "--metadata", `{"a":1}`, "--api", first)
	must(t, "kv", "key", "put", "a/ü?#", "odd", "-n", "notes", "--api", first)
	if _, err := ensureNamespace(t.Context(), c.nodes()[0], "load"); err != nil {
		t.Fatal(err)
	}
	if err := putBody(t.Context(), c.nodes()[0], "large", largeValue(1), node.MaxValue); err != nil {
		t.Fatal(err)
	}
	c.awaitMarks(t, c.marks())

	var s saved
	if err := json.Unmarshal([]byte(must(t, "cluster", "backup", file, "--admin", page+"/nodes/"+c.nodes()[1].Identity().Name, "-o", "json")), &s); err != nil {
		t.Fatal(err)
	}
	if s.Name != c.nodes()[1].Identity().Name || s.Cluster != "dev" || s.Bytes < node.MaxValue || s.W == "" {
		t.Errorf("backup = %+v", s)
	}
	if out := must(t, "cluster", "backup", file, "--check"); !strings.Contains(out, "a whole backup of cluster dev") {
		t.Errorf("check = %q", out)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out := hearsay(t, "cluster", "backup", "-", "--admin", page); out.code != exitOK || !bytes.HasPrefix([]byte(out.stdout), whole[:17]) || !strings.Contains(out.stderr, "whole") {
		t.Errorf("a backup to standard output = %d, %d bytes, %q", out.code, len(out.stdout), out.stderr)
	}

	bad := func(name string, b []byte) string {
		t.Helper()
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for _, tt := range []struct {
		name, want string
		args       []string
		code       int
	}{
		{"cut off", "cut off", []string{"restore", bad("cut", whole[:len(whole)-1])}, exitFailed},
		{"damaged", "checksum", []string{"restore", bad("flipped", flipped)}, exitFailed},
		{"another cluster's", "--other-cluster", []string{"restore", bad("other", otherCluster(t))}, exitFailed},
		{"none", "no such file", []string{"restore", filepath.Join(dir, "none")}, exitFailed},
		{"over a file", "is there already", []string{"backup", file}, exitUsage},
		{"from nobody", "no answer", []string{"backup", filepath.Join(dir, "new"), "--admin", "http://127.0.0.1:1"}, exitNoAnswer},
		{"nowhere", "no such file", []string{"backup", filepath.Join(dir, "no", "where")}, exitFailed},
	} {
		out := hearsay(t, append([]string{"cluster", "--admin", page}, tt.args...)...)
		if out.code != tt.code || !strings.Contains(out.stderr, tt.want) {
			t.Errorf("%s: %d %q, want %d with %q", tt.name, out.code, out.stderr, tt.code, tt.want)
		}
	}
	if parts, err := filepath.Glob(filepath.Join(dir, "*.part-*")); err != nil || len(parts) > 0 {
		t.Errorf("%v (%v) stayed of what failed", parts, err)
	}
	must(t, "kv", "key", "put", "k", "later", "-n", "notes", "--api", first)
	if out := must(t, "cluster", "restore", file, "--admin", page); !strings.Contains(out, "3 left as they are") || !strings.Contains(out, " 0 keys written") {
		t.Errorf("restore over what is later = %q, want all kept", out)
	}
	if got := must(t, "kv", "key", "get", "k", "-n", "notes", "--api", first); got != "later" {
		t.Errorf("k = %q, want what was put later", got)
	}

	fresh := startDev(t, 2, 1)
	var r restored
	if err := json.Unmarshal([]byte(must(t, "cluster", "restore", file, "--admin", fresh.page.url(), "-o", "json")), &r); err != nil {
		t.Fatal(err)
	}
	if want := (backup.Restored{Written: 3, Namespaces: 2}); r.Restored != want {
		t.Errorf("restore = %+v, want %+v", r.Restored, want)
	}
	fresh.awaitMarks(t, fresh.marks())
	second := fresh.endpoints().Regions[1].Nodes[0].API
	for key, want := range map[string]string{"k": "v", "a/ü?#": "odd"} {
		if got := must(t, "kv", "key", "get", key, "-n", "notes", "--api", second); got != want {
			t.Errorf("%s = %q in the other region, want %q", key, got, want)
		}
	}
	var want, got bytes.Buffer
	if _, err := want.ReadFrom(largeValue(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := getBody(t.Context(), fresh.nodes()[1], "large", &got); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("the large value has %d bytes (%v), want the %d that were put", got.Len(), err, want.Len())
	}
}

// otherCluster returns an empty backup of a cluster that is not there.
func otherCluster(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := backup.NewWriter(&b, backup.Header{Cluster: "elsewhere", Taken: time.Unix(0, 0)})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A full disk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestBackupToAFullDisk(t *testing.T) {
	c := startDev(t, 1, 1)
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"cluster", "backup", "-", "--admin", c.page.url()}, strings.NewReader(""), fullDisk{}, &stderr)
	if code != exitFailed || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("exit code %d, %q, want %d and the disk's error", code, stderr.String(), exitFailed)
	}
}
