package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hearsay/node/admin"
	"hearsay/store"
)

const (
	forgetPath = "/admin/v1/forget"
	drainPath  = "/admin/v1/drain"
	// leavePoll is the time between two looks whether a node has left.
	leavePoll = 200 * time.Millisecond
)

// A departure is what came of forget and drain.
type departure struct {
	Left  []store.NodeID `json:"left"`
	Epoch uint64         `json:"epoch"` // which does not have them any more, 0 if it was not seen
}

func (d departure) print(cmd *cobra.Command, asJSON bool, names []string) error {
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(d)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: no member any more\n", strings.Join(names, ", "))
	return err
}

func newClusterForget(port *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forget NAME...",
		Short: "Have the cluster drop members that are gone for good",
		Long: `Have the cluster drop members that are gone for good, by name or id. A member that
is silent holds back what the others know of their staleness, and what they may
collect; after 24 hours it is dropped by itself.

It takes a majority of the members, and all that stay have to be up: each says how
far it holds what the forgotten wrote, and the longest counts. What a forgotten
node wrote beyond that it offers anew, should it come back: it then joins as a
newcomer. Several that are gone are forgotten together.

--force forgets a member that is up. It will join again unless it is stopped.`,
		Example: `  hearsay cluster forget us-east-2
  hearsay cluster forget us-east-2 us-east-3 --admin http://127.0.0.1:8703 --output json`,
		Args: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return usageError("%s needs NAME, one or more", cmd.CommandPath())
			}
			return nil
		},
	}
	asJSON := addOutput(cmd)
	force := cmd.Flags().Bool("force", false, "forget members that are up, too")
	wait := cmd.Flags().Duration("wait", 30*time.Second, "how long to wait until it is done")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		var going admin.Forgetting
		in := admin.ForgetRequest{Nodes: names, Force: *force}
		if err := askAdmin(cmd.Context(), *port, http.MethodPost, forgetPath, in, &going); err != nil {
			return err
		}
		epoch, err := awaitLeft(cmd.Context(), *port, going.IDs, *wait)
		if err != nil {
			return fmt.Errorf("%w; the node that was asked goes on trying", err)
		}
		return departure{going.IDs, epoch}.print(cmd, asJSON(), names)
	}
	return cmd
}

func newClusterDrain(port *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drain NAME",
		Short: "Have a node leave the cluster in good order",
		Long: `Have a node leave the cluster in good order: it takes no more writes, waits until
others hold all of its own, is dropped, and its process ends. --admin names its own
admin port, or the page's port of 'hearsay dev'.

A node that is started again on its data joins as a newcomer.`,
		Example: `  hearsay cluster drain us-east-2 --admin http://127.0.0.1:8713
  hearsay cluster drain us-east-2    # of 'hearsay dev'`,
		Args: args("NAME"),
	}
	asJSON := addOutput(cmd)
	wait := cmd.Flags().Duration("wait", time.Minute, "how long to wait until it is done")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		at, id, err := adminOf(cmd.Context(), *port, names[0])
		if err != nil {
			return err
		}
		if err := askAdmin(cmd.Context(), at, http.MethodPost, drainPath, nil, &struct{}{}); err != nil {
			return err
		}
		epoch, err := awaitLeft(cmd.Context(), at, []store.NodeID{id}, *wait)
		if e, ok := errors.AsType[*exitError](err); ok && e.code == exitNoAnswer {
			err = nil // its process has ended
		}
		if err != nil {
			return fmt.Errorf("%w; it goes on leaving, and takes no writes", err)
		}
		return departure{[]store.NodeID{id}, epoch}.print(cmd, asJSON(), names)
	}
	return cmd
}

// adminOf returns where the admin port of the node with that name or id is: at port
// itself, or below the page's port.
func adminOf(ctx context.Context, port, name string) (at string, id store.NodeID, err error) {
	var first string
	for _, at := range []string{port, strings.TrimSuffix(port, "/") + "/nodes/" + name} {
		var s admin.Status
		if err := askAdmin(ctx, at, http.MethodGet, statusPath, nil, &s); err != nil {
			if first == "" {
				return "", "", err
			}
			break
		}
		if s.Name == name || string(s.ID) == name {
			return at, s.ID, nil
		}
		first = cmp.Or(first, s.Name)
	}
	return "", "", notFound("%s is the admin port of %s, not of %s: name its own with --admin", port, first, name)
}

// awaitLeft waits until the node at an admin port has none of ids for a member, and
// returns its epoch.
func awaitLeft(ctx context.Context, at string, ids []store.NodeID, wait time.Duration) (epoch uint64, err error) {
	end := time.Now().Add(wait)
	for {
		var s admin.Status
		if err := askAdmin(ctx, at, http.MethodGet, statusPath, nil, &s); err != nil {
			return 0, err
		}
		if !slices.ContainsFunc(s.Freshness.Members, func(m admin.Member) bool { return slices.Contains(ids, m.ID) }) {
			return s.Freshness.Epoch, nil
		}
		if time.Now().After(end) {
			return 0, fmt.Errorf("not done after %v: 'hearsay cluster status' shows who is not up", wait)
		}
		select {
		case <-time.After(leavePoll):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
