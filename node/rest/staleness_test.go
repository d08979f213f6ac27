package rest_test

import (
	"strings"
	"testing"
	"time"

	"hearsay/node/rest"
)

func TestReadsKeepToTheirMaxStaleness(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("notes")
	r.want("null", "PUT", ns+"/values/k", "v")
	r.backend.Advance(10 * time.Second)
	reads := []struct{ method, path, body string }{
		{"GET", "", ""},
		{"GET", ns, ""},
		{"GET", ns + "/keys", ""},
		{"GET", ns + "/values/k", ""},
		{"GET", ns + "/metadata/k", ""},
		{"POST", ns + "/bulk/get", `{"keys":["k"]}`},
	}
	for _, read := range reads {
		got := r.do(read.method, read.path, read.body, "Hearsay-Max-Staleness", "10", "Hearsay-Wait", "0")
		if got.code != 503 || !strings.Contains(got.body, "may lack writes of the last 10.5s") || got.header.Get("Retry-After") == "" {
			t.Errorf("%s %s 10.5 s stale: %d %s, want a 503 that says so, and when to try again", read.method, read.path, got.code, got.body)
		}
		got = r.do(read.method, read.path, read.body, "Hearsay-Max-Staleness", "10.5", "Hearsay-Wait", "0")
		if got.code != 200 || got.header.Get("Hearsay-Staleness") != "10.500" {
			t.Errorf("%s %s that may be 10.5 s stale: %d %s, stale %q, want 200 and 10.500", read.method, read.path, got.code, got.body, got.header.Get("Hearsay-Staleness"))
		}
	}
	if got := r.do("GET", ns+"/values/k", "", "Hearsay-Max-Staleness", "2s"); got.code != 400 || !strings.Contains(got.body, "such as 2 or 0.5") {
		t.Errorf("get with a bad header: %d %s, want a 400 that says what is wanted", got.code, got.body)
	}
	r.want("null", "PUT", ns+"/values/k", "w", "Hearsay-Max-Staleness", "0", "Hearsay-Wait", "0")
}
