package house

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// impure are the members of otherwise pure packages of the standard library
// that are out of bounds in pure code, and what to do instead.
var impure = map[string]struct {
	names   []string
	instead string
}{
	"fmt": {
		[]string{"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
		"tell the observer an event",
	},
	"maps": {
		[]string{"All", "Keys", "Values"},
		"order the keys at once: slices.Sorted(maps.Keys(m))",
	},
	"math/rand/v2": {
		[]string{"ExpFloat64", "Float32", "Float64", "Int", "Int32", "Int32N", "Int64", "Int64N", "IntN", "N",
			"NormFloat64", "Perm", "Shuffle", "Uint", "Uint32", "Uint32N", "Uint64", "Uint64N", "UintN"},
		"draw from the Draw of the config, keyed by its purpose",
	},
	"time": {
		[]string{"After", "AfterFunc", "LoadLocation", "Local", "NewTicker", "NewTimer", "Now", "Since", "Sleep",
			"Tick", "Until"},
		"take a clock.Reading, and be woken through NextTick",
	},
}

// allowedVars are the package-level variables of pure packages that nobody can
// change in a way that matters, each with the reason.
var allowedVars = map[string]string{
	"sim.cloudJitter": "a quantile table, passed whole to methods that only look it up",
	"sim.syncTime":    "a quantile table likewise",
	"sim.valueSizes":  "a quantile table likewise",
	"sim.lookTime":    "a quantile table likewise",
}

// TestPurity holds the pure packages to what a deterministic state machine may
// do.
func TestPurity(t *testing.T) {
	packages := sources(t)
	var pure []string
	for dir, p := range mayImport {
		if p.pure && len(packages[dir]) > 0 {
			pure = append(pure, dir)
		}
	}
	slices.Sort(pure)
	imp := exportData(t, pure)

	var vars []string
	for _, dir := range pure {
		fset := token.NewFileSet()
		var files []*ast.File
		for _, name := range packages[dir] {
			f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		c := check(fset, imp, dir, files)
		for _, problem := range c.problems {
			t.Error(problem)
		}
		vars = append(vars, c.vars...)
	}
	for name := range allowedVars {
		if !slices.Contains(vars, name) {
			t.Errorf("allowedVars lists %s, which does not exist: take it out of house_purity_test.go", name)
		}
	}
}

// A checker looks for what is not pure in one package.
type checker struct {
	dir      string
	fset     *token.FileSet
	info     *types.Info
	sorted   map[ast.Node]bool // uses of maps.Keys and maps.Values that are sorted at once
	problems []string
	vars     []string // package-level variables that are not sentinel errors
}

// check looks through the files of package dir, whatever their build tags say,
// so a declaration may be there twice; what has no type then is refused where
// a type is needed.
func check(fset *token.FileSet, imp types.Importer, dir string, files []*ast.File) *checker {
	c := &checker{
		dir:  dir,
		fset: fset,
		info: &types.Info{
			Types:      make(map[ast.Expr]types.TypeAndValue),
			Defs:       make(map[*ast.Ident]types.Object),
			Uses:       make(map[*ast.Ident]types.Object),
			Selections: make(map[*ast.SelectorExpr]*types.Selection),
		},
		sorted: make(map[ast.Node]bool),
	}
	conf := types.Config{Importer: imp, Error: func(err error) {
		if te := (types.Error{}); errors.As(err, &te) && strings.Contains(te.Msg, "could not import") {
			c.problemAt(te.Pos, "%s", te.Msg)
		}
	}}
	_, _ = conf.Check(dir, fset, files, c.info) // its errors went to conf.Error
	changeable := changeable(c.info, files)
	for _, f := range files {
		for _, d := range f.Decls {
			c.declaration(d, changeable)
		}
		ast.Inspect(f, c.node)
	}
	return c
}

func (c *checker) problemAt(pos token.Pos, format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf("%s: %s", c.fset.Position(pos), fmt.Sprintf(format, args...)))
}

// declaration refuses package-level state. A sentinel error is none, nor is a
// table that is only looked up, nor a blank variable that only asserts something
// to the compiler.
func (c *checker) declaration(d ast.Decl, changeable map[types.Object]bool) {
	decl, ok := d.(*ast.GenDecl)
	if !ok || decl.Tok != token.VAR {
		return
	}
	for _, s := range decl.Specs {
		spec := s.(*ast.ValueSpec)
		for i, name := range spec.Names {
			isTable := isTable(c.info.TypeOf(name)) && !name.IsExported() && !changeable[c.info.Defs[name]]
			if name.Name == "_" || isTable || i < len(spec.Values) && c.isSentinel(spec.Values[i]) {
				continue
			}
			full := c.dir + "." + name.Name
			c.vars = append(c.vars, full)
			if allowedVars[full] == "" {
				c.problemAt(name.Pos(), "package-level variable %s: pure packages hold no state; make it a constant, a field, "+
					"or an unexported table that is only indexed and ranged over; or, if nobody can change it, "+
					"give the reason in allowedVars", name.Name)
			}
		}
	}
}

func (c *checker) isSentinel(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	return ok && c.isFunc(call.Fun, "errors", "New")
}

// isFunc reports whether e names one of the package-level functions of pkg.
func (c *checker) isFunc(e ast.Expr, pkg string, names ...string) bool {
	var id *ast.Ident
	switch e := e.(type) {
	case *ast.Ident:
		id = e
	case *ast.SelectorExpr:
		id = e.Sel
	default:
		return false
	}
	obj := c.info.Uses[id]
	return isMember(obj) && obj.Pkg().Path() == pkg && slices.Contains(names, obj.Name())
}

// isMember reports whether obj is declared at the top of some package.
func isMember(obj types.Object) bool {
	return obj != nil && obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope()
}

func (c *checker) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		c.problemAt(n.Pos(), "a goroutine: a pure package does its work in the call; node/host starts goroutines")
	case *ast.SelectStmt:
		c.problemAt(n.Pos(), "select: return what is to be done, and let node/host wait")
	case *ast.SendStmt:
		c.problemAt(n.Pos(), "a channel send: return the value, or tell the observer an event")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			c.problemAt(n.Pos(), "a channel receive: take the value as an argument")
		}
	case *ast.CallExpr:
		c.call(n)
	case *ast.RangeStmt:
		c.rangeOver(n)
	case *ast.Ident:
		c.use(n, n)
	}
	return true
}

// call notes map iterations that are sorted on the spot. SortedFunc leaves the
// order of equals open, which distinct keys have not but values may.
func (c *checker) call(n *ast.CallExpr) {
	if len(n.Args) == 0 {
		return
	}
	inner, ok := n.Args[0].(*ast.CallExpr)
	if !ok {
		return
	}
	if c.isFunc(n.Fun, "slices", "Sorted") && c.isFunc(inner.Fun, "maps", "Keys", "Values") ||
		c.isFunc(n.Fun, "slices", "SortedFunc") && c.isFunc(inner.Fun, "maps", "Keys") {
		c.sorted[lastIdent(inner.Fun)] = true
	}
}

func lastIdent(e ast.Expr) ast.Node {
	if s, ok := e.(*ast.SelectorExpr); ok {
		return s.Sel
	}
	return e
}

func (c *checker) use(id *ast.Ident, n ast.Node) {
	obj := c.info.Uses[id]
	if !isMember(obj) || c.sorted[n] {
		return
	}
	pkg := obj.Pkg().Path()
	if ban, ok := impure[pkg]; ok && slices.Contains(ban.names, obj.Name()) {
		c.problemAt(id.Pos(), "%s.%s is not pure: %s", pkg, obj.Name(), ban.instead)
	}
}

func (c *checker) rangeOver(n *ast.RangeStmt) {
	typ := c.info.TypeOf(n.X)
	if typ == nil || typ == types.Typ[types.Invalid] {
		c.problemAt(n.Pos(), "range over something whose type is not known here: give it a type that does not hang on a build tag")
		return
	}
	switch mostly(typ).(type) {
	case *types.Map:
		c.problemAt(n.Pos(), "range over a map: its order differs from run to run; range over slices.Sorted(maps.Keys(m)), "+
			"or keep a sorted slice")
	case *types.Chan:
		c.problemAt(n.Pos(), "range over a channel: take the values as an argument")
	}
}

// mostly returns what typ is underneath, and for a type parameter what the
// first type of its constraint is: a loop over it needs all of one kind.
func mostly(typ types.Type) types.Type {
	param, ok := types.Unalias(typ).(*types.TypeParam)
	if !ok {
		return typ.Underlying()
	}
	constraint := param.Constraint().Underlying().(*types.Interface)
	for embedded := range constraint.EmbeddedTypes() {
		if u, ok := embedded.(*types.Union); ok && u.Len() > 0 {
			return u.Term(0).Type().Underlying()
		}
		return embedded.Underlying()
	}
	return typ.Underlying()
}

// exportData returns an importer of whatever the named packages of the module
// import, from what the compiler wrote down of it.
func exportData(t *testing.T, dirs []string) types.Importer {
	t.Helper()
	args := []string{"list", "-e", "-deps", "-export", "-f", "{{.ImportPath}}\t{{.Export}}", "--"}
	args = append(args, pureStdlib...)
	for _, dir := range dirs {
		args = append(args, "./"+dir)
	}
	cmd := exec.Command("go", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	files := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		pkg, file, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		files[pkg] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(pkg string) (io.ReadCloser, error) {
		if files[pkg] == "" {
			return nil, fmt.Errorf("%s does not compile, see go build ./%s", pkg, strings.TrimPrefix(pkg, module+"/"))
		}
		return os.Open(files[pkg])
	})
}
