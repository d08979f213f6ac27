package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newKV() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kv",
		Short: "Read and write keys, in the words of 'wrangler kv'",
		Long: `Read and write keys over the REST API of one node, in the words and options of
'wrangler kv'. Without --api the first node of 'hearsay dev' is asked.`,
		Example: `  hearsay kv namespace create notes
  hearsay kv key put hello world --namespace notes
  hearsay kv key get hello --namespace notes --api http://127.0.0.1:8709

  # Read your own write at another node: it waits until it has it, or fails.
  hearsay kv key put hello again --namespace notes --bookmark ./seen
  hearsay kv key get hello --namespace notes --bookmark ./seen --api http://127.0.0.1:8709`,
	}
	connect := addClient(cmd)
	return group(cmd, newNamespace(connect), newKey(connect), newBulk(connect), newWhy())
}

// A target is the namespace that a command works on.
type target struct {
	id, title string
	connect   func() (*client, error)
}

// addTarget adds the flags that name a namespace to cmd.
func addTarget(cmd *cobra.Command, connect func() (*client, error)) *target {
	t := &target{connect: connect}
	cmd.Flags().StringVar(&t.id, "namespace-id", "", "id of the namespace")
	cmd.Flags().StringVarP(&t.title, "namespace", "n", "", "title of the namespace, instead of its id")
	exclude(cmd, "namespace-id", "namespace")
	return t
}

// open returns the client and the id of the namespace.
func (t *target) open(ctx context.Context) (*client, string, error) {
	c, err := t.connect()
	if err != nil {
		return nil, "", err
	}
	switch {
	case t.id != "":
		return c, t.id, nil
	case t.title == "":
		return nil, "", errNoNamespace()
	}
	ns, err := c.namespaceByTitle(ctx, t.title)
	return c, ns.ID, err
}

func errNoNamespace() error {
	return usageError("which namespace? Give --namespace TITLE or --namespace-id ID ('hearsay kv namespace list' shows them)")
}
