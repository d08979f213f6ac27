package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A worker is worker.mjs in one region; it answers at this URL.
type worker string

// startWorkers runs config.capnp on workerd, the namespaces of its Workers at
// two nodes, given by the URLs of their client ports.
func startWorkers(t *testing.T, modules, virginiaAPI, tokyoAPI string) (virginia, tokyo worker) {
	t.Helper()
	bins, err := filepath.Glob(filepath.Join(modules, "@cloudflare", "workerd-*", "bin", "workerd"))
	if err != nil || len(bins) != 1 {
		t.Fatalf("npm installed %d workerd for this machine, want 1: %v", len(bins), err)
	}
	cmd := exec.Command(bins[0], "serve", "config.capnp", "--control-fd=3",
		"--external-addr", "virginia-kv="+strings.TrimPrefix(virginiaAPI, "http://"),
		"--external-addr", "tokyo-kv="+strings.TrimPrefix(tokyoAPI, "http://"))
	lines, control := newPipe(t)
	cmd.ExtraFiles = []*os.File{control} // the first of these is 3
	start(t, cmd, control)

	urls := make(map[string]worker)
	for range 2 {
		var event struct {
			Socket string
			Port   int
		}
		if line := nextLine(t, cmd, lines); json.Unmarshal(line, &event) != nil {
			t.Fatalf("workerd told %q, want where it listens", line)
		}
		urls[event.Socket] = worker(fmt.Sprintf("http://127.0.0.1:%d", event.Port))
	}
	return urls["virginia"], urls["tokyo"]
}

// call has the Worker call a method of its namespace. Either what it returns or
// the text of the error it threw is empty.
func (w worker) call(t *testing.T, method string, args ...any) (result any, thrown string) {
	t.Helper()
	resp, err := http.Post(string(w), "application/json", bytes.NewReader(toJSON(t, map[string]any{"method": method, "args": args})))
	if err != nil {
		t.Fatalf("%s(%v): %v", method, args, err)
	}
	defer resp.Body.Close()
	var answer struct {
		Result any
		Error  string
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatalf("%s(%v): the Worker answered %s: %v", method, args, resp.Status, err)
	}
	return answer.Result, answer.Error
}

// want is call for what must return a value, given as JSON decodes it.
func (w worker) want(t *testing.T, want any, method string, args ...any) {
	t.Helper()
	if got, thrown := w.call(t, method, args...); thrown != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("%s(%v) = %v, %s; want %v", method, args, got, thrown, want)
	}
}

// wantError is call for what must throw.
func (w worker) wantError(t *testing.T, want, method string, args ...any) {
	t.Helper()
	if got, thrown := w.call(t, method, args...); thrown != want {
		t.Errorf("%s(%.60s) = %v, thrown %q; want %q", method, fmt.Sprintf("%v", args), got, thrown, want)
	}
}

// await calls get(key) until it returns want, and returns how long that took.
func (w worker) await(t *testing.T, want any, key string) time.Duration {
	t.Helper()
	const patience = 10 * time.Second
	began := time.Now()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for {
		got, thrown := w.call(t, "get", key)
		took := time.Since(began)
		switch {
		case thrown == "" && reflect.DeepEqual(got, want):
			return took
		case thrown != "" || took > patience:
			t.Fatalf("get(%s) = %v, %s after %v; want %v", key, got, thrown, took, want)
		}
		<-again.C
	}
}

type object = map[string]any

func testWorkers(t *testing.T, virginia, tokyo worker) {
	var every []any // byte, as JSON decodes numbers
	for i := range 256 {
		every = append(every, float64(i))
	}
	virginia.want(t, nil, "put", "text", "grüße")
	virginia.want(t, nil, "put", "bytes", object{"bytes": every})
	virginia.want(t, nil, "put", "stream", object{"stream": []string{"one ", "two ", "three"}})
	virginia.want(t, nil, "put", "json", `{"a":[1,2]}`)
	virginia.want(t, nil, "put", "empty", "")
	virginia.want(t, nil, "put", "a/b c?d&é", "odd key")
	virginia.want(t, nil, "put", "meta", "v", object{"metadata": object{"e": "é", "n": 1}, "expirationTtl": 3600})
	virginia.want(t, nil, "put", "last", "1")
	t.Logf("a write in Virginia was readable in Tokyo %v after its acknowledgement", tokyo.await(t, "1", "last"))

	// The Workers of one cluster read the same wherever they run.
	for region, w := range map[string]worker{"virginia": virginia, "tokyo": tokyo} {
		t.Run(region, func(t *testing.T) {
			w.want(t, "grüße", "get", "text")
			w.want(t, object{"bytes": every}, "get", "bytes", "arrayBuffer")
			w.want(t, object{"bytes": every}, "get", "bytes", object{"type": "stream", "cacheTtl": 60})
			w.want(t, "one two three", "get", "stream")
			w.want(t, object{"a": []any{1.0, 2.0}}, "get", "json", "json")
			w.want(t, "", "get", "empty")
			w.want(t, "odd key", "get", "a/b c?d&é")
			w.want(t, nil, "get", "absent")
			w.metadata(t)
			w.bulk(t)
			w.lists(t)
		})
	}

	virginia.want(t, nil, "delete", "last")
	virginia.want(t, nil, "delete", "absent")
	virginia.want(t, nil, "get", "last")
	t.Logf("a delete in Virginia showed in Tokyo %v after its acknowledgement", tokyo.await(t, nil, "last"))

	testWorkerErrors(t, virginia)
}

// metadata looks at what a get says besides the value; whether it came from a
// cache is the profile's business.
func (w worker) metadata(t *testing.T) {
	t.Helper()
	for key, want := range map[string]object{
		"meta":   {"value": "v", "metadata": object{"e": "é", "n": 1.0}},
		"text":   {"value": "grüße", "metadata": nil},
		"absent": {"value": nil, "metadata": nil},
	} {
		got, thrown := w.call(t, "getWithMetadata", key)
		answer, ok := got.(object)
		delete(answer, "cacheStatus")
		if !ok || !reflect.DeepEqual(answer, want) {
			t.Errorf("getWithMetadata(%s) = %v, %s; want %v", key, got, thrown, want)
		}
	}
}

func (w worker) bulk(t *testing.T) {
	t.Helper()
	w.want(t, object{"text": "grüße", "absent": nil, "empty": ""}, "get", []string{"text", "absent", "empty"})
	w.want(t, object{"json": object{"a": []any{1.0, 2.0}}}, "get", []string{"json"}, "json")
	w.want(t, object{
		"meta":   object{"value": "v", "metadata": object{"e": "é", "n": 1.0}},
		"empty":  object{"value": "", "metadata": nil},
		"absent": nil,
	}, "getWithMetadata", []string{"meta", "empty", "absent"})
}

// lists reads all keys in pages of three, and those with a prefix.
func (w worker) lists(t *testing.T) {
	t.Helper()
	var names []string
	for options := (object{"limit": 3}); ; {
		got, thrown := w.call(t, "list", options)
		page, ok := got.(object)
		if !ok {
			t.Fatalf("list(%v) = %v, %s", options, got, thrown)
		}
		keys, _ := page["keys"].([]any)
		if len(keys) > 3 || len(names) > 20 {
			t.Fatalf("list(%v) gave %d keys after %d, want 3 at most and an end", options, len(keys), len(names))
		}
		for _, k := range keys {
			names = append(names, k.(object)["name"].(string))
		}
		if page["list_complete"] == true {
			break
		}
		options["cursor"] = page["cursor"]
	}
	want := []string{"a/b c?d&é", "bytes", "empty", "json", "last", "meta", "stream", "text"}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("list in pages gave %q, want %q", names, want)
	}

	got, thrown := w.call(t, "list", object{"prefix": "met"})
	page, _ := got.(object)
	keys, _ := page["keys"].([]any)
	if len(keys) != 1 || page["list_complete"] != true {
		t.Fatalf("list(prefix met) = %v, %s; want the one key", got, thrown)
	}
	key := keys[0].(object)
	if key["name"] != "meta" || !reflect.DeepEqual(key["metadata"], object{"e": "é", "n": 1.0}) {
		t.Errorf("list(prefix met) shows %v, want meta with its metadata", key)
	}
	expires, _ := key["expiration"].(float64)
	if in := time.Until(time.Unix(int64(expires), 0)); in < 58*time.Minute || in > time.Hour {
		t.Errorf("list(prefix met) shows an expiration in %v, want about an hour", in)
	}
}

// testWorkerErrors reads the texts that applications match on: they travel as
// the reason phrase of the answer.
func testWorkerErrors(t *testing.T, w worker) {
	t.Helper()
	w.wantError(t, "Error: KV PUT failed: 400 Invalid expiration_ttl of 59. Expiration TTL must be at least 60.",
		"put", "k", "v", object{"expirationTtl": 59})
	w.wantError(t, "Error: KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.",
		"put", "k", object{"zeros": 25<<20 + 1})
	w.wantError(t, "Error: KV PUT failed: 413 Metadata length of 1025 exceeds limit of 1024.",
		"put", "k", "v", object{"metadata": strings.Repeat("m", 1023)})
	w.wantError(t, "Error: KV GET failed: 400 Invalid cache_ttl of 29. Cache TTL must be at least 30.",
		"get", "k", object{"cacheTtl": 29})
	w.wantError(t, "Error: KV GET_BULK failed: 400 You can request a maximum of 100 keys",
		"get", make101Keys())
	w.want(t, nil, "get", "k")
}

func make101Keys() []string {
	keys := make([]string, 101)
	for i := range keys {
		keys[i] = fmt.Sprint("k", i)
	}
	return keys
}
