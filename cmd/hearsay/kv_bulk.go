package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

const (
	// maxBulkFile is the longest file of a bulk command, in bytes.
	maxBulkFile = 1 << 30
	// bulkPart is how many keys one bulk put or delete carries, as wrangler's do.
	bulkPart = 1000
	// bulkGetPart is how many keys the REST API takes in one bulk get.
	bulkGetPart = 100
)

func newBulk(connect func() (*client, error)) *cobra.Command {
	return group(&cobra.Command{
		Use:     "bulk",
		Short:   "Put, get and delete many keys from a JSON file",
		Example: "  hearsay kv bulk put pairs.json --namespace notes\n  hearsay kv bulk get keys.json --namespace notes",
	}, newBulkPut(connect), newBulkGet(connect), newBulkDelete(connect))
}

func newBulkPut(connect func() (*client, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "put FILE",
		Short: "Write all pairs of a JSON file",
		Long: `Write all pairs of a JSON file (- for standard input): an array of
{"key", "value", "expiration"?, "expiration_ttl"?, "metadata"?, "base64"?}.`,
		Example: `  echo '[{"key":"a","value":"1"},{"key":"b","value":"2"}]' | hearsay kv bulk put - --namespace notes`,
		Args:    args("FILE"),
	}
	to := addTarget(cmd, connect)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		pairs, err := readArray[json.RawMessage](cmd, args[0])
		if err != nil {
			return err
		}
		return sendBulk(cmd, to, "put", request{method: http.MethodPut}, pairs)
	}
	return cmd
}

func newBulkDelete(connect func() (*client, error)) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "delete FILE",
		Short:   "Delete all keys that a JSON file names",
		Long:    `Delete all keys that a JSON file (- for standard input) names: an array of keys, or of {"name"}.`,
		Example: `  echo '["a","b"]' | hearsay kv bulk delete - --force --namespace notes`,
		Args:    args("FILE"),
	}
	from := addTarget(cmd, connect)
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		keys, err := readArray[keyName](cmd, args[0])
		if err != nil {
			return err
		}
		if !force {
			if err := confirm(cmd, fmt.Sprintf("Delete %d keys?", len(keys)), "--force"); err != nil {
				return err
			}
		}
		return sendBulk(cmd, from, "delete", request{method: http.MethodDelete}, keys)
	}
	return cmd
}

func newBulkGet(connect func() (*client, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get FILE",
		Short: "Print the values of all keys that a JSON file names",
		Long: `Print, as one JSON object, the values of all keys that a JSON file (- for standard
input) names: an array of keys, or of {"name"}. A key that is not there is null.`,
		Example: `  echo '["a","b"]' | hearsay kv bulk get - --namespace notes`,
		Args:    args("FILE"),
	}
	from := addTarget(cmd, connect)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		keys, err := readArray[keyName](cmd, args[0])
		if err != nil {
			return err
		}
		c, id, err := from.open(cmd.Context())
		if err != nil {
			return err
		}
		all := make(map[string]json.RawMessage, len(keys))
		tell := progress(cmd, "got", len(keys))
		for part := range slices.Chunk(keys, bulkGetPart) {
			var result struct {
				Values map[string]json.RawMessage `json:"values"`
			}
			in := map[string][]keyName{"keys": part}
			if _, err := c.callJSON(cmd.Context(), request{method: http.MethodPost, path: []string{id, "bulk", "get"}}, in, &result); err != nil {
				return fmt.Errorf("bulk get: %w", err)
			}
			maps.Copy(all, result.Values)
			tell(len(part))
		}
		out := json.NewEncoder(cmd.OutOrStdout())
		out.SetIndent("", "  ")
		return out.Encode(all)
	}
	return cmd
}

// sendBulk sends items to the namespace's bulk address, a part at a time. On an
// error the parts before it are done.
func sendBulk[T any](cmd *cobra.Command, to *target, verb string, r request, items []T) error {
	c, id, err := to.open(cmd.Context())
	if err != nil {
		return err
	}
	r.path = []string{id, "bulk"}
	tell := progress(cmd, verb, len(items))
	done := 0
	for part := range slices.Chunk(items, bulkPart) {
		var result struct {
			Unsuccessful []string `json:"unsuccessful_keys"`
		}
		if _, err := c.callJSON(cmd.Context(), r, part, &result); err != nil {
			return fmt.Errorf("bulk %s: after %d of %d keys: %w", verb, done, len(items), err)
		}
		if n := len(result.Unsuccessful); n > 0 {
			return fmt.Errorf("bulk %s: %d keys were refused, the first is %q", verb, n, result.Unsuccessful[0])
		}
		done += len(part)
		tell(len(part))
	}
	return nil
}

// readArray reads a JSON array from the file at path.
func readArray[T any](cmd *cobra.Command, path string) ([]T, error) {
	b, err := readInput(cmd, path, maxBulkFile)
	if err != nil {
		return nil, err
	}
	var items []T
	if err := json.Unmarshal(b, &items); err != nil {
		return nil, fmt.Errorf("%s: want a JSON array: %w", path, err)
	}
	return items, nil
}

// A keyName reads as a string or as an object with a name, and writes as a
// string.
type keyName string

func (k *keyName) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var o struct {
			Name string `json:"name"`
		}
		err := json.Unmarshal(b, &o)
		*k = keyName(o.Name)
		return err
	}
	return json.Unmarshal(b, (*string)(k))
}

// progress returns what to call with each part done. It speaks on standard
// error, about once a second, and so only of work that takes longer.
func progress(cmd *cobra.Command, verb string, total int) func(part int) {
	done, last := 0, time.Now()
	return func(part int) {
		done += part
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d of %d keys\n", verb, done, total)
	}
}
