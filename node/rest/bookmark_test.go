package rest_test

import (
	"strings"
	"testing"
	"time"

	"hearsay/node/rest"
	"hearsay/store"
)

// Whatever a client reads or writes, it gets a bookmark that names what it has
// seen beside what it had; absent or deleted keys are seen too.
func TestEveryAnswerHasABookmark(t *testing.T) {
	r := start(t, rest.Options{})
	key := r.backend.Bookmarks()
	ns := r.create("notes")
	var last uint64 // number of the node's last write
	bookmark := func(method, path, body string, code int, header ...string) store.Bookmark {
		t.Helper()
		got := r.do(method, path, body, header...)
		if got.code != code {
			t.Errorf("%s %s: %d %s, want %d", method, path, got.code, got.body, code)
		}
		b, err := key.Open(got.header.Get("Hearsay-Bookmark"))
		if err != nil || len(b.Marks) != 1 {
			t.Fatalf("%s %s: bookmark %+v, %v, want one mark", method, path, b, err)
		}
		return b
	}
	for _, write := range []struct{ method, path, body string }{
		{"PUT", ns + "/values/k", "v"},
		{"PUT", ns + "/bulk", `[{"key":"a","value":"1"},{"key":"b","value":"2"}]`},
		{"POST", ns + "/bulk/delete", `["b"]`},
		{"DELETE", ns + "/values/a", ""},
		{"PUT", ns, `{"title":"renamed"}`},
		{"POST", "", `{"title":"another"}`},
	} {
		b := bookmark(write.method, write.path, write.body, 200)
		if seq := b.Marks[0].Seq; seq <= last {
			t.Errorf("%s %s: bookmark of write %d after %d", write.method, write.path, seq, last)
		} else {
			last = seq
		}
	}
	k := bookmark("GET", ns+"/values/k", "", 200)
	for _, read := range []struct {
		method, path, body string
		code               int
	}{
		{"GET", "", "", 200},
		{"GET", ns, "", 200},
		{"GET", ns + "/keys", "", 200},
		{"GET", ns + "/values/a", "", 404},
		{"GET", ns + "/metadata/k", "", 200},
		{"POST", ns + "/bulk/get", `{"keys":["a"]}`, 200},
	} {
		if b := bookmark(read.method, read.path, read.body, read.code); b.Marks[0].Seq < k.Marks[0].Seq {
			t.Errorf("%s %s: bookmark of write %d, want the rename's at least, %d", read.method, read.path, b.Marks[0].Seq, k.Marks[0].Seq)
		}
		had := key.Seal(k.Note(store.Version{Timestamp: k.Time(), Origin: k.Marks[0].Origin}, last))
		if b := bookmark(read.method, read.path, read.body, read.code, "Hearsay-Bookmark", had); b.Marks[0].Seq != last {
			t.Errorf("%s %s with a bookmark of write %d: one of write %d", read.method, read.path, last, b.Marks[0].Seq)
		}
	}
}

// What a client had seen goes with its writes to whoever reads them.
func TestWritesCarryTheirBookmark(t *testing.T) {
	r := start(t, rest.Options{})
	key := r.backend.Bookmarks()
	ns := r.create("notes")
	first := r.do("PUT", ns+"/values/first", "v")
	had, err := key.Open(first.header.Get("Hearsay-Bookmark"))
	if err != nil {
		t.Fatal(err)
	}
	// All is here that was stamped up to W, whoever made it.
	had.Through = had.Time()
	had.Marks = nil
	r.backend.Advance(time.Second)
	r.backend.Turn()
	for _, write := range []struct{ method, path, body string }{
		{"PUT", ns + "/values/k", "v"},
		{"PUT", ns + "/bulk", `[{"key":"k","value":"1"}]`},
		{"POST", ns + "/bulk/delete", `["k"]`},
		{"DELETE", ns + "/values/k", ""},
	} {
		if got := r.do(write.method, write.path, write.body, "Hearsay-Bookmark", key.Seal(had)); got.code != 200 {
			t.Fatalf("%s %s: %d %s", write.method, write.path, got.code, got.body)
		}
		v := r.backend.View()
		e, err := v.Front.Entries.Get(store.Key{Namespace: strings.TrimPrefix(ns, "/"), Name: "k"})
		v.Close()
		if err != nil || !e.Seen.Equal(had) {
			t.Errorf("%s %s: the entry says that its writer had seen %+v (%v), want %+v", write.method, write.path, e, err, had)
		}
	}
	if got := r.do("PUT", ns+"/values/k", "v", "Hearsay-Bookmark", "x"); got.code != 400 {
		t.Errorf("put with a bad bookmark: %d %s, want 400", got.code, got.body)
	}
}
