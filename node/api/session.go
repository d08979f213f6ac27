package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"hearsay/node"
	"hearsay/node/bookmark"
	"hearsay/node/kv"
	"hearsay/store"
)

// headerBookmark carries what a client has seen, from each answer to its next
// request, at whatever node.
const headerBookmark = "Hearsay-Bookmark"

// Saw has the answer to a read give its client a bookmark of what it has seen by
// now: v, which Look returned, and what was read through it.
func Saw(h http.Header, b Backend, v *kv.View) { give(h, b, v.Seen()) }

// Wrote has the answer to writes give their client, who had seen seen, a bookmark
// of what it has seen by now.
func Wrote(h http.Header, b Backend, seen store.Bookmark, replies ...node.Reply) {
	for _, r := range replies {
		seen = seen.Note(r.Version, r.Seq)
	}
	give(h, b, seen)
}

func give(h http.Header, b Backend, seen store.Bookmark) {
	if !seen.IsZero() {
		h.Set(headerBookmark, b.Bookmarks().Seal(seen))
	}
}

// seenBy returns what the client of a request says that it has seen.
func seenBy(h http.Header, key bookmark.Key) (store.Bookmark, error) {
	values := h.Values(headerBookmark)
	if len(values) == 0 {
		return store.Bookmark{}, nil
	}
	b, err := key.Open(strings.Join(values, ", "))
	if err != nil {
		return b, invalid("Invalid %s: %v. Leave it out to begin anew.", headerBookmark, err)
	}
	return b, nil
}

// unserved says why a bookmark was not served, after a wait.
func unserved(err error, wait time.Duration) *kv.Error {
	switch {
	case errors.Is(err, node.ErrLost):
		return &kv.Error{Status: 412, Code: kv.CodeInvalid, Reason: "The bookmark is lost: it names a write that is gone with the node that took it. Please begin anew, without " + headerBookmark + "."}
	case errors.Is(err, node.ErrAhead):
		return &kv.Error{Status: 503, Code: codeInternal, Reason: "The bookmark is ahead of this node's clock by more than the maximum skew. Please try again, or ask another node."}
	}
	return &kv.Error{Status: 503, Code: codeInternal, Reason: fmt.Sprintf(
		"The node does not hold yet all that the bookmark names; it waited %v for it. Please try again, ask another node, or allow a longer %s.", wait, headerWait)}
}
