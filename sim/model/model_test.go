//go:build !race

// Nothing here runs beside anything else, and under the race detector it would take
// many minutes.

package model_test

import (
	"flag"
	"math/bits"
	"strings"
	"testing"

	"hearsay/sim/model"
)

var wide = flag.Bool("wide", false, "explore wider bounds, which takes long and gigabytes")

// limit keeps a model that has grown too large from taking the machine's memory.
const limit = 20_000_000

// report logs what was explored, and a trace that came of it.
func report(t *testing.T, bounds any, r model.Result) {
	t.Helper()
	t.Logf("%+v: %d states, %d steps, depth %d", bounds, r.States, r.Steps, r.Depth)
	if r.Promise != "" {
		t.Logf("%s after %d steps: %s\n  %s", r.Promise, len(r.Trace), r.How, strings.Join(r.Trace, "\n  "))
	}
}

// holds fails unless r saw everything and nothing is broken.
func holds(t *testing.T, bounds any, r model.Result) {
	t.Helper()
	report(t, bounds, r)
	if r.Promise != "" {
		t.Errorf("%s is broken: %s", r.Promise, r.How)
	} else if !r.Complete {
		t.Errorf("more than %d states", limit)
	}
}

// breaks fails unless r broke the promise in so many steps.
func breaks(t *testing.T, bounds any, r model.Result, promise string, steps int) {
	t.Helper()
	report(t, bounds, r)
	if r.Promise != promise || len(r.Trace) != steps {
		t.Errorf("%q is broken after %d steps, want %q after %d", r.Promise, len(r.Trace), promise, steps)
	}
}

// What the tests of replication explore. Each has what some clauses are about, and
// as little else as will do.
var (
	spreading = model.Bounds{Keys: 1, Writes: 3, Closes: 1, Members: 2, Restarts: 1}
	threeWay  = model.Bounds{Keys: 2, Writes: 2, Closes: 1, Members: 3, Restarts: 1}
	fourTimes = model.Bounds{Keys: 1, Writes: 4, Deletes: 1, Closes: 1, Members: 2}
	hearing   = model.Bounds{Keys: 1, Writes: 1, Closes: 1, Members: 3, Hearing: true}
	floor     = model.Bounds{Keys: 1, Writes: 2, Deletes: 1, Closes: 1, Members: 3, Floor: true}
	unsynced  = model.Bounds{Keys: 1, Writes: 2, Deletes: 1, Closes: 1, Members: 2, Restarts: 1, Floor: true, Unsynced: true}
	admitting = model.Bounds{Keys: 1, Writes: 1, Closes: 1, Members: 2, Admits: 1}
	admitted  = model.Bounds{Keys: 1, Writes: 1, Deletes: 1, Closes: 1, Members: 2, Floor: true, Admitted: true}
	returning = model.Bounds{Keys: 1, Writes: 2, Deletes: 1, Closes: 1, Members: 2, Floor: true, Returning: true}
	dropping  = model.Bounds{Keys: 1, Writes: 2, Closes: 1, Members: 3, Drops: 1}
	restoring = model.Bounds{Keys: 1, Writes: 1, Closes: 1, Members: 3, Restores: 1}
)

func TestReplicationHolds(t *testing.T) {
	all := []model.Bounds{spreading, threeWay, fourTimes, hearing, floor, unsynced, admitting, restoring}
	if !testing.Short() {
		all = append(all, admitted, dropping)
	}
	if *wide {
		all = append(all, returning,
			model.Bounds{Keys: 1, Writes: 2, Closes: 1, Members: 3, Hearing: true},
			model.Bounds{Keys: 1, Writes: 3, Deletes: 1, Closes: 1, Members: 3, Floor: true},
			model.Bounds{Keys: 1, Writes: 2, Closes: 1, Members: 2, Admits: 1},
			model.Bounds{Keys: 1, Writes: 1, Deletes: 1, Closes: 1, Members: 3, Drops: 1, Admits: 1, Floor: true})
	}
	for _, bounds := range all {
		holds(t, bounds, model.Explore(model.Replication{On: model.AllClauses, Bounds: bounds}, limit))
	}
}

func TestEveryReplicationClauseIsNeeded(t *testing.T) {
	tests := []struct {
		name    string
		off     model.Clause
		bounds  model.Bounds
		promise string
		steps   int
	}{
		{"StampAbove", model.StampAbove, spreading, "C5", 3},
		{"SendPresent", model.SendPresent, spreading, "I1", 3},
		{"NoGaps", model.NoGaps, admitting, "I1", 8},
		{"NameEnds", model.NameEnds, threeWay, "C4", 5},
		{"KeepClosed", model.KeepClosed, threeWay, "C4", 5},
		{"TakeCovered", model.TakeCovered, hearing, "C4", 7},
		{"NameEpoch", model.NameEpoch, admitting, "C4", 10},
		{"BarSponsor", model.BarSponsor, admitting, "C4", 9},
		{"BarKept", model.BarKept, admitting, "C4", 10},
		{"StampAboveBar", model.StampAboveBar, admitting, "C4", 9},
		{"DropBelow", model.DropBelow, floor, "I4", 9},
		{"Fence", model.Fence, admitted, "F<=W", 10},
		{"FloorSynced", model.FloorSynced, unsynced, "C7", 8},
		{"FloorRoster", model.FloorRoster, floor, "C7", 7},
		{"MarksBefore", model.MarksBefore, admitting, "I1", 7},
		{"FloorAfter", model.FloorAfter, admitted, "I1", 9},
		{"ScanCurrent", model.ScanCurrent, admitted, "F<=W", 9},
		{"ClearBelow", model.ClearBelow, returning, "C4", 9},
		{"StopDropped", model.StopDropped, dropping, "I4", 10},
		{"LongestEnd", model.LongestEnd, dropping, "I4", 10},
		{"OfferAnew", model.OfferAnew, dropping, "I4", 11},
		{"AskOwn", model.AskOwn, restoring, "C4", 7},
	}
	left := model.AllClauses
	for _, tt := range tests {
		left &^= tt.off
		t.Run(tt.name, func(t *testing.T) {
			r := model.Explore(model.Replication{On: model.AllClauses &^ tt.off, Bounds: tt.bounds}, limit)
			breaks(t, tt.bounds, r, tt.promise, tt.steps)
		})
	}
	if left != 0 {
		t.Errorf("%d clauses have no row", bits.OnesCount32(uint32(left)))
	}
}

// What a restored backup has lost may be above a gap elsewhere, which nobody can fill
// any more: no watermark tells of it, and no clause stands against that yet.
func TestOrphanOfRestoredBackupBreaksW(t *testing.T) {
	bounds := model.Bounds{Keys: 1, Writes: 2, Closes: 1, Members: 2, Restores: 1}
	breaks(t, bounds, model.Explore(model.Replication{On: model.AllClauses, Bounds: bounds}, limit), "C4", 8)
}

func TestRegionHolds(t *testing.T) {
	all := []model.RegionBounds{
		{Writes: 1, Views: 1, Crashes: 2},
		{Writes: 1, Views: 1, Suspends: 1, Slow: 1},
	}
	if !testing.Short() {
		all = append(all,
			model.RegionBounds{Writes: 2, Views: 1, Crashes: 1},
			model.RegionBounds{Writes: 1, Views: 2, Crashes: 1})
	}
	if *wide {
		all = append(all,
			model.RegionBounds{Writes: 3, Views: 1, Crashes: 1},
			model.RegionBounds{Writes: 2, Views: 2, Crashes: 1},
			model.RegionBounds{Writes: 1, Views: 2, Crashes: 1, Suspends: 1, Slow: 1})
	}
	for _, bounds := range all {
		holds(t, bounds, model.Explore(model.Region{On: model.AllRegionClauses, Bounds: bounds}, limit))
	}
}

func TestEveryRegionClauseIsNeeded(t *testing.T) {
	oneMore := model.RegionBounds{Writes: 1, Views: 1}
	twoMore := model.RegionBounds{Writes: 1, Views: 2}
	crash := model.RegionBounds{Writes: 1, Views: 1, Crashes: 1}
	tests := []struct {
		name   string
		off    model.RegionClause
		bounds model.RegionBounds
		steps  int // 0: nothing is broken, the clause serves progress alone
	}{
		{"LeaseEnds", model.LeaseEnds, oneMore, 6},
		{"OneView", model.OneView, oneMore, 6},
		{"HighestView", model.HighestView, crash, 0},
		{"WaitAtStart", model.WaitAtStart, crash, 7},
		{"VoidOnResume", model.VoidOnResume, model.RegionBounds{Writes: 1, Views: 1, Suspends: 1}, 8},
		{"GrantMarks", model.GrantMarks, twoMore, 6},
		{"WholeView", model.WholeView, oneMore, 4},
		{"AckMajority", model.AckMajority, oneMore, 4},
		{"AckSynced", model.AckSynced, model.RegionBounds{Writes: 1, Crashes: 1}, 6},
		{"AckTagged", model.AckTagged, oneMore, 5},
		{"ClockFirst", model.ClockFirst, model.RegionBounds{Writes: 1, Views: 2, Slow: 1}, 9},
		{"NumberOnce", model.NumberOnce, twoMore, 0},
	}
	left := model.AllRegionClauses
	for _, tt := range tests {
		left &^= tt.off
		t.Run(tt.name, func(t *testing.T) {
			r := model.Explore(model.Region{On: model.AllRegionClauses &^ tt.off, Bounds: tt.bounds}, limit)
			if tt.steps == 0 {
				holds(t, tt.bounds, r)
				return
			}
			breaks(t, tt.bounds, r, "C1", tt.steps)
		})
	}
	if left != 0 {
		t.Errorf("%d clauses have no row", bits.OnesCount16(uint16(left)))
	}
}
