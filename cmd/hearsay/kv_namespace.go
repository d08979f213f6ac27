package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

type namespace struct {
	ID                  string `json:"id"`
	Title               string `json:"title"`
	SupportsURLEncoding bool   `json:"supports_url_encoding"`
}

// namespacePage is how many namespaces one request asks for.
const namespacePage = 100

// namespaces returns every namespace that the node knows, by title.
func (c *client) namespaces(ctx context.Context) ([]namespace, error) {
	all := []namespace{}
	for page := 1; ; page++ {
		var some []namespace
		_, err := c.call(ctx, request{method: http.MethodGet, query: url.Values{
			"per_page": {strconv.Itoa(namespacePage)}, "page": {strconv.Itoa(page)}, "order": {"title"}, "direction": {"asc"},
		}}, &some)
		if err != nil {
			return nil, fmt.Errorf("list namespaces: %w", err)
		}
		all = append(all, some...)
		if len(some) < namespacePage {
			return all, nil
		}
	}
}

func (c *client) namespaceByTitle(ctx context.Context, title string) (namespace, error) {
	all, err := c.namespaces(ctx)
	if err != nil {
		return namespace{}, err
	}
	for _, ns := range all {
		if ns.Title == title {
			return ns, nil
		}
	}
	return namespace{}, notFound("%s knows no namespace with the title %q; create it with 'hearsay kv namespace create %s'", c.base, title, title)
}

func newNamespace(connect func() (*client, error)) *cobra.Command {
	return group(&cobra.Command{
		Use:     "namespace",
		Short:   "Create, list, rename and delete namespaces",
		Example: "  hearsay kv namespace create notes\n  hearsay kv namespace list",
	}, newNamespaceCreate(connect), newNamespaceList(connect), newNamespaceRename(connect), newNamespaceDelete(connect))
}

func newNamespaceCreate(connect func() (*client, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "create TITLE",
		Short:   "Create a namespace and print its id",
		Example: "  hearsay kv namespace create notes",
		Args:    args("TITLE"),
	}
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := connect()
		if err != nil {
			return err
		}
		var ns namespace
		_, err = c.callJSON(cmd.Context(), request{method: http.MethodPost}, map[string]string{"title": args[0]}, &ns)
		if err != nil {
			return fmt.Errorf("create namespace %q: %w", args[0], err)
		}
		return printNamespace(cmd, asJSON(), ns)
	}
	return cmd
}

func printNamespace(cmd *cobra.Command, asJSON bool, ns namespace) error {
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(ns)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), ns.ID)
	return err
}

func newNamespaceList(connect func() (*client, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List all namespaces that the node knows",
		Example: "  hearsay kv namespace list\n  hearsay kv namespace list --output json",
		Args:    args(),
	}
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := connect()
		if err != nil {
			return err
		}
		all, err := c.namespaces(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON() {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		for _, ns := range all {
			fmt.Fprintf(w, "%s\t%s\n", ns.ID, ns.Title)
		}
		return w.Flush()
	}
	return cmd
}

// chosen returns the namespace that a title argument or --namespace-id names.
func chosen(ctx context.Context, c *client, args []string, id string) (namespace, error) {
	switch {
	case id != "" && len(args) > 0:
		return namespace{}, usageError("%q and --namespace-id exclude each other; give one", args[0])
	case id != "":
		return namespace{ID: id, Title: id}, nil
	case len(args) == 0:
		return namespace{}, usageError("which namespace? Give its title or --namespace-id ID")
	}
	return c.namespaceByTitle(ctx, args[0])
}

func newNamespaceRename(connect func() (*client, error)) *cobra.Command {
	var id, to string
	cmd := &cobra.Command{
		Use:     "rename [TITLE] --new-name NEW",
		Short:   "Give a namespace another title; its id and keys stay",
		Example: "  hearsay kv namespace rename notes --new-name letters",
		Args:    args("[TITLE]"),
	}
	cmd.Flags().StringVar(&id, "namespace-id", "", "id of the namespace, instead of its title")
	cmd.Flags().StringVar(&to, "new-name", "", "the new title")
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if to == "" {
			return usageError("what is the new title? Give --new-name NEW")
		}
		c, err := connect()
		if err != nil {
			return err
		}
		ns, err := chosen(cmd.Context(), c, args, id)
		if err != nil {
			return err
		}
		var renamed namespace
		_, err = c.callJSON(cmd.Context(), request{method: http.MethodPut, path: []string{ns.ID}}, map[string]string{"title": to}, &renamed)
		if err != nil {
			return fmt.Errorf("rename namespace %q: %w", ns.Title, err)
		}
		return printNamespace(cmd, asJSON(), renamed)
	}
	return cmd
}

func newNamespaceDelete(connect func() (*client, error)) *cobra.Command {
	var id string
	var yes bool
	cmd := &cobra.Command{
		Use:     "delete [TITLE]",
		Short:   "Delete a namespace with all its keys",
		Example: "  hearsay kv namespace delete notes --skip-confirmation",
		Args:    args("[TITLE]"),
	}
	cmd.Flags().StringVar(&id, "namespace-id", "", "id of the namespace, instead of its title")
	cmd.Flags().BoolVarP(&yes, "skip-confirmation", "y", false, "do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := connect()
		if err != nil {
			return err
		}
		ns, err := chosen(cmd.Context(), c, args, id)
		if err != nil {
			return err
		}
		if !yes {
			if err := confirm(cmd, fmt.Sprintf("Delete namespace %s (%s) with all its keys?", ns.Title, ns.ID), "--skip-confirmation"); err != nil {
				return err
			}
		}
		if _, err := c.call(cmd.Context(), request{method: http.MethodDelete, path: []string{ns.ID}}, nil); err != nil {
			return fmt.Errorf("delete namespace %q: %w", ns.Title, err)
		}
		return nil
	}
	return cmd
}

// confirm asks on standard error and reads the answer from standard input; flag
// is the one that answers beforehand.
func confirm(cmd *cobra.Command, question, flag string) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return fmt.Errorf("not confirmed, nothing was done; answer y or give %s", flag)
}
