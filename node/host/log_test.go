package host

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hearsay/gossip"
	"hearsay/node"
)

// declaredEvents returns the names of all events that the sources of the given
// packages declare.
func declaredEvents(t *testing.T, dirs ...string) []string {
	t.Helper()
	var names []string
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources in %s: %v", dir, err)
		}
		for _, path := range files {
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || fn.Recv == nil || fn.Name.Name != "EventName" {
					continue
				}
				ret := fn.Body.List[0].(*ast.ReturnStmt)
				name, err := strconv.Unquote(ret.Results[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name)
			}
		}
	}
	return names
}

func TestEveryEventIsCounted(t *testing.T) {
	var counted []string
	for name, n := range newCounts().snapshot() {
		if n != 0 {
			t.Errorf("the counter of %s starts at %d, want 0", name, n)
		}
		counted = append(counted, name)
	}
	declared := declaredEvents(t, "../../gossip", "..")
	slices.Sort(declared)
	slices.Sort(counted)
	if !slices.Equal(declared, counted) {
		t.Errorf("counted are %v, want every event there is: %v", counted, declared)
	}
	if len(events) != len(counted) {
		t.Errorf("%d events have %d names, want each its own", len(events), len(counted))
	}
}

func TestCounts(t *testing.T) {
	c := newCounts()
	c.add(gossip.PeerUp{})
	c.add(gossip.PeerUp{})
	c.add(node.WriteAccepted{})
	if got := c.snapshot(); got["peer_up"] != 2 || got["write_accepted"] != 1 || got["peer_down"] != 0 {
		t.Errorf("counts = %v, want peer_up 2, write_accepted 1, peer_down 0", got)
	}
}

func TestEventLogLevels(t *testing.T) {
	want := map[string]zapcore.Level{
		"peer_up":         zap.InfoLevel,
		"peer_down":       zap.InfoLevel,
		"gap_found":       zap.InfoLevel,
		"pull_timed_out":  zap.InfoLevel,
		"relay_late":      zap.InfoLevel,
		"fetch_failed":    zap.InfoLevel,
		"epoch_adopted":   zap.InfoLevel,
		"bound_kept":      zap.InfoLevel,
		"clock_right":     zap.InfoLevel,
		"snapshot_again":  zap.InfoLevel,
		"caught_up":       zap.InfoLevel,
		"fell_behind":     zap.WarnLevel,
		"clock_off":       zap.WarnLevel,
		"disk_full":       zap.ErrorLevel,
		"disk_freed":      zap.InfoLevel,
		"bound_exceeded":  zap.WarnLevel,
		"origin_held":     zap.WarnLevel,
		"message_refused": zap.WarnLevel,
		"entry_mended":    zap.WarnLevel,
		"bucket_bad":      zap.ErrorLevel,
		"replicas_differ": zap.ErrorLevel,
		"mend_refused":    zap.ErrorLevel,
		"entry_struck":    zap.ErrorLevel,
		"entry_in_doubt":  zap.ErrorLevel,
		"stamps_refused":  zap.ErrorLevel,
		"stamps_accepted": zap.InfoLevel,
		"runs_ahead":      zap.ErrorLevel,
	}
	for _, e := range events {
		core, lines := observer.New(zap.DebugLevel)
		newEventLog(zap.New(core)).write(e)
		level, ok := want[e.EventName()]
		if !ok {
			level = zap.DebugLevel
		}
		if got := lines.All(); len(got) != 1 || got[0].Level != level {
			t.Errorf("%s is logged as %v, want one line at %v", e.EventName(), got, level)
		}
		if got := lines.All(); len(got) == 1 && len(got[0].Context) == 0 {
			t.Errorf("%s is logged without any field", e.EventName())
		}
	}
}

func TestEventLogIsBounded(t *testing.T) {
	core, lines := observer.New(zap.DebugLevel)
	l := newEventLog(zap.New(core))
	for i := range 100 {
		l.write(gossip.MessageRefused{From: "p", Why: "too old"})
		l.write(gossip.MessageRefused{From: "p", Why: fmt.Sprint("once ", i/100)})
		l.write(gossip.PeerUp{})
	}
	for message, want := range map[string]int{
		"message refused: too old": sampleFirst,
		"message refused: once 0":  sampleFirst,
		"peer is up":               100,
	} {
		if got := lines.FilterMessage(message).Len(); got != want {
			t.Errorf("100 times %q leave %d lines, want %d", message, got, want)
		}
	}
}
