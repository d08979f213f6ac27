// Package kv is the rules of Workers KV over one front of a replica: limits and
// the words of their refusals, expiration, listing, bulk reads, namespaces.
//
// It decides and touches nothing. A read is answered from the View; a write is
// checked and handed back as node.Write for the caller to have accepted. The
// front ends differ in how they carry a request, never in what it means.
package kv

import (
	"unicode/utf8"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/store"
)

// Limits of Workers KV. Lengths are in bytes.
const (
	MaxKey      = store.MaxName
	MaxMetadata = node.MaxMetadata
	MaxValue    = node.MaxValue
	// MinTTL is how far ahead an expiration must be, in seconds.
	MinTTL = 60
	// MinCacheTTL is the least cache TTL of a read, in seconds.
	MinCacheTTL = 30
	// MaxList is the most keys of one page, and the number when none is asked.
	MaxList = 1000
	// MaxBulkKeys is the most keys of one bulk read, and MaxBulkBytes the most
	// bytes of their values.
	MaxBulkKeys  = 100
	MaxBulkBytes = 25 << 20
)

// A View is one look at a replica. It may be used from any goroutine, until it
// is closed. Take the reading before the front.
type View struct {
	Now   clock.Reading
	Front *node.Front
	// Cluster is the cluster's id, which the ids of namespaces are made from.
	Cluster string
	// Staging is where large values lie.
	Staging store.Staging
	// Release is called by Close, to let the front go; nil is allowed.
	Release func()

	witness *node.Witness
}

// Watch has v note what is read through it from now on, by a client that had
// seen seen before.
func (v *View) Watch(seen store.Bookmark) {
	v.witness = &node.Witness{Snapshot: v.Front.Entries, Seen: seen}
	f := *v.Front
	f.Entries = v.witness
	v.Front = &f
}

// Seen returns what the client has seen that v watches, its reads through v
// included. What is everywhere goes without saying.
func (v *View) Seen() store.Bookmark { return v.Front.Shorten(v.witness.Seen) }

// Close releases the front. It is called once.
func (v *View) Close() {
	if v.Release != nil {
		v.Release()
	}
}

// Get returns the live entry of key in the namespace with the id ns. For an
// absent key it is store.ErrNotFound, for an illegal one an *Error.
func (v *View) Get(ns, key string) (*store.Entry, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	return node.Read(v.Now, v.Front, store.Key{Namespace: ns, Name: key})
}

// Wall is the time, nanoseconds since the Unix epoch, that expirations are judged by and counted from: the node's
// clock, which for this never runs back.
func (v *View) Wall() int64 { return max(v.Now.Wall, v.Front.Wall) }

func checkKey(key string) error {
	switch {
	case !utf8.ValidString(key):
		return refuse(400, CodeInvalid, "Could not URL-decode key name")
	case key == "":
		return refuse(400, CodeInvalid, "Key names must not be empty")
	case key == "." || key == "..":
		return refuse(400, CodeInvalid, `Illegal key name "%s". Please use a different name.`, key)
	}
	return checkKeyLength(key)
}

func checkKeyLength(key string) error {
	if len(key) > MaxKey {
		return refuse(414, CodeInvalid, "UTF-8 encoded length of %d exceeds key length limit of %d.", len(key), MaxKey)
	}
	return nil
}
