package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// adminTimeout bounds one call to an admin port.
	adminTimeout = 10 * time.Second
	// maxAdminAnswer bounds what is read of its answer, in bytes.
	maxAdminAnswer = 4 << 20
)

// addAdmin adds the flag that names an admin port to cmd and all below it.
func addAdmin(cmd *cobra.Command) *string {
	return cmd.PersistentFlags().String("admin", "http://127.0.0.1:8700", "admin port, or the page's port of 'hearsay dev'; where every node is asked, all of its nodes, or several ports with commas")
}

// askAdmin sends in to a path of an admin port and decodes the answer into out.
func askAdmin(ctx context.Context, admin, method, path string, in, out any) error {
	ctx, stop := context.WithTimeout(ctx, adminTimeout)
	defer stop()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(admin, "/")+path, bytes.NewReader(body))
	if err != nil {
		return usageError("--admin %q is not an address; want one like http://127.0.0.1:8700", admin)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return noAdmin(admin, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK && json.NewDecoder(io.LimitReader(resp.Body, maxAdminAnswer)).Decode(out) == nil {
		return nil
	}
	return refusal(admin, resp)
}

func noAdmin(admin string, err error) error {
	return &exitError{exitNoAnswer, fmt.Errorf(
		"no answer from %s: %w; start a cluster with 'hearsay dev', or name an admin port with --admin or HEARSAY_ADMIN", admin, cause(err))}
}

// refusal returns why an admin port did not do what it was asked.
func refusal(admin string, resp *http.Response) error {
	var why struct{ Error string }
	err := json.NewDecoder(io.LimitReader(resp.Body, maxAdminAnswer)).Decode(&why)
	if resp.StatusCode == http.StatusOK || err != nil || why.Error == "" {
		return fmt.Errorf("%s answered %s but not as an admin port does; is it one?", admin, resp.Status)
	}
	return fmt.Errorf("%s refused: %s", admin, why.Error)
}
