package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKVCommands(t *testing.T) {
	c := startDev(t, 1, 1)
	t.Setenv("HEARSAY_API", c.endpoints().Regions[0].Nodes[0].API)

	id := strings.TrimSpace(must(t, "kv", "namespace", "create", "notes"))
	if len(id) != 32 {
		t.Fatalf("namespace create prints %q, want an id of 32 digits", id)
	}
	if r := hearsay(t, "kv", "namespace", "create", "notes"); r.code != exitFailed || !strings.Contains(r.stderr, "already exists") {
		t.Errorf("creating a namespace twice: exit code %d, %q; want %d and the reason", r.code, r.stderr, exitFailed)
	}
	t.Run("key", func(t *testing.T) { testKey(t, id) })
	t.Run("bulk", testBulk)
	t.Run("namespace", func(t *testing.T) { testNamespace(t, id) })
}

func testKey(t *testing.T, id string) {
	file := filepath.Join(t.TempDir(), "value")
	binary := "\x00\xff\r\n% /"
	if err := os.WriteFile(file, []byte(binary), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "kv", "key", "put", "a/b c%", "--path", file, "-n", "notes", "--metadata", `{"by":"me"}`, "--ttl", "3600")
	must(t, "kv", "key", "put", "plain", "value", "--namespace-id", id)
	if r := hearsayIn(t, "from stdin", "kv", "key", "put", "piped", "--path", "-", "-n", "notes"); r.code != exitOK {
		t.Errorf("put --path -: exit code %d: %s", r.code, r.stderr)
	}

	for key, want := range map[string]string{"a/b c%": binary, "plain": "value", "piped": "from stdin"} {
		if got := must(t, "kv", "key", "get", key, "-n", "notes"); got != want {
			t.Errorf("get %q = %q, want exactly %q", key, got, want)
		}
	}
	if got, want := must(t, "kv", "key", "get", "a/b c%", "--text", "-n", "notes"), "\x00\uFFFD\r\n% /\n"; got != want {
		t.Errorf("get --text = %q, want %q", got, want)
	}

	var keys []listedKey
	if err := json.Unmarshal([]byte(must(t, "kv", "key", "list", "-n", "notes", "--prefix", "a", "-o", "json")), &keys); err != nil {
		t.Fatal(err)
	}
	if len(keys) != 1 || keys[0].Name != "a/b c%" || string(keys[0].Metadata) != `{"by":"me"}` {
		t.Fatalf("list --prefix a = %+v, want a/b c%% with its metadata", keys)
	}
	if left := time.Until(time.Unix(keys[0].Expiration, 0)); left < time.Hour-time.Minute || left > time.Hour+time.Minute {
		t.Errorf("--ttl 3600 expires in %v, want about an hour", left)
	}
	if text := must(t, "kv", "key", "list", "-n", "notes"); !strings.Contains(text, "plain") || !strings.Contains(text, "expires 2") {
		t.Errorf("list = %q, want all keys and when they expire", text)
	}

	must(t, "kv", "key", "delete", "plain", "-n", "notes")
	for _, args := range [][]string{
		{"kv", "key", "get", "plain", "-n", "notes"},
		{"kv", "key", "get", "plain", "-n", "notes", "--wait", "20ms"},
		{"kv", "key", "get", "plain", "-n", "nowhere"},
		{"kv", "key", "get", "plain", "--namespace-id", strings.Repeat("0", 32)},
	} {
		if r := hearsay(t, args...); r.code != exitNotFound || r.stdout != "" {
			t.Errorf("%v: exit code %d, standard output %q; want %d and nothing", args, r.code, r.stdout, exitNotFound)
		}
	}
	if r := hearsay(t, "kv", "key", "put", "k", "v", "--ttl", "5", "-n", "notes"); r.code != exitFailed || !strings.Contains(r.stderr, "at least 60") {
		t.Errorf("put --ttl 5: exit code %d, %q; want %d and the least", r.code, r.stderr, exitFailed)
	}
}

func testBulk(t *testing.T) {
	const n = bulkPart + 1 // the least that takes two parts
	var pairs, keys []string
	for i := range n {
		pairs = append(pairs, fmt.Sprintf(`{"key":"bulk-%04d","value":"%d"}`, i, i))
		keys = append(keys, fmt.Sprintf(`"bulk-%04d"`, i))
	}
	in := func(list []string) string { return "[" + strings.Join(list, ",") + "]" }
	if r := hearsayIn(t, in(pairs), "kv", "bulk", "put", "-", "-n", "notes"); r.code != exitOK {
		t.Fatalf("bulk put: exit code %d: %s", r.code, r.stderr)
	}
	r := hearsayIn(t, in(append(keys, `{"name":"absent"}`)), "kv", "bulk", "get", "-", "-n", "notes")
	var got map[string]*string
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatalf("bulk get: %v: %s", err, r.stderr)
	}
	if v, ok := got["absent"]; len(got) != n+1 || !ok || v != nil || *got["bulk-1000"] != "1000" {
		t.Errorf("bulk get returns %d keys, want %d with absent as null", len(got), n+1)
	}
	if r := hearsayIn(t, "n\n", "kv", "bulk", "delete", "-", "-n", "notes"); r.code != exitFailed {
		t.Errorf("bulk delete of what is no JSON: exit code %d, want %d", r.code, exitFailed)
	}
	if r := hearsayIn(t, in(keys), "kv", "bulk", "delete", "-", "--force", "-n", "notes"); r.code != exitOK {
		t.Fatalf("bulk delete: exit code %d: %s", r.code, r.stderr)
	}
	if out := must(t, "kv", "key", "list", "-n", "notes", "--prefix", "bulk-"); out != "" {
		t.Errorf("after bulk delete there are still %.100q", out)
	}
}

func testNamespace(t *testing.T, id string) {
	must(t, "kv", "namespace", "rename", "notes", "--new-name", "letters")
	var all []namespace
	if err := json.Unmarshal([]byte(must(t, "kv", "namespace", "list", "-o", "json")), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].ID != id || all[0].Title != "letters" {
		t.Errorf("after the rename: %+v, want %s as letters alone", all, id)
	}
	if r := hearsayIn(t, "n\n", "kv", "namespace", "delete", "letters"); r.code != exitFailed || !strings.Contains(r.stderr, "nothing was done") {
		t.Errorf("delete, answered no: exit code %d, %q; want %d", r.code, r.stderr, exitFailed)
	}
	if r := hearsayIn(t, "y\n", "kv", "namespace", "delete", "letters"); r.code != exitOK {
		t.Errorf("delete, answered yes: exit code %d: %s", r.code, r.stderr)
	}
	if out := must(t, "kv", "namespace", "list"); out != "" {
		t.Errorf("after the delete: %q, want none", out)
	}
}

func TestKVWithoutNode(t *testing.T) {
	r := hearsay(t, "kv", "namespace", "list", "--api", "http://127.0.0.1:1")
	if r.code != exitNoAnswer || !strings.Contains(r.stderr, "hearsay dev") {
		t.Errorf("exit code %d, %q; want %d and how to start one", r.code, r.stderr, exitNoAnswer)
	}
}
