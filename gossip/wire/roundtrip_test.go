package wire_test

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/gossip/view"
	"hearsay/gossip/wire"
	"hearsay/store"
)

func drawTimestamp(t *rapid.T) clock.Timestamp {
	return clock.Timestamp{
		Wall:    rapid.Int64Range(0, math.MaxInt64).Draw(t, "wall"),
		Logical: rapid.Uint32().Draw(t, "logical"),
	}
}

func drawFacts(t *rapid.T) gossip.Facts {
	return gossip.Facts{W: drawTimestamp(t), Floor: drawTimestamp(t), Epoch: rapid.Uint64().Draw(t, "epoch"), Behind: rapid.Bool().Draw(t, "behind")}
}

// drawOrigin often draws one that it drew before.
func drawOrigin(t *rapid.T) store.Origin {
	if rapid.Bool().Draw(t, "known") {
		return origin(rapid.SampledFrom([]store.NodeID{"a", "b", "c", "d"}).Draw(t, "node"))
	}
	return store.Origin{
		Node:        store.NodeID(rapid.StringN(1, 16, store.MaxNodeID).Draw(t, "node")),
		Incarnation: store.Incarnation{Start: drawTimestamp(t), Nonce: rapid.Uint32().Draw(t, "nonce")},
	}
}

func drawMarks(t *rapid.T) store.Watermarks {
	var w store.Watermarks
	for range rapid.IntRange(0, 20).Draw(t, "marks") {
		w.Set(drawOrigin(t), rapid.Uint64().Draw(t, "seq"))
	}
	return w
}

func drawEntry(t *rapid.T, key store.Key, origins []store.Origin) *store.Entry {
	e := &store.Entry{
		Key:     key,
		Expires: rapid.Int64Range(0, math.MaxInt64).Draw(t, "expires"),
		Version: store.Version{Timestamp: drawTimestamp(t), Origin: rapid.SampledFrom(origins).Draw(t, "writer")},
		Seq:     rapid.Uint64Min(1).Draw(t, "seq"),
	}
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		e.Tombstone = true
	case 1:
		e.Manifest = drawManifest(t)
	default:
		e.Value = rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value")
	}
	if rapid.Bool().Draw(t, "has metadata") {
		e.Metadata = rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "metadata")
	}
	if rapid.Bool().Draw(t, "has request") {
		e.Request = rapid.StringN(1, 16, store.MaxRequest).Draw(t, "request")
	}
	if rapid.Bool().Draw(t, "knows") {
		e.Known = drawKnown(t)
	}
	if rapid.Bool().Draw(t, "saw") {
		e.Seen = drawBookmark(t)
	}
	return e
}

func drawBookmark(t *rapid.T) store.Bookmark {
	b := store.Bookmark{Through: drawTimestamp(t)}
	origins := rapid.SliceOfNDistinct(rapid.Custom(drawOrigin), 0, store.MaxMarks, rapid.ID).Draw(t, "seen origins")
	slices.SortFunc(origins, store.Origin.Compare)
	for _, o := range origins {
		b.Marks = append(b.Marks, store.Seen{Mark: store.Mark{Origin: o, Seq: rapid.Uint64().Draw(t, "seq")}, Timestamp: drawTimestamp(t)})
	}
	return b
}

func drawManifest(t *rapid.T) *store.Manifest {
	m := &store.Manifest{
		Upload:     store.Upload{Life: rapid.Uint64().Draw(t, "life"), Number: rapid.Uint64().Draw(t, "number")},
		Size:       rapid.Int64Range(1, store.MaxValue).Draw(t, "size"),
		ChunkBytes: rapid.Int64Range(store.MaxValue/store.MaxChunks+1, store.MaxChunk).Draw(t, "chunk bytes"),
	}
	for i := range (m.Size + m.ChunkBytes - 1) / m.ChunkBytes {
		m.Hashes = append(m.Hashes, store.Hash{byte(i), 1})
	}
	return m
}

func drawPiece(t *rapid.T) gossip.Piece {
	m := drawManifest(t)
	i := rapid.IntRange(0, len(m.Hashes)-1).Draw(t, "chunk")
	offset, size := m.Chunk(i)
	return gossip.Piece{Upload: m.Upload, Offset: offset, Size: size, Hash: m.Hashes[i]}
}

func drawKnown(t *rapid.T) store.Known {
	k := store.Known{Through: drawTimestamp(t), Maybe: drawTimestamp(t)}
	origins := rapid.SliceOfNDistinct(rapid.Custom(drawOrigin), 0, store.MaxKnown, rapid.ID).Draw(t, "known origins")
	slices.SortFunc(origins, store.Origin.Compare)
	for _, o := range origins {
		k.Versions = append(k.Versions, store.Version{Timestamp: drawTimestamp(t), Origin: o})
	}
	return k
}

func drawFrame(t *rapid.T) *gossip.Frame {
	origins := rapid.SliceOfN(rapid.Custom(drawOrigin), 1, 4).Draw(t, "origins")
	f := &gossip.Frame{Origin: origins[0], Facts: drawFacts(t)}
	keys := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) store.Key {
		return store.Key{
			Namespace: rapid.SampledFrom([]string{"", "a", "0123456789abcdef0123456789abcdef"}).Draw(t, "namespace"),
			Name:      rapid.StringN(0, 40, store.MaxName).Draw(t, "name"),
		}
	}), 1, 12, rapid.ID).Draw(t, "keys")
	for i := range keys {
		f.Rows = append(f.Rows, gossip.FrameRow{Entry: i, Timestamp: drawTimestamp(t)})
	}
	for range rapid.IntRange(0, 6).Draw(t, "more rows") {
		f.Rows = append(f.Rows, gossip.FrameRow{Entry: rapid.IntRange(0, len(keys)-1).Draw(t, "entry"), Timestamp: drawTimestamp(t)})
	}
	f.Rows = rapid.Permutation(f.Rows).Draw(t, "rows")
	f.From = rapid.Uint64Max(math.MaxUint64-uint64(len(f.Rows))).Draw(t, "from")
	for i, key := range keys {
		e := drawEntry(t, key, origins)
		if row := rapid.IntRange(0, len(f.Rows)-1).Draw(t, "row"); f.Rows[row].Entry == i {
			e.Version = store.Version{Timestamp: f.Rows[row].Timestamp, Origin: f.Origin}
			if rapid.Bool().Draw(t, "its own row") {
				e.Seq = f.From + 1 + uint64(row)
			}
		}
		f.Entries = append(f.Entries, e)
	}
	return f
}

// drawClosed sometimes draws none.
func drawClosed(t *rapid.T) *gossip.Closed {
	if rapid.Bool().Draw(t, "closed") {
		return nil
	}
	c := &gossip.Closed{C: drawTimestamp(t), Lags: rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, "lags")}
	if rapid.Bool().Draw(t, "apart") {
		c.Acked = rapid.SliceOfN(rapid.Byte(), len(c.Lags), len(c.Lags)).Draw(t, "acked")
	}
	return c
}

// drawTally sometimes draws none.
func drawTally(t *rapid.T) *gossip.Tally {
	if rapid.Bool().Draw(t, "tally") {
		return nil
	}
	return &gossip.Tally{Floor: drawTimestamp(t), Have: rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, "have")}
}

func drawBallot(t *rapid.T) roster.Ballot {
	return roster.Ballot{
		Round: rapid.Uint64().Draw(t, "round"),
		Node:  store.NodeID(rapid.StringN(0, 16, store.MaxNodeID).Draw(t, "holder")),
	}
}

func drawEpoch(t *rapid.T) roster.Epoch {
	v := roster.Epoch{
		Number: rapid.Uint64Min(1).Draw(t, "number"), Founder: drawOrigin(t).Node,
		Sponsor: drawOrigin(t).Node, Bar: drawTimestamp(t),
	}
	for _, node := range append(drawNodes(t, 8), "\xff") {
		v.Members = append(v.Members, drawMember(t, node))
	}
	for _, node := range drawNodes(t, 8) {
		end := roster.End{Node: node, Epoch: rapid.Uint64().Draw(t, "end's epoch"), Through: drawTimestamp(t)}
		for i := range rapid.IntRange(0, 2).Draw(t, "marks") {
			o := store.Origin{Node: node, Incarnation: store.Incarnation{Start: at(int64(i), 0)}}
			end.Marks = append(end.Marks, store.Mark{Origin: o, Seq: rapid.Uint64().Draw(t, "seq")})
		}
		v.Ends = append(v.Ends, end)
	}
	return v
}

func drawMember(t *rapid.T, node store.NodeID) roster.Member {
	return roster.Member{
		Node: node, Region: rapid.StringN(0, wire.MaxLabel, wire.MaxLabel).Draw(t, "region"),
		Name: rapid.StringN(0, wire.MaxLabel, wire.MaxLabel).Draw(t, "name"), Since: drawTimestamp(t),
	}
}

func drawRoster(t *rapid.T) *gossip.Roster {
	m := &gossip.Roster{Message: roster.Message{
		Step:   roster.Step(rapid.IntRange(int(roster.Ask), int(roster.Leave)).Draw(t, "step")),
		Number: rapid.Uint64().Draw(t, "number"), Ballot: drawBallot(t), Accepted: drawBallot(t),
		Drop: drawNodes(t, 8), Held: drawMarks(t),
		Near: store.NodeID(rapid.StringN(0, 16, store.MaxNodeID).Draw(t, "near")),
	}}
	if m.Step == roster.Ask {
		m.Who = drawMember(t, drawOrigin(t).Node)
	}
	if rapid.Bool().Draw(t, "settled") {
		m.Settled, m.W = drawTimestamp(t), drawTimestamp(t)
	}
	if m.Step == roster.Accept || m.Step == roster.Decided || rapid.Bool().Draw(t, "has value") {
		m.Value = drawEpoch(t)
	}
	return m
}

func drawViewID(t *rapid.T) view.ID {
	return view.ID{Number: rapid.Uint64().Draw(t, "view"), By: store.NodeID(rapid.StringN(0, 16, store.MaxNodeID).Draw(t, "by"))}
}

func drawTag(t *rapid.T) view.Tag {
	if rapid.Bool().Draw(t, "no tag") {
		return view.Tag{}
	}
	return view.Tag{View: drawViewID(t), Config: rapid.Uint64().Draw(t, "config")}
}

// drawNodes draws a sorted set, nil if it is empty.
func drawNodes(t *rapid.T, most int) []store.NodeID {
	nodes := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) store.NodeID {
		return store.NodeID(rapid.StringN(1, 16, store.MaxNodeID).Draw(t, "node"))
	}), 0, most, rapid.ID).Draw(t, "nodes")
	slices.Sort(nodes)
	if len(nodes) == 0 {
		return nil
	}
	return nodes
}

func drawView(t *rapid.T) *gossip.View {
	return &gossip.View{
		Region: rapid.StringN(0, wire.MaxLabel, wire.MaxLabel).Draw(t, "region"),
		Message: view.Message{
			Step:    view.Step(rapid.IntRange(int(view.Ask), int(view.Answer)).Draw(t, "step")),
			View:    view.View{ID: drawViewID(t), Nodes: drawNodes(t, 9)},
			Round:   rapid.Uint64().Draw(t, "round"),
			Config:  rapid.Uint64().Draw(t, "config"),
			Deaf:    drawNodes(t, 9),
			Granted: rapid.Bool().Draw(t, "granted"),
			Known:   rapid.Bool().Draw(t, "known"),
			Marks:   drawMarks(t),
		},
	}
}

func drawRepair(t *rapid.T) *gossip.Repair {
	m := &gossip.Repair{
		Step: gossip.RepairStep(rapid.IntRange(int(gossip.Sums), int(gossip.Differences)).Draw(t, "step")), Depth: 4,
		Epoch: rapid.Uint64().Draw(t, "epoch"), Floor: drawTimestamp(t), Through: drawTimestamp(t), Prefix: uint16(rapid.Uint8().Draw(t, "prefix")),
	}
	switch m.Step {
	case gossip.Sums:
		m.Depth = uint8(rapid.IntRange(2, 3).Draw(t, "depth"))
		m.Sums = rapid.SliceOfN(rapid.Uint64(), 16, 16).Draw(t, "sums")
	case gossip.Items:
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			m.Items = append(m.Items, gossip.Item{Place: rapid.Uint64().Draw(t, "place"), Print: rapid.Uint64().Draw(t, "print")})
		}
	case gossip.Differences:
		for _, e := range drawFrame(t).Entries {
			if e.Seq > 0 {
				m.Entries = append(m.Entries, e)
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "wants") {
			m.Wants = append(m.Wants, rapid.Uint64().Draw(t, "want"))
		}
	}
	return m
}

func drawPage(t *rapid.T) *gossip.Page {
	p := &gossip.Page{
		Number: rapid.Uint64().Draw(t, "number"), Marks: drawMarks(t), Total: rapid.Uint64().Draw(t, "total"), Facts: drawFacts(t),
	}
	for _, e := range drawFrame(t).Entries {
		if e.Seq > 0 {
			p.Entries = append(p.Entries, e)
		}
	}
	slices.SortFunc(p.Entries, func(a, b *store.Entry) int { return a.Key.Compare(b.Key) })
	if n := len(p.Entries); n > 0 && rapid.Bool().Draw(t, "bounded") {
		p.From, p.Next = p.Entries[0].Key, p.Entries[n-1].Key
		p.Next.Name += "\x00"
	}
	return p
}

func drawMessage(t *rapid.T) gossip.Message {
	switch rapid.IntRange(0, 12).Draw(t, "kind") {
	case 10:
		return &gossip.Scan{Number: rapid.Uint64().Draw(t, "number"), From: drawFrame(t).Entries[0].Key, Credit: rapid.IntRange(0, wire.MaxCredit).Draw(t, "credit")}
	case 11:
		return drawPage(t)
	case 12:
		return &gossip.Gone{Marks: drawMarks(t)}
	case 9:
		return drawRepair(t)
	case 0:
		return drawFrame(t)
	case 1:
		return &gossip.Status{
			Marks: drawMarks(t), Full: rapid.Bool().Draw(t, "full"), Hash: rapid.Uint64().Draw(t, "hash"),
			Want: rapid.Bool().Draw(t, "want"), Facts: drawFacts(t), Closed: drawClosed(t), Tag: drawTag(t), Tally: drawTally(t),
			Taken: drawMarks(t),
			Wall:  rapid.Int64Min(0).Draw(t, "wall"),
			Yours: drawTimestamp(t),
		}
	case 2:
		return drawRoster(t)
	case 3:
		return drawView(t)
	case 7:
		return &gossip.Fetch{Pieces: rapid.SliceOfN(rapid.Custom(drawPiece), 1, gossip.MaxPieces).Draw(t, "pieces")}
	case 4:
		c := &gossip.Chunk{Piece: drawPiece(t), Gone: rapid.Bool().Draw(t, "gone")}
		if !c.Gone {
			c.Data = bytes.Repeat([]byte{7}, int(c.Size))
		}
		return c
	case 5:
		return &gossip.Offer{Manifest: drawManifest(t)}
	case 6:
		return &gossip.Has{Upload: drawManifest(t).Upload}
	default:
		return &gossip.Pull{From: drawMarks(t), Credit: rapid.IntRange(0, wire.MaxCredit).Draw(t, "credit")}
	}
}

// TestRoundTrip sends all messages through one encoder, so that what one leaves
// behind in it would show in the next.
func TestRoundTrip(t *testing.T) {
	enc := wire.NewEncoder()
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b, err := enc.Append([]byte("before"), m)
		if err != nil {
			t.Fatalf("Append: %v", err)
		}
		if !bytes.HasPrefix(b, []byte("before")) {
			t.Fatalf("Append changed what it appends to: %q", b[:6])
		}
		frame := b[len("before")+4:]
		got, err := wire.Decode(frame)
		if err != nil {
			t.Fatalf("Decode: %v", err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Fatalf("Decode(Append(m)) = %+v, want %+v", got, m)
		}
	})
}

func TestRoundTripHello(t *testing.T) {
	text := rapid.StringN(0, wire.MaxLabel, wire.MaxLabel)
	rapid.Check(t, func(t *rapid.T) {
		want := wire.Hello{
			Cluster: text.Draw(t, "cluster"), Node: drawOrigin(t).Node,
			Name: text.Draw(t, "name"), Region: text.Draw(t, "region"),
		}
		for range rapid.IntRange(0, gossip.MaxLine+2).Draw(t, "starts") {
			want.Line = want.Line.Next(rapid.Uint64().Draw(t, "nonce"))
		}
		b, err := wire.NewEncoder().AppendHello(nil, want)
		if err != nil {
			t.Fatalf("AppendHello: %v", err)
		}
		if got, err := wire.DecodeHello(b[4:]); err != nil || got != want {
			t.Fatalf("DecodeHello = %+v, %v, want %+v", got, err, want)
		}
	})
}

func TestValueNilAndEmpty(t *testing.T) {
	tests := []struct {
		name            string
		value, metadata []byte
		tombstone       bool
		wantValue       []byte
	}{
		{"a live entry without bytes stays live and empty", []byte{}, nil, false, []byte{}},
		{"a live entry with nil becomes empty", nil, nil, false, []byte{}},
		{"a tombstone has none", nil, nil, true, nil},
		{"a tombstone with an empty value has none", []byte{}, nil, true, nil},
		{"empty metadata are none", nil, []byte{}, false, []byte{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := put()
			e := f.Entries[0]
			e.Value, e.Metadata, e.Tombstone = tt.value, tt.metadata, tt.tombstone
			m, err := wire.Decode(encode(t, f))
			if err != nil {
				t.Fatalf("Decode: %v", err)
			}
			got := m.(*gossip.Frame).Entries[0]
			if got.Tombstone != tt.tombstone || !reflect.DeepEqual(got.Value, tt.wantValue) {
				t.Errorf("tombstone, value = %v, %#v, want %v, %#v", got.Tombstone, got.Value, tt.tombstone, tt.wantValue)
			}
			if got.Metadata != nil {
				t.Errorf("metadata = %#v, want nil", got.Metadata)
			}
		})
	}
}

func TestDecodeKeepsNothingOfTheFrame(t *testing.T) {
	for name, want := range samples() {
		frame := encode(t, want)
		got, err := wire.Decode(frame)
		if err != nil {
			t.Fatalf("%s: Decode: %v", name, err)
		}
		for i := range frame {
			frame[i] = 0xff
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the message changed with the frame: %+v, want %+v", name, got, want)
		}
	}
}

// TestAppendAllocatesNothing includes what costs most: a frame whose entries come from
// several origins, after one that fills the encoder's tables.
func TestAppendAllocatesNothing(t *testing.T) {
	mixed := run(100)
	for i, e := range mixed.Entries {
		if i%3 == 0 {
			e.Version.Origin = marks(20)[i%20].Origin
		}
	}
	messages := samples()
	messages["run of 100"] = run(100)
	messages["run of 100, several origins"] = mixed
	messages["status of 1000"] = &gossip.Status{Marks: marks(1000)}
	messages["epoch of 1000"] = decided(1000)
	enc := wire.NewEncoder()
	dst := make([]byte, 0, 1<<20)
	for name, m := range messages {
		if n := testing.AllocsPerRun(20, func() {
			if _, err := enc.Append(dst, m); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: Append allocates %v times, want 0", name, n)
		}
	}
	if n := testing.AllocsPerRun(20, func() {
		if _, err := enc.AppendHello(dst, hello); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("AppendHello allocates %v times, want 0", n)
	}
}
