package api

import (
	"net/http"
	"strings"

	"hearsay/store"
)

// headerRequest names a write, in a request, by an id of its client's own.
const headerRequest = "Hearsay-Request"

// RequestID returns the id that a client gave its write, empty for none. A retry
// under the same id writes nothing while the key still holds the first one's.
func RequestID(h http.Header) (string, error) {
	values := h.Values(headerRequest)
	if len(values) == 0 {
		return "", nil
	}
	id := strings.Join(values, ", ")
	if id == "" || len(id) > store.MaxRequest || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", invalid("Invalid %s. It must be 1 to %d characters of ASCII without spaces, such as a UUID.", headerRequest, store.MaxRequest)
	}
	return id, nil
}

// NoRequestID refuses an id where many writes would bear it.
func NoRequestID(h http.Header) error {
	if len(h.Values(headerRequest)) > 0 {
		return invalid("%s names one write, and this request may make many. Leave it out: to repeat a bulk write does no harm.", headerRequest)
	}
	return nil
}
