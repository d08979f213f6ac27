// Package api is what the HTTP front ends of a node share: the node as they see
// it, the bound on request bodies in memory, refusals, and the headers that say
// which node answered and with which version.
package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"hearsay/node"
	"hearsay/node/bookmark"
	"hearsay/node/kv"
	"hearsay/store"
)

var (
	// ErrOverloaded is returned for work that found no room in time. Nothing was
	// changed; it may be tried again.
	ErrOverloaded = errors.New("api: the node is overloaded")
	// ErrStopped is returned by a node that is stopping. A write may or may not
	// have been accepted.
	ErrStopped = errors.New("api: the node is stopping")
)

// A Backend is a node. Its methods may be called from any goroutine.
type Backend interface {
	// View returns the latest front at the present reading. The caller closes it.
	View() *kv.View
	// Fresher returns a channel that is closed when views are fresher, or nil if
	// they never will be: the node has stopped. Take it before the view.
	Fresher() <-chan struct{}
	// Newer is Fresher for views that hold more, fresher or not.
	Newer() <-chan struct{}
	// Write has the node accept ws, in order, and waits until all are
	// acknowledged. It returns their replies in the same order. The node keeps
	// what ws point to, and whatever is returned owns the uploads that they name.
	Write(ctx context.Context, ws []node.Write) ([]node.Reply, error)
	Identity() Identity
	// Bookmarks returns the key that signs the cluster's bookmarks.
	Bookmarks() bookmark.Key
	// Staging is where the node keeps large values.
	Staging() Staging
}

// Identity says which node this is.
type Identity struct {
	Cluster string // id
	Node    store.NodeID
	Name    string // a label, unlike Node
	Region  string
}

// Response headers. A value is text without control characters.
const (
	headerRegion  = "Hearsay-Region"
	headerNode    = "Hearsay-Node"
	headerVersion = "Hearsay-Version"
)

// Identify has every answer of h name the node that gave it.
func Identify(id Identity, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(headerRegion, id.Region)
		w.Header().Set(headerNode, id.Name)
		h.ServeHTTP(w, r)
	})
}

// Versioned has the answer name the version that was read or written.
func Versioned(h http.Header, v store.Version) { h.Set(headerVersion, v.String()) }

// ClientPort joins the front ends, and breaks off bodies that come too slowly. It
// looks at the path as it
// was sent: http.ServeMux would answer keys with // or .. in them by redirects.
func ClientPort(rest, binding http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pace(w, r)
		switch {
		case forBinding(r):
			binding.ServeHTTP(w, r)
		case forREST(r):
			rest.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	})
}

// ForClientPort reports whether r is what a client port answers.
func ForClientPort(r *http.Request) bool { return forBinding(r) || forREST(r) }

func forBinding(r *http.Request) bool {
	return r.Header.Get(HeaderNamespace) != "" || strings.HasPrefix(r.URL.EscapedPath(), "/mf/")
}

func forREST(r *http.Request) bool { return strings.HasPrefix(r.URL.EscapedPath(), "/client/v4/") }

// HeaderNamespace is the request header that names a binding's namespace, by
// id or title.
const HeaderNamespace = "X-KV-Namespace"
