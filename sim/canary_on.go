//go:build canary

package sim

import "hearsay/gossip"

// stir orders envelopes as a map does: a bug of the kind that the comparison of
// two runs is there for, planted to prove that it is found.
func stir(envelopes []gossip.Envelope) {
	mixed := map[int]gossip.Envelope{}
	for i, e := range envelopes {
		mixed[i] = e
	}
	envelopes = envelopes[:0]
	for _, e := range mixed {
		envelopes = append(envelopes, e)
	}
}
