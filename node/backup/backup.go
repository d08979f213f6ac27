// Package backup writes all that a node shows at one moment to a stream, and brings
// such a stream into a cluster as new writes.
//
// Save writes, Restore reads. Between them lies the format: Writer and Reader work
// like those of archive/tar, an entry and then its value, and either knows nothing of
// nodes.
//
//	backup  magic header {entry {value}} footer
//	piece   kind, length of payload, payload, CRC-32C of all three before it
//
// Each of header, entry, value and footer is a piece. The header, an entry and the
// footer are JSON; a value is cut into pieces of bytes. The footer has the SHA-256 of
// all that comes before it, and ends the stream: so one that was cut off, even
// between two pieces, is told from a whole one.
package backup

import (
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// ErrDamaged is returned for what is no backup, or not the whole of one. It is
// wrapped in where and why.
var ErrDamaged = errors.New("not a whole backup")

const (
	// magic names the format. It ends in a line break, so that `head -1` shows it.
	magic       = magicPrefix + "1\n"
	magicPrefix = "hearsay backup "

	kindHeader = 'h'
	kindEntry  = 'e'
	kindValue  = 'v'
	kindFooter = 'f'

	prefixBytes = 1 + 4 // kind and length
	sumBytes    = 4

	// maxJSON bounds a header, an entry and a footer, maxValue a piece of a value.
	maxJSON  = 4 << 20
	maxValue = 256 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Header says what a backup is of.
type Header struct {
	Cluster string       `json:"cluster"` // id
	Node    store.NodeID `json:"node"`    // whose front it is
	Name    string       `json:"name"`
	Taken   time.Time    `json:"taken"` // by the node's clock
	// W is the timestamp up to which nothing is missing that any member of the
	// cluster ever wrote; zero if that was unknown.
	W clock.Timestamp `json:"w"`
	// Marks is up to where nothing is missing of each origin.
	Marks store.Watermarks `json:"marks"`
}

// An Entry is one key with the outcome of its last write, but for the value.
type Entry struct {
	Namespace string        `json:"namespace"` // id
	Name      []byte        `json:"name"`      // any bytes
	Metadata  []byte        `json:"metadata,omitempty"`
	Expires   int64         `json:"expires,omitempty"` // seconds since the Unix epoch, 0 for never
	Tombstone bool          `json:"tombstone,omitempty"`
	Version   store.Version `json:"version"`
	Seq       uint64        `json:"seq"`  // the write's number at its origin
	Size      int64         `json:"size"` // bytes of the value that follows
}

// Key returns what e is the entry of.
func (e *Entry) Key() store.Key { return store.Key{Namespace: e.Namespace, Name: string(e.Name)} }

func (e *Entry) validate() error {
	switch {
	case e.Namespace == "" || len(e.Namespace) > store.MaxNamespace:
		return fmt.Errorf("namespace of %d bytes, must have 1 to %d", len(e.Namespace), store.MaxNamespace)
	case len(e.Name) == 0 || len(e.Name) > store.MaxName:
		return fmt.Errorf("key of %d bytes, must have 1 to %d", len(e.Name), store.MaxName)
	case e.Size < 0 || e.Size > store.MaxValue:
		return fmt.Errorf("value of %d bytes, must have at most %d", e.Size, store.MaxValue)
	case e.Tombstone && e.Size > 0:
		return errors.New("a deleted key with a value")
	case e.Expires < 0:
		return fmt.Errorf("expiration %d is negative", e.Expires)
	}
	return nil
}

// Totals is what a backup holds.
type Totals struct {
	Entries    uint64 `json:"entries"` // with a value
	Tombstones uint64 `json:"tombstones"`
	Bytes      int64  `json:"bytes"` // of values
}

func (t *Totals) add(e *Entry) {
	if e.Tombstone {
		t.Tombstones++
		return
	}
	t.Entries++
	t.Bytes += e.Size
}

// A footer ends a backup.
type footer struct {
	Totals
	SHA256 []byte `json:"sha256"` // of all before it
}
