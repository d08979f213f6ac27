package kv_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hearsay/node"
	"hearsay/node/api/apitest"
	"hearsay/node/kv"
	"hearsay/store"
)

// names lists all pages of up to limit keys.
func names(t *testing.T, v *kv.View, prefix string, limit int) (all []string, pages int) {
	t.Helper()
	cursor := ""
	for {
		page, err := v.List(ns, prefix, limit, cursor)
		if err != nil {
			t.Fatalf("List(%q, %d, %q): %v", prefix, limit, cursor, err)
		}
		if len(page.Keys) > limit {
			t.Fatalf("List(%q, %d, %q) has %d keys", prefix, limit, cursor, len(page.Keys))
		}
		for _, k := range page.Keys {
			all = append(all, k.Name)
		}
		pages++
		if page.Cursor == "" {
			return all, pages
		}
		cursor = page.Cursor
	}
}

func TestListIsInOrderOfBytes(t *testing.T) {
	b := apitest.New(t)
	sorted := []string{"\x00", "!", "%", ", ", "\\", "_", "a", "a/1", "a:1", "a:2", "b", "é", "\uffee", "\U0001f913"}
	for _, k := range slices.Backward(sorted) {
		put(t, b, k, "v")
	}
	accept(t, b, node.Write{Key: store.Key{Namespace: ns + "0", Name: "another namespace"}})
	tests := []struct {
		prefix string
		want   []string
	}{
		{"", sorted},
		{"a", []string{"a", "a/1", "a:1", "a:2"}},
		{"a:", []string{"a:1", "a:2"}},
		{"A", nil},
		{"%", []string{"%"}},
		{"_", []string{"_"}},
		{"\U0001f913", []string{"\U0001f913"}},
		{strings.Repeat("p", 512), nil},
	}
	v := look(t, b)
	for _, tt := range tests {
		for limit := 1; limit <= len(sorted)+1; limit++ {
			got, pages := names(t, v, tt.prefix, limit)
			if !slices.Equal(got, tt.want) {
				t.Errorf("List(%q) by %d = %q, want %q", tt.prefix, limit, got, tt.want)
			}
			if want := max(1, (len(tt.want)+limit-1)/limit); pages != want {
				t.Errorf("List(%q) by %d took %d pages, want %d: the last one must say so", tt.prefix, limit, pages, want)
			}
		}
	}
}

func TestListShowsWhatIsLive(t *testing.T) {
	b := apitest.New(t)
	v := look(t, b)
	for _, p := range []kv.Put{
		{Namespace: ns, Key: "brief", TTL: "60"},
		{Namespace: ns, Key: "deleted"},
		{Namespace: ns, Key: "lasting", TTL: "61", Metadata: []byte(`{"a":1}`)},
	} {
		w, err := v.Put(p)
		if err != nil {
			t.Fatalf("Put(%q): %v", p.Key, err)
		}
		accept(t, b, w)
	}
	accept(t, b, node.Write{Key: store.Key{Namespace: ns, Name: "deleted"}, Delete: true})
	b.Advance(60 * time.Second)
	page, err := look(t, b).List(ns, "", 10, "")
	if err != nil || len(page.Keys) != 1 {
		t.Fatalf("List = %v, %v, want one key", page, err)
	}
	if k := page.Keys[0]; k.Name != "lasting" || k.Expires != epoch+61 || string(k.Metadata) != `{"a":1}` {
		t.Errorf("List shows %s, expiring %d, metadata %s, want lasting, %d, %s", k.Name, k.Expires, k.Metadata, epoch+61, `{"a":1}`)
	}
}

// A listing that goes on sees what was written in between, after its cursor and
// not before.
func TestListGoesOnAfterItsCursor(t *testing.T) {
	b := apitest.New(t)
	put(t, b, "b", "")
	put(t, b, "d", "")
	page, err := look(t, b).List(ns, "", 1, "")
	if err != nil || page.Cursor == "" {
		t.Fatalf("List = %v, %v, want a cursor", page, err)
	}
	accept(t, b, node.Write{Key: store.Key{Namespace: ns, Name: "b"}, Delete: true})
	put(t, b, "a", "")
	put(t, b, "c", "")
	next, err := look(t, b).List(ns, "", 10, page.Cursor)
	if err != nil || len(next.Keys) != 2 || next.Keys[0].Name != "c" || next.Keys[1].Name != "d" {
		t.Errorf("List after b = %v, %v, want c and d", next, err)
	}
	// A cursor is not tied to its prefix: it only moves the start.
	for prefix, want := range map[string]int{"a": 0, "c": 1, "d": 1, "e": 0} {
		page, err := look(t, b).List(ns, prefix, 10, page.Cursor)
		if err != nil || len(page.Keys) != want || page.Cursor != "" {
			t.Errorf("List(%q) after b = %v, %v, want %d keys", prefix, page, err, want)
		}
	}
}

func TestListVisitsABoundedNumber(t *testing.T) {
	const dead = 10_000
	b := apitest.New(t)
	ws := make([]node.Write, dead)
	for i := range ws {
		ws[i] = node.Write{Key: store.Key{Namespace: ns, Name: fmt.Sprintf("%06d", i)}, Delete: true}
	}
	accept(t, b, ws...)
	put(t, b, "z", "")
	v := look(t, b)
	page, err := v.List(ns, "", 10, "")
	if err != nil || len(page.Keys) != 0 || page.Cursor == "" {
		t.Errorf("List before %d tombstones = %v, %v, want an empty page and a cursor", dead, page, err)
	}
	got, pages := names(t, v, "", 10)
	if !slices.Equal(got, []string{"z"}) || pages != 3 {
		t.Errorf("List of all = %q in %d pages, want z in 3", got, pages)
	}
}

func TestListRefuses(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	cursor := kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Invalid cursor. Please use the cursor of the page before, or none to start again."}
	tests := []struct {
		name, prefix, cursor string
		want                 kv.Error
	}{
		{"long prefix", strings.Repeat("p", 513), "", kv.Error{Status: 414, Code: kv.CodeInvalid, Reason: "UTF-8 encoded length of 513 exceeds key length limit of 512."}},
		{"prefix is not UTF-8", "\xff", "", kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Could not URL-decode prefix"}},
		{"cursor is not ours", "", "!", cursor},
		{"cursor is too long", "", encode(make([]byte, 513)), cursor},
		{"cursor is not UTF-8", "", encode([]byte("\xff")), cursor},
	}
	v := look(t, apitest.New(t))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := v.List(ns, tt.prefix, 10, tt.cursor)
			wantRefusal(t, "List", err, tt.want)
		})
	}
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]int{"": 1000, "1": 1, "1000": 1000, "10.9": 10} {
		if got, err := kv.ParseLimit("limit", text); got != want || err != nil {
			t.Errorf("ParseLimit(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"0":    "Invalid key_count_limit of 0. Please specify an integer greater than 0.",
		"-1":   "Invalid key_count_limit of -1. Please specify an integer greater than 0.",
		"many": "Invalid key_count_limit of many. Please specify an integer greater than 0.",
		"1001": "Invalid key_count_limit of 1001. Please specify an integer less than 1000.",
	} {
		_, err := kv.ParseLimit("key_count_limit", text)
		wantRefusal(t, "ParseLimit("+text+")", err, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: want})
	}
}
