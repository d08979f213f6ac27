package binding_test

import (
	"testing"

	"hearsay/store"
)

func TestEveryAnswerHasABookmark(t *testing.T) {
	r := dev(t)
	key := r.backend.Bookmarks()
	token := ""
	var had store.Bookmark
	for _, step := range []struct {
		method, path, body string
		writes             bool
		status             string
	}{
		{"PUT", "/k", "v", true, "200 OK"},
		{"GET", "/k", "", false, "200 OK"},
		{"GET", "/", "", false, "200 OK"},
		{"POST", "/bulk/get", `{"keys":["k"]}`, false, "200 OK"},
		{"DELETE", "/k", "", true, "200 OK"},
		{"GET", "/k", "", false, "404 Not Found"},
	} {
		got := r.do(step.method, step.path, step.body, "Hearsay-Bookmark", token)
		if token == "" {
			got = r.do(step.method, step.path, step.body)
		}
		token = got.header.Get("Hearsay-Bookmark")
		b, err := key.Open(token)
		if err != nil || got.status != step.status || len(b.Marks) != 1 {
			t.Fatalf("%s %s: %s with bookmark %+v, %v, want %s with one mark", step.method, step.path, got.status, b, err, step.status)
		}
		if more := b.Time().Compare(had.Time()) > 0; more != step.writes {
			t.Errorf("%s %s: bookmark %+v after %+v, want more: %v", step.method, step.path, b, had, step.writes)
		}
		had = b
	}
	r.want("400 Invalid Hearsay-Bookmark: bookmark: not a bookmark of this cluster: it is cut short, or changed. Leave it out to begin anew.",
		"", "GET", "/k", "", "Hearsay-Bookmark", "x")
}
