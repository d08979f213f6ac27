package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Exit codes, as the help of the root command documents them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitNoAnswer    = 4
	exitInterrupted = 130 // 128 + SIGINT, as a shell reports it
)

// An exitError is an error that decides the exit code. All others are
// exitFailed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &exitError{exitNotFound, fmt.Errorf(format, args...)}
}

// exitCode returns the exit code that err asks for.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return exitFailed
}

// report prints err for a person and returns its exit code. A command line that
// was not understood is answered with the place to look.
func report(stderr io.Writer, cmd *cobra.Command, err error) int {
	code := exitCode(err)
	if err == nil {
		return code
	}
	fmt.Fprintf(stderr, "hearsay: %v\n", err)
	if code == exitUsage {
		fmt.Fprintf(stderr, "Run '%s --help' for its flags and examples.\n", cmd.CommandPath())
	}
	return code
}
