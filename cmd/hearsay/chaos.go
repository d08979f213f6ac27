package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

const rulesPath = "/admin/v1/chaos/rules"

func newChaos() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Cut regions of a running cluster off from each other, and heal them",
		Long: `Cut regions of a running cluster off from each other, and heal them. A cut holds
for one direction; cut both to part two regions. Without --admin the cluster of
'hearsay dev' is meant.`,
		Example: "  hearsay chaos cut us-east eu-west\n  hearsay chaos rules\n  hearsay chaos heal --all",
	}
	admin := addAdmin(cmd)
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
	var answer struct {
		Rules []chaosRule `json:"rules"`
	}
	err := askAdmin(ctx, admin, method, rulesPath, change, &answer)
	return answer.Rules, err
}
