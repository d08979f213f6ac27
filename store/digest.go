package store

import (
	"crypto/sha256"
	"encoding/binary"

	"hearsay/clock"
)

// This file is how two replicas tell whether they hold the same, without telling
// what they hold.

// Buckets is how many parts a replica's entries are compared in.
const Buckets = 1 << bucketBits

const bucketBits = 12

// A Bucket says what the entries are whose keys fall into it.
type Bucket struct {
	Count uint64
	// Sum adds up the entries' fingerprints, each half by itself and modulo 2⁶⁴: so
	// it follows what comes and goes, in any order.
	Sum Fingerprint
	// Newest is the greatest timestamp of any entry that was ever put in it.
	Newest clock.Timestamp
}

// A Fingerprint tells an entry's content from any other, or many entries'.
type Fingerprint [2]uint64

// Equal reports whether b and c are of the same entries.
func (b Bucket) Equal(c Bucket) bool { return b.Count == c.Count && b.Sum == c.Sum }

// Replace has new stand in the place of old. Each may be nil.
func (b *Bucket) Replace(old, new *Entry) {
	if old != nil {
		f := old.Fingerprint()
		b.Count--
		b.Sum[0] -= f[0]
		b.Sum[1] -= f[1]
	}
	if new != nil {
		f := new.Fingerprint()
		b.Count++
		b.Sum[0] += f[0]
		b.Sum[1] += f[1]
		b.Newest = later(b.Newest, new.Version.Timestamp)
	}
}

// Place returns where among all keys k lies for comparison. Its highest bits are
// its bucket.
func (k Key) Place() uint64 {
	h := fold(fold(14695981039346656037, k.Namespace), "\xff")
	h = fold(h, k.Name)
	// FNV-1a leaves the highest bits poor; the finalizer is splitmix64's.
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func fold(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// Bucket returns the number of k's bucket.
func (k Key) Bucket() int { return int(k.Place() >> (64 - bucketBits)) }

// Fingerprint returns the first half of the SHA-256 of all that e is.
func (e *Entry) Fingerprint() Fingerprint {
	b := make([]byte, 0, 512)
	b = appendField(b, e.Key.Namespace)
	b = appendField(b, e.Key.Name)
	b = appendVersion(b, e.Version)
	b = appendNumbers(b, e.Seq, uint64(e.Expires))
	b = appendField(b, e.Request)
	b = appendTimestamp(b, e.Known.Through)
	b = appendTimestamp(b, e.Known.Maybe)
	b = appendNumbers(b, uint64(len(e.Known.Versions)))
	for _, v := range e.Known.Versions {
		b = appendVersion(b, v)
	}
	b = appendTimestamp(b, e.Seen.Through)
	b = appendNumbers(b, uint64(len(e.Seen.Marks)))
	for _, s := range e.Seen.Marks {
		b = appendVersion(b, Version{s.Timestamp, s.Origin})
		b = appendNumbers(b, s.Seq)
	}
	b = appendField(b, string(e.Metadata))
	switch m := e.Manifest; {
	case e.Tombstone:
		b = append(b, 't')
	case m != nil:
		b = appendNumbers(append(b, 'm'), m.Upload.Life, m.Upload.Number, uint64(m.Size), uint64(m.ChunkBytes))
		for i := range m.Hashes {
			b = append(b, m.Hashes[i][:]...)
		}
	default:
		b = append(append(b, 'v'), e.Value...)
	}
	sum := sha256.Sum256(b)
	return Fingerprint{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])}
}

func appendField(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendNumbers(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func appendTimestamp(b []byte, t clock.Timestamp) []byte {
	return appendNumbers(b, uint64(t.Wall), uint64(t.Logical))
}

func appendVersion(b []byte, v Version) []byte {
	b = appendTimestamp(b, v.Timestamp)
	b = appendField(b, string(v.Origin.Node))
	b = appendTimestamp(b, v.Origin.Incarnation.Start)
	return appendNumbers(b, uint64(v.Origin.Incarnation.Nonce))
}
