package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hearsay/node/admin"
)

const whyPath = "/admin/v1/why"

func newWhy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why KEY",
		Short: "Tell what every node holds of a key, whose write that is, and how it came there",
		Long: `Tell what every node holds of a key.

AFTER     how long after the write it came there, by the clocks of both nodes
PATH      fresh: its writer sent it; relay: another node passed it on; pull: it was
          asked for; early: it overtook earlier writes of its node. A node remembers
          the last few thousand arrivals since its start
REPLACED  whose versions of the key its writer had seen

The nodes are asked at their admin ports: all of 'hearsay dev', or those in --admin.`,
		Example: `  hearsay kv why hello --namespace notes
  hearsay kv why hello --namespace notes --admin http://10.0.0.1:8703,http://10.1.0.1:8703 --output json`,
		Args: args("KEY"),
	}
	in := addTarget(cmd, nil)
	port := addAdmin(cmd)
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return in.everywhere(cmd, *port, args[0], asJSON(), printWhy)
	}
	return cmd
}

// everywhere asks every node about key and prints what they say.
func (t *target) everywhere(cmd *cobra.Command, port, key string, asJSON bool, print func(*tabwriter.Writer, []said[admin.Why])) error {
	ns := cmp.Or(t.id, t.title)
	if ns == "" {
		return errNoNamespace()
	}
	all, err := askAll[admin.Why](cmd.Context(), port, whyPath+"?"+url.Values{"namespace": {ns}, "key": {key}}.Encode())
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b said[admin.Why]) int {
		return cmp.Or(cmp.Compare(a.answer.Region, b.answer.Region), cmp.Compare(a.answer.Name, b.answer.Name))
	})
	tellSilent(cmd.ErrOrStderr(), all)
	all = slices.DeleteFunc(all, func(s said[admin.Why]) bool { return s.err != nil })
	if asJSON {
		nodes := make([]admin.Why, len(all))
		for i, s := range all {
			nodes[i] = s.answer
		}
		return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"nodes": nodes})
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	print(w, all)
	if err := w.Flush(); err != nil {
		return err
	}
	return printAgreement(cmd.OutOrStdout(), all)
}

func printWhy(w *tabwriter.Writer, all []said[admin.Why]) {
	fmt.Fprintln(w, "REGION\tNODE\tHOLDS\tWRITTEN BY\tAT\tAFTER\tPATH\tREPLACED")
	for _, s := range all {
		h := s.answer.Holds
		if h == nil {
			fmt.Fprintf(w, "%s\t%s\tnothing\n", s.answer.Region, s.answer.Name)
			continue
		}
		after, path := "", cmp.Or(h.Path, "forgotten")
		if h.From != "" {
			after, path = fmt.Sprintf("%.1f ms", milliseconds(h.At.Sub(h.Write.At))), path+" from "+h.From
		}
		if h.Ahead {
			path += ", early"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			s.answer.Region, s.answer.Name, holding(h), writer(h.Write), when(h.Write), after, path, replaced(h))
	}
}

// printHoldings is printWhy without how it came to be.
func printHoldings(w *tabwriter.Writer, all []said[admin.Why]) {
	fmt.Fprintln(w, "REGION\tNODE\tHOLDS\tWRITTEN BY\tAT")
	for _, s := range all {
		if h := s.answer.Holds; h == nil {
			fmt.Fprintf(w, "%s\t%s\tnothing\n", s.answer.Region, s.answer.Name)
		} else {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.answer.Region, s.answer.Name, holding(h), writer(h.Write), when(h.Write))
		}
	}
}

// holding says what h is, in a few words.
func holding(h *admin.Held) string {
	if h.State == "deleted" {
		return "deleted"
	}
	text := fmt.Sprintf("%q", h.Begins)
	if int64(len(h.Begins)) < h.Bytes {
		text += fmt.Sprintf("… (%d bytes)", h.Bytes)
	}
	switch {
	case h.State == "expired":
		text += ", expired"
	case !h.Expires.IsZero():
		text += ", expires " + h.Expires.Format(time.RFC3339)
	}
	return text
}

// replaced says whose versions the writer of h had seen.
func replaced(h *admin.Held) string {
	var whose []string
	for _, r := range h.Replaced {
		whose = append(whose, writer(r))
	}
	if h.Doubtful {
		whose = append(whose, "perhaps others")
	}
	return strings.Join(whose, ", ")
}

// printAgreement says whether all nodes hold one write.
func printAgreement(out io.Writer, all []said[admin.Why]) error {
	of := make(map[string]int)
	for _, s := range all {
		version := ""
		if s.answer.Holds != nil {
			version = s.answer.Holds.Write.Version
		}
		of[version]++
	}
	verdict := fmt.Sprintf("The %d nodes asked hold %d different writes: some have not heard of the newest yet.", len(all), len(of))
	if len(of) == 1 {
		verdict = fmt.Sprintf("All %d nodes asked agree.", len(all))
	}
	_, err := fmt.Fprintf(out, "\n%s\n", verdict)
	return err
}
