package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"hearsay/node/host"
)

func newNode() *cobra.Command {
	cfg := host.DefaultConfig()
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run one node of a cluster",
		Long: `Run one node. One node is told to found the cluster, the others join any node that
is there and are admitted by a majority of the members. A node is known by the id in its data folder, so a
node that is started again on its data goes on as the same one; --name is only a
label. Its log goes to standard error; one line on standard output says that it
is ready. SIGTERM and Ctrl-C stop it in good order, a second one at once.`,
		Example: `  hearsay node --cluster demo --region us-east --name us-east-1 --data ./us-east-1 --found
  hearsay node --cluster demo --region eu-west --name eu-west-1 --data ./eu-west-1 \
    --api 127.0.0.1:8711 --peer 127.0.0.1:8712 --admin 127.0.0.1:8713 --join 127.0.0.1:8702`,
		Args: args(),
	}
	cmd.Flags().StringVar(&cfg.Name, "name", "", "label for people (default the start of the node's id)")
	cmd.Flags().StringVar(&cfg.Region, "region", "", "region that the node stands in (required)")
	cmd.Flags().StringVar(&cfg.Cluster, "cluster", "", "id of the cluster; nodes of another are refused (required)")
	cmd.Flags().StringVar(&cfg.Dir, "data", "", "folder of the node's data (required)")
	cmd.Flags().StringVar(&cfg.API, "api", "127.0.0.1:8701", "address of the client port")
	cmd.Flags().StringVar(&cfg.Link.Bind, "peer", "127.0.0.1:8702", "address of the peer port, UDP and TCP")
	cmd.Flags().StringVar(&cfg.Admin, "admin", "127.0.0.1:8703", "address of the admin port")
	clusterKey := addClusterKey(cmd)
	addBound(cmd, &cfg.Node.Bound)
	syncEvery := addSync(cmd)
	reserve := cmd.Flags().Int64("disk-reserve", cfg.DiskReserve>>20, "MiB of the disk to keep free: with less the node takes no writes until there is room; 0 keeps none")
	cmd.Flags().BoolVar(&cfg.Node.Found, "found", false, "be the first member of a new cluster, unless the data already know of one")
	cmd.Flags().StringSliceVar(&cfg.Link.Seeds, "join", nil, "peer port of a node to join; may be repeated")
	cmd.Flags().StringVar(&cfg.Link.Advertise, "advertise", "", "address at which peers reach the peer port, where it is another than --peer")
	cmd.Flags().BoolVar(&cfg.Insecure, "insecure", false, "allow addresses that other machines reach, though nothing there is encrypted or asks who you are")
	log := addLog(cmd, "info")
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for flag, value := range map[string]string{"region": cfg.Region, "cluster": cfg.Cluster, "data": cfg.Dir} {
			if value == "" {
				return usageError("--%s is required, as a flag or as %s", flag, envName(flag))
			}
		}
		var err error
		if cfg.Log, err = log(cmd.ErrOrStderr()); err != nil {
			return err
		}
		if cfg.ClusterKey, err = readClusterKey(*clusterKey); err != nil {
			return err
		}
		cfg.DiskReserve = *reserve << 20
		if cfg.Node.SyncEvery, err = syncEvery(); err != nil {
			return err
		}
		if err := cfg.Validate(); err != nil {
			return usageError("%w", err)
		}
		return runNode(cmd, cfg, asJSON())
	}
	return cmd
}

// nodeReady is the line that says that a node is ready.
type nodeReady struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Region string `json:"region"`
	API    string `json:"api"`
	Peer   string `json:"peer"`
	Admin  string `json:"admin"`
}

// runNode runs a node until a signal or its own failure ends it.
func runNode(cmd *cobra.Command, cfg host.Config, asJSON bool) error {
	ctx, stop := untilStopped(cmd.Context())
	defer stop()
	h, err := host.Open(cfg)
	if err != nil {
		return explainOpen(err, cfg, "api, --peer or --admin")
	}
	served := make(chan error, 1)
	go func() {
		served <- h.Serve(ctx)
		stop() // a node that has failed is not waited for
	}()
	go func() {
		select {
		case <-h.Drained():
			stop()
		case <-ctx.Done():
		}
	}()
	if err := await(ctx, h.Ready); err == nil {
		id := h.Identity()
		ready := nodeReady{id.Name, string(id.Node), id.Region, "http://" + h.APIAddr(), h.PeerAddr(), "http://" + h.AdminAddr()}
		if asJSON {
			err = json.NewEncoder(cmd.OutOrStdout()).Encode(ready)
		} else {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is ready: clients %s, peers %s, admin %s\n", ready.Name, ready.API, ready.Peer, ready.Admin)
		}
		if err != nil {
			stop()
		}
	}
	err = <-served
	return errors.Join(err, leave(h.Leave))
}
