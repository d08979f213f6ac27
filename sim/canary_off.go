//go:build !canary

package sim

import "hearsay/gossip"

// stir does nothing, but with the build tag canary: see canary_on.go.
func stir([]gossip.Envelope) {}
