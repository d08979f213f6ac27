package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

const (
	rulesPath = "/admin/v1/chaos/rules"
	// adminTimeout bounds one call to an admin port.
	adminTimeout = 10 * time.Second
	// maxAdminAnswer bounds what is read of its answer, in bytes.
	maxAdminAnswer = 4 << 20
)

func newChaos() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Cut regions of a running cluster off from each other, and heal them",
		Long: `Cut regions of a running cluster off from each other, and heal them. A cut holds
for one direction; cut both to part two regions. Without --admin the cluster of
'hearsay dev' is meant.`,
		Example: "  hearsay chaos cut us-east eu-west\n  hearsay chaos rules\n  hearsay chaos heal --all",
	}
	admin := cmd.PersistentFlags().String("admin", "http://127.0.0.1:8700", "admin port, or the page's port of 'hearsay dev'")
	return group(cmd, newChaosCut(admin), newChaosHeal(admin), newChaosRules(admin))
}

// A chaosChange asks for what happens to one direction between two regions.
type chaosChange struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Action string `json:"action"` // cut or heal
}

// A chaosRule is what holds for one direction between two regions.
type chaosRule struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Delay string `json:"delay"`
	Cut   bool   `json:"cut"`
}

func newChaosCut(admin *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "cut FROM TO",
		Short:   "Let nothing through from one region to another",
		Example: "  hearsay chaos cut us-east eu-west && hearsay chaos cut eu-west us-east",
		Args:    args("FROM", "TO"),
	}
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return chaos(cmd, *admin, asJSON(), http.MethodPost, &chaosChange{From: args[0], To: args[1], Action: "cut"})
	}
	return cmd
}

func newChaosHeal(admin *string) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "heal (FROM TO | --all)",
		Short:   "Let everything through again",
		Example: "  hearsay chaos heal us-east eu-west\n  hearsay chaos heal --all",
		Args:    args("[FROM]", "[TO]"),
	}
	cmd.Flags().BoolVar(&all, "all", false, "in every direction between all regions")
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case all && len(args) == 0:
			return chaos(cmd, *admin, asJSON(), http.MethodDelete, nil)
		case !all && len(args) == 2:
			return chaos(cmd, *admin, asJSON(), http.MethodPost, &chaosChange{From: args[0], To: args[1], Action: "heal"})
		}
		return usageError("%s needs either FROM and TO or --all", cmd.CommandPath())
	}
	return cmd
}

func newChaosRules(admin *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rules",
		Short:   "Show the delay and the cuts between all regions",
		Example: "  hearsay chaos rules\n  hearsay chaos rules --output json",
		Args:    args(),
	}
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return chaos(cmd, *admin, asJSON(), http.MethodGet, nil)
	}
	return cmd
}

// chaos makes a change, unless it is nil, and prints the rules as they are then.
func chaos(cmd *cobra.Command, admin string, asJSON bool, method string, change *chaosChange) error {
	rules, err := chaosRules(cmd.Context(), admin, method, change)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(rules)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FROM\tTO\tDELAY\tSTATE")
	for _, r := range rules {
		state := "open"
		if r.Cut {
			state = "cut"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.From, r.To, r.Delay, state)
	}
	return w.Flush()
}

func chaosRules(ctx context.Context, admin, method string, change *chaosChange) ([]chaosRule, error) {
	ctx, stop := context.WithTimeout(ctx, adminTimeout)
	defer stop()
	body, err := json.Marshal(change)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(admin, "/")+rulesPath, bytes.NewReader(body))
	if err != nil {
		return nil, usageError("--admin %q is not an address; want one like http://127.0.0.1:8700", admin)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, &exitError{exitNoAnswer, fmt.Errorf(
			"no answer from %s: %w; start a cluster with 'hearsay dev', or name an admin port with --admin or HEARSAY_ADMIN", admin, cause(err))}
	}
	defer resp.Body.Close()
	var answer struct {
		Rules []chaosRule `json:"rules"`
		Error string      `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAdminAnswer)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("%s answered %s without rules; is it an admin port?", admin, resp.Status)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s refused: %s", admin, answer.Error)
	}
	return answer.Rules, nil
}
