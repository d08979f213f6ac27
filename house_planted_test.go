package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestMisimports plants imports that the plan does not allow, and some that it
// does.
func TestMisimports(t *testing.T) {
	tests := []struct {
		dir, imp string
		want     string // part of the problem; none if empty
	}{
		{"node", "hearsay/gossip", ""},
		{"gossip", "hearsay/node", "gossip imports node, which the plan does not allow"},
		{"sim", "hearsay/node/host", "sim imports node/host, which the plan does not allow"},
		{"clock", "hearsay", "clock imports hearsay, which the plan does not allow"},
		{"node/rest", "hearsay/gossip", "node/rest imports gossip, which the plan does not allow"},

		{"store/pebblestore", "github.com/cockroachdb/pebble/v2/vfs", ""},
		{"store/pebblestore", "github.com/cockroachdb/pebble/v23", "not its business"},
		{"node", "github.com/cockroachdb/pebble/v2", "not its business"},
		{"node/host", "github.com/hashicorp/memberlist", "not its business"},

		{"node", "slices", ""},
		{"node", "os", "node is pure and imports os"},
		{"node", "net/http", "node is pure and imports net/http"},
		{"node", "sync/atomic", "node is pure and imports sync/atomic"},
		{"store/memstore", "sync", "store/memstore is pure and imports sync"},
		{"node", "math/rand", "node is pure and imports math/rand"},
		{"node", "context", "node is pure and imports context"},
		{"node", "unsafe", "node is pure and imports unsafe"},
		{"node", "C", "node is pure and imports C"},
		{"node/host", "os", ""},
	}
	for _, tt := range tests {
		got := strings.Join(misimports(tt.dir, mayImport[tt.dir], []string{tt.imp}), "\n")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("misimports(%s, %s) = %q, want %q", tt.dir, tt.imp, got, tt.want)
		}
	}
}

// TestCheck plants impure code, and pure code that looks like it.
func TestCheck(t *testing.T) {
	tests := []struct {
		name    string
		imports string
		code    string
		want    []string // part of each problem, in any order
	}{
		{"goroutine", "", `func f() { go f() }`, []string{"a goroutine"}},
		{"select", "", `func f() { select {} }`, []string{"select"}},
		{"send", "", `func f(c chan int) { c <- 1 }`, []string{"a channel send"}},
		{"receive", "", `func f(c chan int) int { return <-c }`, []string{"a channel receive"}},
		{"range over a channel", "", `func f(c chan int) { for range c { } }`, []string{"range over a channel"}},

		{"now", `"time"`, `func f() int64 { return time.Now().UnixNano() }`, []string{"time.Now is not pure: take a clock.Reading"}},
		{"since", `"time"`, `func f(t time.Time) time.Duration { return time.Since(t) }`, []string{"time.Since"}},
		{"until", `"time"`, `func f(t time.Time) time.Duration { return time.Until(t) }`, []string{"time.Until"}},
		{"sleep", `"time"`, `func f() { time.Sleep(time.Second) }`, []string{"time.Sleep"}},
		{"timer", `"time"`, `func f() { _ = time.NewTimer(1) }`, []string{"time.NewTimer"}},
		{"after func", `"time"`, `func f() { time.AfterFunc(1, f) }`, []string{"time.AfterFunc"}},
		{"now by another name", `clock "time"`, `func f() any { return clock.Now }`, []string{"time.Now"}},
		{"now without a name", `. "time"`, `func f() any { return Now }`, []string{"time.Now"}},
		{"time as a value", `"time"`, `func f(d time.Duration) time.Time { return time.Unix(0, int64(d)).Add(time.Second) }`, nil},
		{"Now of our own", "", `type c struct{}; func (c) Now() int { return 1 }; func f() int { return c{}.Now() }`, nil},

		{"global chance", `"math/rand/v2"`, `func f() int { return rand.IntN(3) }`, []string{"math/rand/v2.IntN"}},
		{"global chance of any type", `"math/rand/v2"`, `func f() int { return rand.N(3) }`, []string{"math/rand/v2.N"}},
		{"chance from a seed", `"math/rand/v2"`, `func f() int { return rand.New(rand.NewPCG(1, 2)).IntN(3) }`, nil},
		{"printing", `"fmt"`, `func f() { fmt.Println() }`, []string{"fmt.Println"}},
		{"formatting", `"fmt"`, `func f() string { return fmt.Sprintln() }`, nil},

		{"state", "", `var n int`, []string{"package-level variable n"}},
		{"state in a group", "", `var ( a, b = 1, 2 )`, []string{"package-level variable a", "package-level variable b"}},
		{"state made by a call", `"errors"`, `var e = wrap(errors.New("x")); func wrap(e error) error { return e }`,
			[]string{"package-level variable e"}},
		{"sentinel", `"errors"`, `var ErrX = errors.New("x")`, nil},
		{"errors that are not errors", "", `var errors maker; type maker struct{}; func (maker) New() int { return 1 }; var n = errors.New()`,
			[]string{"package-level variable errors", "package-level variable n"}},
		{"assertion", "", `type i interface{}; var _ i = 1`, nil},
		{"variable of a function", "", `func f() int { var n int; return n }`, nil},

		{"table", "", `var t = [...]string{"a"}; func f(i int) string { for range t { }; return t[i] + t[len(t)-1] }`, nil},
		{"table of tables", "", `var t = [][2]struct{ n int }{{{1}, {2}}}; func f(i int) int { return (t[i])[1].n }`, nil},
		{"table by key", "", `var t = map[string]int{"a": 1}; func f() bool { _, ok := t["a"]; return ok }`, nil},
		{"table for all", "", `var T = [...]string{"a"}`, []string{"package-level variable T"}},
		{"table of slices", "", `var t = [][]int{{1}}; func f() []int { return t[0] }`, []string{"package-level variable t"}},
		{"table of pointers", "", `var t = [1]*int{}; func f() { *t[0] = 1 }`, []string{"package-level variable t"}},
		{"table, replaced", "", `var t = []int{1}; func f() { t = nil }`, []string{"package-level variable t"}},
		{"table, written", "", `var t = [1]int{1}; func f() { t[0] = 2 }`, []string{"package-level variable t"}},
		{"table, counted up", "", `var t = [1]struct{ n int }{}; func f() { t[0].n++ }`, []string{"package-level variable t"}},
		{"table, written by a loop", "", `var t = [1]int{1}; func f(s []int) { for t[0] = range s { } }`, []string{"package-level variable t"}},
		{"table, address taken", "", `var t = [1]int{1}; func f() *int { return &t[0] }`, []string{"package-level variable t"}},
		{"table, sliced", "", `var t = [1]int{1}; func f() []int { return t[:] }`, []string{"package-level variable t"}},
		{"table, handed out", "", `var t = []int{1}; func f() []int { return t }`, []string{"package-level variable t"}},
		{"table, handed on", `"slices"`, `var t = []int{2, 1}; func f() { slices.Sort(t) }`, []string{"package-level variable t"}},
		{"table, cleared", "", `var t = []int{2, 1}; func f() { clear(t) }`, []string{"package-level variable t"}},
		{"table, changed by a method", "", `type c int; func (p *c) inc() { *p++ }; var t = [1]c{}; func f() { t[0].inc() }`,
			[]string{"package-level variable t"}},
		{"table, read by a method", "", `type c int; func (p c) get() int { return int(p) }; var t = [1]c{}; func f() int { return t[0].get() }`, nil},

		{"map", "", `func f(m map[int]int) { for range m { } }`, []string{"range over a map"}},
		{"map by another name", "", `type set map[int]bool; func f(s set) { for k := range s { _ = k } }`, []string{"range over a map"}},
		{"any map", "", `func f[M ~map[K]V, K comparable, V any](m M) { for range m { } }`, []string{"range over a map"}},
		{"just that map", "", `func f[M map[int]int](m M) { for range m { } }`, []string{"range over a map"}},
		{"map from elsewhere", `"go/ast"`, `func f(s *ast.Scope) { for range s.Objects { } }`, []string{"could not import", "not known"}},
		{"keys", `"maps"`, `func f(m map[int]int) { for range maps.Keys(m) { } }`, []string{"maps.Keys"}},
		{"collected keys", `"maps";"slices"`, `func f(m map[int]int) []int { return slices.Collect(maps.Keys(m)) }`, []string{"maps.Keys"}},
		{"all", `"maps"`, `func f(m map[int]int) { for range maps.All(m) { } }`, []string{"maps.All"}},
		{"sorted keys", `"maps";"slices"`, `func f(m map[int]int) { for range slices.Sorted(maps.Keys(m)) { } }`, nil},
		{"sorted values", `"maps";"slices"`, `func f(m map[int]int) []int { return slices.Sorted(maps.Values(m)) }`, nil},
		{"values sorted by a part", `"cmp";"maps";"slices"`,
			`func f(m map[int]int) []int { return slices.SortedFunc(maps.Values(m), cmp.Compare) }`, []string{"maps.Values"}},
		{"keys sorted by our order", `"cmp";"maps";"slices"`,
			`func f(m map[int]int) []int { return slices.SortedFunc(maps.Keys(m), cmp.Compare) }`, nil},
		{"lookup", "", `func f(m map[int]int) int { return m[1] + len(m) }`, nil},
		{"slice, number, string and function", "", `func f(s []int, it func(func(int) bool)) { for range s {}; for range 3 {}; for range "x" {}; for range it {} }`, nil},
		{"any slice", "", `func f[S ~[]E, E any](s S) { for range s { } }`, nil},
		{"unknown", "", `func f() { for range unknown { } }`, []string{"not known"}},
	}
	imp := exportData(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := "package planted\n"
			if tt.imports != "" {
				src += "import (" + tt.imports + ")\n"
			}
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, "planted.go", src+tt.code, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			got := check(fset, imp, "planted", []*ast.File{f}).problems
			if len(got) != len(tt.want) {
				t.Errorf("check found %d problems, want %d:\n%s", len(got), len(tt.want), strings.Join(got, "\n"))
			}
			for _, want := range tt.want {
				if !strings.Contains(strings.Join(got, "\n"), want) {
					t.Errorf("check found no %q:\n%s", want, strings.Join(got, "\n"))
				}
			}
		})
	}
}
