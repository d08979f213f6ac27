package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hearsay/node"
	"hearsay/node/host/wan"
)

// devFlags are those of 'hearsay dev'.
type devFlags struct {
	regions, nodesPerRegion int
	topology, wan, profile  string
	listen, data            string
	bound                   time.Duration
	namespaces              []string
	insecure                bool
}

func newDev() *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a whole cluster on this machine, with the distances between regions emulated",
		Long: `Run a whole cluster in one process: real nodes on disk that talk over loopback,
with the delays between regions taken from measured ones. The page at --listen
shows the cluster, cuts regions off, and follows a key through them; what a client
port answers is answered there too, by the first node. The nodes' client ports
come after the page's. Ctrl-C stops it; a second one at once.

With --output json the first line on standard output, written when every node is
ready, tells the addresses:
  {"page":"http://…","regions":[{"name":"us-east","nodes":[{"id":"us-east-1","api":"http://127.0.0.1:8701"}]}]}

A topology file is YAML:
  regions:
    - name: us-east
      nodes: 3
    - name: eu-west
      nodes: 1`,
		Example: `  hearsay dev
  hearsay dev --regions 3 --nodes-per-region 1 --namespace notes
  hearsay dev --topology topology.yaml --data ./data --output json`,
		Args: args(),
	}
	cmd.Flags().IntVar(&f.regions, "regions", 5, "how many regions, the first of --wan")
	cmd.Flags().StringVar(&f.topology, "topology", "", "YAML file that names the regions, instead of --regions")
	cmd.Flags().IntVar(&f.nodesPerRegion, "nodes-per-region", 2, "how many nodes in each of --regions")
	cmd.Flags().StringVar(&f.wan, "wan", "aws", "delays between regions: aws (measured medians), none, or a CSV file of from,to,rtt_ms and, if limited, mbit_s")
	addBound(cmd, &f.bound)
	syncEvery := addSync(cmd)
	cmd.Flags().StringVar(&f.profile, "profile", profileFast, "when a node shows a write: fast, as soon as it has it; others are not in this release")
	cmd.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8700", "address of the page; the nodes' client ports follow it, port 0 takes free ones")
	cmd.Flags().StringVar(&f.data, "data", "", "folder that keeps the data (default a temporary one, removed at the end)")
	cmd.Flags().StringSliceVar(&f.namespaces, "namespace", nil, "title of a namespace to create at the start; may be repeated")
	cmd.Flags().BoolVar(&f.insecure, "insecure", false, "allow --listen on an address that other machines reach")
	exclude(cmd, "regions", "topology")
	log := addLog(cmd, "error")
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := f.config()
		if err != nil {
			return err
		}
		if cfg.syncEvery, err = syncEvery(); err != nil {
			return err
		}
		if cfg.log, err = log(cmd.ErrOrStderr()); err != nil {
			return err
		}
		if f.data == "" {
			dir, err := os.MkdirTemp("", "hearsay-dev-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			cfg.dir = dir
		}
		return runDev(cmd, cfg, asJSON())
	}
	return cmd
}

// addBound adds --bound to cmd.
func addBound(cmd *cobra.Command, bound *time.Duration) {
	cmd.Flags().DurationVar(bound, "bound", time.Minute, "how long after its acknowledgement a write may be missing elsewhere before a node tells of it")
}

// profileFast has every replica show a write as soon as it has it.
const profileFast = "fast"

// config returns the cluster that the flags ask for.
func (f devFlags) config() (clusterConfig, error) {
	cfg := clusterConfig{listen: f.listen, insecure: f.insecure, dir: f.data, bound: f.bound, namespaces: f.namespaces}
	if f.bound < node.MinBound {
		return cfg, usageError("--bound %v; want at least %v", f.bound, node.MinBound)
	}
	if err := checkExposure("listen", f.listen, f.insecure); err != nil {
		return cfg, err
	}
	if f.profile != profileFast {
		return cfg, usageError("--profile %q is not in this release, only %s", f.profile, profileFast)
	}
	matrix, err := f.matrix()
	if err != nil {
		return cfg, err
	}
	if cfg.topology, err = f.layout(matrix); err != nil {
		return cfg, err
	}
	// With no delays there is still something to cut.
	delays := matrix
	if f.wan == "none" {
		delays = wan.Matrix{}
	}
	cfg.network = wan.New(delays, func(string, uint64, uint64) uint64 { return rand.Uint64() })
	return cfg, nil
}

// matrix returns the delays that --wan names; those of AWS give their names even
// where there are to be no delays.
func (f devFlags) matrix() (wan.Matrix, error) {
	switch f.wan {
	case "aws", "none":
		return wan.AWS(), nil
	}
	m, err := wan.Load(f.wan)
	if err != nil {
		return m, fmt.Errorf("--wan: %w", err)
	}
	return m, nil
}

// layout returns which regions there are and how many nodes in each.
func (f devFlags) layout(matrix wan.Matrix) (topology, error) {
	known := matrix.Regions()
	if f.topology != "" {
		t, err := readTopology(f.topology)
		if err != nil {
			return t, err
		}
		for _, r := range t.Regions {
			if f.wan != "none" && !slices.Contains(known, r.Name) {
				return t, fmt.Errorf("%s: no delays are known for region %s, only for %s; name one of these, or give --wan FILE or --wan none",
					f.topology, r.Name, strings.Join(known, ", "))
			}
		}
		return t, nil
	}
	if f.regions < 1 || f.regions > min(len(known), maxRegions) {
		return topology{}, usageError("--regions %d; want 1 to %d, or give --topology FILE", f.regions, min(len(known), maxRegions))
	}
	var t topology
	for _, name := range known[:f.regions] {
		t.Regions = append(t.Regions, regionSpec{Name: name, Nodes: f.nodesPerRegion})
	}
	if err := t.validate(); err != nil {
		return t, usageError("--nodes-per-region: %w", err)
	}
	return t, nil
}

// runDev runs a cluster until a signal or its own failure ends it.
func runDev(cmd *cobra.Command, cfg clusterConfig, asJSON bool) error {
	ctx, stop := untilStopped(cmd.Context())
	defer stop()
	c, err := startCluster(ctx, cfg)
	if ctx.Err() != nil && c == nil {
		return nil // interrupted before it was ready
	}
	if err != nil {
		return err
	}
	endpoints := c.endpoints()
	if asJSON {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(endpoints)
	} else {
		err = endpoints.print(cmd.OutOrStdout(), cfg.namespaces)
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-c.failed:
		}
	}
	return errors.Join(err, leave(func(context.Context) error { return c.close() }))
}

// endpoints are where a cluster is reached, as the first line of standard output
// tells it.
type endpoints struct {
	Page    string           `json:"page"`
	Regions []regionEndpoint `json:"regions"`
}

type regionEndpoint struct {
	Name  string         `json:"name"`
	Nodes []nodeEndpoint `json:"nodes"`
}

type nodeEndpoint struct {
	ID  string `json:"id"`
	API string `json:"api"`
}

func (c *cluster) endpoints() endpoints {
	e := endpoints{Page: c.page.url()}
	for _, r := range c.regions {
		re := regionEndpoint{Name: r.name}
		for _, h := range r.nodes {
			re.Nodes = append(re.Nodes, nodeEndpoint{ID: h.Identity().Name, API: "http://" + h.APIAddr()})
		}
		e.Regions = append(e.Regions, re)
	}
	return e
}

// print writes e for a person, with three commands to try.
func (e endpoints) print(out io.Writer, namespaces []string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REGION\tNODE\tCLIENT PORT")
	for _, r := range e.Regions {
		for _, n := range r.Nodes {
			fmt.Fprintf(w, "%s\t%s\t%s\n", r.Name, n.ID, n.API)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	first := e.Regions[0].Nodes[0]
	last := e.Regions[len(e.Regions)-1].Nodes[0]
	title, create := "notes", ""
	if len(namespaces) > 0 {
		title = namespaces[0]
	} else {
		create = fmt.Sprintf("  hearsay kv namespace create notes --api %s\n", first.API)
	}
	_, err := fmt.Fprintf(out, `
The page is at %s. Try, in another terminal:
%s  hearsay kv key put hello world --namespace %s --api %s
  hearsay kv key get hello --namespace %s --api %s --wait 10s --text

Ctrl-C stops the cluster.
`, e.Page, create, title, first.API, title, last.API)
	return err
}
