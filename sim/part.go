package sim

import (
	"cmp"
	"slices"
)

// This file is runs of which something is taken out, so that a failure can be shrunk:
// what is left draws as it did.

// An OperationID names one operation of one client: a machine's, by its number, or a
// session's, by its number after all machines'.
type OperationID struct {
	Client  int
	Ordinal uint64
}

// Compare orders ids by client, then ordinal.
func (id OperationID) Compare(other OperationID) int {
	return cmp.Or(cmp.Compare(id.Client, other.Client), cmp.Compare(id.Ordinal, other.Ordinal))
}

// keeps reports whether an operation is left in the run.
func (cfg *Config) keeps(client int, ordinal uint64) bool {
	if cfg.Only == nil {
		return true
	}
	_, found := slices.BinarySearchFunc(cfg.Only, OperationID{client, ordinal}, OperationID.Compare)
	return found
}

// isAbsent reports whether a machine is taken out.
func (cfg *Config) isAbsent(machine int) bool {
	_, found := slices.BinarySearch(cfg.Absent, machine)
	return found
}

// left returns the faults that befall machines which are there, in the order of plan.
func (cfg *Config) left(plan []Fault) []Fault {
	if len(cfg.Absent) == 0 {
		return plan
	}
	var left []Fault
	for _, f := range plan {
		a, b := slices.DeleteFunc(slices.Clone(f.A), cfg.isAbsent), slices.DeleteFunc(slices.Clone(f.B), cfg.isAbsent)
		if len(f.A) > 0 && len(a) == 0 || len(f.B) > 0 && len(b) == 0 {
			continue
		}
		f.A, f.B = a, b
		left = append(left, f)
	}
	return left
}

// Operations returns all operations that clients would come for in a run of cfg, in
// order; it runs it.
func Operations(cfg Config) []OperationID {
	var all []OperationID
	nodes := cfg.withDefaults().Nodes
	cfg.Trace = func(s Step) {
		switch s.Kind {
		case Asked:
			all = append(all, OperationID{s.Machine, s.ID})
		case Roamed:
			all = append(all, OperationID{nodes + s.Other, s.ID})
		}
	}
	Run(cfg)
	slices.SortFunc(all, OperationID.Compare)
	return slices.Compact(all)
}
