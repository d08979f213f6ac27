package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// adminPorts returns the admin ports that --admin names: those it lists, separated
// by commas, or those of all nodes if it is the page's port of 'hearsay dev'.
func adminPorts(ctx context.Context, admin string) []string {
	if ports := strings.Split(admin, ","); len(ports) > 1 {
		return ports
	}
	var look clusterLook
	if askAdmin(ctx, admin, http.MethodGet, clusterPath, nil, &look) != nil {
		return []string{admin} // whatever is wrong, the question itself will tell
	}
	var ports []string
	for _, r := range look.Regions {
		for _, n := range r.Nodes {
			ports = append(ports, strings.TrimSuffix(admin, "/")+nodesPath+n.ID)
		}
	}
	return ports
}

// A said is what one admin port answered.
type said[T any] struct {
	port   string
	answer T
	err    error // it did not
}

// askAll asks all admin ports that --admin names at once. The error is the first
// one's if none answered.
func askAll[T any](ctx context.Context, admin, path string) ([]said[T], error) {
	ports := adminPorts(ctx, admin)
	all := make([]said[T], len(ports))
	var asked sync.WaitGroup
	for i, port := range ports {
		all[i].port = port
		asked.Go(func() { all[i].err = askAdmin(ctx, port, http.MethodGet, path, nil, &all[i].answer) })
	}
	asked.Wait()
	for _, s := range all {
		if s.err == nil {
			return all, nil
		}
	}
	return nil, all[0].err
}

// tellSilent says on out which ports did not answer.
func tellSilent[T any](out io.Writer, all []said[T]) {
	for _, s := range all {
		if s.err != nil {
			fmt.Fprintf(out, "not counted: %v\n", s.err)
		}
	}
}
