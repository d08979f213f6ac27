package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"hearsay/node/admin"
)

// restampPoll is the time between two looks whether a key was written anew.
const restampPoll = 200 * time.Millisecond

func newKeyRestamp() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restamp KEY",
		Short: "Repair a key that a machine with a wrong clock stamped far ahead",
		Long: `Repair a key that a machine stamped far ahead, as its clock was wrong: no later
write is above that, and the nodes refuse to write the key.

The cluster agrees that what the key holds counts nowhere, nor anything else that the
same node stamped as far ahead. Whoever holds some of it writes it anew, as of now. It
takes a majority of the members, and all but that node have to be up, with clocks that
are right by now; 'hearsay kv why' and 'hearsay cluster status' tell of both. The node
itself leaves the cluster for that, and joins again if it is up.

The nodes are asked at their admin ports: all of 'hearsay dev', or those in --admin.`,
		Example: `  hearsay kv key restamp hello --namespace notes
  hearsay kv key restamp hello --namespace notes --admin http://10.0.0.1:8703,http://10.1.0.1:8703`,
		Args: args("KEY"),
	}
	in := addTarget(cmd, nil)
	port := addAdmin(cmd)
	asJSON := addOutput(cmd)
	wait := cmd.Flags().Duration("wait", time.Minute, "how long to wait until it is written anew")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ns := cmp.Or(in.id, in.title)
		if ns == "" {
			return errNoNamespace()
		}
		r, err := restamp(cmd.Context(), *port, ns, args[0], *wait)
		if err != nil {
			return fmt.Errorf("restamp %q: %w", args[0], err)
		}
		if asJSON() {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%q was stamped %v ahead; %s has written it anew\n",
			args[0], time.Duration(r.Ahead*float64(time.Second)).Round(time.Millisecond), writer(r.New))
		return err
	}
	return cmd
}

// A restamped is what came of restamp.
type restamped struct {
	admin.Restamping
	New admin.Write `json:"new"`
}

// restamp has a node that holds the newest of key see to it that this is written anew,
// and waits until it is.
func restamp(ctx context.Context, port, ns, key string, wait time.Duration) (r restamped, err error) {
	path := whyPath + "?" + url.Values{"namespace": {ns}, "key": {key}}.Encode()
	all, err := askAll[admin.Why](ctx, port, path)
	if err != nil {
		return r, err
	}
	all = slices.DeleteFunc(all, func(s said[admin.Why]) bool { return s.err != nil || s.answer.Holds == nil })
	if len(all) == 0 {
		return r, notFound("no node that was asked holds it")
	}
	// Whoever wrote it cannot have itself dropped while another one can.
	at := slices.MaxFunc(all, func(a, b said[admin.Why]) int {
		return cmp.Or(cmp.Compare(a.answer.Holds.Write.Version, b.answer.Holds.Write.Version), notWriter(a.answer)-notWriter(b.answer))
	})
	in := admin.RestampRequest{Namespace: ns, Key: key}
	if err := askAdmin(ctx, at.port, http.MethodPost, admin.RestampPath, in, &r.Restamping); err != nil {
		return r, err
	}
	for end := time.Now().Add(wait); ; {
		var now admin.Why
		if err := askAdmin(ctx, at.port, http.MethodGet, path, nil, &now); err != nil {
			return r, err
		}
		if now.Holds != nil && now.Holds.Write.Version != r.Version {
			r.New = now.Holds.Write
			return r, nil
		}
		if time.Now().After(end) {
			return r, fmt.Errorf("not done after %v: 'hearsay cluster status' shows who is not up, or whose clock is off; the node that was asked goes on trying", wait)
		}
		select {
		case <-time.After(restampPoll):
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
}

// notWriter is 1 unless w tells of the node's own write.
func notWriter(w admin.Why) int {
	if w.Holds.Write.Node == w.Node {
		return 0
	}
	return 1
}
