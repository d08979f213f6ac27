package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Bounds of a topology: one process runs it, and each node listens on ports of
// its own.
const (
	maxRegions        = 16
	maxNodesPerRegion = 9
)

// A topology says which regions a cluster has and how many nodes stand in each.
type topology struct {
	Regions []regionSpec `yaml:"regions"`
}

type regionSpec struct {
	Name  string `yaml:"name"`
	Nodes int    `yaml:"nodes"`
}

// nodeName names the n-th node of a region, from 1.
func nodeName(region string, n int) string { return fmt.Sprintf("%s-%d", region, n) }

var regionName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// readTopology reads the YAML file at path. An error names the file and the
// line.
func readTopology(path string) (topology, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return topology{}, err
	}
	t, err := parseTopology(b)
	if err != nil {
		return topology{}, fmt.Errorf("%s:%w", path, err)
	}
	return t, nil
}

// parseTopology reads YAML. An error begins with the line.
func parseTopology(b []byte) (topology, error) {
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return topology{}, withLine(err)
	}
	var t topology
	if err := yaml.UnmarshalWithOptions(b, &t, yaml.Strict()); err != nil {
		return topology{}, withLine(err)
	}
	if err := t.validate(); err != nil {
		return topology{}, fmt.Errorf("%d: %w", err.line(file), err)
	}
	return t, nil
}

// withLine puts the line of a YAML error before it.
func withLine(err error) error {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return fmt.Errorf("1: %w", err)
	}
	return fmt.Errorf("%d: %s", e.GetToken().Position.Line, e.GetMessage())
}

// A topologyError is what is wrong with a topology, and where in its file.
type topologyError struct {
	path string // of the YAML node, like $.regions[1].name
	text string
}

func (e *topologyError) Error() string { return e.text }

// line returns the line that e is about: of the node itself, or of the nearest
// one above it that is there.
func (e *topologyError) line(file *ast.File) int {
	for at := e.path; at != ""; at = at[:max(strings.LastIndexByte(at, '.'), 0)] {
		path, err := yaml.PathString(at)
		if err != nil {
			continue
		}
		if node, err := path.FilterFile(file); err == nil {
			return node.GetToken().Position.Line
		}
	}
	return 1
}

func (t topology) validate() *topologyError {
	wrong := func(path, format string, args ...any) *topologyError {
		return &topologyError{path, fmt.Sprintf(format, args...)}
	}
	if n := len(t.Regions); n == 0 || n > maxRegions {
		return wrong("$.regions", "%d regions; want 1 to %d, each with name and nodes", n, maxRegions)
	}
	seen := make(map[string]bool)
	for i, r := range t.Regions {
		at := fmt.Sprintf("$.regions[%d]", i)
		switch {
		case !regionName.MatchString(r.Name):
			return wrong(at+".name", "region name %q; want up to 32 of a-z, 0-9 and -, a letter first", r.Name)
		case seen[r.Name]:
			return wrong(at+".name", "region %q is there twice", r.Name)
		case r.Nodes < 1 || r.Nodes > maxNodesPerRegion:
			return wrong(at+".nodes", "%d nodes in region %s; want 1 to %d", r.Nodes, r.Name, maxNodesPerRegion)
		}
		seen[r.Name] = true
	}
	return nil
}
