package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// maxValue is the longest value of Workers KV, in bytes.
const maxValue = 25 << 20

// waitPoll is how often 'key get --wait' asks again: short beside any distance
// between regions, long beside a read.
const waitPoll = 2 * time.Millisecond

func newKey(connect func() (*client, error)) *cobra.Command {
	return group(&cobra.Command{
		Use:     "key",
		Short:   "Put, get, list, delete and repair single keys",
		Example: "  hearsay kv key put hello world --namespace notes\n  hearsay kv key get hello --namespace notes",
	}, newKeyPut(connect), newKeyGet(connect), newKeyList(connect), newKeyDelete(connect), newKeyRestamp())
}

func newKeyPut(connect func() (*client, error)) *cobra.Command {
	var ttl, expiration int64
	var metadata, path string
	cmd := &cobra.Command{
		Use:   "put KEY [VALUE]",
		Short: "Write a key",
		Example: `  hearsay kv key put hello world --namespace notes
  hearsay kv key put hello world --namespace notes --ttl 60 --metadata '{"by":"me"}'
  hearsay kv key put logo --path logo.png --namespace notes
  date | hearsay kv key put now --path - --namespace notes`,
		Args: args("KEY", "[VALUE]"),
	}
	to := addTarget(cmd, connect)
	cmd.Flags().Int64Var(&ttl, "ttl", 0, "seconds until the key expires, at least 60")
	cmd.Flags().Int64Var(&expiration, "expiration", 0, "when the key expires, in seconds since 1970")
	cmd.Flags().StringVar(&metadata, "metadata", "", "JSON to keep beside the value")
	cmd.Flags().StringVar(&path, "path", "", "read the value from this file, - for standard input")
	exclude(cmd, "ttl", "expiration")
	requestID := addRequestID(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		value, err := valueToPut(cmd, args[1:], path)
		if err != nil {
			return err
		}
		if metadata != "" && !json.Valid([]byte(metadata)) {
			return usageError("--metadata %s is not JSON; want something like '{\"by\":\"me\"}'", metadata)
		}
		c, id, err := to.open(cmd.Context())
		if err != nil {
			return err
		}
		r := request{method: http.MethodPut, path: []string{id, "values", args[0]}, query: url.Values{}, body: value, id: *requestID}
		if metadata != "" {
			r.body, r.contentType = withMetadata(value, metadata)
		}
		if cmd.Flags().Changed("ttl") {
			r.query.Set("expiration_ttl", strconv.FormatInt(ttl, 10))
		}
		if cmd.Flags().Changed("expiration") {
			r.query.Set("expiration", strconv.FormatInt(expiration, 10))
		}
		if _, err := c.call(cmd.Context(), r, nil); err != nil {
			return fmt.Errorf("put %q: %w", args[0], err)
		}
		return nil
	}
	return cmd
}

// addRequestID adds the flag that names a write to cmd.
func addRequestID(cmd *cobra.Command) *string {
	return cmd.Flags().String("request-id", "", "name for this write: repeated under the same name, it writes nothing while the key still holds the first one's")
}

// valueToPut returns the value from the arguments or from the file at path.
func valueToPut(cmd *cobra.Command, args []string, path string) ([]byte, error) {
	switch {
	case len(args) > 0 && path != "":
		return nil, usageError("a VALUE and --path exclude each other; give one")
	case len(args) > 0:
		return []byte(args[0]), nil
	case path == "":
		return nil, usageError("what is the value? Give VALUE or --path FILE")
	}
	return readInput(cmd, path, maxValue)
}

// readInput reads the file at path, or standard input for "-", up to limit
// bytes.
func readInput(cmd *cobra.Command, path string, limit int64) ([]byte, error) {
	in := cmd.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is longer than the %d bytes allowed", path, limit)
	}
	return b, nil
}

// withMetadata returns the multipart form of a put.
func withMetadata(value []byte, metadata string) (body []byte, contentType string) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	// A bytes.Buffer takes every write.
	part, _ := w.CreateFormField("value")
	_, _ = part.Write(value)
	_ = w.WriteField("metadata", metadata)
	_ = w.Close()
	return buf.Bytes(), w.FormDataContentType()
}

func newKeyGet(connect func() (*client, error)) *cobra.Command {
	var text, everywhere bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Write exactly the bytes of a value to standard output",
		Long: `Write exactly the bytes of a value to standard output. Exit code 3 says that the
key is not there. With --wait, ask again until it is, and say on standard error
how long that took. With --everywhere, list what each node holds instead; 'hearsay
kv why' tells more of it.`,
		Example: `  hearsay kv key get hello --namespace notes --text
  hearsay kv key get hello --namespace notes --api http://127.0.0.1:8709 --wait 10s
  hearsay kv key get hello --namespace notes --everywhere`,
		Args: args("KEY"),
	}
	from := addTarget(cmd, connect)
	cmd.Flags().BoolVar(&text, "text", false, "write the value as UTF-8 text, with a line end")
	cmd.Flags().DurationVar(&wait, "wait", 0, "how long to wait for the namespace and the key to arrive")
	cmd.Flags().BoolVar(&everywhere, "everywhere", false, "list what every node holds, as the nodes at --admin tell")
	exclude(cmd, "everywhere", "wait")
	port := addAdmin(cmd)
	asJSON := addOutput(cmd)
	cmd.Flags().Lookup("output").Usage = "how to print what --everywhere lists"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if everywhere {
			return from.everywhere(cmd, *port, args[0], asJSON(), printHoldings)
		}
		if wait < 0 {
			return usageError("--wait %v must not be below 0", wait)
		}
		start := time.Now()
		value, err := from.get(cmd.Context(), args[0])
		if wait > 0 && exitCode(err) == exitNotFound {
			value, err = from.await(cmd.Context(), args[0], wait)
		}
		if err != nil {
			return fmt.Errorf("get %q: %w", args[0], err)
		}
		if wait > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "arrived after %.1f ms\n", float64(time.Since(start).Microseconds())/1e3)
		}
		if text {
			value = append(bytes.ToValidUTF8(value, []byte("\uFFFD")), '\n')
		}
		_, err = cmd.OutOrStdout().Write(value)
		return err
	}
	return cmd
}

// await asks for key again and again until it is there, at most for wait.
func (t *target) await(ctx context.Context, key string, wait time.Duration) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, wait)
	defer stop()
	tick := time.NewTicker(waitPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, notFound("not here after %v; is its region cut off, or the key another?", wait)
		case <-tick.C:
		}
		value, err := t.get(ctx, key)
		if err == nil || (exitCode(err) != exitNotFound && ctx.Err() == nil) {
			return value, err
		}
	}
}

// get returns the value of key. The error asks for exitNotFound when the key or
// its namespace is not there.
func (t *target) get(ctx context.Context, key string) ([]byte, error) {
	c, id, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	t.id = id // a title is looked up once, also while waiting
	resp, err := c.send(ctx, request{method: http.MethodGet, path: []string{id, "values", key}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		_, err := c.decode(resp)
		return nil, err
	}
	value, err := io.ReadAll(io.LimitReader(resp.Body, maxValue))
	if err != nil {
		return nil, c.noAnswer(err)
	}
	return value, nil
}

// A listedKey is a key as a listing tells of it.
type listedKey struct {
	Name       string          `json:"name"`
	Expiration int64           `json:"expiration,omitempty"` // seconds since 1970
	Metadata   json.RawMessage `json:"metadata,omitempty"`
}

func newKeyList(connect func() (*client, error)) *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the keys of a namespace, in the order of their bytes",
		Example: "  hearsay kv key list --namespace notes --prefix 2026-\n  hearsay kv key list --namespace notes --output json",
		Args:    args(),
	}
	of := addTarget(cmd, connect)
	cmd.Flags().StringVar(&prefix, "prefix", "", "only keys that begin with this")
	asJSON := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, id, err := of.open(cmd.Context())
		if err != nil {
			return err
		}
		all, err := c.keys(cmd.Context(), id, prefix)
		if err != nil {
			return fmt.Errorf("list keys: %w", err)
		}
		if asJSON() {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		for _, k := range all {
			expires := ""
			if k.Expiration != 0 {
				expires = "expires " + time.Unix(k.Expiration, 0).UTC().Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", k.Name, k.Metadata, expires)
		}
		return w.Flush()
	}
	return cmd
}

func (c *client) keys(ctx context.Context, id, prefix string) ([]listedKey, error) {
	all := []listedKey{}
	for cursor := ""; ; {
		query := url.Values{"prefix": {prefix}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		var page []listedKey
		env, err := c.call(ctx, request{method: http.MethodGet, path: []string{id, "keys"}, query: query}, &page)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if cursor = env.Info.Cursor; cursor == "" {
			return all, nil
		}
	}
}

func newKeyDelete(connect func() (*client, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete KEY",
		Short:   "Delete a key; one that is not there is as good as deleted",
		Example: "  hearsay kv key delete hello --namespace notes",
		Args:    args("KEY"),
	}
	from := addTarget(cmd, connect)
	requestID := addRequestID(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, id, err := from.open(cmd.Context())
		if err != nil {
			return err
		}
		if _, err := c.call(cmd.Context(), request{method: http.MethodDelete, path: []string{id, "values", args[0]}, id: *requestID}, nil); err != nil {
			return fmt.Errorf("delete %q: %w", args[0], err)
		}
		return nil
	}
	return cmd
}
