package store

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"hearsay/clock"
)

// A NodeID names a node for its whole life, restarts included: random text of
// at most MaxNodeID bytes, kept in the node's data directory. A node that lost
// its disk comes back under a new one.
type NodeID string

// MaxNodeID is the longest NodeID, in bytes.
const MaxNodeID = 64

// An Incarnation is the part of a node's life that begins with its first write
// after a start. The nonce keeps apart two processes that began at one time on
// copies of one disk.
type Incarnation struct {
	Start clock.Timestamp // the timestamp of that first write
	Nonce uint32
}

// Compare orders incarnations by their start.
func (i Incarnation) Compare(j Incarnation) int {
	if c := i.Start.Compare(j.Start); c != 0 {
		return c
	}
	return cmp.Compare(i.Nonce, j.Nonce)
}

// An Origin is one incarnation of the node that accepted a write. Its writes
// are numbered 1, 2, 3 … without gaps, and since a restart begins a new origin,
// no crash, restored backup or copied disk can use a number twice.
type Origin struct {
	Node        NodeID
	Incarnation Incarnation
}

// Compare orders origins by node, then by incarnation.
func (o Origin) Compare(p Origin) int {
	if c := strings.Compare(string(o.Node), string(p.Node)); c != 0 {
		return c
	}
	return o.Incarnation.Compare(p.Incarnation)
}

func (o Origin) String() string {
	return fmt.Sprintf("%s/%v/%08x", o.Node, o.Incarnation.Start, o.Incarnation.Nonce)
}

// A Version orders all writes to a key: by timestamp, and by origin where two
// nodes wrote at one timestamp. Two different writes never share one.
type Version struct {
	Timestamp clock.Timestamp
	Origin    Origin
}

// Compare returns -1, 0 or +1 as v loses to, is, or wins over w.
func (v Version) Compare(w Version) int {
	if c := v.Timestamp.Compare(w.Timestamp); c != 0 {
		return c
	}
	return v.Origin.Compare(w.Origin)
}

func (v Version) String() string { return fmt.Sprintf("%v@%v", v.Timestamp, v.Origin) }

// A Key names an entry: a namespace's id and the name within it.
type Key struct {
	Namespace string
	Name      string
}

// Compare orders keys by namespace, then by name, both by their bytes.
func (k Key) Compare(l Key) int {
	if c := strings.Compare(k.Namespace, l.Namespace); c != 0 {
		return c
	}
	return strings.Compare(k.Name, l.Name)
}

func (k Key) String() string { return k.Namespace + "/" + k.Name }

// The longest parts of a key, in bytes. Workers KV allows names of 512.
const (
	MaxNamespace = 64
	MaxName      = 512
)

// MaxRequest is the longest Entry.Request, in bytes.
const MaxRequest = 64

// An Entry is the outcome of one write: value, metadata, expiration and
// deletion are one unit under last writer wins. Entries are never changed, only
// superseded, so they are shared by pointer.
type Entry struct {
	Key   Key
	Value []byte // nil in a tombstone, and where there is a Manifest
	// Manifest stands for a value of more than MaxInline bytes; nil for none.
	Manifest *Manifest
	// Metadata is JSON text, nil for none.
	Metadata []byte
	// Expires is the absolute expiration in seconds since the Unix epoch, fixed
	// once by the origin; 0 is never. Expiry is judged at each read and is never
	// a write of its own.
	Expires   int64
	Tombstone bool
	Version   Version
	// Seq is the write's number at Version.Origin, from 1 without gaps.
	Seq uint64
	// Request is the client's own name for the write, at most MaxRequest bytes,
	// empty for none.
	Request string
	// Known is what the write's origin knew of the other versions of Key.
	Known Known
	// Seen is what the write's client had seen, by the bookmark that it presented.
	// Whoever reads the entry has thereby seen it too.
	Seen Bookmark
}

// Supersedes reports whether e wins over old. A nil old loses to anything.
func (e *Entry) Supersedes(old *Entry) bool {
	return old == nil || e.Version.Compare(old.Version) > 0
}

// Live reports whether e is there for a reader whose clock shows wall,
// nanoseconds since the Unix epoch: neither deleted nor expired.
func (e *Entry) Live(wall int64) bool {
	if e.Tombstone {
		return false
	}
	return e.Expires == 0 || e.Expires > wall/int64(time.Second)
}

// ValueSize returns how many bytes the value has, wherever it lies.
func (e *Entry) ValueSize() int64 {
	if e.Manifest != nil {
		return e.Manifest.Size
	}
	return int64(len(e.Value))
}

const (
	// entryOverhead is about what an entry's version, number and lengths take.
	entryOverhead = 64
	// knownOverhead and seenOverhead are about what a known version and a seen mark
	// take beside their node's name.
	knownOverhead = 32
	seenOverhead  = 40
	// manifestOverhead is about what a manifest takes beside its hashes.
	manifestOverhead = 32
)

// Size returns the bytes that e counts for against a budget. A large value's own
// are not among them.
func (e *Entry) Size() int {
	n := entryOverhead + len(e.Key.Namespace) + len(e.Key.Name) + len(e.Value) + len(e.Metadata) + len(e.Version.Origin.Node) + len(e.Request)
	for _, v := range e.Known.Versions {
		n += knownOverhead + len(v.Origin.Node)
	}
	if e.Manifest != nil {
		n += manifestOverhead + len(e.Manifest.Hashes)*len(Hash{})
	}
	for _, s := range e.Seen.Marks {
		n += seenOverhead + len(s.Origin.Node)
	}
	return n
}
