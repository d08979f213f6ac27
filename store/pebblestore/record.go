package pebblestore

import (
	"encoding/binary"
	"fmt"
	"math"

	"hearsay/clock"
	"hearsay/store"
)

// A record is what a key holds. It begins with its format, so that a later
// release can tell an old one from its own. Numbers are varints; text and bytes
// carry their length, but for the last one.
//
//	entry      format flags version seq [expires] [request] [known] [seen] [metadata] value or manifest
//	manifest   life number size chunk-bytes hash…
//	version    timestamp node start nonce
//	known      through maybe count version…
//	seen       through count [seq version]…
//	row        format timestamp namespace name
//	watermark  format seq
//	newest     format timestamp
//	upload     format
const recordFormat = 1

const (
	flagTombstone = 1 << iota
	flagExpires
	flagMetadata
	flagRequest
	flagKnown
	flagManifest
	flagSeen
	allFlags = flagTombstone | flagExpires | flagMetadata | flagRequest | flagKnown | flagManifest | flagSeen
)

func appendEntry(b []byte, e *store.Entry) []byte {
	var flags byte
	if e.Tombstone {
		flags |= flagTombstone
	}
	if e.Expires != 0 {
		flags |= flagExpires
	}
	if e.Metadata != nil {
		flags |= flagMetadata
	}
	if e.Request != "" {
		flags |= flagRequest
	}
	if !e.Known.IsZero() {
		flags |= flagKnown
	}
	if e.Manifest != nil {
		flags |= flagManifest
	}
	if !e.Seen.IsZero() {
		flags |= flagSeen
	}
	b = append(b, recordFormat, flags)
	b = appendVersion(b, e.Version)
	b = binary.AppendUvarint(b, e.Seq)
	if e.Expires != 0 {
		b = binary.AppendVarint(b, e.Expires)
	}
	if e.Request != "" {
		b = appendBytes(b, e.Request)
	}
	if !e.Known.IsZero() {
		b = appendKnown(b, e.Known)
	}
	if !e.Seen.IsZero() {
		b = appendSeen(b, e.Seen)
	}
	if e.Metadata != nil {
		b = appendBytes(b, string(e.Metadata))
	}
	if e.Manifest != nil {
		return appendManifest(b, e.Manifest)
	}
	return append(b, e.Value...)
}

// parseEntry keeps nothing of b.
func parseEntry(key store.Key, b []byte) (*store.Entry, error) {
	r := record{rest: b}
	r.format()
	flags := r.byte()
	if flags&^allFlags != 0 {
		r.fail()
	}
	e := &store.Entry{Key: key, Tombstone: flags&flagTombstone != 0}
	e.Version = r.version()
	e.Seq = r.uvarint()
	if flags&flagExpires != 0 {
		e.Expires = r.varint()
	}
	if flags&flagRequest != 0 {
		e.Request = string(r.bytes())
	}
	if flags&flagKnown != 0 {
		e.Known = r.known()
	}
	if flags&flagSeen != 0 {
		e.Seen = r.seen()
	}
	var metadata []byte
	if flags&flagMetadata != 0 {
		metadata = r.bytes()
	}
	if flags&flagManifest != 0 {
		e.Manifest = r.manifest()
	}
	if (e.Tombstone || e.Manifest != nil) && len(r.rest) > 0 || e.Tombstone && e.Manifest != nil {
		r.fail()
	}
	if r.err != nil {
		return nil, fmt.Errorf("entry %v: %w", key, r.err)
	}
	// One piece of memory for both, cut so that neither can grow into the other.
	own := append(make([]byte, 0, len(metadata)+len(r.rest)), metadata...)
	own = append(own, r.rest...)
	if flags&flagMetadata != 0 {
		e.Metadata = own[:len(metadata):len(metadata)]
	}
	if !e.Tombstone && e.Manifest == nil {
		e.Value = own[len(metadata):]
	}
	return e, nil
}

func appendManifest(b []byte, m *store.Manifest) []byte {
	for _, n := range []uint64{m.Upload.Life, m.Upload.Number, uint64(m.Size), uint64(m.ChunkBytes)} {
		b = binary.AppendUvarint(b, n)
	}
	for i := range m.Hashes {
		b = append(b, m.Hashes[i][:]...)
	}
	return b
}

func appendKnown(b []byte, k store.Known) []byte {
	b = appendTimestamp(appendTimestamp(b, k.Through), k.Maybe)
	b = binary.AppendUvarint(b, uint64(len(k.Versions)))
	for _, v := range k.Versions {
		b = appendVersion(b, v)
	}
	return b
}

func appendSeen(b []byte, k store.Bookmark) []byte {
	b = appendTimestamp(b, k.Through)
	b = binary.AppendUvarint(b, uint64(len(k.Marks)))
	for _, s := range k.Marks {
		b = binary.AppendUvarint(b, s.Seq)
		b = appendVersion(b, store.Version{Timestamp: s.Timestamp, Origin: s.Origin})
	}
	return b
}

func appendVersion(b []byte, v store.Version) []byte {
	b = appendTimestamp(b, v.Timestamp)
	b = appendBytes(b, string(v.Origin.Node))
	b = appendTimestamp(b, v.Origin.Incarnation.Start)
	return binary.AppendUvarint(b, uint64(v.Origin.Incarnation.Nonce))
}

func appendRow(b []byte, row store.Row) []byte {
	b = appendTimestamp(append(b, recordFormat), row.Timestamp)
	b = appendBytes(b, row.Key.Namespace)
	return append(b, row.Key.Name...)
}

func parseRow(seq uint64, b []byte) (store.Row, error) {
	r := record{rest: b}
	r.format()
	row := store.Row{Seq: seq, Timestamp: r.timestamp()}
	row.Key.Namespace = string(r.bytes())
	if r.err != nil {
		return store.Row{}, fmt.Errorf("row %d: %w", seq, r.err)
	}
	row.Key.Name = string(r.rest)
	return row, nil
}

func watermarkRecord(seq uint64) []byte {
	return binary.AppendUvarint([]byte{recordFormat}, seq)
}

func parseWatermark(b []byte) (uint64, error) {
	r := record{rest: b}
	r.format()
	seq := r.uvarint()
	r.end()
	return seq, r.err
}

func newestRecord(t clock.Timestamp) []byte { return appendTimestamp([]byte{recordFormat}, t) }

func parseNewest(b []byte) (clock.Timestamp, error) {
	r := record{rest: b}
	r.format()
	t := r.timestamp()
	r.end()
	return t, r.err
}

func appendTimestamp(b []byte, t clock.Timestamp) []byte {
	b = binary.AppendUvarint(b, uint64(t.Wall))
	return binary.AppendUvarint(b, uint64(t.Logical))
}

func appendBytes(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// A record reads from the front of rest until the first error, after which it
// gives zeros.
type record struct {
	rest []byte
	err  error
}

func (r *record) fail() {
	if r.err == nil {
		r.err = errCorrupt
	}
	r.rest = nil
}

func (r *record) end() {
	if len(r.rest) > 0 {
		r.fail()
	}
}

func (r *record) format() {
	if f := r.byte(); r.err == nil && f != recordFormat {
		r.err = fmt.Errorf("pebblestore: format %d is not known to this release; use the one that wrote it or a later one", f)
		r.rest = nil
	}
}

func (r *record) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

func (r *record) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *record) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *record) uint32() uint32 {
	v := r.uvarint()
	if v > math.MaxUint32 {
		r.fail()
		return 0
	}
	return uint32(v)
}

func (r *record) timestamp() clock.Timestamp {
	wall := r.uvarint()
	if wall > math.MaxInt64 {
		r.fail()
	}
	return clock.Timestamp{Wall: int64(wall), Logical: r.uint32()}
}

func (r *record) version() store.Version {
	return store.Version{Timestamp: r.timestamp(), Origin: store.Origin{
		Node:        store.NodeID(r.bytes()),
		Incarnation: store.Incarnation{Start: r.timestamp(), Nonce: r.uint32()},
	}}
}

func (r *record) known() store.Known {
	k := store.Known{Through: r.timestamp(), Maybe: r.timestamp()}
	n := r.uvarint()
	if n > store.MaxKnown {
		r.fail()
		return store.Known{}
	}
	for range n {
		k.Versions = append(k.Versions, r.version())
	}
	return k
}

// manifest reads to the end.
func (r *record) manifest() *store.Manifest {
	m := &store.Manifest{Upload: store.Upload{Life: r.uvarint(), Number: r.uvarint()}}
	size, chunk := r.uvarint(), r.uvarint()
	if size > store.MaxValue || chunk > store.MaxChunk {
		r.fail()
		return m
	}
	m.Size, m.ChunkBytes = int64(size), int64(chunk)
	for len(r.rest) >= len(store.Hash{}) && len(m.Hashes) < store.MaxChunks {
		m.Hashes = append(m.Hashes, store.Hash(r.rest[:len(store.Hash{})]))
		r.rest = r.rest[len(store.Hash{}):]
	}
	if m.Validate() != nil {
		r.fail()
	}
	return m
}

func (r *record) seen() store.Bookmark {
	b := store.Bookmark{Through: r.timestamp()}
	n := r.uvarint()
	if n > store.MaxMarks {
		r.fail()
		return store.Bookmark{}
	}
	for range n {
		seq, v := r.uvarint(), r.version()
		b.Marks = append(b.Marks, store.Seen{Mark: store.Mark{Origin: v.Origin, Seq: seq}, Timestamp: v.Timestamp})
	}
	return b
}

// bytes returns a part of what is read from.
func (r *record) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}
