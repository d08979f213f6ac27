package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// A Code says in an exit code what became of runs.
type Code int

// The codes, the gravest first where several apply.
const (
	Passed      Code = 0
	Safety      Code = 10 // a promise was broken, or always or never
	Liveness    Code = 11 // the replicas did not become equal in time
	Expectation Code = 12 // expect
	Coverage    Code = 13 // sometimes, in no run of all
	Misread     Code = 16 // the scenario is no scenario
)

// Code returns what became of one run, in which sometimes does not count.
func (r *Run) Code() Code {
	if v := r.Result.Violation; v != nil && (v.Invariant == "C2" || v.Invariant == "I6") {
		return Liveness
	} else if v != nil {
		return Safety
	}
	code := Passed
	for _, v := range r.Verdicts {
		switch verb := v.Assertion.Verb; {
		case v.Holds || verb == Sometimes || verb == Measure:
		case verb == Expect && code == Passed:
			code = Expectation
		case verb == Always || verb == Never:
			code = Safety
		}
	}
	return code
}

// Uncovered returns the assertions of sometimes that held in none of runs.
func Uncovered(runs []*Run) []Assertion {
	var missing []Assertion
	covered := func(a Assertion) bool {
		return slices.ContainsFunc(runs, func(r *Run) bool {
			return slices.ContainsFunc(r.Verdicts, func(v Verdict) bool { return v.Assertion.Text == a.Text && v.Holds })
		})
	}
	for _, r := range runs {
		for _, v := range r.Verdicts {
			a := v.Assertion
			known := slices.ContainsFunc(missing, func(b Assertion) bool { return b.Text == a.Text })
			if a.Verb == Sometimes && !known && !covered(a) {
				missing = append(missing, a)
			}
		}
	}
	return missing
}

// Summary tells a run in some lines.
func (r *Run) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d", r.Case.Config.Seed)
	if len(r.Case.Variant) > 0 {
		fmt.Fprintf(&b, ", %v", r.Case.Variant)
	}
	s := &r.Result.Stats
	fmt.Fprintf(&b, ": %d operations, %d writes acknowledged, %d messages, digest %v\n",
		s.SessionsServed, s.Acknowledged, s.Sent, r.Result.Digest)
	if v := r.Result.Violation; v != nil {
		fmt.Fprintf(&b, "  broken     %v\n", v)
	}
	for _, v := range r.Verdicts {
		fmt.Fprintf(&b, "  %-10s %s: %s\n", v.word(), v.Assertion.Text, v.Says)
	}
	return b.String()
}

func (v Verdict) word() string {
	switch verb := v.Assertion.Verb; {
	case verb == Measure:
		return "measured"
	case verb == Sometimes && v.Holds:
		return "seen"
	case verb == Sometimes:
		return "not seen"
	case v.Holds:
		return "holds"
	}
	return "FAILS"
}
