package link

import (
	"bytes"
	"log"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// memberlistLog returns a logger for memberlist that hands each line to z at the
// level its tag names. Nothing that memberlist calls an error stops this node or
// loses data, so errors become warnings. Of lines that say the same it keeps the
// first few of each minute: others cause them as often as they like.
func memberlistLog(z *zap.Logger) *log.Logger {
	sample := func(c zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(c, time.Minute, sampleFirst, 0)
	}
	return log.New(bridge{z.WithOptions(zap.WithCaller(false), zap.WrapCore(sample))}, "", 0)
}

const sampleFirst = 5

type bridge struct{ z *zap.Logger }

var tags = []struct {
	tag   string
	level zapcore.Level
}{
	{"[DEBUG] ", zap.DebugLevel},
	{"[INFO] ", zap.InfoLevel},
	{"[WARN] ", zap.WarnLevel},
	{"[ERR] ", zap.WarnLevel},
	{"[ERROR] ", zap.WarnLevel},
}

func (b bridge) Write(line []byte) (int, error) {
	text, level := bytes.TrimSpace(line), zap.InfoLevel
	for _, t := range tags {
		if rest, ok := bytes.CutPrefix(text, []byte(t.tag)); ok {
			text, level = rest, t.level
			break
		}
	}
	if entry := b.z.Check(level, string(text)); entry != nil {
		entry.Write()
	}
	return len(line), nil
}
