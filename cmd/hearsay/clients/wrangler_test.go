package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// A wrangler runs commands of wrangler in a folder of its own.
type wrangler struct {
	bin string
	dir string
	env []string
}

func newWrangler(t *testing.T, modules, api string) *wrangler {
	dir := t.TempDir()
	return &wrangler{
		bin: filepath.Join(modules, ".bin", "wrangler"),
		dir: dir,
		env: []string{
			"PATH=" + os.Getenv("PATH"),
			"HOME=" + dir,
			"CLOUDFLARE_API_BASE_URL=" + api + "/client/v4",
			"CLOUDFLARE_API_TOKEN=x",
			"CLOUDFLARE_ACCOUNT_ID=local",
			"WRANGLER_SEND_METRICS=false",
			"WRANGLER_SEND_ERROR_REPORTS=false",
			"WRANGLER_HIDE_BANNER=true",
			"CI=1",
		},
	}
}

// try runs wrangler kv with args and returns its standard output.
func (w *wrangler) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.bin, append([]string{"kv"}, args...)...)
	cmd.Dir, cmd.Env = w.dir, w.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("wrangler kv %s: %w\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// run is try for what has to succeed.
func (w *wrangler) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.try(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// file writes a file that wrangler can name.
func (w *wrangler) file(t *testing.T, name string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

type wranglerNamespace struct{ ID, Title string }

func (w *wrangler) namespaces(t *testing.T) (all []wranglerNamespace) {
	t.Helper()
	out := w.run(t, "namespace", "list")
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("wrangler kv namespace list printed %q: %v", out, err)
	}
	return all
}

// id returns the id of the namespace with that title, or "".
func (w *wrangler) id(t *testing.T, title string) string {
	t.Helper()
	for _, ns := range w.namespaces(t) {
		if ns.Title == title {
			return ns.ID
		}
	}
	return ""
}

func testWrangler(t *testing.T, w *wrangler) {
	w.run(t, "namespace", "create", "pantry")
	id := w.id(t, "pantry")
	if id == "" {
		t.Fatalf("after namespace create pantry, namespace list shows %v", w.namespaces(t))
	}
	if _, err := w.try(t, "namespace", "create", "pantry"); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("a second namespace create pantry: %v, want a refusal that says it already exists", err)
	}

	remote := func(args ...string) []string { return append(args, "--remote", "--namespace-id", id) }
	t.Run("commands", func(t *testing.T) {
		t.Run("key", func(t *testing.T) {
			t.Parallel()
			testWranglerKey(t, w, remote)
		})
		t.Run("bulk", func(t *testing.T) {
			t.Parallel()
			testWranglerBulk(t, w, remote)
		})
	})

	w.run(t, "namespace", "rename", "pantry", "--new-name", "larder")
	if got := w.id(t, "larder"); got != id {
		t.Errorf("after namespace rename, larder has the id %q, want %q", got, id)
	}
	w.run(t, "namespace", "delete", "--namespace-id", id, "-y")
	if got := w.id(t, "larder"); got != "" {
		t.Errorf("after namespace delete, namespace list still shows larder with the id %s", got)
	}
}

func testWranglerKey(t *testing.T, w *wrangler, remote func(args ...string) []string) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	const odd, binary, meta = "key/äpfel & co", "key/bytes", "key/meta"
	w.run(t, remote("key", "put", odd, "grün")...)
	w.run(t, remote("key", "put", binary, "--path", w.file(t, "bytes.bin", every))...)
	w.run(t, remote("key", "put", meta, "with metadata", "--metadata", `{"ripe":true,"from":"Évora"}`, "--ttl", "3600")...)
	for key, want := range map[string]string{odd: "grün", binary: string(every), meta: "with metadata"} {
		if got := w.run(t, remote("key", "get", key)...); got != want {
			t.Errorf("key get %q = %q, want %q", key, got, want)
		}
	}
	if _, err := w.try(t, remote("key", "put", "key/brief", "v", "--ttl", "59")...); err == nil || !strings.Contains(err.Error(), "59") {
		t.Errorf("key put --ttl 59: %v, want a refusal that names 59", err)
	}

	listed := w.keys(t, remote("key", "list", "--prefix", "key/")...)
	if names := namesOf(listed); !slices.Equal(names, []string{binary, meta, odd}) {
		t.Fatalf("key list --prefix key/ shows %q", names)
	}
	if got, want := listed[1].Metadata, (map[string]any{"ripe": true, "from": "Évora"}); !reflect.DeepEqual(got, want) {
		t.Errorf("key list shows metadata %v, want %v", got, want)
	}
	if in := time.Until(time.Unix(listed[1].Expiration, 0)); in < 58*time.Minute || in > time.Hour {
		t.Errorf("key list shows that %s expires in %v, want about an hour", meta, in)
	}

	w.run(t, remote("key", "delete", binary)...)
	if _, err := w.try(t, remote("key", "get", binary)...); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("key get of a deleted key: %v, want a failure that says 404", err)
	}
}

func testWranglerBulk(t *testing.T, w *wrangler, remote func(args ...string) []string) {
	const pairs = 1200 // more than wrangler sends in one request
	type pair struct {
		Key      string         `json:"key"`
		Value    string         `json:"value"`
		Base64   bool           `json:"base64,omitempty"`
		Metadata map[string]any `json:"metadata,omitempty"`
	}
	var put []pair
	var names []string
	for i := range pairs {
		name := fmt.Sprintf("bulk/%04d", i)
		names = append(names, name)
		put = append(put, pair{Key: name, Value: fmt.Sprint(i)})
	}
	put[0] = pair{Key: names[0], Value: "aMOpYXJzYXk=", Base64: true, Metadata: map[string]any{"n": 1}}
	w.run(t, remote("bulk", "put", w.file(t, "put.json", toJSON(t, put)))...)
	listed := w.keys(t, remote("key", "list", "--prefix", "bulk/")...)
	if got := namesOf(listed); !slices.Equal(got, names) {
		t.Fatalf("after bulk put of %d keys, key list shows %d: %.100q", len(names), len(got), got)
	}
	if got, want := listed[0].Metadata, (map[string]any{"n": 1.0}); !reflect.DeepEqual(got, want) {
		t.Errorf("after bulk put, key list shows metadata %v, want %v", got, want)
	}

	get := []string{names[0], names[1], "bulk/none"}
	out := w.run(t, remote("bulk", "get", w.file(t, "get.json", toJSON(t, get)))...)
	out, _, _ = strings.Cut(out, "\nSuccess!") // which this version prints after the JSON
	var values map[string]any
	if err := json.Unmarshal([]byte(out), &values); err != nil {
		t.Fatalf("bulk get printed %q: %v", out, err)
	}
	if want := map[string]any{names[0]: "héarsay", names[1]: "1", "bulk/none": nil}; !reflect.DeepEqual(values, want) {
		t.Errorf("bulk get = %v, want %v", values, want)
	}

	w.run(t, remote("bulk", "delete", w.file(t, "delete.json", toJSON(t, names)), "--force")...)
	if got := w.keys(t, remote("key", "list", "--prefix", "bulk/")...); len(got) != 0 {
		t.Errorf("after bulk delete, key list shows %d keys", len(got))
	}
}

type wranglerKey struct {
	Name       string
	Metadata   any
	Expiration int64
}

func (w *wrangler) keys(t *testing.T, args ...string) (keys []wranglerKey) {
	t.Helper()
	out := w.run(t, args...)
	if err := json.Unmarshal([]byte(out), &keys); err != nil {
		t.Fatalf("wrangler kv %s printed %q: %v", strings.Join(args, " "), out, err)
	}
	return keys
}

func namesOf(keys []wranglerKey) []string {
	names := make([]string, 0, len(keys))
	for _, k := range keys {
		names = append(names, k.Name)
	}
	return names
}

func toJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
