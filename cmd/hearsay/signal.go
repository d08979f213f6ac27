package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// leaveWait bounds a stop in good order.
const leaveWait = 10 * time.Second

// untilStopped returns a context that the first SIGINT or SIGTERM ends.
func untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// leave runs leaving, for which it gives leaveWait. A further SIGINT or SIGTERM
// abandons it at once with exitInterrupted.
func leave(leaving func(context.Context) error) error {
	ctx, stop := context.WithTimeout(context.Background(), leaveWait)
	defer stop()
	again, stopAgain := untilStopped(context.Background())
	defer stopAgain()
	done := make(chan error, 1)
	go func() { done <- leaving(ctx) }()
	select {
	case err := <-done:
		return err
	case <-again.Done():
		return &exitError{exitInterrupted, errors.New("interrupted again; stopped at once")}
	}
}
