package main

import (
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// addLog adds the flags of the log to cmd, with level as the default, and
// returns what makes the logger. It writes to standard error.
func addLog(cmd *cobra.Command, level string) func(stderr io.Writer) (*zap.Logger, error) {
	format := newChoice("console", "json")
	cmd.Flags().Var(format, "log-format", "how log lines look on standard error")
	complete(cmd, "log-format", format)
	cmd.Flags().StringVar(&level, "log-level", level, "least level that is logged: debug, info, warn, error")
	return func(stderr io.Writer) (*zap.Logger, error) {
		least, err := zapcore.ParseLevel(level)
		if err != nil {
			return nil, usageError("--log-level %q; want debug, info, warn or error", level)
		}
		cfg := zap.NewProductionEncoderConfig()
		cfg.EncodeTime = zapcore.RFC3339NanoTimeEncoder
		encoder := zapcore.NewConsoleEncoder(cfg)
		if format.value == "json" {
			encoder = zapcore.NewJSONEncoder(cfg)
		}
		return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(stderr)), least)), nil
	}
}
