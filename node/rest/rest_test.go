package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hearsay/node/api/apitest"
	"hearsay/node/rest"
)

const base = "/client/v4/accounts/acct1/storage/kv/namespaces"

// A rig is a front end behind a real listener.
type rig struct {
	t       *testing.T
	backend *apitest.Backend
	url     string
}

func start(t *testing.T, opt rest.Options) rig {
	t.Helper()
	b := apitest.New(t)
	srv := httptest.NewServer(rest.New(b, opt))
	t.Cleanup(srv.Close)
	return rig{t: t, backend: b, url: srv.URL}
}

type answer struct {
	code   int
	body   string
	header http.Header
}

// do sends a request to path below the account's namespaces, or to path itself
// if it is a whole one.
func (r rig) do(method, path, body string, header ...string) answer {
	r.t.Helper()
	if !strings.HasPrefix(path, "/client/") {
		path = base + path
	}
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	req.Header.Set("Authorization", "Bearer any")
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
	return answer{code: resp.StatusCode, body: string(text), header: resp.Header}
}

// want sends a request and checks the result, which is JSON text.
func (r rig) want(result, method, path, body string, header ...string) answer {
	r.t.Helper()
	got := r.do(method, path, body, header...)
	var env struct {
		Success  bool
		Errors   []any
		Messages []any
		Result   json.RawMessage
	}
	err := json.Unmarshal([]byte(got.body), &env)
	if got.code != 200 || err != nil || !env.Success || env.Errors == nil || env.Messages == nil || string(env.Result) != result {
		r.t.Errorf("%s %s: %d %s, want the result %s", method, path, got.code, got.body, result)
	}
	return got
}

// refused sends a request and checks its refusal.
func (r rig) refused(status, code int, message, method, path, body string, header ...string) {
	r.t.Helper()
	got := r.do(method, path, body, header...)
	quoted, err := json.Marshal(message)
	if err != nil {
		r.t.Fatal(err)
	}
	want := fmt.Sprintf(`{"success":false,"errors":[{"code":%d,"message":%s}],"messages":[],"result":null}`+"\n", code, quoted)
	if got.code != status || got.body != want {
		r.t.Errorf("%s %s: %d %s, want %d %s", method, path, got.code, got.body, status, want)
	}
}

// create makes a namespace and returns its path.
func (r rig) create(title string) string {
	r.t.Helper()
	got := r.do("POST", "", fmt.Sprintf(`{"title":%q}`, title))
	var env struct {
		Result struct{ ID string }
	}
	if err := json.Unmarshal([]byte(got.body), &env); err != nil || got.code != 200 || env.Result.ID == "" {
		r.t.Fatalf("create %q: %d %s, want a namespace", title, got.code, got.body)
	}
	return "/" + env.Result.ID
}

func TestRoutes(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	for _, path := range []string{
		"/client/v4/user", "/client/v4/accounts/acct1", "/client/v4/accounts/acct1/storage/kv/namespacesX",
		ns + "/", ns + "/id", ns + "/{key}", ns + "/keys/more", ns + "/bulk/put", ns + "/bulk/",
	} {
		for _, method := range []string{"GET", "DELETE"} {
			r.refused(404, 7000, "No route for that URI", method, path, "")
		}
	}
	r.refused(405, 10405, "Method not allowed for this URI", "PATCH", "", "")
	r.refused(405, 10405, "Method not allowed for this URI", "POST", ns+"/values/k", "v")
	r.refused(405, 10405, "Method not allowed for this URI", "PUT", ns+"/bulk/get", "[]")
	r.want(fmt.Sprintf(`{"id":"%s","title":"n","supports_url_encoding":true}`, ns[1:]), "GET", ns, "")
}

func TestUnknownNamespace(t *testing.T) {
	r := start(t, rest.Options{})
	const ns = "/0123456789abcdef0123456789abcdef"
	tests := []struct{ op, method, path, body string }{
		{"get namespace", "GET", ns, ""},
		{"", "PUT", ns, `{"title":"t"}`},
		{"", "DELETE", ns, ""},
		{"list keys", "GET", ns + "/keys", ""},
		{"get", "GET", ns + "/values/k", ""},
		{"put", "PUT", ns + "/values/k", "v"},
		{"remove key", "DELETE", ns + "/values/k", ""},
		{"get", "GET", ns + "/metadata/k", ""},
		{"bulk put", "PUT", ns + "/bulk", `[{"key":"k","value":"v"}]`},
		{"bulk delete", "DELETE", ns + "/bulk", `["k"]`},
		{"bulk delete", "POST", ns + "/bulk/delete", `["k"]`},
		{"bulk get keys", "POST", ns + "/bulk/get", `{"keys":["k"]}`},
		{"list keys", "GET", "/system%2Fnamespaces/keys", ""},
		{"get", "GET", "/system/values/k", ""},
	}
	for _, tt := range tests {
		message := "namespace not found"
		if tt.op != "" {
			message = tt.op + ": 'namespace not found'"
		}
		r.refused(404, 10013, message, tt.method, tt.path, tt.body)
	}
}

func TestAnswersSayWhoAndWhich(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	put := r.want("null", "PUT", ns+"/values/k", "v").header
	get := r.do("GET", ns+"/values/k", "").header
	metadata := r.want("null", "GET", ns+"/metadata/k", "").header
	version := put.Get("Hearsay-Version")
	if version == "" || get.Get("Hearsay-Version") != version || metadata.Get("Hearsay-Version") != version {
		t.Errorf("version is %q when written, %q and %q when read", version, get.Get("Hearsay-Version"), metadata.Get("Hearsay-Version"))
	}
	if put.Get("Hearsay-Consistency") != "local" {
		t.Errorf("consistency of a write is %q, want local", put.Get("Hearsay-Consistency"))
	}
	if get.Get("Hearsay-Region") != "fra" || get.Get("Hearsay-Node") != "fra-1" {
		t.Errorf("the answer came from %q in %q, want fra-1 in fra", get.Get("Hearsay-Node"), get.Get("Hearsay-Region"))
	}
}
