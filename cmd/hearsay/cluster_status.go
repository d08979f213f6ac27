package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hearsay/node/admin"
	"hearsay/store"
)

const statusPath = "/admin/v1/status"

func newCluster() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "cluster",
		Short:   "Look at a running cluster, have nodes leave it, back it up",
		Long:    "Look at a running cluster, have nodes leave it, back it up. Without --admin that of 'hearsay dev' is meant.",
		Example: "  hearsay cluster status\n  hearsay cluster conflicts\n  hearsay cluster forget us-east-2",
	}
	port := addAdmin(cmd)
	return group(cmd, newClusterStatus(port), newClusterConflicts(port), newClusterForget(port), newClusterDrain(port), newClusterBackup(port), newClusterRestore(port))
}

func newClusterStatus(port *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the nodes as one of them sees them, and how stale reads may be",
		Long: `Show the nodes of a cluster as one of them sees them.

STREAM     whether the one asked is connected to it
BEHIND     writes that the one asked holds and it has not said it holds
CLOSED     how long ago its writes are known to the one asked without a gap; the
           oldest holds back the staleness of the one asked
STALENESS  how old a write may be that reads there do not show, by what it said last`,
		Example: `  hearsay cluster status
  hearsay cluster status --admin http://127.0.0.1:8700/nodes/eu-west-1   # as another node of 'hearsay dev' sees them
  hearsay cluster status --admin http://127.0.0.1:8703 --output json`,
		Args: args(),
	}
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var seen admin.Status
		if err := askAdmin(cmd.Context(), *port, http.MethodGet, statusPath, nil, &seen); err != nil {
			return err
		}
		s := clusterSeen(seen)
		if asJSON() {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(s)
		}
		return s.print(cmd.OutOrStdout())
	}
	return cmd
}

// A clusterStatus is a cluster as one of its nodes sees it. Times are in seconds.
type clusterStatus struct {
	Cluster       string    `json:"cluster"`
	SeenBy        string    `json:"seen_by"` // the node's name
	Epoch         uint64    `json:"epoch"`
	Staleness     *float64  `json:"staleness_seconds"` // null if unknown
	Bound         float64   `json:"bound_seconds"`
	ExceededSince time.Time `json:"exceeded_since,omitzero"`
	// Snapshot is what SeenBy catches up by, null if it does not.
	Snapshot *admin.Snapshot `json:"snapshot"`
	// TakesNoWrites is why SeenBy takes none, Refused whose it refuses.
	TakesNoWrites string          `json:"takes_no_writes,omitempty"`
	Refused       []admin.Refused `json:"refused"`
	Nodes         []nodeStatus    `json:"nodes"` // by region and name
}

type nodeStatus struct {
	ID        store.NodeID `json:"id"`
	Name      string       `json:"name"`
	Region    string       `json:"region"`
	Self      bool         `json:"self"` // it is the one that tells this
	Member    bool         `json:"member"`
	Connected bool         `json:"connected"`
	Behind    *uint64      `json:"behind"`             // null if unknown
	Closed    *float64     `json:"closed_seconds_ago"` // null if unknown
	Staleness *float64     `json:"staleness_seconds"`  // null if unknown
}

// clusterSeen returns the cluster as the node that tells s sees it.
func clusterSeen(s admin.Status) clusterStatus {
	f := s.Freshness
	c := clusterStatus{
		Cluster: s.Cluster, SeenBy: s.Name, Epoch: f.Epoch,
		Staleness: f.Staleness, Bound: f.Bound, ExceededSince: f.ExceededSince, Snapshot: f.Snapshot,
		TakesNoWrites: s.TakesNoWrites, Refused: s.Refused,
		Nodes: []nodeStatus{{ID: s.ID, Name: s.Name, Region: s.Region, Self: true, Connected: true, Behind: new(uint64(0)), Staleness: f.Staleness}},
	}
	for _, p := range s.Peers {
		c.Nodes = append(c.Nodes, nodeStatus{
			ID: p.ID, Name: p.Name, Region: p.Region, Connected: p.Connected, Behind: p.Behind, Staleness: p.Staleness,
		})
	}
	for _, m := range f.Members {
		i := slices.IndexFunc(c.Nodes, func(n nodeStatus) bool { return n.ID == m.ID })
		if i < 0 { // it is away
			i = len(c.Nodes)
			c.Nodes = append(c.Nodes, nodeStatus{ID: m.ID, Name: cmp.Or(m.Name, string(m.ID)), Region: m.Region})
		}
		c.Nodes[i].Member, c.Nodes[i].Closed = true, m.Age
	}
	slices.SortFunc(c.Nodes, func(a, b nodeStatus) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Name, b.Name))
	})
	return c
}

// laggard returns the name of the member that holds the staleness back, "" if
// there is none.
func (c clusterStatus) laggard() string {
	var least *nodeStatus
	for i := range c.Nodes {
		n := &c.Nodes[i]
		switch {
		case !n.Member:
		case n.Closed == nil:
			return n.Name
		case least == nil || *n.Closed > *least.Closed:
			least = n
		}
	}
	if least == nil {
		return ""
	}
	return least.Name
}

func (c clusterStatus) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REGION\tNODE\tSTREAM\tBEHIND\tCLOSED\tSTALENESS")
	for _, n := range c.Nodes {
		stream, closed := "down", "not a member"
		switch {
		case n.Self:
			stream = "itself"
		case n.Connected:
			stream = "up"
		}
		if n.Member {
			closed = inSeconds(n.Closed)
		}
		behind := "unknown"
		if n.Behind != nil {
			behind = strconv.FormatUint(*n.Behind, 10)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", n.Region, n.Name, stream, behind, closed, inSeconds(n.Staleness))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	bound := fmt.Sprintf("the bound of %v s is kept", c.Bound)
	if !c.ExceededSince.IsZero() {
		bound = fmt.Sprintf("the bound of %v s is exceeded since %s, for want of %s",
			c.Bound, c.ExceededSince.Format(time.RFC3339), cmp.Or(c.laggard(), "any word"))
	}
	if _, err := fmt.Fprintf(out, "\nCluster %s in epoch %d as %s sees it: %s.\n", c.Cluster, c.Epoch, c.SeenBy, bound); err != nil {
		return err
	}
	var more []string
	if c.Snapshot != nil {
		more = append(more, "is "+c.Snapshot.String())
	}
	if c.TakesNoWrites != "" {
		more = append(more, "takes no writes: "+c.TakesNoWrites)
	}
	for _, r := range c.Refused {
		more = append(more, r.String())
	}
	for _, what := range more {
		if _, err := fmt.Fprintf(out, "%s %s.\n", c.SeenBy, what); err != nil {
			return err
		}
	}
	return nil
}

// inSeconds returns s as text.
func inSeconds(s *float64) string {
	if s == nil {
		return "unknown"
	}
	return fmt.Sprintf("%.3f s", *s)
}
