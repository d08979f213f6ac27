package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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
had seen the other one, that was replaced; where he had not, it was lost, and each
node where the two meet notes it: the last 1024 of its present life. Listed is what
any of the nodes has noted, each pair once. A pair is doubtful if the winner's node
may have known the loser after all: it had restarted, or too many wrote that key at
once.

The nodes are asked at their admin ports: all of 'hearsay dev', or those in --admin.`,
		Example: `  hearsay cluster conflicts
  hearsay cluster conflicts --admin http://10.0.0.1:8703,http://10.1.0.1:8703
  hearsay cluster conflicts --output json`,
		Args: args(),
	}
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := askAll[conflictsAt](cmd.Context(), *port, conflictsPath)
		if err != nil {
			return err
		}
		tellSilent(cmd.ErrOrStderr(), all)
		union := unite(all)
		if asJSON() {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"conflicts": union})
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAMESPACE\tKEY\tLOST\tAT\tTO\tAT\tSURE\tMET AT")
		for _, c := range union {
			sure := "yes"
			if c.Doubtful {
				sure = "no"
			}
			fmt.Fprintf(w, "%s\t%q\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Namespace, c.Key,
				writer(c.Loser), when(c.Loser), writer(c.Winner), when(c.Winner), sure, strings.Join(c.Met, ", "))
		}
		return w.Flush()
	}
	return cmd
}

// conflictsAt are those of one node.
type conflictsAt struct {
	Node      string           `json:"name"`
	Conflicts []admin.Conflict `json:"conflicts"`
}

// A conflict is an update that was lost, and the names of the nodes that noted it.
type conflict struct {
	admin.Conflict
	Met []string `json:"met_at"`
}

// unite returns each pair of writes that some node tells of, the oldest loser
// first. A pair is doubtful if all that tell of it say so.
func unite(all []said[conflictsAt]) []conflict {
	union := []conflict{}
	where := make(map[[4]string]int)
	for _, s := range all {
		for _, c := range s.answer.Conflicts {
			pair := [4]string{c.Namespace, c.Key, c.Loser.Version, c.Winner.Version}
			i, known := where[pair]
			if !known {
				i = len(union)
				where[pair] = i
				union = append(union, conflict{Conflict: c})
			}
			u := &union[i]
			u.Doubtful = u.Doubtful && c.Doubtful
			u.Met = append(u.Met, s.answer.Node)
		}
	}
	slices.SortStableFunc(union, func(a, b conflict) int {
		return cmp.Or(cmp.Compare(a.Loser.Version, b.Loser.Version), cmp.Compare(a.Winner.Version, b.Winner.Version))
	})
	return union
}

func writer(w admin.Write) string { return cmp.Or(w.Name, string(w.Node)) }

func when(w admin.Write) string { return w.At.Format(time.RFC3339Nano) }
