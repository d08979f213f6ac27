package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hearsay/node/api"
	"hearsay/node/kv"
	"hearsay/store"
)

func TestRefuseSendsItsReasonAndNothingElse(t *testing.T) {
	tests := []struct{ reason, phrase string }{
		{"Key names must not be empty", "Key names must not be empty"},
		{"a\r\nSet-Cookie: b=c", "a??Set-Cookie: b=c"},
		{"é \x00 \x7f", "? ? ?"},
		{strings.Repeat("x", 2000), strings.Repeat("x", 1024)},
		{"", ""},
		{"Bad Request", "Bad Request"}, // the standard phrase
	}
	for _, tt := range tests {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			api.Refuse(w, &kv.Error{Status: 400, Code: 7, Reason: tt.reason})
		}))
		resp, err := http.Get(srv.URL)
		if err != nil {
			t.Fatalf("get: %v", err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		srv.Close()
		if err != nil || strings.TrimSpace(resp.Status) != strings.TrimSpace("400 "+tt.phrase) {
			t.Errorf("Refuse(%q) answers %q, %v, want 400 %s", tt.reason, resp.Status, err, tt.phrase)
		}
		if resp.Header.Get("Retry-After") != "1" || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("Refuse(%q) sends the headers %v", tt.reason, resp.Header)
		}
		var env api.Envelope
		if err := json.Unmarshal(body, &env); err != nil || env.Success || len(env.Errors) != 1 || env.Errors[0].Code != 7 {
			t.Errorf("Refuse(%q) sends the body %s, want an envelope", tt.reason, body)
		}
	}
}

// Where the connection cannot be had, the reason is in the body alone.
func TestRefuseWithoutConnection(t *testing.T) {
	w := httptest.NewRecorder()
	api.Refuse(w, &kv.Error{Status: 413, Reason: "too long"})
	if w.Code != 413 || !strings.Contains(w.Body.String(), "too long") {
		t.Errorf("Refuse answers %d %s", w.Code, w.Body)
	}
}

func TestRefusal(t *testing.T) {
	tests := []struct {
		err      error
		status   int
		reported bool
	}{
		{fmt.Errorf("put: %w", &kv.Error{Status: 414}), 414, false},
		{fmt.Errorf("no room: %w", api.ErrOverloaded), 503, false},
		{api.ErrStopped, 503, false},
		{context.Canceled, 503, false},
		{context.DeadlineExceeded, 503, false},
		{errors.New("disk on fire"), 500, true},
		{store.ErrClosed, 500, true},
	}
	for _, tt := range tests {
		body := strings.NewReader(strings.Repeat("x", 1000))
		r := httptest.NewRequest("PUT", "/", body)
		w := httptest.NewRecorder()
		var reported error
		e := api.Refusal(w, r, func(_ *http.Request, err error) { reported = err }, tt.err)
		if e.Status != tt.status || (reported != nil) != tt.reported {
			t.Errorf("Refusal(%v) = %d, reported %v, want %d, reported: %t", tt.err, e.Status, reported, tt.status, tt.reported)
		}
		if tt.status == 500 && strings.Contains(e.Reason, "disk") {
			t.Errorf("Refusal(%v) tells the client %q", tt.err, e.Reason)
		}
		if got := w.Header().Get("Retry-After") != ""; got != (tt.status == 503) {
			t.Errorf("Refusal(%v) sends Retry-After: %t", tt.err, got)
		}
		if body.Len() != 0 {
			t.Errorf("Refusal(%v) left %d bytes of the body", tt.err, body.Len())
		}
	}
	if e := api.Refusal(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), nil, errors.New("x")); e.Status != 500 {
		t.Errorf("Refusal without report = %d, want 500", e.Status)
	}
}

func TestClientPort(t *testing.T) {
	mark := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
	}
	h := api.ClientPort(mark("rest"), mark("binding"))
	tests := []struct{ path, namespace, want string }{
		{"/client/v4/accounts/a/storage/kv/namespaces/i/values/a//../b", "", "rest"},
		{"/mf/n", "", "binding"},
		{"/k", "n", "binding"},
		{"/client/v4/k", "n", "binding"},
		{"/k", "", "404 page not found\n"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", tt.path, nil)
		if tt.namespace != "" {
			r.Header.Set(api.HeaderNamespace, tt.namespace)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Body.String(); got != tt.want {
			t.Errorf("%s in namespace %q goes to %q, want %q", tt.path, tt.namespace, got, tt.want)
		}
	}
}

func TestShape(t *testing.T) {
	found := []kv.Found{
		{Key: "<\x00é\"", Entry: &store.Entry{Value: []byte("a\xffb"), Metadata: []byte(`{"m":"é"}`), Expires: 9}},
		{Key: "absent"},
		{Key: "42", Entry: &store.Entry{}},
	}
	tests := []struct {
		shape api.Shape
		want  string
	}{
		{api.Shape{}, `{"<\u0000é\"":"a` + "\ufffd" + `b","absent":null,"42":""}`},
		{api.Shape{Metadata: true}, `{"<\u0000é\"":{"value":"a` + "\ufffd" + `b","metadata":{"m":"é"}},"absent":null,"42":{"value":"","metadata":null}}`},
		{api.Shape{Metadata: true, Expiration: true}, `{"<\u0000é\"":{"value":"a` + "\ufffd" + `b","metadata":{"m":"é"},"expiration":9},"absent":null,"42":{"value":"","metadata":null}}`},
	}
	for _, tt := range tests {
		// What is not UTF-8 may be escaped or not: it means the same.
		got := strings.ReplaceAll(string(tt.shape.Object(found)), `\ufffd`, "\ufffd")
		if got != tt.want {
			t.Errorf("%+v.Object = %s, want %s", tt.shape, got, tt.want)
		}
	}
	json := []kv.Found{{Key: "j", Entry: &store.Entry{Value: []byte(`{"a":[1,2]}`)}}}
	if got, want := string(api.Shape{JSON: true}.Object(json)), `{"j":{"a":[1,2]}}`; got != want {
		t.Errorf("JSON Object = %s, want %s", got, want)
	}
}
