package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/gossip/view"
	"hearsay/gossip/wire"
	"hearsay/store"
)

func TestDecodeRefuses(t *testing.T) {
	const maxU64 = uint64(math.MaxUint64)
	one := fields{0, 5, 0}
	tests := []struct {
		name string
		kind byte
		body any
		want string
	}{
		{"a body of another family", kindFrame, "text", "frame before byte 3: text where an array belongs"},
		{"nil for a body", kindFrame, nil, "nil where an array belongs"},
		{"nil for a list", kindFrame, with(packedFrame, nil, 2), "rows before"},
		{"nil for a number", kindFrame, with(packedFrame, nil, 1), "from before"},
		{"a negative number", kindFrame, with(packedFrame, -1, 1), "a signed or floating number where an unsigned number belongs"},
		{"a number that wraps as int64", kindFrame, with(packedFrame, maxU64, 2, 0, 1), "row before"},
		{"a number for a bool", kindStatus, with(packedStatus, 1, 1), "full before"},
		{"bytes for text", kindFrame, with(packedFrame, []byte("one"), 3, 0, 2), "name before"},
		{"text for bytes", kindFrame, with(packedFrame, "1", 3, 0, 3), "value before"},
		{"a byte that begins no value", kindFrame, with(packedFrame, raw{0xc1}, 1), "byte 0xc1 begins no value"},
		{"such a byte in what is skipped", kindPull, append(packedPull, raw{0xc1}), "byte 0xc1 begins no value"},
		{"a frame with a field too few", kindFrame, packedFrame[:4], "4 fields, the least is 5"},
		{"an entry with a field too few", kindFrame, with(packedFrame, packedEntry[:8], 3, 0), "entry before"},

		{"no origin", kindFrame, with(packedFrame, list{}, 0), "version's origin"},
		{"no origin, and none needed", kindFrame, fields{list{}, 41, list{one}, list{packedEntry}, packedFacts}, "an empty node id"},
		{"an empty node id", kindFrame, with(packedFrame, "", 0, 0, 0), "an empty node id"},
		{"a long node id", kindFrame, with(packedFrame, strings.Repeat("n", store.MaxNodeID+1), 0, 0, 0), "node id before"},
		{"a nonce beyond 32 bits", kindFrame, with(packedFrame, uint64(1)<<32, 0, 0, 3), "nonce before"},
		{"a logical time beyond 32 bits", kindFrame, with(packedFrame, uint64(1)<<32, 2, 0, 2), "row before"},
		{"a wall time beyond int64", kindFrame, with(packedFrame, uint64(1)<<63, 4, 0), "W before"},

		{"no rows", kindFrame, with(with(packedFrame, list{}, 2), list{}, 3), "a frame needs a row"},
		{"rows past the last number", kindFrame, with(packedFrame, maxU64-1, 1), "2 rows after number 18446744073709551614"},
		{"a row of an entry past the last", kindFrame, with(packedFrame, 2, 2, 1, 0), "row 1: names entry 2 of 2"},
		{"a row of an entry beyond 32 bits", kindFrame, with(packedFrame, uint64(1)<<32, 2, 1, 0), "row's entry before"},
		{"an entry without a row", kindFrame, with(packedFrame, 0, 2, 1, 0), "entry 1: no row names it"},
		{"a key twice", kindFrame, with(packedFrame, "one", 3, 1, 2), "entry 1: its key has one already"},
		{"a version of an origin past the table", kindFrame, with(packedFrame, 2, 3, 1, 0, 0), "version's origin before"},
		{"number 0", kindFrame, with(packedFrame, 0, 3, 1, 0, 1), "entry 1: number 0"},
		{"no first namespace", kindFrame, with(packedFrame, nil, 3, 0, 1), "namespace before"},
		{"an expiration beyond int64", kindFrame, with(packedFrame, uint64(1)<<63, 3, 0, 5), "expires before"},

		{"bytes for a request", kindFrame, with(packedFrame, []byte("r1"), 3, 1, 6), "request before"},
		{"a known with a field too few", kindFrame, with(packedFrame, packedKnown[:4], 3, 1, 7), "4 fields, the least is 5"},
		{"a known version of an origin past the table", kindFrame, with(packedFrame, 2, 3, 1, 7, 4, 0, 0), "known origin before"},
		{"known versions out of order", kindFrame, with(packedFrame, 1, 3, 1, 7, 4, 0, 0), "known version 1: its origin is not after"},
		{"a known wall time beyond int64", kindFrame, with(packedFrame, uint64(1)<<63, 3, 1, 7, 4, 1, 1), "known version before"},

		{"a bookmark with a field too few", kindFrame, with(packedFrame, packedSeen[:2], 3, 1, 8), "2 fields, the least is 3"},
		{"a seen mark of an origin past the table", kindFrame, with(packedFrame, 2, 3, 1, 8, 2, 0, 0), "seen origin before"},
		{"seen marks out of order", kindFrame, with(packedFrame, 1, 3, 1, 8, 2, 0, 0), "seen mark 1: its origin is not after"},
		{"a seen wall time beyond int64", kindFrame, with(packedFrame, uint64(1)<<63, 3, 1, 8, 2, 1, 2), "seen mark before"},

		{"marks out of order", kindStatus, with(packedStatus, "c", 0, 0, 0, 0), "mark 1: its origin is not after"},
		{"a mark twice", kindStatus, with(packedStatus, "b", 0, 0, 0, 0), "mark 1: its origin is not after"},
		{"a mark of an empty node id", kindStatus, with(packedStatus, "", 0, 0, 0, 0), "mark 0: an empty node id"},
		{"a pull's marks out of order", kindPull, with(packedPull, list{fields{packedOrigin, 1}, fields{packedOrigin, 2}}, 0), "mark 1"},
		{"a negative credit", kindPull, with(packedPull, -1, 1), "credit before"},
		{"a status with a field too few", kindStatus, packedStatus[:8], "8 fields, the least is 9"},
		{"a line of too few nonces", kindHello, with(packedHello, list{7}, 6), "1 nonces, must be 2"},
		{"a line of too many nonces", kindHello, with(packedHello, 1, 5), "2 nonces, must be 1"},
		{"a negative nonce of a start", kindHello, with(packedHello, -1, 6, 1), "nonce of a start before"},
		{"what the receiver closed beyond int64", kindStatus, with(packedStatus, uint64(1)<<63, 10), "yours before"},
		{"a wall clock beyond int64", kindStatus, with(packedStatus, uint64(1)<<63, 9), "wall before"},

		{"another family for a closed timestamp", kindStatus, with(packedStatus, 1, 5), "closed before"},
		{"a closed timestamp with a field too few", kindStatus, with(packedStatus, packedClosed[:2], 5), "2 fields, the least is 3"},
		{"a closed wall time before the epoch", kindStatus, with(packedStatus, 7, 5, 0), "closed: wall time -4 is negative"},
		{"a closed logical time beyond 32 bits", kindStatus, with(packedStatus, uint64(1)<<32, 5, 1), "closed before"},
		{"text for lags", kindStatus, with(packedStatus, "x", 5, 2), "lags before"},
		{"a closed timestamp without lags", kindStatus, with(packedStatus, []byte{}, 5, 2), "lags of 0 bytes"},
		{"a repair with a field too few", kindRepair, packedRepair[:11], "11 fields, the least is 12"},
		{"step 0 of a repair", kindRepair, with(packedRepair, 0, 0), "step 0 is unknown"},
		{"a step of a repair past the last", kindRepair, with(packedRepair, int(gossip.Answer)+1, 0), "step 6 is unknown"},
		{"a repair too deep", kindRepair, with(packedRepair, 5, 6), "step 3 at depth 5"},
		{"differences not deep enough", kindRepair, with(packedRepair, 3, 6), "step 3 at depth 3"},
		{"sums too deep", kindRepair, with(packedRepair, int(gossip.Sums), 0), "step 1 at depth 4"},
		{"a prefix longer than its depth", kindRepair, with(with(with(packedRepair, int(gossip.Sums), 0), 2, 6), 256, 5), "prefix 0x100 at depth 2"},
		{"sums among differences", kindRepair, with(packedRepair, list{1}, 7), "what belongs to another"},
		{"items among differences", kindRepair, with(packedRepair, list{fields{1, 2}}, 8), "what belongs to another"},
		{"too few sums", kindRepair, with(with(with(with(packedRepair, int(gossip.Sums), 0), 2, 6), list{1}, 7), 0, 5), "1 sums, must be 16"},
		{"a question about two places", kindRepair, with(with(packedRepair, int(gossip.Ask), 0), list{7, 8}, 10), "of 2 places"},
		{"an answer of two items", kindRepair, with(with(packedRepair, int(gossip.Answer), 0), list{fields{1, 2}, fields{3, 4}}, 8), "with 2 items"},
		{"an item with a field too few", kindRepair, with(packedRepair, list{fields{1, 2}, fields{1}}, 8), "1 fields, the least is 2"},
		{"an entry with two rows", kindRepair, with(packedRepair, list{packedFrame}, 9), "must have one each"},
		{"a scan with a field too few", kindScan, packedScan[:2], "2 fields, the least is 3"},
		{"a scan with too much credit", kindScan, with(packedScan, wire.MaxCredit+1, 2), "credit before"},
		{"a scan from a key that is too long", kindScan, with(packedScan, strings.Repeat("k", store.MaxName+2), 1, 1), "from before"},
		{"a page with a field too few", kindPage, packedPage[:7], "7 fields, the least is 8"},
		{"a page that ends where it begins", kindPage, with(with(packedPage, list{}, 4), "a", 2, 1), "it ends where it begins"},
		{"a key before its page", kindPage, with(packedPage, "p", 1, 1), "entry 0: its key is out of the page's range"},
		{"a key past its page", kindPage, with(packedPage, "p", 2, 1), "entry 1: its key is out of the page's range"},
		{"keys of a page out of order", kindPage, with(packedPage, "x", 4, 0, 2), "entry 1: its key is not after the one before"},
		{"an entry of a page without a version", kindPage, with(packedPage, nil, 4, 0, 0), "version before"},
		{"an entry of a page without a number", kindPage, with(packedPage, 0, 4, 0, 0, 1), "entry 0: number 0"},
		{"an entry of a page of an origin past the table", kindPage, with(packedPage, 2, 4, 0, 0, 0), "version's origin before"},
		{"marks of a page out of order", kindPage, with(packedPage, list{fields{packedOrigin, 1}, fields{packedOrigin, 2}}, 5), "mark 1"},
		{"number for being behind", kindPage, with(packedPage, 1, 6, 5), "behind before"},
		{"gone marks out of order", kindGone, with(packedGone, list{fields{packedOrigin, 1}, fields{packedOrigin, 2}}, 0), "mark 1"},
		{"a tally with a field too few", kindStatus, with(packedStatus, packedTally[:2], 7), "2 fields, the least is 3"},
		{"text for a tally", kindStatus, with(packedStatus, "x", 7, 2), "have before"},
		{"a tally of nobody", kindStatus, with(packedStatus, []byte{}, 7, 2), "a tally of 0 bytes"},

		{"a roster with a field too few", kindRoster, packedRoster[:10], "10 fields, the least is 11"},
		{"step 0", kindRoster, with(packedRoster, 0, 0), "step 0 is unknown"},
		{"a step past the last", kindRoster, with(packedRoster, int(roster.Leave)+1, 0), "step 9 is unknown"},
		{"a step beyond 8 bits", kindRoster, with(packedRoster, 256+int(roster.Ask), 0), "step before"},
		{"nil for a ballot", kindRoster, with(packedRoster, nil, 3), "ballot before"},
		{"a ballot with a field too few", kindRoster, with(packedRoster, fields{1}, 2), "1 fields, the least is 2"},
		{"a proposal without an epoch", kindRoster, with(with(packedRoster, nil, 4), int(roster.Accept), 0), "a decision without an epoch"},
		{"a decision without an epoch", kindRoster, with(with(packedRoster, nil, 4), int(roster.Decided), 0), "a decision without an epoch"},
		{"an epoch with a field too few", kindRoster, with(packedRoster, packedEpoch[:7], 4), "7 fields, the least is 8"},
		{"epoch 0", kindRoster, with(packedRoster, 0, 4, 0), "epoch 0: epochs count from 1"},
		{"an epoch without a founder", kindRoster, with(packedRoster, "", 4, 1), "founder: an empty node id"},
		{"an epoch without members", kindRoster, with(packedRoster, list{}, 4, 2), "an epoch without members"},
		{"an epoch without a sponsor", kindRoster, with(packedRoster, "", 4, 3), "sponsor: an empty node id"},
		{"a bar beyond int64", kindRoster, with(packedRoster, uint64(1)<<63, 4, 4), "bar before"},
		{"a member with a field too few", kindRoster, with(packedRoster, fields{"a", "r", "one", 1}, 4, 2, 0), "4 fields, the least is 5"},
		{"a member of an empty node id", kindRoster, with(packedRoster, "", 4, 2, 0, 0), "member 0: an empty node id"},
		{"members out of order", kindRoster, with(packedRoster, "c", 4, 2, 0, 0), "member 1: its node is not after"},
		{"a member twice", kindRoster, with(packedRoster, "a", 4, 2, 1, 0), "member 1: its node is not after"},
		{"a negative wall time of a member", kindRoster, with(packedRoster, -1, 4, 2, 0, 3), "since before"},
		{"a newcomer who does not ask", kindRoster, with(packedRoster, packedAsk[5], 5), "a newcomer who does not ask"},
		{"nobody who asks", kindRoster, with(packedAsk, nil, 5), "newcomer: an empty node id"},
		{"a node twice to drop", kindRoster, with(packedRoster, "d", 9, 1), "to drop 1: it is not after"},
		{"an empty node to drop", kindRoster, with(packedRoster, "", 9, 0), "to drop 0: an empty node id"},
		{"held out of order", kindRoster, with(packedRoster, list{fields{fields{"e", 1, 0, 0}, 3}, fields{fields{"d", 1, 0, 0}, 3}}, 10), "held: mark 1"},
		{"an end with a field too few", kindRoster, with(packedRoster, packedEnd[:4], 4, 7, 0), "4 fields, the least is 5"},
		{"an end of an empty node id", kindRoster, with(packedRoster, "", 4, 7, 0, 0), "end 0: an empty node id"},
		{"ends out of order", kindRoster, with(packedRoster, "f", 4, 7, 0, 0), "end 0: it names a stream of another node"},
		{"an end twice", kindRoster, with(packedRoster, "d", 4, 7, 1, 0), "end 1: its node is not after"},

		{"a region with a field too few", kindRoster, with(packedRoster, packedRegion[:3], 4, 6, 0), "3 fields, the least is 4"},
		{"regions out of order", kindRoster, with(packedRoster, "t", 4, 6, 0, 0), "region 1: its name is not after"},
		{"granters out of order", kindRoster, with(packedRoster, "b", 4, 6, 0, 1, 0), "region 0: granter 1: it is not after"},
		{"a granter of an empty node id", kindRoster, with(packedRoster, "", 4, 6, 0, 1, 0), "region 0: granter 0: an empty node id"},
		{"a number for a settled timestamp", kindRoster, with(packedRoster, 1, 6), "settled before"},
		{"a W beyond int64", kindRoster, with(packedRoster, fields{uint64(1) << 63, 0}, 7), "timestamp W before"},

		{"a tag with a field too few", kindStatus, with(packedStatus, packedTag[:1], 6), "1 fields, the least is 2"},
		{"a view's id with a field too few", kindView, with(packedView, fields{1}, 2), "1 fields, the least is 2"},
		{"a view with a field too few", kindView, packedView[:7], "7 fields, the least is 8"},
		{"step 0 of a view", kindView, with(packedView, 0, 1), "step 0 is unknown"},
		{"a step of a view past the last", kindView, with(packedView, 4*int(view.Answer)+4, 1), "step 3 is unknown"},
		{"nodes of a view out of order", kindView, with(packedView, "b", 3, 0), "view's node 1: it is not after"},
		{"deaf nodes out of order", kindView, with(packedView, "d", 6, 0), "deaf node 1: it is not after"},
		{"a negative round", kindView, with(packedView, -1, 4), "round before"},
		{"a step of a view beyond 8 bits", kindView, with(packedView, 1024, 1), "step before"},

		{"an empty node id in a hello", kindHello, with(packedHello, "", 1), "an empty node id"},

		{"a fetch of nothing", kindFetch, fields{list{}}, "0 pieces"},
		{"an empty piece", kindFetch, with(packedFetch, 0, 0, 1, 2), "piece 1: 0 bytes"},
		{"a piece past the largest value", kindFetch, with(packedFetch, store.MaxValue-49, 0, 1, 1), "piece 1: 50 bytes from"},
		{"a long hash", kindFetch, with(packedFetch, make([]byte, 33), 0, 0, 3), "33 bytes, the most is 32"},
		{"a short hash", kindChunk, with(packedChunk, make([]byte, 31), 0, 3), "31 bytes, must be 32"},
		{"a chunk of less than its piece", kindChunk, with(packedChunk, make([]byte, 49), 1), "49 bytes of data for a piece of 50"},
		{"a manifest that lacks a hash", kindOffer, with(packedOffer, make([]byte, 32), 0, 3), "do not add up"},
		{"a manifest with half a hash", kindOffer, with(packedOffer, make([]byte, 80), 0, 3), "no hashes of 32"},
		{"a manifest of nothing", kindOffer, with(packedOffer, 0, 0, 1), "value of 0 bytes"},
		{"a manifest of an entry that lacks a hash", kindFrame, with(packedLarge, make([]byte, 32), 3, 0, 3, 3), "do not add up"},

		{"a kind that is unknown", 200, fields{}, "kind 200 is unknown"},
		{"more than the body", kindPull, raw(append(pack(kindPull, packedPull)[2:], 0)), "1 bytes follow the body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := decodeAny(pack(tt.kind, tt.body))
			if !errors.Is(err, wire.ErrMalformed) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Decode = %v, want ErrMalformed with %q", err, tt.want)
			}
			if h, ok := m.(wire.Hello); err != nil && m != nil && (!ok || h != wire.Hello{}) {
				t.Errorf("Decode = %+v beside an error", m)
			}
		})
	}
}

func TestDecodeAtBounds(t *testing.T) {
	text := func(n int) any { return strings.Repeat("x", n) }
	data := func(n int) any { return make([]byte, n) }
	number := func(n int) any { return n }
	members := func(n int) any {
		var l list
		for i := range n {
			l = append(l, fields{fmt.Sprintf("%04d", i), "", "", 0, 0})
		}
		return l
	}
	ends := func(n int) any {
		var l list
		for i := range n {
			l = append(l, fields{fmt.Sprintf("%04d", i), 1, list{}, 0, 0})
		}
		return l
	}
	texts := func(n int) any {
		var l list
		for i := range n {
			l = append(l, fmt.Sprintf("%04d", i))
		}
		return l
	}
	nodes := func(n int) any {
		var l list
		for i := range n {
			l = append(l, fmt.Sprintf("%04d", i))
		}
		return l
	}
	regions := func(n int) any {
		var l list
		for i := range n {
			l = append(l, fields{fmt.Sprintf("%04d", i), list{}, 0, ""})
		}
		return l
	}
	tests := []struct {
		name  string
		limit int
		value func(n int) any
		kind  byte
		body  fields
		path  []int
	}{
		{"node id", store.MaxNodeID, text, kindFrame, packedFrame, []int{0, 1, 0}},
		{"namespace", store.MaxNamespace, text, kindFrame, packedFrame, []int{3, 0, 1}},
		{"name", store.MaxName, text, kindFrame, packedFrame, []int{3, 0, 2}},
		{"value", store.MaxInline, data, kindFrame, packedFrame, []int{3, 0, 3}},
		{"large value", store.MaxValue, func(n int) any {
			return fields{packedUpload, n, store.MaxChunk, make([]byte, 32*25)}
		}, kindFrame, packedFrame, []int{3, 0, 3}},
		{"chunk bytes", store.MaxChunk, func(n int) any { return fields{packedUpload, n, n, packedHash} }, kindOffer, packedOffer, []int{0}},
		{"chunks", store.MaxChunks, func(n int) any { return fields{packedUpload, n, 1, make([]byte, 32*n)} }, kindOffer, packedOffer, []int{0}},
		{"pieces", gossip.MaxPieces, func(n int) any {
			var l list
			for range n {
				l = append(l, packedPiece)
			}
			return l
		}, kindFetch, packedFetch, []int{0}},
		{"piece", store.MaxChunk, number, kindFetch, packedFetch, []int{0, 0, 2}},
		{"data", store.MaxChunk, func(n int) any { return fields{with(packedPiece, n, 2), make([]byte, n)} }, kindChunk, packedChunk, nil},
		{"metadata", wire.MaxMetadata, data, kindFrame, packedFrame, []int{3, 0, 4}},
		{"credit", wire.MaxCredit, number, kindPull, packedPull, []int{1}},
		{"cluster", wire.MaxLabel, text, kindHello, packedHello, []int{0}},
		{"node id of a hello", store.MaxNodeID, text, kindHello, packedHello, []int{1}},
		{"name of a hello", wire.MaxLabel, text, kindHello, packedHello, []int{2}},
		{"region", wire.MaxLabel, text, kindHello, packedHello, []int{3}},
		{"lags", (wire.MaxMembers + 1) / 2, data, kindStatus, packedStatus, []int{5, 2}},
		{"tally", (wire.MaxMembers + 7) / 8, data, kindStatus, packedStatus, []int{7, 2}},
		{"node id of a ballot", store.MaxNodeID, text, kindRoster, packedRoster, []int{2, 1}},
		{"node id of an accepted ballot", store.MaxNodeID, text, kindRoster, packedRoster, []int{3, 1}},
		{"founder", store.MaxNodeID, text, kindRoster, packedRoster, []int{4, 1}},
		{"sponsor", store.MaxNodeID, text, kindRoster, packedRoster, []int{4, 3}},
		{"node id of a member", store.MaxNodeID, text, kindRoster, packedRoster, []int{4, 2, 1, 0}},
		{"region of a member", wire.MaxLabel, text, kindRoster, packedRoster, []int{4, 2, 1, 1}},
		{"name of a member", wire.MaxLabel, text, kindRoster, packedRoster, []int{4, 2, 1, 2}},
		{"region of a newcomer", wire.MaxLabel, text, kindRoster, packedAsk, []int{5, 1}},
		{"ends", roster.MaxEnds, ends, kindRoster, packedRoster, []int{4, 7}},
		{"nodes to drop", wire.MaxMembers, texts, kindRoster, packedRoster, []int{9}},
		{"members", wire.MaxMembers, members, kindRoster, packedRoster, []int{4, 2}},
		{"regions", wire.MaxMembers, regions, kindRoster, packedRoster, []int{4, 6}},
		{"granters", roster.MaxGranters, nodes, kindRoster, packedRoster, []int{4, 6, 0, 1}},
		{"name of a region", wire.MaxLabel, text, kindRoster, packedRoster, []int{4, 6, 1, 0}},
		{"node id of a former granter", store.MaxNodeID, text, kindRoster, packedRoster, []int{4, 6, 0, 3}},
		{"node id of the nearest", store.MaxNodeID, text, kindRoster, packedRoster, []int{8}},
		{"nodes of a view", wire.MaxViewNodes, nodes, kindView, packedView, []int{3}},
		{"deaf nodes", 2 * wire.MaxViewNodes, nodes, kindView, packedView, []int{6}},
		{"region of a view", wire.MaxLabel, text, kindView, packedView, []int{0}},
		{"proposer of a view", store.MaxNodeID, text, kindView, packedView, []int{2, 1}},
		{"proposer of a tag's view", store.MaxNodeID, text, kindStatus, packedStatus, []int{6, 0, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := decodeAny(pack(tt.kind, with(tt.body, tt.value(tt.limit), tt.path...))); err != nil {
				t.Errorf("Decode at %d: %v", tt.limit, err)
			}
			_, err := decodeAny(pack(tt.kind, with(tt.body, tt.value(tt.limit+1), tt.path...)))
			if !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("Decode at %d = %v, want ErrMalformed", tt.limit+1, err)
			}
		})
	}
}

// TestAppendAtBounds shows that the sender holds to what the receiver checks.
func TestAppendAtBounds(t *testing.T) {
	bytesOf := func(n int) []byte { return make([]byte, n) }
	textOf := func(n int) string { return strings.Repeat("x", n) }
	entry := func(set func(e *store.Entry, n int)) func(int) gossip.Message {
		return func(n int) gossip.Message {
			f := put()
			set(f.Entries[0], n)
			return f
		}
	}
	closed := func(set func(c *gossip.Closed, n int)) func(int) gossip.Message {
		return func(n int) gossip.Message {
			s := &gossip.Status{Closed: &gossip.Closed{C: at(1, 0), Lags: []byte{0}}}
			set(s.Closed, n)
			return s
		}
	}
	tally := func(set func(t *gossip.Tally, n int)) func(int) gossip.Message {
		return func(n int) gossip.Message {
			s := &gossip.Status{Tally: &gossip.Tally{Floor: at(1, 0), Have: []byte{0}}}
			set(s.Tally, n)
			return s
		}
	}
	decision := func(set func(m *roster.Message, n int)) func(int) gossip.Message {
		return func(n int) gossip.Message {
			m := decided(3)
			set(&m.Message, n)
			return m
		}
	}
	asked := func(set func(m *view.Message, n int)) func(int) gossip.Message {
		return func(n int) gossip.Message {
			m := viewed()
			set(&m.Message, n)
			return m
		}
	}
	ids := func(n int) (ids []store.NodeID) {
		for i := range n {
			ids = append(ids, store.NodeID(fmt.Sprintf("%04d", i)))
		}
		return ids
	}
	tests := []struct {
		name    string
		good    int
		bad     int
		message func(n int) gossip.Message
	}{
		{"node id", store.MaxNodeID, store.MaxNodeID + 1, entry(func(e *store.Entry, n int) { e.Version.Origin.Node = store.NodeID(textOf(n)) })},
		{"least node id", 1, 0, entry(func(e *store.Entry, n int) { e.Version.Origin.Node = store.NodeID(textOf(n)) })},
		{"namespace", store.MaxNamespace, store.MaxNamespace + 1, entry(func(e *store.Entry, n int) { e.Key.Namespace = textOf(n) })},
		{"name", store.MaxName, store.MaxName + 1, entry(func(e *store.Entry, n int) { e.Key.Name = textOf(n) })},
		{"value", store.MaxInline, store.MaxInline + 1, entry(func(e *store.Entry, n int) { e.Value = bytesOf(n) })},
		{"metadata", wire.MaxMetadata, wire.MaxMetadata + 1, entry(func(e *store.Entry, n int) { e.Metadata = bytesOf(n) })},
		{"value of a tombstone", 0, 1, entry(func(e *store.Entry, n int) { e.Tombstone, e.Value = true, bytesOf(n) })},
		{"expires", 0, -1, entry(func(e *store.Entry, n int) { e.Expires = int64(n) })},
		{"seq", 1, 0, entry(func(e *store.Entry, n int) { e.Seq = uint64(n) })},
		{"wall of a version", 0, -1, entry(func(e *store.Entry, n int) { e.Version.Timestamp.Wall = int64(n) })},
		{"wall of an incarnation", 0, -1, entry(func(e *store.Entry, n int) { e.Version.Origin.Incarnation.Start.Wall = int64(n) })},
		{"request", store.MaxRequest, store.MaxRequest + 1, entry(func(e *store.Entry, n int) { e.Request = textOf(n) })},
		{"known versions", store.MaxKnown, store.MaxKnown + 1, entry(func(e *store.Entry, n int) { e.Known.Versions = knownVersions(n) })},
		{"wall of a known version", 0, -1, entry(func(e *store.Entry, n int) {
			e.Known.Versions = knownVersions(1)
			e.Known.Versions[0].Timestamp.Wall = int64(n)
		})},
		{"wall of what is known through", 0, -1, entry(func(e *store.Entry, n int) { e.Known.Through.Wall = int64(n) })},
		{"wall of what may be known", 0, -1, entry(func(e *store.Entry, n int) { e.Known.Maybe.Wall = int64(n) })},
		{"seen marks", store.MaxMarks, store.MaxMarks + 1, entry(func(e *store.Entry, n int) { e.Seen.Marks = seenMarks(n) })},
		{"wall of a seen mark", 0, -1, entry(func(e *store.Entry, n int) {
			e.Seen.Marks = seenMarks(1)
			e.Seen.Marks[0].Timestamp.Wall = int64(n)
		})},
		{"wall of what is seen through", 0, -1, entry(func(e *store.Entry, n int) { e.Seen.Through.Wall = int64(n) })},
		{"wall clock of a status", 0, -1, func(n int) gossip.Message { return &gossip.Status{Wall: int64(n)} }},
		{"wall of a row", 0, -1, func(n int) gossip.Message {
			f := put()
			f.Rows[0].Timestamp.Wall = int64(n)
			return f
		}},
		{"wall of a floor", 0, -1, func(n int) gossip.Message {
			s := &gossip.Status{}
			s.Facts.Floor.Wall = int64(n)
			return s
		}},
		{"rows", 1, 0, func(n int) gossip.Message {
			f := put()
			f.Rows, f.Entries = f.Rows[:n], f.Entries[:n]
			return f
		}},
		{"numbers left for the rows", 1, 0, func(n int) gossip.Message {
			f := put()
			f.From = math.MaxUint64 - uint64(n)
			return f
		}},
		{"least entry of a row", 0, -1, func(n int) gossip.Message {
			f := run(2)
			f.Rows = append(f.Rows, gossip.FrameRow{Entry: n})
			return f
		}},
		{"entry of a row", 1, 2, func(n int) gossip.Message {
			f := run(2)
			f.Rows = append(f.Rows, gossip.FrameRow{Entry: n})
			return f
		}},
		{"entries for the rows", 2, 3, func(n int) gossip.Message {
			f := run(3)
			f.Rows, f.Entries = f.Rows[:2], f.Entries[:n]
			return f
		}},
		{"entries of one key", 1, 2, func(n int) gossip.Message {
			f := run(2)
			for _, e := range f.Entries[:n] {
				e.Key.Name = "same"
			}
			return f
		}},
		{"marks in order", 1, 2, func(n int) gossip.Message {
			return &gossip.Status{Marks: store.Watermarks{{Origin: origin("b")}, {Origin: origin(store.NodeID("bcb"[n]))}}}
		}},
		{"a pull's marks in order", 1, 0, func(n int) gossip.Message {
			return &gossip.Pull{From: store.Watermarks{{Origin: origin("b")}, {Origin: origin(store.NodeID("bc"[n]))}}}
		}},
		{"credit", wire.MaxCredit, wire.MaxCredit + 1, func(n int) gossip.Message { return &gossip.Pull{Credit: n} }},
		{"least credit", 0, -1, func(n int) gossip.Message { return &gossip.Pull{Credit: n} }},
		{"wall of a closed timestamp", 0, -1, closed(func(c *gossip.Closed, n int) { c.C.Wall = int64(n) })},
		{"lags", (wire.MaxMembers + 1) / 2, (wire.MaxMembers+1)/2 + 1, closed(func(c *gossip.Closed, n int) { c.Lags = make([]byte, n) })},
		{"acknowledged by each", 1, 2, closed(func(c *gossip.Closed, n int) { c.Acked = make([]byte, n) })},
		{"least lags", 1, 0, closed(func(c *gossip.Closed, n int) { c.Lags = make([]byte, n) })},
		{"tally", (wire.MaxMembers + 7) / 8, (wire.MaxMembers+7)/8 + 1, tally(func(y *gossip.Tally, n int) { y.Have = make([]byte, n) })},
		{"least tally", 1, 0, tally(func(y *gossip.Tally, n int) { y.Have = make([]byte, n) })},
		{"wall of a tally", 0, -1, tally(func(y *gossip.Tally, n int) { y.Floor.Wall = int64(n) })},
		{"least step", int(roster.Prepare), 0, func(n int) gossip.Message { return &gossip.Roster{Message: roster.Message{Step: roster.Step(n)}} }},
		{"step", int(roster.Leave), int(roster.Leave) + 1, decision(func(m *roster.Message, n int) { m.Step = roster.Step(n) })},
		{"step without an epoch", int(roster.Accepted), int(roster.Decided), func(n int) gossip.Message {
			return &gossip.Roster{Message: roster.Message{Step: roster.Step(n)}}
		}},
		{"node id of a ballot", store.MaxNodeID, store.MaxNodeID + 1, decision(func(m *roster.Message, n int) { m.Ballot.Node = store.NodeID(textOf(n)) })},
		{"node id of an accepted ballot", store.MaxNodeID, store.MaxNodeID + 1, decision(func(m *roster.Message, n int) { m.Accepted.Node = store.NodeID(textOf(n)) })},
		{"region of a newcomer", wire.MaxLabel, wire.MaxLabel + 1, func(n int) gossip.Message { return ask(roster.Member{Node: "n", Region: textOf(n)}) }},
		{"name of a newcomer", wire.MaxLabel, wire.MaxLabel + 1, func(n int) gossip.Message { return ask(roster.Member{Node: "n", Name: textOf(n)}) }},
		{"nodes to drop", wire.MaxMembers, wire.MaxMembers + 1, decision(func(m *roster.Message, n int) {
			for i := range n {
				m.Drop = append(m.Drop, store.NodeID(fmt.Sprintf("%05d", i)))
			}
		})},
		{"ends", roster.MaxEnds, roster.MaxEnds + 1, decision(func(m *roster.Message, n int) {
			m.Value.Ends = nil
			for i := range n {
				m.Value.Ends = append(m.Value.Ends, roster.End{Node: store.NodeID(fmt.Sprintf("%05d", i))})
			}
		})},
		{"marks of an end", 1, 0, decision(func(m *roster.Message, n int) {
			m.Value.Ends = []roster.End{{Node: "a", Marks: store.Watermarks{{Origin: origin(store.NodeID("ba"[n : n+1])), Seq: 1}}}}
		})},
		{"wall of an end", 0, -1, decision(func(m *roster.Message, n int) { m.Value.Ends[0].Through.Wall = int64(n) })},
		{"number of an epoch", 1, 0, decision(func(m *roster.Message, n int) { m.Value.Number = uint64(n) })},
		{"founder", store.MaxNodeID, store.MaxNodeID + 1, decision(func(m *roster.Message, n int) { m.Value.Founder = store.NodeID(textOf(n)) })},
		{"sponsor", 1, 0, decision(func(m *roster.Message, n int) { m.Value.Sponsor = store.NodeID(textOf(n)) })},
		{"wall of a bar", 0, -1, decision(func(m *roster.Message, n int) { m.Value.Bar.Wall = int64(n) })},
		{"members", wire.MaxMembers, wire.MaxMembers + 1, func(n int) gossip.Message { return decided(n) }},
		{"least members", 1, 0, decision(func(m *roster.Message, n int) { m.Value.Members = m.Value.Members[:n] })},
		{"members in order", 1, 0, decision(func(m *roster.Message, n int) { m.Value.Members[1].Node = m.Value.Members[n].Node })},
		{"node id of a member", 1, 0, decision(func(m *roster.Message, n int) { m.Value.Members[0].Node = store.NodeID("-"[:n]) })},
		{"region of a member", wire.MaxLabel, wire.MaxLabel + 1, decision(func(m *roster.Message, n int) { m.Value.Members[1].Region = textOf(n) })},
		{"granters", roster.MaxGranters, roster.MaxGranters + 1, decision(func(m *roster.Message, n int) { m.Value.Regions[0].Granters = ids(n) })},
		{"regions in order", 1, 0, decision(func(m *roster.Message, n int) { m.Value.Regions[1].Name = m.Value.Regions[n].Name })},
		{"name of a region", wire.MaxLabel, wire.MaxLabel + 1, decision(func(m *roster.Message, n int) { m.Value.Regions[2].Name = "z" + textOf(n-1) })},
		{"former granter", store.MaxNodeID, store.MaxNodeID + 1, decision(func(m *roster.Message, n int) { m.Value.Regions[0].Left = store.NodeID(textOf(n)) })},
		{"nearest node", store.MaxNodeID, store.MaxNodeID + 1, decision(func(m *roster.Message, n int) { m.Near = store.NodeID(textOf(n)) })},
		{"wall of a settled timestamp", 0, -1, decision(func(m *roster.Message, n int) { m.Settled.Wall = int64(n) })},
		{"wall of a W", 0, -1, decision(func(m *roster.Message, n int) { m.W.Wall = int64(n) })},
		{"proposer of a tag's view", store.MaxNodeID, store.MaxNodeID + 1, func(n int) gossip.Message {
			return &gossip.Status{Tag: view.Tag{View: view.ID{Number: 1, By: store.NodeID(textOf(n))}}}
		}},
		{"least step of a view", 1, 0, asked(func(m *view.Message, n int) { m.Step = view.Step(n) })},
		{"step of a view", int(view.Answer), int(view.Answer) + 1, asked(func(m *view.Message, n int) { m.Step = view.Step(n) })},
		{"region of a view", wire.MaxLabel, wire.MaxLabel + 1, func(n int) gossip.Message {
			m := viewed()
			m.Region = textOf(n)
			return m
		}},
		{"proposer of a view", store.MaxNodeID, store.MaxNodeID + 1, asked(func(m *view.Message, n int) { m.View.By = store.NodeID(textOf(n)) })},
		{"nodes of a view", wire.MaxViewNodes, wire.MaxViewNodes + 1, asked(func(m *view.Message, n int) { m.View.Nodes = ids(n) })},
		{"deaf nodes", 2 * wire.MaxViewNodes, 2*wire.MaxViewNodes + 1, asked(func(m *view.Message, n int) { m.Deaf = ids(n) })},
		{"node id of a deaf node", 1, 0, asked(func(m *view.Message, n int) { m.Deaf = []store.NodeID{store.NodeID(textOf(n))} })},
		{"wall of a member", 0, -1, decision(func(m *roster.Message, n int) { m.Value.Members[1].Since.Wall = int64(n) })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			enc := wire.NewEncoder()
			dst := []byte("dst")
			got, err := enc.Append(dst, tt.message(tt.bad))
			if !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("Append at %d = %v, want ErrMalformed", tt.bad, err)
			}
			if !bytes.Equal(got, dst) {
				t.Errorf("Append at %d = %q beside its error, want what came, %q", tt.bad, got, dst)
			}
			// The refusal left nothing behind in the encoder.
			b, err := enc.Append(nil, tt.message(tt.good))
			if err != nil {
				t.Fatalf("Append at %d: %v", tt.good, err)
			}
			if _, err := wire.Decode(b[4:]); err != nil {
				t.Errorf("Decode at %d: %v", tt.good, err)
			}
		})
	}
	if _, err := wire.NewEncoder().Append(nil, nil); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("Append(nil message) = %v, want ErrMalformed", err)
	}
	long := wire.Hello{Node: "n", Region: textOf(wire.MaxLabel + 1)}
	if _, err := wire.NewEncoder().AppendHello(nil, long); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("AppendHello(region of %d bytes) = %v, want ErrMalformed", len(long.Region), err)
	}
}

func TestMaxFrame(t *testing.T) {
	const each = store.MaxInline / 2
	filled := func(size int) *gossip.Frame {
		f := run(wire.MaxFrame / (each + 100))
		for _, e := range f.Entries {
			e.Value = make([]byte, each)
		}
		rest := size - len(encode(t, f))
		f.Entries[0].Value = make([]byte, each+rest/2)
		f.Entries[1].Value = make([]byte, each+rest-rest/2)
		return f
	}
	frame := encode(t, filled(wire.MaxFrame))
	if len(frame) != wire.MaxFrame {
		t.Fatalf("the test filled %d bytes, want %d", len(frame), wire.MaxFrame)
	}
	if _, err := wire.Decode(frame); err != nil {
		t.Errorf("Decode of %d bytes: %v", len(frame), err)
	}
	if _, err := wire.Decode(append(frame, 0)); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("Decode of %d bytes = %v, want ErrTooLarge", len(frame)+1, err)
	}
	dst := []byte("dst")
	got, err := wire.NewEncoder().Append(dst, filled(wire.MaxFrame+1))
	if !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("Append past MaxFrame = %v, want ErrTooLarge", err)
	}
	if !bytes.Equal(got, dst) {
		t.Errorf("Append past MaxFrame = %d bytes beside its error, want what came", len(got))
	}
}

func TestOtherVersion(t *testing.T) {
	for name, frame := range valid() {
		frame[0] = 7
		_, err := decodeAny(frame)
		if !errors.Is(err, wire.ErrVersion) {
			t.Errorf("%s: Decode = %v, want ErrVersion", name, err)
			continue
		}
		if !strings.Contains(err.Error(), "version 7") || !strings.Contains(err.Error(), "this node 1") {
			t.Errorf("%s: %q does not name both versions", name, err)
		}
	}
}

func TestKindsDoNotMix(t *testing.T) {
	if _, err := wire.Decode(encodeHello(t, hello)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("Decode(hello) = %v, want ErrMalformed", err)
	}
	if _, err := wire.DecodeHello(encode(t, put())); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("DecodeHello(frame) = %v, want ErrMalformed", err)
	}
}

// TestUnknownFields decodes what a later release may send.
func TestUnknownFields(t *testing.T) {
	deep := raw(append(bytes.Repeat([]byte{0x91}, 1<<20), 0xc0))
	later := []any{
		nil, true, -1, 1.5, "text", []byte("bytes"), list{1, list{2}}, map[string]int{"a": 1},
		raw{0xd4, 1, 2}, raw{0xd8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, raw{0xc7, 2, 1, 8, 9},
	}
	bodies := map[byte]fields{kindHello: packedHello, kindFrame: packedFrame, kindStatus: packedStatus, kindPull: packedPull, kindRoster: packedRoster}
	for kind, body := range bodies {
		want, err := decodeAny(pack(kind, body))
		if err != nil {
			t.Fatalf("kind %d: %v", kind, err)
		}
		for name, frame := range map[string][]byte{
			"a field more in each array": pack(kind, extended(body, later...)),
			"a field nested deep":        pack(kind, append(body[:len(body):len(body)], deep)),
		} {
			got, err := decodeAny(frame)
			if err != nil {
				t.Errorf("kind %d, %s: %v", kind, name, err)
			} else if !reflect.DeepEqual(got, want) {
				t.Errorf("kind %d, %s: %+v, want %+v", kind, name, got, want)
			}
		}
	}
}

func TestTruncated(t *testing.T) {
	frames := valid()
	for name, m := range samples() {
		frames[name] = encode(t, m)
	}
	for name, frame := range frames {
		for n := range frame {
			if _, err := decodeAny(frame[:n:n]); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%s: Decode of %d of %d bytes = %v, want ErrMalformed", name, n, len(frame), err)
			}
		}
	}
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestClaims puts the head of something huge at every place of a frame.
func TestClaims(t *testing.T) {
	var huge [][]byte
	for _, code := range []byte{0xdd, 0xc6, 0xdb, 0xdf, 0xc9} { // array, bytes, text, map, extension
		for _, n := range []uint32{1 << 20, 1<<31 - 1, 1 << 31, math.MaxUint32} {
			huge = append(huge, binary.BigEndian.AppendUint32([]byte{code}, n))
		}
	}
	frames := valid()
	frames["roster with unknown fields"] = pack(kindRoster, extended(packedRoster, list{nil}))
	frames["frame with unknown fields"] = pack(kindFrame, extended(packedFrame, list{nil}))
	for name, frame := range frames {
		for n := 2; n <= len(frame); n++ {
			got := allocated(func() {
				for _, head := range huge {
					_, _ = decodeAny(append(frame[:n:n], head...))
				}
			})
			if got > 64<<10 {
				t.Errorf("%s: Decode of %x and a huge claim allocates %d bytes, want less than 64 KiB", name, frame[:n], got)
			}
		}
	}
}

// TestMemoryInProportion decodes the frame with the most entries for its size.
func TestMemoryInProportion(t *testing.T) {
	const entries = 1 << 16
	f := &gossip.Frame{Origin: origin("a")}
	for i := range entries {
		f.Rows = append(f.Rows, gossip.FrameRow{Entry: i})
		e := own(f.Origin, uint64(i)+1, f.Rows[i].Timestamp, string([]byte{byte(i >> 8), byte(i)}))
		e.Key.Namespace, e.Value, e.Tombstone = "", nil, true
		f.Entries = append(f.Entries, e)
	}
	frame := encode(t, f)
	got := allocated(func() {
		if _, err := wire.Decode(frame); err != nil {
			t.Fatal(err)
		}
	})
	if most := 32 * uint64(len(frame)); got > most {
		t.Errorf("Decode of %d bytes allocates %d, want at most %d", len(frame), got, most)
	}
	t.Logf("%d bytes of frame, %d allocated: ×%.1f", len(frame), got, float64(got)/float64(len(frame)))
}

// TestMembersAreBoundedBeforeTheyAreMade decodes an epoch of as many members as a
// frame holds.
func TestMembersAreBoundedBeforeTheyAreMade(t *testing.T) {
	if got, most := roster.DefaultConfig().MaxMembers, wire.MaxMembers; got != most {
		t.Errorf("rosters grow to %d members by default, want %d, which travel", got, most)
	}
	frame := pack(kindRoster, with(packedRoster, raw{0xdd, 0, 0x08, 0, 0}, 4, 2))
	frame = append(frame, make([]byte, 4<<20)...)
	var err error
	got := allocated(func() { _, err = wire.Decode(frame) })
	if !errors.Is(err, wire.ErrMalformed) || !strings.Contains(err.Error(), "members before") {
		t.Errorf("Decode of %d members = %v, want ErrMalformed with their number", 1<<19, err)
	}
	if got > 64<<10 {
		t.Errorf("Decode of %d members allocates %d bytes, want less than 64 KiB", 1<<19, got)
	}
}
