package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hearsay/node/admin"
)

const conflictsPath = "/admin/v1/conflicts"

func newClusterConflicts(port *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "conflicts",
		Short: "List the updates that were lost: writes that lost to one whose writer had not seen them",
		Long: `List the updates that were lost. The later write to a key wins. Where its writer
had seen the other one, that was replaced; where he had not, it was lost, and is
listed at each node where the two met, since its start, the last 1024 of them. A
pair is doubtful if the winner's node may have known the loser after all: it had
restarted, or too many wrote that key at once.`,
		Example: `  hearsay cluster conflicts
  hearsay cluster conflicts --admin http://127.0.0.1:8700/nodes/eu-west-1   # those that met at another node of 'hearsay dev'
  hearsay cluster conflicts --output json`,
		Args: args(),
	}
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var seen struct {
			Conflicts []admin.Conflict `json:"conflicts"`
		}
		if err := askAdmin(cmd.Context(), *port, http.MethodGet, conflictsPath, nil, &seen); err != nil {
			return err
		}
		if asJSON() {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(seen)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAMESPACE\tKEY\tLOST\tAT\tTO\tAT\tSURE")
		for _, c := range seen.Conflicts {
			sure := "yes"
			if c.Doubtful {
				sure = "no"
			}
			fmt.Fprintf(w, "%s\t%q\t%s\t%s\t%s\t%s\t%s\n", c.Namespace, c.Key, writer(c.Loser), when(c.Loser), writer(c.Winner), when(c.Winner), sure)
		}
		return w.Flush()
	}
	return cmd
}

func writer(w admin.Write) string { return cmp.Or(w.Name, string(w.Node)) }

func when(w admin.Write) string { return w.At.Format(time.RFC3339Nano) }
