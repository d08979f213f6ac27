package binding_test

import (
	"testing"
	"time"
)

func TestReadsKeepToTheirMaxStaleness(t *testing.T) {
	r := dev(t)
	r.want("200 OK", "", "PUT", "/k", "v")
	r.backend.Advance(10 * time.Second)
	const refusal = "503 The node may lack writes of the last 10.5s, and Hearsay-Max-Staleness allows 10s; it waited 0s for better. Please try again, ask another node, or allow more."
	reads := []struct{ method, path, body string }{
		{"GET", "/k", ""},
		{"GET", "/", ""},
		{"POST", "/bulk/get", `{"keys":["k"]}`},
	}
	for _, read := range reads {
		got := r.do(read.method, read.path, read.body, "Hearsay-Max-Staleness", "10", "Hearsay-Wait", "0")
		if got.status != refusal || got.header.Get("Retry-After") == "" {
			t.Errorf("%s %s 10.5 s stale: %s, Retry-After %q, want %s", read.method, read.path, got.status, got.header.Get("Retry-After"), refusal)
		}
		got = r.do(read.method, read.path, read.body, "Hearsay-Max-Staleness", "10.5", "Hearsay-Wait", "0")
		if got.status != "200 OK" || got.header.Get("Hearsay-Staleness") != "10.500" {
			t.Errorf("%s %s that may be 10.5 s stale: %s, stale %q, want 200 and 10.500", read.method, read.path, got.status, got.header.Get("Hearsay-Staleness"))
		}
	}
	r.want("200 OK", "", "PUT", "/k", "w", "Hearsay-Max-Staleness", "0", "Hearsay-Wait", "0")
	r.want("200 OK", "", "DELETE", "/k", "", "Hearsay-Max-Staleness", "0", "Hearsay-Wait", "0")
}
