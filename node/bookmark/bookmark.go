// Package bookmark is bookmarks as clients carry them: text that is opaque to
// them, safe in a URL and in a header, and signed, so that no client can make
// others wait for writes that nobody made.
package bookmark

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"hearsay/clock"
	"hearsay/store"
)

// ErrInvalid is returned for text that no node of the cluster gave.
var ErrInvalid = errors.New("bookmark: not a bookmark of this cluster")

// A bookmark is in base64, before that: the version of the format, the timestamp
// that it is through, the floor, how many marks follow, the marks, and the signature.
// Numbers are varints; a mark is the node's id with its length, the incarnation's
// start and nonce, the number and the timestamp.
const (
	version   = 2
	signature = 16 // bytes; half of a SHA-256
)

// maxText bounds what is looked at, in bytes: a bookmark with the most marks of
// the longest names.
const maxText = (1 + 4*10 + store.MaxMarks*(1+store.MaxNodeID+6*10) + signature) * 4 / 3

// About what a bookmark takes, and each of its marks, in bytes.
const (
	headSize = 32 + signature
	markSize = 80
)

// A Key signs bookmarks. All nodes of a cluster have the same one.
type Key struct{ mac []byte }

// NewKey returns the key of a cluster with that id and secret. With an empty
// secret it tells the bookmarks of two clusters apart, and a broken one from a
// whole one, but anybody can make it.
func NewKey(cluster string, secret []byte) Key {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("hearsay bookmark\x00" + cluster))
	return Key{h.Sum(nil)}
}

// Seal returns the text of b.
func (k Key) Seal(b store.Bookmark) string {
	out := append(make([]byte, 0, headSize+len(b.Marks)*markSize), version)
	out = appendTimestamp(out, b.Through)
	out = appendTimestamp(out, b.Floor)
	out = binary.AppendUvarint(out, uint64(len(b.Marks)))
	for _, s := range b.Marks {
		out = binary.AppendUvarint(out, uint64(len(s.Origin.Node)))
		out = append(out, s.Origin.Node...)
		out = appendTimestamp(out, s.Origin.Incarnation.Start)
		out = binary.AppendUvarint(out, uint64(s.Origin.Incarnation.Nonce))
		out = binary.AppendUvarint(out, s.Seq)
		out = appendTimestamp(out, s.Timestamp)
	}
	return base64.RawURLEncoding.EncodeToString(k.sign(out, out))
}

// Open returns the bookmark that Seal made text of, or ErrInvalid.
func (k Key) Open(text string) (store.Bookmark, error) {
	if len(text) > maxText {
		return store.Bookmark{}, fmt.Errorf("%w: it has %d bytes, the most is %d", ErrInvalid, len(text), maxText)
	}
	in, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(in) < signature {
		return store.Bookmark{}, fmt.Errorf("%w: it is cut short, or changed", ErrInvalid)
	}
	body, given := in[:len(in)-signature], in[len(in)-signature:]
	if !hmac.Equal(given, k.sign(nil, body)) {
		return store.Bookmark{}, fmt.Errorf("%w: its signature is not by the cluster's key", ErrInvalid)
	}
	b, err := parse(body)
	if err != nil {
		return store.Bookmark{}, err
	}
	return b, nil
}

// sign appends the signature of body to dst.
func (k Key) sign(dst, body []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(body)
	return append(dst, h.Sum(nil)[:signature]...)
}

func appendTimestamp(b []byte, t clock.Timestamp) []byte {
	b = binary.AppendUvarint(b, uint64(t.Wall))
	return binary.AppendUvarint(b, uint64(t.Logical))
}

// A reader reads from the front of rest. Its first failure stays, and from then
// on it reads zeros.
type reader struct {
	rest   []byte
	failed bool
}

// parse reads what was signed. It is not trusted for that: the key may be one
// that anybody can make.
func parse(body []byte) (store.Bookmark, error) {
	r := reader{rest: body}
	if v := r.uint(math.MaxUint8); v != version {
		return store.Bookmark{}, fmt.Errorf("%w: it is of format %d, this node reads %d", ErrInvalid, v, version)
	}
	b := store.Bookmark{Through: r.timestamp(), Floor: r.timestamp()}
	for range r.uint(store.MaxMarks) {
		s := r.seen()
		if n := len(b.Marks); n > 0 && b.Marks[n-1].Origin.Compare(s.Origin) >= 0 {
			r.failed = true
		}
		b.Marks = append(b.Marks, s)
	}
	if r.failed || len(r.rest) > 0 {
		return store.Bookmark{}, fmt.Errorf("%w: it is malformed", ErrInvalid)
	}
	return b, nil
}

func (r *reader) seen() (s store.Seen) {
	n := int(r.uint(store.MaxNodeID))
	if n == 0 || n > len(r.rest) {
		r.failed = true
		return s
	}
	s.Origin.Node, r.rest = store.NodeID(r.rest[:n]), r.rest[n:]
	s.Origin.Incarnation.Start = r.timestamp()
	s.Origin.Incarnation.Nonce = uint32(r.uint(math.MaxUint32))
	s.Seq = r.uint(math.MaxUint64)
	s.Timestamp = r.timestamp()
	return s
}

func (r *reader) timestamp() clock.Timestamp {
	wall := int64(r.uint(math.MaxInt64))
	return clock.Timestamp{Wall: wall, Logical: uint32(r.uint(math.MaxUint32))}
}

func (r *reader) uint(most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if r.failed || n <= 0 || v > most {
		r.failed = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}
