package main

import (
	"time"

	"github.com/spf13/cobra"
)

// The values of --sync.
const (
	syncAlways   = "always"
	syncInterval = "interval"
)

// addSync adds --sync and --sync-every to cmd and returns what they come to, as
// node.Config.SyncEvery.
func addSync(cmd *cobra.Command) func() (time.Duration, error) {
	mode := cmd.Flags().String("sync", syncAlways, "when writes are synced to the disk: always, before they are acknowledged; interval, also later if they are acknowledged local, which a crash may then lose")
	every := cmd.Flags().Duration("sync-every", 100*time.Millisecond, "how much later with --sync=interval, at most")
	return func() (time.Duration, error) {
		switch *mode {
		case syncAlways:
			return 0, nil
		case syncInterval:
			if *every <= 0 {
				return 0, usageError("--sync-every %v; want more than 0", *every)
			}
			return *every, nil
		}
		return 0, usageError("--sync %q; want %s or %s", *mode, syncAlways, syncInterval)
	}
}
