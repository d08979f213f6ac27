package link

import (
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMemberlistLog(t *testing.T) {
	tests := []struct {
		line, text string
		level      zapcore.Level
	}{
		{"[DEBUG] memberlist: a", "memberlist: a", zap.DebugLevel},
		{"[INFO] memberlist: a", "memberlist: a", zap.InfoLevel},
		{"[WARN] memberlist: a", "memberlist: a", zap.WarnLevel},
		{"[ERR] memberlist: a", "memberlist: a", zap.WarnLevel},
		{"[ERROR] memberlist: a", "memberlist: a", zap.WarnLevel},
		{"Err: a [WARN] b", "Err: a [WARN] b", zap.InfoLevel},
	}
	for _, tt := range tests {
		core, logs := observer.New(zap.DebugLevel)
		memberlistLog(zap.New(core)).Printf("%s", tt.line)
		if got := logs.All(); len(got) != 1 || got[0].Message != tt.text || got[0].Level != tt.level {
			t.Errorf("%q became %+v, want %v %q", tt.line, got, tt.level, tt.text)
		}
	}
}

func TestMemberlistLogIsBounded(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	l := memberlistLog(zap.New(core))
	for range 100 {
		l.Print("[ERR] memberlist: a")
		l.Print("[ERR] memberlist: b")
	}
	if got, want := logs.Len(), 2*sampleFirst; got != want {
		t.Errorf("two errors a hundred times each leave %d lines, want %d", got, want)
	}
}
