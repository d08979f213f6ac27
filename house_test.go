// Package house keeps three rules that the compiler does not: imports run one
// way, the pure packages stay a deterministic state machine, and the tests that keep
// out of known traps exist. All other questions of style are the linter's, or a
// reviewer's.
package house

import (
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A place says where a package stands in the house.
type place struct {
	// ours are the packages of this module that it may import.
	ours []string
	// others are the modules beyond the standard library that it may import.
	others []string
	// pure packages get time, chance and messages as arguments and give values
	// back, so that the simulator can run hundreds of them and replay any run.
	pure bool
}

const (
	module     = "hearsay"
	btree      = "github.com/tidwall/btree"
	cobra      = "github.com/spf13/cobra"
	memberlist = "github.com/hashicorp/memberlist"
	msgpack    = "github.com/vmihailenco/msgpack/v5"
	netutil    = "golang.org/x/net/netutil"
	pebble     = "github.com/cockroachdb/pebble/v2"
	pflag      = "github.com/spf13/pflag"
	prometheus = "github.com/prometheus/client_golang"
	rapid      = "pgregory.net/rapid"
	sockaddr   = "github.com/hashicorp/go-sockaddr"
	yaml       = "github.com/goccy/go-yaml"
	zap        = "go.uber.org/zap"
)

// mayImport is the plan of the house, from the ground up: who may import whom.
// A new package must be placed here before it can exist. Tests are not judged.
var mayImport = map[string]place{
	"clock":             {pure: true},
	"store":             {pure: true, ours: []string{"clock"}},
	"store/memstore":    {pure: true, ours: []string{"clock", "store"}, others: []string{btree}},
	"store/storetest":   {ours: []string{"clock", "store"}, others: []string{rapid}},
	"store/pebblestore": {ours: []string{"clock", "store"}, others: []string{pebble}},

	"gossip/roster": {pure: true, ours: []string{"clock", "store"}},
	"gossip/view":   {pure: true, ours: []string{"clock", "store"}},
	"gossip":        {pure: true, ours: []string{"clock", "store", "gossip/roster", "gossip/view"}},
	"gossip/wire":   {pure: true, ours: []string{"clock", "store", "gossip", "gossip/roster", "gossip/view"}, others: []string{msgpack}},

	"node":    {pure: true, ours: []string{"clock", "store", "gossip", "gossip/roster", "gossip/view"}},
	"node/kv": {pure: true, ours: []string{"clock", "store", "node"}},

	"node/bookmark": {pure: true, ours: []string{"clock", "store"}},

	// The HTTP front ends know nothing of gossip, nor of what runs the node.
	"node/api":         {ours: []string{"clock", "store", "node", "node/kv", "node/bookmark"}},
	"node/api/apitest": {ours: []string{"clock", "store", "store/memstore", "node", "node/kv", "node/bookmark", "node/api"}},
	"node/backup":      {ours: []string{"clock", "store", "node", "node/kv", "node/api"}},
	"node/rest":        {ours: []string{"clock", "store", "node", "node/kv", "node/api"}},
	"node/binding":     {ours: []string{"clock", "store", "node", "node/kv", "node/api"}},
	"node/admin":       {ours: []string{"clock", "store", "node", "node/backup", "node/host/wan"}, others: []string{prometheus}},

	// Here the program meets the machine.
	"node/host/wan": {},
	"node/host/link": {
		ours:   []string{"clock", "store", "gossip", "gossip/wire", "node/host/wan"},
		others: []string{memberlist, msgpack, sockaddr, zap},
	},
	"node/host": {
		ours: []string{"clock", "store", "store/pebblestore", "gossip", "gossip/wire", "node", "node/kv", "node/bookmark",
			"node/api", "node/backup", "node/rest", "node/binding", "node/admin", "node/host/link", "node/host/wan"},
		others: []string{netutil, pebble, prometheus, zap},
	},

	"sim/history": {pure: true, ours: []string{"clock", "store"}},

	"sim": {pure: true, ours: []string{"clock", "store", "store/memstore", "gossip", "gossip/roster", "gossip/wire", "node", "node/kv", "node/bookmark"}},

	// It reads files, and runs what they say.
	"sim/scenario": {
		ours:   []string{"clock", "store", "node", "node/host/wan", "sim", "sim/history"},
		others: []string{yaml},
	},

	"sim/explore": {ours: []string{"sim", "sim/plan", "sim/scenario", "sim/shrink"}},
	"sim/plan":    {ours: []string{"sim", "sim/scenario"}, others: []string{yaml}},
	"sim/shrink":  {ours: []string{"sim"}},

	// Models of the rules, which know nothing of the code.
	"sim/model": {pure: true},

	// What a command needs of a node's inside, the host gives.
	"cmd/hearsay": {
		ours:   []string{"clock", "store", "node", "node/kv", "node/admin", "node/backup", "node/host", "node/host/link", "node/host/wan", "sim", "sim/explore", "sim/plan", "sim/scenario", "sim/shrink"},
		others: []string{cobra, pflag, prometheus, yaml, zap},
	},
	"cmd/hearsay/clients": {}, // tests alone

	".": {}, // this test
}

// TestImports holds every package against the plan, and the plan against the
// packages.
func TestImports(t *testing.T) {
	packages := sources(t)
	for dir := range mayImport {
		if _, ok := packages[dir]; !ok {
			t.Errorf("mayImport places %s, which does not exist: take it out of the table in house_test.go", dir)
		}
	}
	for dir, files := range packages {
		p, ok := mayImport[dir]
		if !ok {
			t.Errorf("package %s has no place: a new package must be placed before it can exist; "+
				"add it to mayImport in house_test.go, as low as it can stand", dir)
			continue
		}
		for _, file := range files {
			for _, problem := range misimports(dir, p, importsOf(t, file)) {
				t.Errorf("%s: %s", file, problem)
			}
		}
	}
}

// misimports says what is wrong with the imports of a file of package dir.
func misimports(dir string, p place, imports []string) (problems []string) {
	for _, imp := range imports {
		first, _, _ := strings.Cut(imp, "/")
		switch {
		case imp == module || strings.HasPrefix(imp, module+"/"):
			if ours := strings.TrimPrefix(imp, module+"/"); !slices.Contains(p.ours, ours) {
				problems = append(problems, dir+" imports "+ours+", which the plan does not allow: "+
					"move the code to the package it belongs to, or declare in "+dir+" the small interface it needs")
			}
		case strings.Contains(first, "."):
			if !slices.ContainsFunc(p.others, func(m string) bool { return imp == m || strings.HasPrefix(imp, m+"/") }) {
				problems = append(problems, dir+" imports "+imp+", which is not its business: "+
					"use the package of ours that owns that library")
			}
		case p.pure && !slices.Contains(pureStdlib, imp):
			problems = append(problems, dir+" is pure and imports "+imp+": take what it gives as an argument; "+
				"if it reads no clock, file, socket or chance and starts nothing, add it to pureStdlib in house_test.go")
		}
	}
	return problems
}

// pureStdlib is the part of the standard library that only computes. Of fmt,
// maps, math/rand/v2 and time some functions are out of bounds; see impure.
var pureStdlib = []string{
	"bufio", "bytes", "cmp", "container/heap", "container/list", "crypto/hmac", "crypto/sha256", "embed",
	"encoding/base32", "encoding/base64", "encoding/binary", "encoding/hex", "encoding/json", "errors",
	"fmt", "hash", "hash/crc32", "hash/fnv", "io", "iter", "maps", "math", "math/big", "math/bits",
	"math/rand/v2", "path", "regexp", "slices", "sort", "strconv", "strings", "text/tabwriter", "time",
	"unicode", "unicode/utf16", "unicode/utf8",
}

// sources returns the Go files of the module by folder, tests not counted. A
// folder that holds only tests is there with no file. A rule holds under every
// build tag but canary, whose files are planted bugs.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	packages := make(map[string][]string)
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		switch {
		case d.IsDir() && file != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")),
			d.IsDir() && (name == "testdata" || name == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		files := packages[dir]
		if !strings.HasSuffix(name, "_test.go") && !isCanary(t, file) {
			files = append(files, file)
		}
		packages[dir] = files
		return nil
	})
	if err != nil {
		t.Fatalf("walk the module: %v", err)
	}
	return packages
}

// isCanary reports whether file is built with the tag canary only.
func isCanary(t *testing.T, file string) bool {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "package ") {
			break
		}
		if !constraint.IsGoBuild(line) {
			continue
		}
		expr, err := constraint.Parse(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return !expr.Eval(func(tag string) bool { return tag != "canary" })
	}
	return false
}

func importsOf(t *testing.T, file string) (imports []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatalf("parse %s: %v", file, err)
	}
	for _, spec := range f.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("parse %s: import %s: %v", file, spec.Path.Value, err)
		}
		imports = append(imports, imp)
	}
	return imports
}
