package admin

import (
	"net/http"
	"time"

	"hearsay/store"
)

// A Why is what one node holds of a key, and how it came there, as
// /admin/v1/why shows it.
type Why struct {
	Node      store.NodeID `json:"node"`
	Name      string       `json:"name"`
	Region    string       `json:"region"`
	Namespace string       `json:"namespace"` // as it was asked for
	Key       string       `json:"key"`
	Holds     *Held        `json:"holds"` // null if nothing was ever heard of the key
}

// A Held is the entry of a key at one node.
type Held struct {
	Write Write `json:"write"`
	// State is live, deleted or expired; a node shows nothing of the latter two.
	State string `json:"state"`
	// Bytes is how long the value is, Begins what it begins with.
	Bytes   int64     `json:"bytes"`
	Begins  string    `json:"begins"`
	Expires time.Time `json:"expires,omitzero"`
	Request string    `json:"request,omitempty"`
	// Replaced are the earlier versions that the write's node knew, of each origin
	// the last one. Beside these it knew all that was stamped up to Through; if
	// Doubtful it may have known others.
	Replaced []Write `json:"replaced"`
	Through  string  `json:"replaced_through"` // a timestamp, empty for none
	Doubtful bool    `json:"replaced_doubtful"`
	// Path is how the write came here: WrittenHere, or fresh, relay or pull; empty
	// if that is forgotten: a node remembers the last arrivals of its present life.
	Path string `json:"path"`
	// Ahead says that it overtook earlier writes of its node.
	Ahead bool      `json:"ahead"`
	From  string    `json:"from,omitempty"`   // the node that sent it, by name
	At    time.Time `json:"arrived,omitzero"` // by this node's clock
}

// WrittenHere is the path of what the node itself wrote.
const WrittenHere = "written here"

func why(s Source) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		ns, key := q.Get("namespace"), q.Get("key")
		if ns == "" || key == "" {
			refuse(w, http.StatusBadRequest, "which key? Give ?namespace=ID-OR-TITLE&key=KEY")
			return
		}
		found, err := s.Why(ns, key)
		if err != nil {
			refuse(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		answer(w, http.StatusOK, found)
	}
}
