package rest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hearsay/node/rest"
)

func TestNamespaceLives(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("a <title>")
	r.refused(400, 10014, "a namespace with this account ID and title already exists", "POST", "", `{"title":"a <title>"}`)
	r.want("null", "PUT", ns+"/values/k", "v")

	renamed := fmt.Sprintf(`{"id":"%s","title":"b","supports_url_encoding":true}`, ns[1:])
	r.want(renamed, "PUT", ns, `{"title":"b"}`)
	r.want(renamed, "GET", ns, "")
	if got := r.do("GET", ns+"/values/k", ""); got.body != "v" {
		t.Errorf("value after a rename is %q, want v", got.body)
	}
	other := r.create("c")
	r.refused(400, 10014, "a namespace with this account ID and title already exists", "PUT", other, `{"title":"b"}`)

	r.want("null", "DELETE", ns, "")
	r.refused(404, 10013, "namespace not found", "DELETE", ns, "")
	r.refused(404, 10013, "get: 'namespace not found'", "GET", ns+"/values/k", "")
	if again := r.create("b"); again == ns {
		t.Errorf("id %s was used again", ns)
	}
}

func TestTitleBodies(t *testing.T) {
	r := start(t, rest.Options{})
	ns := r.create("n")
	tests := []struct {
		body    string
		code    int
		message string
	}{
		{`{}`, 10019, "a namespace needs a title"},
		{`{"title":""}`, 10019, "a namespace needs a title"},
		{`{"title":"` + strings.Repeat("t", 513) + `"}`, 10012, "a title may have at most 512 characters"},
		{`{"title":"` + strings.Repeat("t", 64<<10) + `"}`, 10012, "the body must be at most 65536 bytes"},
		{``, 10012, `the body must be JSON: {"title": "..."}`},
		{`{"title":1}`, 10012, `the body must be JSON: {"title": "..."}`},
		{`[`, 10012, `the body must be JSON: {"title": "..."}`},
		{`{"title":"t","jurisdiction":"eu"}`, 10012, "jurisdictions are not supported: every node holds every namespace"},
	}
	for _, tt := range tests {
		r.refused(400, tt.code, tt.message, "POST", "", tt.body)
		r.refused(400, tt.code, tt.message, "PUT", ns, tt.body)
	}
	longest := strings.Repeat(`\u00e9`, 512)
	if got := r.do("POST", "", `{"title":"`+longest+`"}`); got.code != 200 {
		t.Errorf("create with 512 escaped characters: %d %s", got.code, got.body)
	}
}

// titles lists pages until an empty one, as clients do.
func (r rig) titles(query string) (all []string) {
	r.t.Helper()
	for page := 1; page < 100; page++ {
		got := r.do("GET", fmt.Sprintf("?%s&page=%d", query, page), "")
		var env struct {
			Result []struct{ Title string }
			Info   struct {
				Page       int `json:"page"`
				PerPage    int `json:"per_page"`
				Count      int `json:"count"`
				TotalCount int `json:"total_count"`
				TotalPages int `json:"total_pages"`
			} `json:"result_info"`
		}
		if err := json.Unmarshal([]byte(got.body), &env); err != nil || got.code != 200 || env.Result == nil {
			r.t.Fatalf("page %d: %d %s", page, got.code, got.body)
		}
		i := env.Info
		if i.Page != page || i.Count != len(env.Result) || i.TotalCount != 5 || i.TotalPages != (5+i.PerPage-1)/i.PerPage {
			r.t.Errorf("page %d of %q has the info %+v with %d results", page, query, i, len(env.Result))
		}
		if len(env.Result) == 0 {
			return all
		}
		for _, n := range env.Result {
			all = append(all, n.Title)
		}
	}
	r.t.Fatalf("listing by %q has no end", query)
	return nil
}

func TestListNamespaces(t *testing.T) {
	r := start(t, rest.Options{})
	if got, want := r.do("GET", "", "").body, `{"success":true,"errors":[],"messages":[],"result":[],"result_info":{"page":1,"per_page":20,"count":0,"total_count":0,"total_pages":0}}`+"\n"; got != want {
		t.Errorf("empty list is %s, want %s", got, want)
	}
	byID := make(map[string]string)
	for _, title := range []string{"e", "b", "a", "d", "c"} {
		byID[r.create(title)] = title
	}
	var ids, inOrder []string
	for id := range byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		inOrder = append(inOrder, byID[id])
	}
	reversed := slices.Clone(inOrder)
	slices.Reverse(reversed)
	tests := []struct {
		query string
		want  []string
	}{
		{"", inOrder},
		{"per_page=2", inOrder},
		{"per_page=5&order=id", inOrder},
		{"per_page=1&direction=desc", reversed},
		{"per_page=100&order=title&direction=asc", []string{"a", "b", "c", "d", "e"}},
		{"per_page=2&order=title&direction=desc", []string{"e", "d", "c", "b", "a"}},
	}
	for _, tt := range tests {
		if got := r.titles(tt.query); !slices.Equal(got, tt.want) {
			t.Errorf("list by %q = %q, want %q", tt.query, got, tt.want)
		}
	}
	for query, message := range map[string]string{
		"page=0":          "page must be a number from 1 to 1073741824",
		"page=9999999999": "page must be a number from 1 to 1073741824",
		"per_page=0":      "per_page must be a number from 1 to 1000",
		"per_page=1001":   "per_page must be a number from 1 to 1000",
		"per_page=x":      "per_page must be a number from 1 to 1000",
		"order=size":      "order must be id or title",
		"direction=up":    "direction must be asc or desc",
	} {
		r.refused(400, 10012, "list namespaces: '"+message+"'", "GET", "?"+query, "")
	}
	r.want("[]", "GET", "?page=1073741824&per_page=1000", "")
}
