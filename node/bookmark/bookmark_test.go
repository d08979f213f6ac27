package bookmark_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hearsay/clock"
	"hearsay/node/bookmark"
	"hearsay/store"
)

var key = bookmark.NewKey("c1", []byte("secret"))

var (
	timestamps = rapid.Custom(func(t *rapid.T) clock.Timestamp {
		return clock.Timestamp{Wall: rapid.Int64Min(0).Draw(t, "wall"), Logical: rapid.Uint32().Draw(t, "logical")}
	})
	bookmarks = rapid.Custom(func(t *rapid.T) store.Bookmark {
		b := store.Bookmark{Through: timestamps.Draw(t, "through"), Floor: timestamps.Draw(t, "floor")}
		nodes := rapid.SliceOfNDistinct(rapid.StringN(1, -1, store.MaxNodeID), 0, store.MaxMarks, rapid.ID).Draw(t, "nodes")
		slices.Sort(nodes)
		for _, n := range nodes {
			o := store.Origin{Node: store.NodeID(n), Incarnation: store.Incarnation{Start: timestamps.Draw(t, "start"), Nonce: rapid.Uint32().Draw(t, "nonce")}}
			b.Marks = append(b.Marks, store.Seen{Mark: store.Mark{Origin: o, Seq: rapid.Uint64().Draw(t, "seq")}, Timestamp: timestamps.Draw(t, "timestamp")})
		}
		return b
	})
)

// longest returns the bookmark with the longest text.
func longest() store.Bookmark {
	most := clock.Timestamp{Wall: math.MaxInt64, Logical: math.MaxUint32}
	b := store.Bookmark{Through: most, Floor: most}
	for i := range store.MaxMarks {
		o := store.Origin{Node: store.NodeID(fmt.Sprintf("%0*d", store.MaxNodeID, i)), Incarnation: store.Incarnation{Start: most, Nonce: math.MaxUint32}}
		b.Marks = append(b.Marks, store.Seen{Mark: store.Mark{Origin: o, Seq: math.MaxUint64}, Timestamp: most})
	}
	return b
}

func TestOpenIsTheInverseOfSeal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := bookmarks.Draw(t, "bookmark")
		text := key.Seal(b)
		if got, err := key.Open(text); err != nil || !got.Equal(b) {
			t.Fatalf("Open(Seal(%+v)) = %+v, %v", b, got, err)
		}
		if url.QueryEscape(text) != text {
			t.Fatalf("Seal(%+v) = %q, which a URL would escape", b, text)
		}
	})
	if got, err := key.Open(key.Seal(longest())); err != nil || !got.Equal(longest()) {
		t.Errorf("Open of the longest = %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	few := longest()
	few.Marks = few.Marks[:1]
	whole := key.Seal(few)
	many := store.Bookmark{}
	for i := range store.MaxMarks + 1 {
		many.Marks = append(many.Marks, store.Seen{Mark: store.Mark{Origin: store.Origin{Node: store.NodeID(fmt.Sprintf("%02d", i))}}})
	}
	tests := []struct{ name, text, want string }{
		{"nothing", "", "cut short"},
		{"other text", "hello, world", "cut short"},
		{"one cut short", whole[:len(whole)-2], "not a bookmark"},
		{"one of another cluster", bookmark.NewKey("c2", []byte("secret")).Seal(store.Bookmark{}), "signature"},
		{"one under another secret", bookmark.NewKey("c1", nil).Seal(store.Bookmark{}), "signature"},
		{"more than the longest", strings.Repeat("A", 8<<10), "the most is"},
		{"too many marks", key.Seal(many), "malformed"},
		{"marks out of order", key.Seal(store.Bookmark{Marks: []store.Seen{longest().Marks[1], longest().Marks[0]}}), "malformed"},
		{"a mark twice", key.Seal(store.Bookmark{Marks: []store.Seen{longest().Marks[1], longest().Marks[1]}}), "malformed"},
		{"a mark of no node", key.Seal(store.Bookmark{Marks: make([]store.Seen, 1)}), "malformed"},
		{"a time before 1970", key.Seal(store.Bookmark{Through: clock.Timestamp{Wall: -1}}), "malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := key.Open(tt.text); !errors.Is(err, bookmark.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open = %+v, %v, want ErrInvalid that says %q", b, err, tt.want)
			}
		})
	}
	in, err := base64.RawURLEncoding.DecodeString(whole)
	if err != nil {
		t.Fatal(err)
	}
	for i := range in {
		changed := slices.Clone(in)
		changed[i] ^= 1
		if b, err := key.Open(base64.RawURLEncoding.EncodeToString(changed)); err == nil {
			t.Errorf("Open with byte %d of %d changed = %+v, want an error", i, len(in), b)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(key.Seal(longest()))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if b, err := key.Open(text); err == nil && key.Seal(b) != text {
			t.Errorf("%q opens as %+v, which seals as %q", text, b, key.Seal(b))
		}
	})
}

// The bookmark of a client that has seen writes of five nodes.
func BenchmarkSeal(b *testing.B) {
	of := longest()
	of.Marks = of.Marks[:5]
	b.ReportAllocs()
	for b.Loop() {
		key.Seal(of)
	}
	b.ReportMetric(float64(len(key.Seal(of))), "bytes")
}

func BenchmarkOpen(b *testing.B) {
	of := longest()
	of.Marks = of.Marks[:5]
	text := key.Seal(of)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := key.Open(text); err != nil {
			b.Fatal(err)
		}
	}
}
