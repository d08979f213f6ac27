package binding_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hearsay/node/api"
	"hearsay/node/api/apitest"
	"hearsay/node/binding"
)

// A rig is a front end behind a real listener.
type rig struct {
	t       *testing.T
	backend *apitest.Backend
	url     string
}

func start(t *testing.T, opt binding.Options) rig {
	t.Helper()
	return startOn(t, apitest.New(t), opt)
}

func startOn(t *testing.T, b *apitest.Backend, opt binding.Options) rig {
	t.Helper()
	srv := httptest.NewServer(binding.New(b, opt))
	t.Cleanup(srv.Close)
	return rig{t: t, backend: b, url: srv.URL}
}

// dev starts a rig that creates namespaces.
func dev(t *testing.T) rig { return start(t, binding.Options{CreateNamespaces: true}) }

type answer struct {
	status string // code and reason phrase
	body   string
	header http.Header
}

// do sends a request, in the namespace demo unless its path names one; header is
// name, value, name, value.
func (r rig) do(method, path, body string, header ...string) answer {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	if !strings.HasPrefix(path, "/mf/") {
		req.Header.Set("X-KV-Namespace", "demo")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{status: resp.Status, body: string(text), header: resp.Header}
}

// want sends a request and checks status, reason phrase and body.
func (r rig) want(status, wantBody, method, path, body string, header ...string) answer {
	r.t.Helper()
	got := r.do(method, path, body, header...)
	if got.status != status || !strings.HasPrefix(status, "4") && got.body != wantBody {
		r.t.Errorf("%s %s: %q with body %q, want %q, %q", method, path, got.status, got.body, status, wantBody)
	}
	return got
}

// The exchanges that were recorded between workerd and a server.
func TestRecordedExchanges(t *testing.T) {
	r := dev(t)
	r.want("200 OK", "", "PUT", "/k%2F1%20%C3%A9?urlencoded=true&expiration_ttl=60", "v1",
		"Content-Type", "text/plain;charset=UTF-8", "CF-KV-Metadata", `{"e":"é"}`,
		"CF-KV-FLPROD-405", "https://fake-host/k%2F1%20%C3%A9?urlencoded=true&expiration_ttl=60")
	got := r.want("200 OK", "v1", "GET", "/k%2F1%20%C3%A9?urlencoded=true", "")
	if m := got.header.Get("CF-KV-Metadata"); m != `{"e":"é"}` {
		t.Errorf("metadata is %q, want the bytes that were put", m)
	}
	r.want("404 Not Found", "", "GET", "/absent?urlencoded=true", "")
	r.want("200 OK", "", "DELETE", "/p1?urlencoded=true", "")

	for _, k := range []string{"a%3A1", "a%3A2", "a%3A3", "b"} {
		r.want("200 OK", "", "PUT", "/"+k+"?urlencoded=true", "v")
	}
	r.want("200 OK", `{"keys":[{"name":"a:1"},{"name":"a:2"}],"list_complete":false,"cursor":"YToy"}`+"\n",
		"GET", "/?key_count_limit=2&prefix=a%3A", "")
	r.want("200 OK", `{"keys":[{"name":"a:3"}],"list_complete":true}`+"\n",
		"GET", "/?key_count_limit=2&prefix=a%3A&cursor=YToy", "")

	r.want("200 OK", "", "PUT", "/j1?urlencoded=true", `{"a":[1,2]}`)
	r.want("200 OK", `{"j1":{"value":{"a":[1,2]},"metadata":null},"absent":null}`+"\n",
		"POST", "/bulk/get", `{"keys":["j1","absent"],"type":"json","withMetadata":true,"cacheTtl":"90"}`,
		"Content-Type", "application/json")
}

func TestKeysOfEveryKind(t *testing.T) {
	r := dev(t)
	// As GET and PUT write it, as DELETE does, and what both mean.
	tests := []struct{ get, del, key string }{
		{"%2F", "%2F", "/"},
		{"%2F%2Fx", "%2F%2Fx", "//x"},
		{".%2Fx", ".%2Fx", "./x"},
		{"x%2F..%2Fy", "x%2F..%2Fy", "x/../y"},
		{"bulk%2Fget", "bulk%2Fget", "bulk/get"},
		{"a+b&c=d@e:f,g$h[i]|j;k^", "a%2Bb%26c%3Dd%40e%3Af%2Cg%24h%5Bi%5D%7Cj%3Bk%5E", "a+b&c=d@e:f,g$h[i]|j;k^"},
		{"a%2Fb|c", "a%2Fb%7Cc", "a/b|c"},
		{"100%25", "100%25", "100%"},
		{"%252F", "%252F", "%2F"},
		{"a%20b", "a%20b", "a b"},
		{"%C3%A9%F0%9F%A4%93", "%C3%A9%F0%9F%A4%93", "é🤓"},
		{"%00%0A%7F", "%00%0A%7F", "\x00\n\x7f"},
		{"a%3Fb%23c", "a%3Fb%23c", "a?b#c"},
		{strings.Repeat("%C3%A9", 256), strings.Repeat("%C3%A9", 256), strings.Repeat("é", 256)},
	}
	for _, tt := range tests {
		value := "value of " + tt.get
		r.want("200 OK", "", "PUT", "/"+tt.get+"?urlencoded=true", value)
		r.want("200 OK", value, "GET", "/"+tt.get+"?urlencoded=true", "")
		r.want("200 OK", value, "GET", "/"+tt.del+"?urlencoded=true", "")
		v := r.backend.View()
		ns, err := v.Resolve("demo")
		if err != nil {
			t.Fatalf("Resolve: %v", err)
		}
		if e, err := v.Get(ns, tt.key); err != nil || string(e.Value) != value {
			t.Errorf("Get(%q) after PUT /%s: %v, want its value", tt.key, tt.get, err)
		}
		v.Close()
		r.want("200 OK", "", "DELETE", "/"+tt.del+"?urlencoded=true", "")
		r.want("404 Not Found", "", "GET", "/"+tt.get+"?urlencoded=true", "")
	}
}

func TestValuesAndMetadata(t *testing.T) {
	r := dev(t)
	var binary strings.Builder
	for i := range 256 {
		binary.WriteByte(byte(i))
	}
	for _, value := range []string{"", "v", binary.String(), "\ufeffwith a mark"} {
		r.want("200 OK", "", "PUT", "/k", value)
		r.want("200 OK", value, "GET", "/k", "")
	}
	for _, m := range []string{`{"e":"é🤓"}`, `0`, `false`, `"s"`, `[]`} {
		r.want("200 OK", "", "PUT", "/k", "v", "CF-KV-Metadata", m)
		if got := r.want("200 OK", "v", "GET", "/k", "").header.Get("CF-KV-Metadata"); got != m {
			t.Errorf("metadata is %q, want %q", got, m)
		}
		r.want("200 OK", fmt.Sprintf(`{"keys":[{"name":"k","metadata":%q}],"list_complete":true}`+"\n", m), "GET", "/", "")
	}
	for _, m := range []string{"", "null"} {
		r.want("200 OK", "", "PUT", "/k", "v", "CF-KV-Metadata", m)
		if got, ok := r.want("200 OK", "v", "GET", "/k", "").header["Cf-Kv-Metadata"]; ok {
			t.Errorf("metadata is %q after a put with %q, want none", got, m)
		}
	}
	// A put replaces value, metadata and expiration together.
	r.want("200 OK", "", "PUT", "/k?expiration_ttl=60", "v", "CF-KV-Metadata", "1")
	r.want("200 OK", fmt.Sprintf(`{"keys":[{"name":"k","expiration":%d,"metadata":"1"}],"list_complete":true}`+"\n", apitest.Epoch+60), "GET", "/?prefix=&cursor=", "")
	r.want("200 OK", "", "PUT", "/k", "v")
	r.want("200 OK", `{"keys":[{"name":"k"}],"list_complete":true}`+"\n", "GET", "/", "")
	r.want("200 OK", "", "PUT", "/k?expiration_ttl=60", "v")
	r.backend.Advance(time.Minute)
	r.want("404 Not Found", "", "GET", "/k", "")
}

// Every text that a Worker may see, as the reason phrase.
func TestRefusals(t *testing.T) {
	r := dev(t)
	r.want("200 OK", "", "PUT", "/text", "not json")
	long := strings.Repeat("k", 513)
	keys := `["k"` + strings.Repeat(`,"k"`, 100) + `]`
	tests := []struct{ status, method, path, body string }{
		{"414 UTF-8 encoded length of 513 exceeds key length limit of 512.", "GET", "/" + long, ""},
		{"414 UTF-8 encoded length of 513 exceeds key length limit of 512.", "PUT", "/" + long, "v"},
		{"414 UTF-8 encoded length of 513 exceeds key length limit of 512.", "DELETE", "/" + long, ""},
		{"414 UTF-8 encoded length of 513 exceeds key length limit of 512.", "GET", "/?prefix=" + long, ""},
		{"400 Could not URL-decode key name", "GET", "/%ED%A0%80?urlencoded=true", ""},
		{"400 Could not URL-decode key name", "PUT", "/%FF", "v"},
		{"400 Invalid cache_ttl of 29. Cache TTL must be at least 30.", "GET", "/text?cache_ttl=29", ""},
		{"400 Invalid cache_ttl of 0. Cache TTL must be at least 30.", "GET", "/absent?cache_ttl=0", ""},
		{"400 Invalid expiration_ttl of 0. Please specify integer greater than 0.", "PUT", "/k?expiration_ttl=0", "v"},
		{"400 Invalid expiration_ttl of 59. Expiration TTL must be at least 60.", "PUT", "/k?expiration=1&expiration_ttl=59", "v"},
		{"400 Invalid expiration of 100. Please specify integer greater than the current number of seconds since the UNIX epoch.", "PUT", "/k?expiration=100", "v"},
		{"400 Invalid expiration of 1800000059. Expiration times must be at least 60 seconds in the future.", "PUT", "/k?expiration=1800000059", "v"},
		{"400 Invalid key_count_limit of 0. Please specify an integer greater than 0.", "GET", "/?key_count_limit=0", ""},
		{"400 Invalid key_count_limit of 1001. Please specify an integer less than 1000.", "GET", "/?key_count_limit=1001", ""},
		{"400 Invalid cursor. Please use the cursor of the page before, or none to start again.", "GET", "/?cursor=!", ""},
		{"400 You can request a maximum of 100 keys", "POST", "/bulk/get", `{"keys":` + keys + `}`},
		{"400 You must request a minimum of 1 key", "POST", "/bulk/get", `{"keys":[]}`},
		{`400 "arrayBuffer" is not a valid type. Use "json" or "text"`, "POST", "/bulk/get", `{"keys":["k"],"type":"arrayBuffer"}`},
		{"400 At least one of the requested keys corresponds to a non-json value", "POST", "/bulk/get", `{"keys":["text"],"type":"json"}`},
		{"400 Key names must not be empty", "POST", "/bulk/get", `{"keys":[""]}`},
		{`400 Illegal key name "..". Please use a different name.`, "POST", "/bulk/get", `{"keys":[".."]}`},
		{"400 Invalid cache_ttl of 29. Cache TTL must be at least 30.", "POST", "/bulk/get", `{"keys":["k"],"cacheTtl":"29"}`},
		{`400 The body must be JSON: {"keys": [...]}`, "POST", "/bulk/get", `{"keys":[1]}`},
		{`400 The body must be JSON: {"keys": [...]}`, "POST", "/bulk/get", ``},
		{`400 The body must be JSON: {"keys": [...]}`, "POST", "/bulk/get", `{"keys":["` + strings.Repeat("k", 1<<20) + `"]}`},
		{"405 Method Not Allowed", "POST", "/k", ""},
		{"405 Method Not Allowed", "PATCH", "/", ""},
	}
	for _, tt := range tests {
		r.want(tt.status, "", tt.method, tt.path, tt.body)
	}
	r.want("413 Metadata length of 1025 exceeds limit of 1024.", "", "PUT", "/k", "v", "CF-KV-Metadata", `"`+strings.Repeat("m", 1023)+`"`)
	r.want("400 Metadata must be valid JSON.", "", "PUT", "/k", "v", "CF-KV-Metadata", `{}`, "CF-KV-Metadata", `{}`)
	r.want("404 Not Found", "", "GET", "/k", "")
}

func TestBulkGetIsAlwaysText(t *testing.T) {
	r := dev(t)
	r.want("200 OK", "", "PUT", "/empty", "", "CF-KV-Metadata", `{"a":1}`)
	r.want("200 OK", "", "PUT", "/0", "0")
	r.want("200 OK", `{"0":"0","empty":"","absent":null}`+"\n", "POST", "/bulk/get", `{"keys":["0","empty","absent","0"]}`)
	r.want("200 OK", `{"empty":{"value":"","metadata":{"a":1}},"0":{"value":"0","metadata":null}}`+"\n",
		"POST", "/bulk/get", `{"keys":["empty","0"],"type":"text","withMetadata":true,"cacheTtl":30}`)
}

func TestNamespaces(t *testing.T) {
	r := dev(t)
	r.want("200 OK", "", "PUT", "/k", "in demo")
	v := r.backend.View()
	all, err := v.Namespaces()
	v.Close()
	if err != nil || len(all) != 1 || all[0].Title != "demo" {
		t.Fatalf("Namespaces = %v, %v, want demo", all, err)
	}
	strict := httptest.NewServer(binding.New(r.backend, binding.Options{}))
	defer strict.Close()
	for ref, want := range map[string]string{
		"demo":              "200 OK",
		all[0].ID:           "200 OK",
		"unknown":           "404 namespace not found",
		"system/namespaces": "404 namespace not found",
		"":                  "404 namespace not found",
	} {
		req, err := http.NewRequest("GET", strict.URL+"/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-KV-Namespace", ref)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.Status != want || err != nil {
			t.Errorf("GET /k in %q: %s, %v, want %s", ref, resp.Status, err, want)
		}
		if resp.StatusCode == 404 && !strings.Contains(string(body), `{"code":10013,"message":"namespace not found"}`) {
			t.Errorf("GET /k in %q: body %s, want the error of the REST API", ref, body)
		}
	}
}

func TestAnswersSayWhoAndWhich(t *testing.T) {
	r := dev(t)
	put := r.want("200 OK", "", "PUT", "/k", "v").header
	get := r.want("200 OK", "v", "GET", "/k", "").header
	if v := put.Get("Hearsay-Version"); v == "" || get.Get("Hearsay-Version") != v {
		t.Errorf("version is %q when written and %q when read", v, get.Get("Hearsay-Version"))
	}
	if put.Get("Hearsay-Consistency") != "local" || get.Get("Hearsay-Consistency") != "stale" {
		t.Errorf("consistency is %q when written and %q when read by a node in no view, want local and stale", put.Get("Hearsay-Consistency"), get.Get("Hearsay-Consistency"))
	}
	refused := r.want("405 Method Not Allowed", "", "POST", "/k", "").header
	hijacked := r.want("400 Invalid cache_ttl of 1. Cache TTL must be at least 30.", "", "GET", "/k?cache_ttl=1", "").header
	for _, h := range []http.Header{put, get, refused, hijacked} {
		if h.Get("Hearsay-Region") != "fra" || h.Get("Hearsay-Node") != "fra-1" {
			t.Errorf("an answer came from %q in %q, want fra-1 in fra", h.Get("Hearsay-Node"), h.Get("Hearsay-Region"))
		}
	}
}

func TestRegionWritesAndReads(t *testing.T) {
	r := dev(t)
	r.want("200 OK", "", "PUT", "/k", "v")
	r.backend.AnswerRegion()
	put := r.want("200 OK", "", "PUT", "/k", "v").header
	get := r.want("200 OK", "v", "GET", "/k", "").header
	if put.Get("Hearsay-Consistency") != "region" || get.Get("Hearsay-Consistency") != "region" {
		t.Errorf("consistency is %q when written and %q when read, want region", put.Get("Hearsay-Consistency"), get.Get("Hearsay-Consistency"))
	}
}

func TestOverload(t *testing.T) {
	r := dev(t)
	r.want("200 OK", "", "PUT", "/k", "v")
	r.backend.FailAfter(0, fmt.Errorf("inbox: %w", api.ErrOverloaded))
	got := r.do("PUT", "/k", "w")
	if got.status != "503 The node is overloaded. Please try again." || got.header.Get("Retry-After") == "" {
		t.Errorf("put on an overloaded node: %s with Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	r.want("200 OK", "v", "GET", "/k", "")
}

func TestNoRoomForABody(t *testing.T) {
	b := apitest.New(t)
	uploads := api.NewUploads(b.Staging(), 10, time.Millisecond)
	r := startOn(t, b, binding.Options{CreateNamespaces: true, Uploads: uploads})
	r.want("200 OK", "", "PUT", "/k", "v")
	sending, send := io.Pipe()
	held := make(chan error)
	go func() {
		_, err := uploads.Read(t.Context(), sending, 10)
		held <- err
	}()
	if _, err := send.Write([]byte("0")); err != nil {
		t.Fatalf("send: %v", err)
	}
	// The body is read all the same, or the client would not hear the answer.
	got := r.do("PUT", "/k", strings.Repeat("x", 8<<20))
	if got.status != "503 The node is overloaded. Please try again." {
		t.Errorf("put without room: %s, want 503", got.status)
	}
	r.want("200 OK", "v", "GET", "/k", "")
	send.Close()
	if err := <-held; err != nil {
		t.Fatalf("the body that held the room: %v", err)
	}
	r.want("200 OK", "", "PUT", "/k", "w")
}

func TestInternalErrorsAreReportedAndNotTold(t *testing.T) {
	reported := make(chan error, 1)
	r := start(t, binding.Options{CreateNamespaces: true, Report: func(_ *http.Request, err error) { reported <- err }})
	broken := errors.New("disk on fire")
	r.backend.FailAfter(0, broken)
	got := r.do("PUT", "/k", "v")
	if got.status != "500 Internal Server Error" || strings.Contains(got.body, "fire") {
		t.Errorf("put on a broken node: %s %s, want a bare 500", got.status, got.body)
	}
	if err := <-reported; !errors.Is(err, broken) {
		t.Errorf("reported %v, want %v", err, broken)
	}
}

func TestRetriedWrite(t *testing.T) {
	r := dev(t)
	first := r.want("200 OK", "", "PUT", "/k", "v", "Hearsay-Request", "id-1").header.Get("Hearsay-Version")
	if again := r.want("200 OK", "", "PUT", "/k", "v", "Hearsay-Request", "id-1").header.Get("Hearsay-Version"); again != first {
		t.Errorf("retry of the put has version %s, want the first one's, %s", again, first)
	}
	deleted := r.want("200 OK", "", "DELETE", "/k", "", "Hearsay-Request", "id-2").header.Get("Hearsay-Version")
	if again := r.want("200 OK", "", "DELETE", "/k", "", "Hearsay-Request", "id-2").header.Get("Hearsay-Version"); again != deleted || deleted == first {
		t.Errorf("retry of the delete has version %s, want the first one's, %s, and not the put's, %s", again, deleted, first)
	}
	if got := r.do("PUT", "/k", "v", "Hearsay-Request", "a b"); !strings.HasPrefix(got.status, "400") {
		t.Errorf("put with a bad request id = %s, want 400", got.status)
	}
}
