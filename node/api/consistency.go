package api

import (
	"net/http"
	"strings"

	"hearsay/node"
	"hearsay/node/kv"
)

const (
	headerConsistency = "Hearsay-Consistency" // of an answer: region, local or all of a write, region or stale of a read
	headerWrite       = "Hearsay-Write"       // of a request: region, local or all
	headerOnStale     = "Hearsay-On-Stale"    // of a request: flag or refuse
)

// AckOf returns how far the client of a request wants its write to be before the
// answer.
func AckOf(h http.Header) (node.Ack, error) {
	switch v := strings.Join(h.Values(headerWrite), ", "); v {
	case "", "region":
		return node.AckRegion, nil
	case "local":
		return node.AckLocal, nil
	case "all":
		return node.AckAll, nil
	default:
		return 0, invalid("Invalid %s of %s. It must be region, local or all.", headerWrite, v)
	}
}

// Written has the answer to writes say how far all of them are: in the region, on
// the disk of this node alone, or everywhere.
func Written(h http.Header, replies ...node.Reply) {
	least := node.AckAll
	for _, r := range replies {
		if farther(least, r.Ack) {
			least = r.Ack
		}
	}
	h.Set(headerConsistency, least.String())
}

// farther reports whether a write that is as far as a is farther than one as far
// as b.
func farther(a, b node.Ack) bool {
	far := [...]int{node.AckLocal: 0, node.AckRegion: 1, node.AckAll: 2}
	return far[a] > far[b]
}

// consistent has the answer to a read say whether v shows all that its region has
// acknowledged.
func consistent(h http.Header, v *kv.View) {
	if v.Front.Region(v.Now) {
		h.Set(headerConsistency, "region")
	} else {
		h.Set(headerConsistency, "stale")
	}
}

// refusesStale reports whether the client of a read would rather have none than
// one that is stale.
func refusesStale(h http.Header) (bool, error) {
	switch v := strings.Join(h.Values(headerOnStale), ", "); v {
	case "", "flag":
		return false, nil
	case "refuse":
		return true, nil
	default:
		return false, invalid("Invalid %s of %s. It must be flag or refuse.", headerOnStale, v)
	}
}
