package rest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hearsay/node/api"
	"hearsay/node/api/apitest"
	"hearsay/node/rest"
)

func TestBulk(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	r.want(`{"successful_key_count":5,"unsuccessful_keys":[]}`, "PUT", ns+"/bulk", `[
		{"key":"a","value":"text","metadata":{"m": 1},"expiration_ttl":60},
		{"key":"b","value":"AP8=","base64":true,"expiration":1900000000.5},
		{"key":"c","value":"1","metadata":null,"expiration":null,"unknown":[]},
		{"key":"d","value":""},
		{"key":"d","value":"the last one wins"}]`)
	if got := r.do("GET", ns+"/values/b", ""); got.body != "\x00\xff" || got.header.Get("Expiration") != "1900000000" {
		t.Errorf("b is %q and expires %s, want what base64 said and 1900000000", got.body, got.header.Get("Expiration"))
	}
	r.want(`{"values":{"d":"the last one wins","absent":null,"a":"text"}}`,
		"POST", ns+"/bulk/get", `{"keys":["d","absent","a","d"]}`)
	r.want(fmt.Sprintf(`{"values":{"a":{"value":"text","metadata":{"m":1},"expiration":%d},"c":{"value":"1","metadata":null}}}`, apitest.Epoch+60),
		"POST", ns+"/bulk/get", `{"keys":["a","c"],"withMetadata":true}`)
	r.want(`{"values":{"c":1}}`, "POST", ns+"/bulk/get", `{"keys":["c"],"type":"json"}`)

	r.want(`{"successful_key_count":2,"unsuccessful_keys":[]}`, "DELETE", ns+"/bulk", `["a","absent"]`)
	r.want(`{"successful_key_count":1,"unsuccessful_keys":[]}`, "POST", ns+"/bulk/delete", `["b"]`)
	r.want(`{"successful_key_count":0,"unsuccessful_keys":[]}`, "PUT", ns+"/bulk", `[]`)
	if got := r.keys(ns, ""); !slices.Equal(got, []string{"c", "d"}) {
		t.Errorf("keys are %q, want c and d", got)
	}
}

func TestBulkRefuses(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	tests := []struct {
		name, message, method, path, body string
		status, code                      int
	}{
		{"one bad item", "bulk put: 'item 1: Invalid expiration_ttl of 1. Expiration TTL must be at least 60.'", "PUT", "/bulk", `[{"key":"k","value":"v"},{"key":"l","value":"v","expiration_ttl":1}]`, 400, 10034},
		{"no key", "bulk put: 'item 0: Key names must not be empty'", "PUT", "/bulk", `[{"value":"v"}]`, 400, 10012},
		{"no value", "bulk put: 'item 0: value is missing'", "PUT", "/bulk", `[{"key":"k"}]`, 400, 10012},
		{"not base64", "bulk put: 'item 0: value is not base64'", "PUT", "/bulk", `[{"key":"k","value":"!","base64":true}]`, 400, 10012},
		{"long key", "bulk delete: 'item 0: UTF-8 encoded length of 513 exceeds key length limit of 512.'", "DELETE", "/bulk", `["` + strings.Repeat("k", 513) + `"]`, 414, 10012},
		{"no list", "bulk delete: 'could not parse the body: it is not a list'", "POST", "/bulk/delete", `{}`, 400, 10012},
		{"nothing", "bulk put: 'could not parse the body: EOF'", "PUT", "/bulk", ``, 400, 10012},
		{"no end", "bulk delete: 'could not parse the body: EOF'", "DELETE", "/bulk", `["k"`, 400, 10012},
		{"something after", "bulk delete: 'could not parse the body: something follows the list'", "DELETE", "/bulk", `["k"]x`, 400, 10012},
		{"too many puts", "bulk put: 'received 12762 key/value pairs, but max allowed per request is: 10000'", "PUT", "/bulk", "[" + strings.Repeat("{},", 12761) + "{}]", 400, 10012},
		{"too many deletes", "bulk delete: 'received 10001 keys, but max allowed per request is: 10000'", "DELETE", "/bulk", "[" + strings.Repeat(`"k",`, 10000) + `"k"]`, 400, 10012},
		{"get no keys", "bulk get keys: 'You must request a minimum of 1 key'", "POST", "/bulk/get", `{"keys":[]}`, 400, 10029},
		{"get too many", "bulk get keys: 'You can request a maximum of 100 keys'", "POST", "/bulk/get", `{"keys":["k"` + strings.Repeat(`,"k"`, 100) + `]}`, 400, 10012},
		{"get of a type", `bulk get keys: '"x" is not a valid type. Use "json" or "text"'`, "POST", "/bulk/get", `{"keys":["k"],"type":"x"}`, 400, 10012},
		{"get of nothing", "bulk get keys: 'could not parse the body: unexpected end of JSON input'", "POST", "/bulk/get", ``, 400, 10012},
		{"get of very much", "bulk get keys: 'the body must be at most 1048576 bytes'", "POST", "/bulk/get", strings.Repeat("x", 1<<20+1), 400, 10012},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := rig{t: t, backend: r.backend, url: r.url}
			r.refused(tt.status, tt.code, tt.message, tt.method, ns+tt.path, tt.body)
		})
	}
	for _, body := range []string{`["k",1]`, `[null,{}]`, `["k",]`, `[["k"]]`, `["k"}`} {
		if got := r.do("DELETE", ns+"/bulk", body); got.code != 400 {
			t.Errorf("bulk delete of %s: %d %s, want 400", body, got.code, got.body)
		}
	}
	for _, body := range []string{`[1]`, `[{"key":1,"value":"v"}]`, `[{"key":"k","value":1}]`, `[{"key":"k","value":"v","expiration_ttl":"soon"}]`} {
		if got := r.do("PUT", ns+"/bulk", body); got.code != 400 {
			t.Errorf("bulk put of %s: %d %s, want 400", body, got.code, got.body)
		}
	}
	if got := r.keys(ns, ""); len(got) != 0 {
		t.Errorf("refused writes left %q", got)
	}
}

func TestBulkBodyIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("sends 200 MB")
	}
	r := start(t, rest.Options{Bodies: api.NewBodies(1<<30, 0)})
	ns := r.create("n")
	const limit = 100_000_000
	list := `["k"` + strings.Repeat(" ", limit-5) + `]`
	r.want(`{"successful_key_count":1,"unsuccessful_keys":[]}`, "DELETE", ns+"/bulk", list)
	r.refused(413, 10012, "bulk delete: 'the body must be at most 100000000 bytes'", "DELETE", ns+"/bulk", " "+list)
}

func TestBulkGoesInSlices(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	before := len(r.backend.Writes())
	many := "[" + strings.Repeat(`"k",`, 2499) + `"k"]`
	r.want(`{"successful_key_count":2500,"unsuccessful_keys":[]}`, "DELETE", ns+"/bulk", many)
	if got := r.backend.Writes()[before:]; !slices.Equal(got, []int{1000, 1000, 500}) {
		t.Errorf("2500 deletes went in slices of %v, want 1000, 1000, 500", got)
	}

	before = len(r.backend.Writes())
	item := func(key string, bytes int) string {
		return fmt.Sprintf(`{"key":%q,"value":%q}`, key, strings.Repeat("v", bytes))
	}
	large := "[" + strings.Join([]string{item("a", 1<<20-1), item("b", 1), item("c", 2<<20), item("d", 1)}, ",") + "]"
	r.want(`{"successful_key_count":4,"unsuccessful_keys":[]}`, "PUT", ns+"/bulk", large)
	if got := r.backend.Writes()[before:]; !slices.Equal(got, []int{1, 1, 1, 1}) {
		t.Errorf("large values went in slices of %v, want each alone", got)
	}
}

func TestBulkSaysWhatFailed(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	keys := make([]string, 1002)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%04d"`, i)
	}
	list := "[" + strings.Join(keys, ",") + "]"
	r.backend.FailAfter(1, api.ErrOverloaded)
	r.want(`{"successful_key_count":1000,"unsuccessful_keys":["k1000","k1001"]}`, "DELETE", ns+"/bulk", list)
	r.refused(503, 10001, "bulk delete: 'The node is overloaded. Please try again.'", "DELETE", ns+"/bulk", list)
}
