package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newRoot() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "hearsay",
		Short: "A key-value store that spreads by gossip and speaks the Workers KV protocols",
		Long: `hearsay is a geo-distributed, eventually consistent key-value store that speaks
the Workers KV protocols. The later write wins; there are no transactions.

Every flag may also be given in the environment, as HEARSAY_ and its name in
upper case with underscores: --log-format is HEARSAY_LOG_FORMAT. A flag wins
over the environment, the environment over the default; an empty variable
counts as unset. A list is separated by commas.

Exit codes:
  0    it worked
  1    it failed
  2    the command line was not understood; nothing was done
  3    what was asked for is not there: a key, a namespace
  4    nothing answered at the address
  130  interrupted a second time before it had stopped`,
		Example: `  hearsay dev                                  # five regions on this machine
  hearsay kv namespace create notes
  hearsay kv key put hello world --namespace notes
  hearsay kv key get hello --namespace notes --api http://127.0.0.1:8709 --wait 10s`,
	},
		newDev(), newNode(), newKV(), newCluster(), newChaos(), newSim(), newVersion(),
	)
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return setFromEnv(cmd.Flags(), os.Getenv) }
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if errors.Is(err, pflag.ErrHelp) {
			return err
		}
		return usageError("%w", err)
	})
	return root
}

// group makes parent a command that only holds others: naming none or an
// unknown one of them is a mistake and says so.
func group(parent *cobra.Command, children ...*cobra.Command) *cobra.Command {
	parent.AddCommand(children...)
	parent.Args = cobra.ArbitraryArgs
	parent.SuggestionsMinimumDistance = 2
	parent.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			cmd.SetOut(cmd.ErrOrStderr())
			if err := cmd.Help(); err != nil {
				return err
			}
			return usageError("%s needs a command: %s", cmd.CommandPath(), strings.Join(names(cmd), ", "))
		}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return usageError("%s has no command %q; did you mean %s?", cmd.CommandPath(), args[0], strings.Join(near, " or "))
		}
		return usageError("%s has no command %q; it has %s", cmd.CommandPath(), args[0], strings.Join(names(cmd), ", "))
	}
	return parent
}

func names(cmd *cobra.Command) []string {
	var s []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			s = append(s, c.Name())
		}
	}
	return s
}

// insteadOf annotates a flag with those that cannot be given beside it.
const insteadOf = "hearsay_instead_of"

// exclude makes a and b flags of which only one may be given. On the command
// line one of them also overrules the other's variable.
func exclude(cmd *cobra.Command, a, b string) {
	cmd.Flags().Lookup(a).Annotations = map[string][]string{insteadOf: {b}}
	cmd.Flags().Lookup(b).Annotations = map[string][]string{insteadOf: {a}}
}

// setFromEnv gives each flag that the command line left alone the value of its
// variable, if that is set.
func setFromEnv(flags *pflag.FlagSet, getenv func(string) string) error {
	given := make(map[string]bool)
	flags.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := envName(f.Name)
		value := getenv(name)
		overruled := slices.ContainsFunc(f.Annotations[insteadOf], func(other string) bool { return given[other] })
		if given[f.Name] || overruled || value == "" || f.Name == "help" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, usageError("%s in the environment: %w", name, err))
		}
	})
	flags.Visit(func(f *pflag.Flag) {
		for _, other := range f.Annotations[insteadOf] {
			if f.Name < other && flags.Changed(other) {
				errs = append(errs, usageError("--%s and --%s exclude each other; give one", f.Name, other))
			}
		}
	})
	return errors.Join(errs...)
}

func envName(flag string) string {
	return "HEARSAY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// args returns a check that a command is given from as many arguments as there
// are names without brackets to as many as there are names.
func args(names ...string) cobra.PositionalArgs {
	least := 0
	for _, n := range names {
		if !strings.HasPrefix(n, "[") {
			least++
		}
	}
	return func(cmd *cobra.Command, got []string) error {
		switch {
		case len(got) > len(names):
			return usageError("%s takes %s; %q is too much", cmd.CommandPath(), describe(names), got[len(names)])
		case len(got) < least:
			return usageError("%s needs %s", cmd.CommandPath(), describe(names))
		}
		return nil
	}
}

func describe(names []string) string {
	if len(names) == 0 {
		return "no arguments"
	}
	return strings.Join(names, " ")
}

// A choice is a flag with a closed set of values, the first its default.
type choice struct {
	value   string
	allowed []string
}

func newChoice(allowed ...string) *choice { return &choice{value: allowed[0], allowed: allowed} }

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.allowed, "|") }

func (c *choice) Set(s string) error {
	for _, a := range c.allowed {
		if a == s {
			c.value = s
			return nil
		}
	}
	return fmt.Errorf("want %s", strings.Join(c.allowed, " or "))
}

// addOutput adds --output to cmd and returns whether JSON was asked for.
func addOutput(cmd *cobra.Command) (json func() bool) {
	c := newChoice("text", "json")
	cmd.Flags().VarP(c, "output", "o", "how to print the result")
	complete(cmd, "output", c)
	return func() bool { return c.value == "json" }
}

// complete offers c's values to the shell.
func complete(cmd *cobra.Command, flag string, c *choice) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(c.allowed, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic("hearsay: completion of an unknown flag: " + err.Error())
	}
}
