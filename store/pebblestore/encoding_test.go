package pebblestore

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hearsay/clock"
	"hearsay/store"
)

// texts are built of the bytes that the encoding of text treats apart.
var texts = rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 2, 'a', 0xff}), 0, 5, -1)

func TestKeysSortAsWhatTheyName(t *testing.T) {
	keys := rapid.Custom(func(t *rapid.T) store.Key {
		return store.Key{Namespace: texts.Draw(t, "namespace"), Name: texts.Draw(t, "name")}
	})
	rapid.Check(t, func(t *rapid.T) {
		k, l := keys.Draw(t, "k"), keys.Draw(t, "l")
		if got, want := bytes.Compare(entryKey(k), entryKey(l)), k.Compare(l); got != want {
			t.Fatalf("%q and %q encode as %x and %x, which compare as %d, want %d", k, l, entryKey(k), entryKey(l), got, want)
		}
		if got, err := parseEntryKey(entryKey(k)); err != nil || got != k {
			t.Fatalf("parseEntryKey(entryKey(%q)) = %q, %v", k, got, err)
		}
	})
}

func TestRowsSortByOriginThenSeq(t *testing.T) {
	origins := rapid.Custom(func(t *rapid.T) store.Origin {
		return store.Origin{Node: store.NodeID(texts.Draw(t, "node")), Incarnation: store.Incarnation{
			Start: clock.Timestamp{Wall: rapid.Int64Range(0, 1<<63-1).Draw(t, "wall"), Logical: rapid.Uint32().Draw(t, "logical")},
			Nonce: rapid.Uint32().Draw(t, "nonce"),
		}}
	})
	rapid.Check(t, func(t *rapid.T) {
		o, p := origins.Draw(t, "o"), origins.Draw(t, "p")
		m, n := rapid.Uint64().Draw(t, "m"), rapid.Uint64().Draw(t, "n")
		want := o.Compare(p)
		if got := bytes.Compare(watermarkKey(o), watermarkKey(p)); got != want {
			t.Fatalf("watermarks of %v and %v compare as %d, want %d", o, p, got, want)
		}
		if want == 0 {
			want = bytes.Compare([]byte{byte(m >> 56)}, []byte{byte(n >> 56)})
		}
		if got := bytes.Compare(rowKey(o, m), rowKey(p, n)); want != 0 && got != want {
			t.Fatalf("rows %v/%d and %v/%d compare as %d, want %d", o, m, p, n, got, want)
		}
		if got, err := parseOriginKey(kindWatermark, watermarkKey(o)); err != nil || got != o {
			t.Fatalf("parseOriginKey(watermarkKey(%v)) = %v, %v", o, got, err)
		}
	})
}

// known has n versions.
func known(n int) store.Known {
	return store.Known{Through: clock.Timestamp{Wall: 1}, Versions: slices.Repeat([]store.Version{{Origin: store.Origin{Node: "n"}}}, n)}
}

// seen has n marks.
func seen(n int) store.Bookmark {
	return store.Bookmark{Through: clock.Timestamp{Wall: 1}, Marks: slices.Repeat([]store.Seen{{Mark: store.Mark{Origin: store.Origin{Node: "n"}, Seq: 300}}}, n)}
}

func TestParseRefuses(t *testing.T) {
	whole := appendEntry(nil, &store.Entry{
		Metadata: []byte("{}"), Expires: 1, Seq: 1 << 40, Request: "r", Known: known(store.MaxKnown), Seen: seen(store.MaxMarks),
		Version: store.Version{Timestamp: clock.Timestamp{Wall: 1 << 40}, Origin: store.Origin{Node: "fra"}},
	})
	if _, err := parseEntry(store.Key{}, whole); err != nil {
		t.Fatalf("parseEntry of a whole record = %v", err)
	}
	for n := range whole {
		if e, err := parseEntry(store.Key{}, whole[:n]); err == nil {
			t.Errorf("parseEntry of the first %d of %d bytes = %v, want an error", n, len(whole), e)
		}
	}
	entries := map[string][]byte{
		"unknown format":             append([]byte{recordFormat + 1}, whole[1:]...),
		"unknown flag":               append([]byte{recordFormat, 0x80}, whole[2:]...),
		"too much known":             appendEntry(nil, &store.Entry{Known: known(store.MaxKnown + 1)}),
		"too much seen":              appendEntry(nil, &store.Entry{Seen: seen(store.MaxMarks + 1)}),
		"tombstone with a value":     {recordFormat, flagTombstone, 1, 0, 0, 1, 0, 0, 1, 'v'},
		"wall past its bound":        {recordFormat, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0, 0, 1, 0, 0, 1},
		"logical past its bound":     {recordFormat, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 1, 0, 0, 1},
		"length past the end":        {recordFormat, 0, 1, 0, 9, 'a'},
		"length past all memory":     {recordFormat, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"number that never ends":     bytes.Repeat([]byte{0xff}, 12),
		"number with too many bytes": append([]byte{recordFormat, 0}, bytes.Repeat([]byte{0xff}, 12)...),
	}
	for name, b := range entries {
		if e, err := parseEntry(store.Key{}, b); err == nil {
			t.Errorf("%s: parseEntry = %v, want an error", name, e)
		}
	}
	if _, err := parseWatermark([]byte{recordFormat, 1, 1}); err == nil {
		t.Error("parseWatermark with a byte too many = nil, want an error")
	}
	if _, err := parseNewest([]byte{recordFormat, 1}); err == nil {
		t.Error("parseNewest without a logical part = nil, want an error")
	}
	for _, k := range []string{"", "x", "e", "e\x00", "ea\x00", "ea\x00\x02", "ea\x00\xff"} {
		if got, err := parseEntryKey([]byte(k)); err == nil {
			t.Errorf("parseEntryKey(%q) = %q, want an error", k, got)
		}
	}
	for _, k := range []string{"", "x", "w", "wa\x00\x01", "wa\x00\x01123456781234123"} {
		if got, err := parseOriginKey(kindWatermark, []byte(k)); err == nil {
			t.Errorf("parseOriginKey(kindWatermark, %q) = %v, want an error", k, got)
		}
	}
}

// What parses must encode to something that parses to the same: bytes that a
// disk made up are refused or are an entry like any other.
func FuzzParse(f *testing.F) {
	f.Add(appendEntry(nil, &store.Entry{Value: []byte("v"), Metadata: []byte("{}"), Expires: -1, Seq: 1}))
	f.Add(appendEntry(nil, &store.Entry{Tombstone: true, Seq: 1 << 63}))
	f.Add(appendEntry(nil, &store.Entry{Seq: 1, Request: "r", Known: known(2), Seen: seen(2), Value: []byte("v")}))
	f.Add(appendRow(nil, store.Row{Seq: 1, Key: store.Key{Namespace: "ns", Name: "a"}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := parseEntry(store.Key{}, b); err == nil {
			again, err := parseEntry(store.Key{}, appendEntry(nil, e))
			if err != nil || !reflect.DeepEqual(again, e) {
				t.Errorf("entry of %x: %+v, encoded and parsed: %+v, %v", b, e, again, err)
			}
		}
		if r, err := parseRow(1, b); err == nil {
			if again, err := parseRow(1, appendRow(nil, r)); err != nil || again != r {
				t.Errorf("row of %x: %+v, encoded and parsed: %+v, %v", b, r, again, err)
			}
		}
		if k, err := parseEntryKey(b); err == nil && !bytes.Equal(entryKey(k), b) {
			t.Errorf("key %x parses as %q, which encodes as %x", b, k, entryKey(k))
		}
		if o, err := parseOriginKey(kindWatermark, b); err == nil && !bytes.Equal(watermarkKey(o), b) {
			t.Errorf("key %x parses as %v, which encodes as %x", b, o, watermarkKey(o))
		}
	})
}
