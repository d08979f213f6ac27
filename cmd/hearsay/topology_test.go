package main

import (
	"strings"
	"testing"
)

func TestParseTopology(t *testing.T) {
	got, err := parseTopology([]byte("regions:\n  - name: us-east\n    nodes: 2\n  - {name: eu-west, nodes: 1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []regionSpec{{"us-east", 2}, {"eu-west", 1}}
	if len(got.Regions) != 2 || got.Regions[0] != want[0] || got.Regions[1] != want[1] {
		t.Errorf("regions = %v, want %v", got.Regions, want)
	}
}

func TestParseTopologyRefuses(t *testing.T) {
	tests := []struct {
		name, yaml string
		want       []string // the line first
	}{
		{"an unknown field", "regions:\n  - name: a\n    nodes: 1\n    colour: red\n", []string{"4:", "colour"}},
		{"a key twice", "regions:\n  - name: a\n    name: b\n    nodes: 1\n", []string{"3:", "name"}},
		{"bad syntax", "regions:\n  - name: [a\n", []string{"2:"}},
		{"a wrong type", "regions:\n  - name: a\n    nodes: two\n", []string{"3:", "int"}},
		{"no regions", "regions: []\n", []string{"1:", "0 regions", "want 1 to 16"}},
		{"an empty file", "", []string{"1:", "0 regions"}},
		{"a bad name", "regions:\n  - name: US East\n    nodes: 1\n", []string{"2:", `"US East"`, "a-z"}},
		{"no name", "regions:\n  - name: a\n    nodes: 1\n  - nodes: 1\n", []string{"4:", `""`}},
		{"a region twice", "regions:\n  - name: a\n    nodes: 1\n  - name: a\n    nodes: 1\n", []string{"4:", "twice"}},
		{"no nodes", "regions:\n  - name: a\n    nodes: 0\n", []string{"3:", "0 nodes in region a", "want 1 to 9"}},
		{"too many nodes", "regions:\n  - name: a\n    nodes: 10\n", []string{"3:", "10 nodes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseTopology([]byte(tt.yaml))
			if err == nil {
				t.Fatalf("parseTopology(%q) is accepted, want an error", tt.yaml)
			}
			if !strings.HasPrefix(err.Error(), tt.want[0]) {
				t.Errorf("error %q, want it to begin with line %s", err, tt.want[0])
			}
			for _, w := range tt.want[1:] {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
		})
	}
}
