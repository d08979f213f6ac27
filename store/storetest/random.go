package storetest

import (
	"fmt"

	"pgregory.net/rapid"

	"hearsay/clock"
	"hearsay/store"
)

// Few keys, origins and numbers, so that they meet; among them the bytes that an
// encoding might trip over.
var (
	someNamespaces = rapid.SampledFrom([]string{"", "a", "a\x00", "a\x00\x01", "a\xff", "b"})
	someNames      = rapid.SampledFrom([]string{"", "\x00", "\x00\xff", "a", "a\x00", "a\x01", "b", "\xff"})
	someNodes      = rapid.SampledFrom([]store.NodeID{"", "a", "a\x00", "a\xff", "b"})

	someKeys = rapid.Custom(func(t *rapid.T) store.Key {
		return store.Key{Namespace: someNamespaces.Draw(t, "namespace"), Name: someNames.Draw(t, "name")}
	})
	someTimestamps = rapid.Custom(func(t *rapid.T) clock.Timestamp {
		return clock.Timestamp{Wall: rapid.Int64Range(0, 1<<63-1).Draw(t, "wall"), Logical: rapid.Uint32().Draw(t, "logical")}
	})
	someOrigins = rapid.Custom(func(t *rapid.T) store.Origin {
		return store.Origin{Node: someNodes.Draw(t, "node"), Incarnation: store.Incarnation{
			Start: clock.Timestamp{Wall: rapid.Int64Range(0, 2).Draw(t, "start")},
			Nonce: rapid.Uint32Range(0, 1).Draw(t, "nonce"),
		}}
	})
	someKnown = rapid.Custom(func(t *rapid.T) store.Known {
		k := store.Known{Through: someTimestamps.Draw(t, "through"), Maybe: someTimestamps.Draw(t, "maybe")}
		for range rapid.IntRange(0, 3).Draw(t, "versions") {
			k.Versions = append(k.Versions, store.Version{Timestamp: someTimestamps.Draw(t, "timestamp"), Origin: someOrigins.Draw(t, "origin")})
		}
		return k
	})
	someManifests = rapid.Custom(func(t *rapid.T) *store.Manifest {
		m := &store.Manifest{
			Upload:     store.Upload{Life: rapid.Uint64().Draw(t, "life"), Number: rapid.Uint64().Draw(t, "number")},
			Size:       rapid.Int64Range(1, 40).Draw(t, "size"),
			ChunkBytes: rapid.Int64Range(1, 40).Draw(t, "chunk bytes"),
		}
		for i := range (m.Size + m.ChunkBytes - 1) / m.ChunkBytes {
			m.Hashes = append(m.Hashes, store.Hash{byte(i), rapid.Byte().Draw(t, "hash")})
		}
		return m
	})
	someBookmarks = rapid.Custom(func(t *rapid.T) store.Bookmark {
		b := store.Bookmark{Through: someTimestamps.Draw(t, "through")}
		for range rapid.IntRange(0, 3).Draw(t, "marks") {
			m := store.Mark{Origin: someOrigins.Draw(t, "origin"), Seq: rapid.Uint64().Draw(t, "seq")}
			b.Marks = append(b.Marks, store.Seen{Mark: m, Timestamp: someTimestamps.Draw(t, "timestamp")})
		}
		return b
	})
	someEntries = rapid.Custom(func(t *rapid.T) *store.Entry {
		e := &store.Entry{
			Key:     someKeys.Draw(t, "key"),
			Expires: rapid.Int64().Draw(t, "expires"),
			Version: store.Version{Timestamp: someTimestamps.Draw(t, "timestamp"), Origin: someOrigins.Draw(t, "origin")},
			Seq:     rapid.Uint64().Draw(t, "seq"),
			Request: rapid.StringN(0, 3, store.MaxRequest).Draw(t, "request"),
		}
		if rapid.Bool().Draw(t, "knows") {
			e.Known = someKnown.Draw(t, "known")
		}
		if rapid.Bool().Draw(t, "saw") {
			e.Seen = someBookmarks.Draw(t, "seen")
		}
		if rapid.Bool().Draw(t, "tombstone") {
			e.Tombstone = true
			return e
		}
		if rapid.IntRange(0, 3).Draw(t, "large") == 0 {
			e.Manifest = someManifests.Draw(t, "manifest")
		} else {
			e.Value = rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value")
		}
		if rapid.Bool().Draw(t, "metadata?") {
			e.Metadata = rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "metadata")
		}
		return e
	})
)

// rowOf returns the row that any store is told for seq of o: what an origin
// wrote does not change.
func rowOf(o store.Origin, seq uint64) store.Row {
	return store.Row{
		Seq:       seq,
		Key:       store.Key{Namespace: "ns", Name: fmt.Sprintf("%v/%d", o, seq)},
		Timestamp: clock.Timestamp{Wall: o.Incarnation.Start.Wall + int64(seq)},
	}
}

// A turn is what one batch does, drawn beforehand so that several stores can be
// told the same.
type turn struct {
	puts  []*store.Entry
	logs  []store.Mark // the numbers of rows
	marks []store.Mark
	sync  bool
}

// drawTurn draws a turn that keeps the rule of SetMark: logged holds the rows
// that the store was told of, and will hold those of the turn too.
func drawTurn(t *rapid.T, logged map[store.Mark]bool) turn {
	w := turn{
		puts: rapid.SliceOfN(someEntries, 0, 4).Draw(t, "puts"),
		sync: rapid.Bool().Draw(t, "sync"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "logs") {
		row := store.Mark{Origin: someOrigins.Draw(t, "origin"), Seq: rapid.Uint64Range(1, 6).Draw(t, "seq")}
		w.logs = append(w.logs, row)
		logged[row] = true
	}
	for _, l := range w.logs {
		var through uint64
		for logged[store.Mark{Origin: l.Origin, Seq: through + 1}] {
			through++
		}
		w.marks = append(w.marks, store.Mark{Origin: l.Origin, Seq: rapid.Uint64Range(0, through).Draw(t, "mark")})
	}
	return w
}

func (w turn) fill(b store.Batch) error {
	for _, e := range w.puts {
		if err := b.Put(e); err != nil {
			return err
		}
	}
	for _, l := range w.logs {
		if err := b.Log(l.Origin, rowOf(l.Origin, l.Seq)); err != nil {
			return err
		}
	}
	for _, m := range w.marks {
		if err := b.SetMark(m.Origin, m.Seq); err != nil {
			return err
		}
	}
	return nil
}
