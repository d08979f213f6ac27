package main

import (
	"bytes"
	"os"

	"github.com/spf13/cobra"
)

// The bounds of a cluster's secret, in bytes.
const (
	minClusterKey = 16
	maxClusterKey = 1 << 10
)

// addClusterKey adds the flag that names the file with the cluster's secret to
// cmd.
func addClusterKey(cmd *cobra.Command) *string {
	return cmd.Flags().String("cluster-key", "", "file with the cluster's secret, the same for every node, which signs bookmarks (default none: whoever reaches a client port can forge one)")
}

// readClusterKey returns the secret in the file at path, nil if there is none.
// White space at its end does not count.
func readClusterKey(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError("--cluster-key: %w", err)
	}
	key = bytes.TrimRight(key, " \t\r\n")
	if len(key) < minClusterKey || len(key) > maxClusterKey {
		return nil, usageError("--cluster-key: %s holds %d bytes, want %d to %d; 'openssl rand -base64 32' makes some", path, len(key), minClusterKey, maxClusterKey)
	}
	return key, nil
}
