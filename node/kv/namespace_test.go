package kv_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hearsay/node"
	"hearsay/node/api/apitest"
	"hearsay/node/kv"
)

var (
	notFound = kv.Error{Status: 404, Code: kv.CodeNamespaceNotFound, Reason: "namespace not found"}
	taken    = kv.Error{Status: 400, Code: kv.CodeTitleTaken, Reason: "a namespace with this account ID and title already exists"}
)

func create(t testing.TB, b *apitest.Backend, title string) kv.Namespace {
	t.Helper()
	n, ws, err := look(t, b).CreateNamespace(title)
	if err != nil {
		t.Fatalf("CreateNamespace(%q): %v", title, err)
	}
	accept(t, b, ws...)
	return n
}

func rename(t *testing.T, b *apitest.Backend, id, title string) {
	t.Helper()
	_, ws, err := look(t, b).RenameNamespace(id, title)
	if err != nil {
		t.Fatalf("RenameNamespace(%s, %q): %v", id, title, err)
	}
	accept(t, b, ws...)
}

func remove(t *testing.T, b *apitest.Backend, id string) {
	t.Helper()
	ws, err := look(t, b).DeleteNamespace(id)
	if err != nil {
		t.Fatalf("DeleteNamespace(%s): %v", id, err)
	}
	accept(t, b, ws...)
}

// wantAll checks every way to look a namespace up against id → title.
func wantAll(t *testing.T, b *apitest.Backend, want map[string]string) {
	t.Helper()
	v := look(t, b)
	all, err := v.Namespaces()
	if err != nil {
		t.Fatalf("Namespaces: %v", err)
	}
	if len(all) != len(want) || !slices.IsSortedFunc(all, func(a, b kv.Namespace) int { return strings.Compare(a.ID, b.ID) }) {
		t.Errorf("Namespaces = %v, want %v, by id", all, want)
	}
	for _, n := range all {
		if n.Title != want[n.ID] {
			t.Errorf("namespace %s shows as %q, want %q", n.ID, n.Title, want[n.ID])
		}
		if got, err := v.Namespace(n.ID); err != nil || got != n {
			t.Errorf("Namespace(%s) = %v, %v, want %v", n.ID, got, err, n)
		}
		if got, err := v.ByTitle(n.Title); err != nil || got != n {
			t.Errorf("ByTitle(%q) = %v, %v, want %v", n.Title, got, err, n)
		}
		for _, ref := range []string{n.ID, n.Title} {
			if got, err := v.Resolve(ref); err != nil || got != n.ID {
				t.Errorf("Resolve(%q) = %s, %v, want %s", ref, got, err, n.ID)
			}
		}
		if err := v.CheckNamespace(n.ID); err != nil {
			t.Errorf("CheckNamespace(%s): %v", n.ID, err)
		}
	}
}

func TestNamespaceLives(t *testing.T) {
	b := apitest.New(t)
	a := create(t, b, "a")
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(a.ID) {
		t.Errorf("id is %q, want 32 hexadecimal digits", a.ID)
	}
	c := create(t, b, "c")
	wantAll(t, b, map[string]string{a.ID: "a", c.ID: "c"})

	rename(t, b, a.ID, "b")
	wantAll(t, b, map[string]string{a.ID: "b", c.ID: "c"})
	rename(t, b, a.ID, "b") // to itself
	wantAll(t, b, map[string]string{a.ID: "b", c.ID: "c"})

	again := create(t, b, "a") // its first id is still the renamed one's
	wantAll(t, b, map[string]string{a.ID: "b", c.ID: "c", again.ID: "a"})

	remove(t, b, again.ID)
	wantAll(t, b, map[string]string{a.ID: "b", c.ID: "c"})
	third := create(t, b, "a")
	if third.ID == a.ID || third.ID == again.ID {
		t.Errorf("id %s was used before", third.ID)
	}
	wantAll(t, b, map[string]string{a.ID: "b", c.ID: "c", third.ID: "a"})
}

func TestNamespaceRefuses(t *testing.T) {
	b := apitest.New(t)
	n := create(t, b, "n")
	create(t, b, "other")
	gone := create(t, b, "gone")
	remove(t, b, gone.ID)
	v := look(t, b)
	tests := []struct {
		title string
		want  kv.Error
	}{
		{"", kv.Error{Status: 400, Code: kv.CodeTitleMissing, Reason: "a namespace needs a title"}},
		{"\xff", kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "a title must be valid UTF-8"}},
		{strings.Repeat("é", 513), kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "a title may have at most 512 characters"}},
		{"other", taken},
	}
	for _, tt := range tests {
		_, _, err := v.CreateNamespace(tt.title)
		wantRefusal(t, fmt.Sprintf("CreateNamespace(%q)", tt.title), err, tt.want)
		_, _, err = v.RenameNamespace(n.ID, tt.title)
		wantRefusal(t, fmt.Sprintf("RenameNamespace(%q)", tt.title), err, tt.want)
	}
	if _, _, err := v.CreateNamespace(strings.Repeat("é", 512)); err != nil {
		t.Errorf("CreateNamespace of 512 characters: %v", err)
	}
	for _, ref := range []string{"", "unknown", gone.ID, "gone", strings.Repeat("0", 32), "system/namespaces", "system/renamed"} {
		_, err := v.Resolve(ref)
		wantRefusal(t, fmt.Sprintf("Resolve(%q)", ref), err, notFound)
		_, err = v.Namespace(ref)
		wantRefusal(t, fmt.Sprintf("Namespace(%q)", ref), err, notFound)
		wantRefusal(t, fmt.Sprintf("CheckNamespace(%q)", ref), v.CheckNamespace(ref), notFound)
		_, _, err = v.RenameNamespace(ref, "new")
		wantRefusal(t, fmt.Sprintf("RenameNamespace(%q)", ref), err, notFound)
		_, err = v.DeleteNamespace(ref)
		wantRefusal(t, fmt.Sprintf("DeleteNamespace(%q)", ref), err, notFound)
	}
}

// Two regions that know nothing of each other create one title.
func TestOneTitleCreatedTwiceIsOneNamespace(t *testing.T) {
	here, there := apitest.New(t), apitest.New(t)
	there.Advance(time.Second)
	if a, b := create(t, here, "n"), create(t, there, "n"); a.ID != b.ID {
		t.Errorf("one title has the ids %s and %s", a.ID, b.ID)
	}
	v := *look(t, here)
	v.Cluster = "another"
	other, _, err := v.CreateNamespace("new")
	if err != nil {
		t.Fatalf("CreateNamespace: %v", err)
	}
	if same := create(t, here, "new"); same.ID == other.ID {
		t.Errorf("two clusters gave one title the id %s", same.ID)
	}
}

// The writes of two regions meet on b: each was right where it was made.
func TestTwoUnderOneTitle(t *testing.T) {
	tests := []struct {
		name string
		// here and there run on their own backends, there a second later.
		here, there func(t *testing.T, b *apitest.Backend, made func(...node.Write))
		want        map[string]string // by the order of creation: first, second
	}{
		{
			"renamed to what is created elsewhere",
			func(t *testing.T, b *apitest.Backend, made func(...node.Write)) {
				n, ws, _ := look(t, b).CreateNamespace("old")
				made(ws...)
				_, ws, err := look(t, b).RenameNamespace(n.ID, "n")
				if err != nil {
					t.Fatalf("rename: %v", err)
				}
				made(ws...)
			},
			func(t *testing.T, b *apitest.Backend, made func(...node.Write)) {
				_, ws, _ := look(t, b).CreateNamespace("n")
				made(ws...)
			},
			map[string]string{"first": "n", "second": "n (%s)"},
		},
		{
			"created again after a delete that the other did not see",
			func(t *testing.T, b *apitest.Backend, made func(...node.Write)) {
				n, ws, _ := look(t, b).CreateNamespace("n")
				made(ws...)
				ws, _ = look(t, b).DeleteNamespace(n.ID)
				made(ws...)
				_, ws, _ = look(t, b).CreateNamespace("n")
				made(ws...)
			},
			func(t *testing.T, b *apitest.Backend, made func(...node.Write)) {
				_, ws, _ := look(t, b).CreateNamespace("n")
				made(ws...)
			},
			map[string]string{"first": "n", "second": "n (%s)"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			here, there, both := apitest.New(t), apitest.New(t), apitest.New(t)
			there.Advance(time.Second)
			run := func(b *apitest.Backend, f func(*testing.T, *apitest.Backend, func(...node.Write))) {
				f(t, b, func(ws ...node.Write) {
					accept(t, b, ws...)
					accept(t, both, ws...)
				})
			}
			run(here, tt.here)
			run(there, tt.there)
			all, err := look(t, both).Namespaces()
			if err != nil || len(all) != 2 {
				t.Fatalf("Namespaces = %v, %v, want two", all, err)
			}
			slices.SortFunc(all, func(a, b kv.Namespace) int { return int(a.Created - b.Created) })
			wantAll(t, both, map[string]string{
				all[0].ID: tt.want["first"],
				all[1].ID: fmt.Sprintf(tt.want["second"], all[1].ID),
			})
		})
	}
}

// By its title a namespace is found without looking at the others.
func BenchmarkResolve(b *testing.B) {
	back := apitest.New(b)
	for i := range 1000 {
		create(b, back, fmt.Sprint("title ", i))
	}
	v := look(b, back)
	id, err := v.Resolve("title 500")
	if err != nil {
		b.Fatal(err)
	}
	for name, ref := range map[string]string{"id": id, "title": "title 500"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Resolve(ref); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
