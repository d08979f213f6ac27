package store_test

import (
	"fmt"
	"testing"

	"hearsay/clock"
	"hearsay/store"
)

// Whatever differs in an entry differs in its fingerprint.
func TestFingerprintTellsEveryPart(t *testing.T) {
	o := store.Origin{Node: "n", Incarnation: store.Incarnation{Start: clock.Timestamp{Wall: 1}, Nonce: 2}}
	whole := func() *store.Entry {
		return &store.Entry{
			Key: store.Key{Namespace: "ns", Name: "k"}, Value: []byte("v"), Metadata: []byte("m"), Expires: 3, Request: "r", Seq: 4,
			Version: store.Version{Timestamp: clock.Timestamp{Wall: 5, Logical: 6}, Origin: o},
			Known:   store.Known{Through: clock.Timestamp{Wall: 7}, Maybe: clock.Timestamp{Wall: 8}, Versions: []store.Version{{Origin: o}}},
			Seen:    store.Bookmark{Through: clock.Timestamp{Wall: 9}, Marks: []store.Seen{{Mark: store.Mark{Origin: o, Seq: 1}}}},
		}
	}
	changes := map[string]func(e *store.Entry){
		"nothing":           func(*store.Entry) {},
		"namespace":         func(e *store.Entry) { e.Key.Namespace = "n" },
		"a letter moved":    func(e *store.Entry) { e.Key = store.Key{Namespace: "n", Name: "sk"} },
		"value":             func(e *store.Entry) { e.Value = []byte("w") },
		"value to metadata": func(e *store.Entry) { e.Value, e.Metadata = nil, []byte("mv") },
		"metadata":          func(e *store.Entry) { e.Metadata = nil },
		"expiration":        func(e *store.Entry) { e.Expires = 0 },
		"tombstone":         func(e *store.Entry) { e.Tombstone, e.Value = true, nil },
		"empty value":       func(e *store.Entry) { e.Value = nil },
		"request":           func(e *store.Entry) { e.Request = "" },
		"seq":               func(e *store.Entry) { e.Seq++ },
		"wall":              func(e *store.Entry) { e.Version.Timestamp.Wall++ },
		"logical":           func(e *store.Entry) { e.Version.Timestamp.Logical++ },
		"node":              func(e *store.Entry) { e.Version.Origin.Node = "m" },
		"nonce":             func(e *store.Entry) { e.Version.Origin.Incarnation.Nonce++ },
		"known through":     func(e *store.Entry) { e.Known.Through.Wall++ },
		"known maybe":       func(e *store.Entry) { e.Known.Maybe.Wall++ },
		"known versions":    func(e *store.Entry) { e.Known.Versions = nil },
		"seen through":      func(e *store.Entry) { e.Seen.Through.Wall++ },
		"seen mark":         func(e *store.Entry) { e.Seen.Marks[0].Seq++ },
		"manifest": func(e *store.Entry) {
			e.Value, e.Manifest = nil, &store.Manifest{Size: 1, ChunkBytes: 1, Hashes: make([]store.Hash, 1)}
		},
		"chunk": func(e *store.Entry) {
			e.Value, e.Manifest = nil, &store.Manifest{Size: 1, ChunkBytes: 1, Hashes: []store.Hash{{1}}}
		},
	}
	seen := map[store.Fingerprint]string{}
	for name, change := range changes {
		e := whole()
		change(e)
		f := e.Fingerprint()
		if other, has := seen[f]; has {
			t.Errorf("entries that differ in %q and %q have one fingerprint", name, other)
		}
		seen[f] = name
	}
	if e, same := whole(), whole(); e.Fingerprint() != same.Fingerprint() {
		t.Error("equal entries have two fingerprints")
	}
}

// Keys spread over the buckets.
func TestBucketsAreEven(t *testing.T) {
	counts := make([]int, store.Buckets)
	for i := range 100 * store.Buckets {
		k := store.Key{Namespace: "ns", Name: fmt.Sprint("user:", i)}
		counts[k.Bucket()]++
	}
	for i, n := range counts {
		if n < 50 || n > 160 {
			t.Errorf("bucket %d has %d of %d keys, want about 100", i, n, 100*store.Buckets)
		}
	}
}

func BenchmarkFingerprint(b *testing.B) {
	e := &store.Entry{Key: store.Key{Namespace: "0123456789abcdef", Name: "user:1234567890"}, Value: make([]byte, 256)}
	b.ReportAllocs()
	for b.Loop() {
		e.Fingerprint()
	}
}
