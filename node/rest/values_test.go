package rest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hearsay/node/api/apitest"
	"hearsay/node/kv"
	"hearsay/node/rest"
)

func TestKeysOfEveryKind(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	var want []string
	for path, key := range map[string]string{
		"k":                    "k",
		"k%2F1":                "k/1",
		"k/2":                  "k/2", // as cloudflare-go sends it
		"a//b":                 "a//b",
		"a/../b":               "a/../b",
		"%2F":                  "/",
		"100%25":               "100%",
		"%252F":                "%2F",
		"a+b":                  "a+b",
		"a%20b":                "a b",
		"%C3%A9%F0%9F%A4%93":   "é🤓",
		"%00":                  "\x00",
		"a%2Fb|c":              "a/b|c",
		"values/x/metadata/y":  "values/x/metadata/y",
		"q%3Fexpiration_ttl=1": "q?expiration_ttl=1",
	} {
		value := "value of " + key
		r.want("null", "PUT", ns+"/values/"+path, value)
		if got := r.do("GET", ns+"/values/"+path, ""); got.body != value {
			t.Errorf("GET %s = %q, want %q", path, got.body, value)
		}
		want = append(want, key)
	}
	slices.Sort(want)
	if got := r.keys(ns, ""); !slices.Equal(got, want) {
		t.Errorf("keys are %q, want %q", got, want)
	}
	r.want("null", "DELETE", ns+"/values/k%2F2", "")
	r.refused(404, 10009, "get: 'key not found'", "GET", ns+"/values/k/2", "")
	r.want("null", "DELETE", ns+"/values/k%2F2", "") // what is not there
}

// keys follows the cursor to the end.
func (r rig) keys(ns, query string) (all []string) {
	r.t.Helper()
	for cursor, pages := "", 0; pages < 100; pages++ {
		got := r.do("GET", ns+"/keys?"+query+"&cursor="+cursor, "")
		var env struct {
			Result []struct{ Name string }
			Info   struct {
				Count   int
				Cursor  *string
				Cursors struct{ After *string }
			} `json:"result_info"`
		}
		if err := json.Unmarshal([]byte(got.body), &env); err != nil || got.code != 200 || env.Result == nil {
			r.t.Fatalf("list keys: %d %s", got.code, got.body)
		}
		if i := env.Info; i.Count != len(env.Result) || i.Cursor == nil || i.Cursors.After == nil || *i.Cursor != *i.Cursors.After {
			r.t.Fatalf("list keys: %s, want a count and one cursor twice", got.body)
		}
		for _, k := range env.Result {
			all = append(all, k.Name)
		}
		if cursor = *env.Info.Cursor; cursor == "" {
			return all
		}
	}
	r.t.Fatal("the listing has no end")
	return nil
}

func TestListKeys(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	if got, want := r.do("GET", ns+"/keys?prefix=", "").body, `{"success":true,"errors":[],"messages":[],"result":[],"result_info":{"count":0,"cursor":"","cursors":{"after":""}}}`+"\n"; got != want {
		t.Errorf("empty list is %s, want %s", got, want)
	}
	var want []string
	for i := range 25 {
		key := fmt.Sprintf("a:%02d", i)
		r.want("null", "PUT", ns+"/values/"+key, "v")
		want = append(want, key)
	}
	r.want("null", "PUT", ns+"/values/b?expiration_ttl=60", form("value", "v", "metadata", `{"m": [1]}`), "Content-Type", formType)
	for _, query := range []string{"prefix=a%3A&limit=1", "prefix=a%3A&limit=10", "prefix=a%3A"} {
		if got := r.keys(ns, query); !slices.Equal(got, want) {
			t.Errorf("keys by %q are %q, want %q", query, got, want)
		}
	}
	r.want(fmt.Sprintf(`[{"name":"b","expiration":%d,"metadata":{"m":[1]}}]`, apitest.Epoch+60), "GET", ns+"/keys?prefix=b", "")
	r.refused(400, 10012, "list keys: 'Invalid limit of 1001. Please specify an integer less than 1000.'", "GET", ns+"/keys?limit=1001", "")
	r.refused(400, 10012, "list keys: 'Invalid cursor. Please use the cursor of the page before, or none to start again.'", "GET", ns+"/keys?cursor=!", "")
}

const formType = "multipart/form-data; boundary=x"

// form is a body of parts: name, content, name, content.
func form(parts ...string) string {
	var b strings.Builder
	for i := 0; i < len(parts); i += 2 {
		fmt.Fprintf(&b, "--x\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", parts[i], parts[i+1])
	}
	return b.String() + "--x--\r\n"
}

func TestPutAndGet(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	file := "--x\r\nContent-Disposition: form-data; name=\"value\"; filename=\"blob\"\r\nContent-Type: application/octet-stream\r\n" +
		"Content-Transfer-Encoding: quoted-printable\r\n\r\nfile\x00\xff=41\r\n--x--\r\n"
	tests := []struct {
		name, body, kind, value, metadata string
	}{
		{"plain", "v", "text/plain;charset=UTF-8", "v", "null"},
		{"without a type", "\x00\xff", "", "\x00\xff", "null"},
		{"empty", "", "", "", "null"},
		{"of a type that is none", "v", "multipart", "v", "null"},
		{"JSON is a value", `{"value":"v"}`, "application/json", `{"value":"v"}`, "null"},
		{"value first", form("value", "v\r\n", "metadata", `{"a":1}`), formType, "v\r\n", `{"a":1}`},
		{"metadata first", form("metadata", `{"a":1}`, "value", "v"), formType, "v", `{"a":1}`},
		{"no line end at the end", strings.TrimSuffix(form("value", "v"), "\r\n"), formType, "v", "null"},
		{"something after the end", form("value", "v") + "epilogue", formType, "v", "null"},
		{"metadata null", form("value", "v", "metadata", "null"), formType, "v", "null"},
		{"metadata that is no text", form("metadata[a]", "1", "value", "v", "metadata.a", "2"), formType, "v", "null"},
		{"empty value", form("value", "", "metadata", "0"), formType, "", "0"},
		{"a file is not decoded", file, formType, "file\x00\xff=41", "null"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r.want("null", "PUT", ns+"/values/k", tt.body, "Content-Type", tt.kind)
			got := r.do("GET", ns+"/values/k", "")
			if got.code != 200 || got.body != tt.value || got.header.Get("Content-Type") != "application/octet-stream" {
				t.Errorf("value is %d %q of type %q, want %q", got.code, got.body, got.header.Get("Content-Type"), tt.value)
			}
			r.want(tt.metadata, "GET", ns+"/metadata/k", "")
		})
	}
}

func TestExpiration(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	for query, want := range map[string]string{
		"":                                  "",
		"expiration_ttl=60":                 fmt.Sprint(apitest.Epoch + 60),
		"expiration=1900000000":             "1900000000",
		"expiration=1&expiration_ttl=86400": fmt.Sprint(apitest.Epoch + 86400),
	} {
		r.want("null", "PUT", ns+"/values/k?"+query, "v")
		if got := r.do("GET", ns+"/values/k", "").header.Get("Expiration"); got != want {
			t.Errorf("expiration after a put with %q is %q, want %q", query, got, want)
		}
	}
	r.want("null", "PUT", ns+"/values/k?expiration_ttl=60", "v")
	r.backend.Advance(time.Minute)
	r.refused(404, 10009, "get: 'key not found'", "GET", ns+"/values/k", "")
	r.refused(404, 10009, "get: 'key not found'", "GET", ns+"/metadata/k", "")
}

func TestPutRefuses(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	huge := strings.Repeat("v", kv.MaxValue+5<<20)
	tests := []struct {
		name         string
		status, code int
		message      string
		path, body   string
		kind         string
	}{
		{"TTL", 400, 10034, "put: 'Invalid expiration_ttl of 59. Expiration TTL must be at least 60.'", "k?expiration_ttl=59", "v", ""},
		{"empty key", 400, 10012, "put: 'Key names must not be empty'", "", "v", ""},
		{"long key", 414, 10012, "put: 'UTF-8 encoded length of 513 exceeds key length limit of 512.'", strings.Repeat("k", 513), "v", ""},
		{"key is not UTF-8", 400, 10012, "put: 'Could not URL-decode key name'", "%FF", "v", ""},
		{"long value", 413, 10012, "put: 'Value length of 31457280 exceeds limit of 26214400.'", "k", huge, ""},
		{"long value in a form", 413, 10012, "put: 'Value length of 31457280 exceeds limit of 26214400.'", "k", form("metadata", "1", "value", huge), formType},
		{"long metadata", 413, 10012, "put: 'Metadata length of 1025 exceeds limit of 1024.'", "k", form("value", "v", "metadata", strings.Repeat("1", 1025)), formType},
		{"very long metadata", 413, 10012, "put: 'Metadata length of 65536 exceeds limit of 1024.'", "k", form("value", "v", "metadata", strings.Repeat("1", 1<<20)), formType},
		{"metadata is no JSON", 400, 10012, "put: 'Metadata must be valid JSON.'", "k", form("value", "v", "metadata", "{"), formType},
		{"no value", 400, 10012, "put: 'the form has no part named value'", "k", form("metadata", "1"), formType},
		{"two values", 400, 10012, "put: 'the form has two parts named value'", "k", form("value", "1", "value", huge), formType},
		{"too many parts", 400, 10012, "put: 'the form has more than 1000 parts'", "k", form(append(slices.Repeat([]string{"x", ""}, 1000), "value", "v")...), formType},
		{"no boundary", 400, 10012, "put: 'the form could not be read: multipart: boundary is empty'", "k", form("value", "v"), "multipart/form-data"},
		{"no second part", 400, 10012, "put: 'the form could not be read: multipart: NextPart: unexpected EOF'", "k", strings.TrimSuffix(form("value", "v"), "--\r\n") + "\r\n", formType},
		{"half a header", 400, 10012, "put: 'the form could not be read: unexpected EOF'", "k", strings.TrimSuffix(form("value", "v"), "--\r\n") + "\r\nA: b", formType},
		{"no end", 400, 10012, "put: 'The request body could not be read: unexpected EOF.'", "k", strings.TrimSuffix(form("value", "v"), "--x--\r\n"), formType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := rig{t: t, backend: r.backend, url: r.url}
			r.refused(tt.status, tt.code, tt.message, "PUT", ns+"/values/"+tt.path, tt.body, "Content-Type", tt.kind)
		})
	}
	r.refused(404, 10009, "get: 'key not found'", "GET", ns+"/values/k", "")
}

func TestRetriedWrite(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	for _, method := range []string{"PUT", "DELETE"} {
		first := r.want("null", method, ns+"/values/k", "v", "Hearsay-Request", method).header.Get("Hearsay-Version")
		again := r.want("null", method, ns+"/values/k", "v", "Hearsay-Request", method).header.Get("Hearsay-Version")
		other := r.want("null", method, ns+"/values/k", "v", "Hearsay-Request", method+"-2").header.Get("Hearsay-Version")
		if again != first || other == first {
			t.Errorf("%s has version %s, its retry %s, another %s; want the first two alike", method, first, again, other)
		}
	}
	if got := r.do("PUT", ns+"/values/k", "v", "Hearsay-Request", "a b"); got.code != 400 || !strings.Contains(got.body, "Hearsay-Request") {
		t.Errorf("put with a bad request id = %d %s, want 400 that names the header", got.code, got.body)
	}
	if got := r.do("PUT", ns+"/bulk", `[{"key":"k","value":"v"}]`, "Hearsay-Request", "1"); got.code != 400 {
		t.Errorf("bulk put with a request id = %d %s, want 400", got.code, got.body)
	}
}
