package wire_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"hearsay/gossip/roster"
	"hearsay/gossip/view"
	"hearsay/gossip/wire"
)

// Frames that no encoder writes are built from trees: list is an array of any
// length, fields one of known fields, raw stands for bytes as they are.
type (
	list   []any
	fields []any
	raw    []byte
)

// pack returns a frame without its length prefix.
func pack(kind byte, body any) []byte {
	b := bytes.NewBuffer([]byte{wire.Version, kind})
	packValue(b, body)
	return b.Bytes()
}

func packValue(b *bytes.Buffer, v any) {
	enc := msgpack.NewEncoder(b)
	enc.UseCompactInts(true)
	elements := func(vs []any) {
		_ = enc.EncodeArrayLen(len(vs))
		for _, v := range vs {
			packValue(b, v)
		}
	}
	switch v := v.(type) {
	case list:
		elements(v)
	case fields:
		elements(v)
	case raw:
		b.Write(v)
	default:
		_ = enc.Encode(v)
	}
}

// with returns body with the value at path replaced.
func with(body any, value any, path ...int) any {
	if len(path) == 0 {
		return value
	}
	replace := func(vs []any) []any {
		vs = append([]any{}, vs...)
		vs[path[0]] = with(vs[path[0]], value, path[1:]...)
		return vs
	}
	switch body := body.(type) {
	case list:
		return list(replace(body))
	case fields:
		return fields(replace(body))
	}
	panic(fmt.Sprintf("no element %v in %v", path, body))
}

// extended returns body with more at the end of each array of known fields.
func extended(body any, more ...any) any {
	each := func(vs []any) []any {
		var out []any
		for _, v := range vs {
			out = append(out, extended(v, more...))
		}
		return out
	}
	switch body := body.(type) {
	case list:
		return list(each(body))
	case fields:
		return fields(append(each(body), more...))
	}
	return body
}

// The bodies of valid frames, as trees.
var (
	packedOrigin = fields{"a", 1, 0, 0}
	packedFacts  = fields{0, 0, 0, 0, 0, true}
	packedKnown  = fields{3, 0, 4, 0, list{fields{0, 5, 0}, fields{1, 6, 0}}}
	packedSeen   = fields{3, 0, list{fields{0, 2, 5, 0}, fields{1, 3, 6, 0}}}
	packedEntry  = fields{nil, "ns", "one", []byte("1"), nil, 0, nil, nil, nil}
	packedFrame  = fields{
		list{packedOrigin, fields{"b", 1, 0, 0}}, 41,
		list{fields{0, 5, 0}, fields{1, 6, 0}},
		list{packedEntry, fields{fields{1, 9, 7, 0}, nil, "two", []byte("2"), []byte("{}"), 0, "r1", packedKnown, packedSeen}},
		packedFacts,
	}
	packedClosed = fields{8, 0, []byte{0}}
	packedRepair = fields{3, 1, 0, 2, 0, 0xabcd, 4, list{}, list{}, list{}, list{7}, 1}
	packedKey    = fields{"ns", "one"}
	packedScan   = fields{7, packedKey, 100}
	packedPage   = fields{
		7, fields{"ns", "a"}, fields{"ns", "z"}, list{packedOrigin, fields{"b", 1, 0, 0}},
		list{fields{fields{0, 4, 6, 0}, "ns", "one", []byte("1"), nil, 0, nil, nil, nil}, fields{fields{1, 9, 7, 0}, nil, "two", []byte("2"), nil, 0, nil, packedKnown, packedSeen}},
		list{fields{packedOrigin, 1}}, packedFacts, 9,
	}
	packedGone   = fields{list{fields{packedOrigin, 1}}}
	packedTally  = fields{7, 0, []byte{0}}
	packedStatus = fields{list{fields{packedOrigin, 1}, fields{fields{"b", 1, 0, 0}, 1}}, true, 0, false, packedFacts, packedClosed, packedTag, packedTally, list{}, 5, 6, 0}
	packedPull   = fields{list{fields{packedOrigin, 1}}, 100}
	packedEpoch  = fields{2, "a", list{fields{"a", "r", "one", 1, 0}, fields{"b", "r", "", 5, 0}}, "a", 5, 0, list{packedRegion, fields{"s", list{"c"}, 1, ""}}, list{packedEnd, fields{"e", 1, list{}, 0, 0}}}
	packedRegion = fields{"r", list{"a", "b"}, 2, "c"}
	packedRoster = fields{int(roster.Promise), 2, fields{2, "b"}, fields{1, "a"}, packedEpoch, nil, fields{3, 0}, nil, "z", list{"d", "e"}, list{fields{fields{"d", 1, 0, 0}, 3}}}
	packedTag    = fields{fields{3, "a"}, 2}
	packedView   = fields{"r", 4 * int(view.Ask), fields{3, "a"}, list{"a", "b"}, 5, 2, list{"c", "d"}, list{fields{packedOrigin, 1}}}
	packedEnd    = fields{"d", 2, list{fields{fields{"d", 1, 0, 0}, 3}}, 6, 1}
	packedAsk    = fields{int(roster.Ask), 0, fields{0, ""}, fields{0, ""}, nil, fields{"c", "r", "three", 4, 0}, nil, nil, "", list{}, list{}}
	packedHello  = fields{"cluster", "node", "name", "region", true, 2, list{7, 8}}
)

// The kinds, as they stand on the wire.
const (
	kindHello  = 1
	kindFrame  = 2
	kindStatus = 3
	kindPull   = 4
	kindRoster = 5
	kindView   = 6
	kindRepair = 24
	kindScan   = 25
	kindPage   = 26
	kindGone   = 27
)

// decodeAny decodes a frame of any kind.
func decodeAny(frame []byte) (any, error) {
	if len(frame) > 1 && frame[1] == kindHello {
		return wire.DecodeHello(frame)
	}
	return wire.Decode(frame)
}

func valid() map[string][]byte {
	return map[string][]byte{
		"hello":   pack(kindHello, packedHello),
		"frame":   pack(kindFrame, packedFrame),
		"status":  pack(kindStatus, packedStatus),
		"pull":    pack(kindPull, packedPull),
		"scan":    pack(kindScan, packedScan),
		"page":    pack(kindPage, packedPage),
		"trimmed": pack(kindGone, packedGone),
		"roster":  pack(kindRoster, packedRoster),
		"view":    pack(kindView, packedView),
		"fetch":   pack(kindFetch, packedFetch),
		"chunk":   pack(kindChunk, packedChunk),
		"gone":    pack(kindChunk, fields{packedPiece, nil}),
		"offer":   pack(kindOffer, packedOffer),
		"has":     pack(kindHas, packedHas),
		"large":   pack(kindFrame, packedLarge),
		"ask":     pack(kindRoster, packedAsk),
		"none":    pack(kindRoster, with(packedRoster, fields{0, "", list{}, "", 0, 0, list{}, list{}}, 4)), // an epoch spelt out
	}
}

func TestPackedFramesAreValid(t *testing.T) {
	for name, frame := range valid() {
		if _, err := decodeAny(frame); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
