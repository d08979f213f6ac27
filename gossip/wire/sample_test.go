package wire_test

import (
	"fmt"
	"math"
	"testing"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/gossip/view"
	"hearsay/gossip/wire"
	"hearsay/store"
)

const second = 1_760_000_000 // of the Unix epoch, when the samples were written

func at(offset int64, logical uint32) clock.Timestamp {
	return clock.Timestamp{Wall: second*1e9 + offset, Logical: logical}
}

func origin(node store.NodeID) store.Origin {
	return store.Origin{Node: node, Incarnation: store.Incarnation{Start: at(0, 0), Nonce: 0xfeed}}
}

// own returns the entry that o wrote as seq, which frames name by its row.
func own(o store.Origin, seq uint64, t clock.Timestamp, name string) *store.Entry {
	return &store.Entry{
		Key:     store.Key{Namespace: "0123456789abcdef0123456789abcdef", Name: name},
		Value:   []byte("value of " + name),
		Version: store.Version{Timestamp: t, Origin: o},
		Seq:     seq,
	}
}

// knownVersions are n of as many origins.
func knownVersions(n int) []store.Version {
	var vs []store.Version
	for i := range n {
		vs = append(vs, store.Version{Timestamp: at(int64(i), 0), Origin: origin(store.NodeID(fmt.Sprintf("node-%04d", i)))})
	}
	return vs
}

// seenMarks are n of as many origins.
func seenMarks(n int) []store.Seen {
	var marks []store.Seen
	for i, v := range knownVersions(n) {
		marks = append(marks, store.Seen{Mark: store.Mark{Origin: v.Origin, Seq: uint64(i)}, Timestamp: v.Timestamp})
	}
	return marks
}

// put is the frame of one write.
func put() *gossip.Frame {
	o := origin("node-a")
	return &gossip.Frame{
		Origin:  o,
		From:    41,
		Rows:    []gossip.FrameRow{{Entry: 0, Timestamp: at(5, 1)}},
		Entries: []*store.Entry{own(o, 42, at(5, 1), "cart")},
		Facts:   gossip.Facts{W: at(3, 0), Floor: at(1, 0), Epoch: 7},
	}
}

// run is a frame with n rows and as many entries of one namespace, each with a
// value of 256 bytes and a name of 16.
func run(n int) *gossip.Frame {
	o := origin("3f9c2b7a51d84e60")
	f := &gossip.Frame{Origin: o, From: 100_000, Facts: gossip.Facts{W: at(3, 0), Floor: at(1, 0), Epoch: 7}}
	for i := range n {
		t := at(int64(i)*1000, 0)
		e := own(o, f.From+1+uint64(i), t, fmt.Sprintf("user/%011d", i))
		e.Value = make([]byte, 256)
		f.Rows = append(f.Rows, gossip.FrameRow{Entry: i, Timestamp: t})
		f.Entries = append(f.Entries, e)
	}
	return f
}

func marks(n int) store.Watermarks {
	var w store.Watermarks
	for i := range n {
		w = append(w, store.Mark{Origin: origin(store.NodeID(fmt.Sprintf("%016x", i))), Seq: 100_000 + uint64(i)})
	}
	return w
}

// epoch is one of n members, of which the last was admitted last.
func epoch(n int) roster.Epoch {
	v := roster.Epoch{Number: 8, Founder: "node-0000", Sponsor: "node-0000", Bar: at(9, 2)}
	for i := range n {
		v.Members = append(v.Members, roster.Member{
			Node: store.NodeID(fmt.Sprintf("node-%04d", i)), Region: fmt.Sprint("region-", i%3), Name: fmt.Sprint("n", i), Since: at(int64(i), 0),
		})
	}
	v.Members[n-1].Since = v.Bar
	for i := range min(n, 3) {
		v.Regions = append(v.Regions, roster.Region{
			Name: fmt.Sprint("region-", i), Granters: []store.NodeID{v.Members[i].Node}, Since: uint64(i),
		})
	}
	v.Regions[0].Left = "node-9999"
	v.Ends = []roster.End{{Node: "node-a", Epoch: 7, Marks: store.Watermarks{{Origin: origin("node-a"), Seq: 40}}, Through: at(8, 3)}, {Node: "node-b", Epoch: 8}}
	return v
}

// ask is the message in which a newcomer asks to be admitted.
func ask(who roster.Member) *gossip.Roster {
	return &gossip.Roster{Message: roster.Message{Step: roster.Ask, Who: who}}
}

// decided is the message that tells of an epoch of n members.
func decided(n int) *gossip.Roster {
	return &gossip.Roster{Message: roster.Message{Step: roster.Decided, Value: epoch(n)}}
}

// viewed is what a granter answers a node that asked it for the first time.
func viewed() *gossip.View {
	return &gossip.View{Region: "region-1", Message: view.Message{
		Step:  view.Answer,
		View:  view.View{ID: view.ID{Number: 4, By: "node-a"}, Nodes: []store.NodeID{"node-a", "node-b"}},
		Round: 0x0123456789abcdef, Config: 8,
		Deaf: []store.NodeID{"node-c"}, Granted: true, Marks: marks(1),
	}}
}

// manifest is one of n chunks, of which the last has 10 bytes.
func manifest(n int) *store.Manifest {
	m := &store.Manifest{Upload: store.Upload{Life: 0xfeedface, Number: 7}, Size: int64(n-1)<<20 + 10, ChunkBytes: 1 << 20}
	for i := range n {
		m.Hashes = append(m.Hashes, store.Hash{byte(i), 31: 0xff})
	}
	return m
}

// samples are the messages that the golden frames pin, by the files' names.
func samples() map[string]gossip.Message {
	a, b, c := origin("node-a"), origin("node-b"), origin("node-c")

	deleted := put()
	deleted.Entries[0].Value = nil
	deleted.Entries[0].Tombstone = true

	empty := put()
	empty.Entries[0].Value = []byte{}
	empty.Entries[0].Metadata = []byte(`{"kind":"flag"}`)
	empty.Entries[0].Expires = second + 60

	// Numbers 11 and 13 wrote one key, 12 another that b has written since, 14 one
	// that a wrote once more past this frame, and 15 one in a second namespace.
	mixed := &gossip.Frame{
		Origin: a,
		From:   10,
		Rows: []gossip.FrameRow{
			{Entry: 0, Timestamp: at(1, 0)}, {Entry: 1, Timestamp: at(2, 0)}, {Entry: 0, Timestamp: at(3, 0)},
			{Entry: 2, Timestamp: at(4, 0)}, {Entry: 3, Timestamp: at(5, 0)},
		},
		Entries: []*store.Entry{
			own(a, 13, at(3, 0), "twice"), own(b, 900, at(9, 2), "newer elsewhere"),
			own(a, 77, at(8, 0), "newer here"), own(c, 1, at(7, 0), "elsewhere"),
		},
	}
	mixed.Entries[3].Key.Namespace = "settings"
	mixed.Entries[1].Request = "retry-1"
	mixed.Entries[1].Known = store.Known{Through: at(1, 0), Maybe: at(6, 1), Versions: []store.Version{
		{Timestamp: at(2, 0), Origin: a}, {Timestamp: at(8, 0), Origin: origin("node-d")},
	}}
	mixed.Entries[2].Known.Through = at(5, 0)
	mixed.Entries[2].Seen = store.Bookmark{Through: at(2, 1), Marks: []store.Seen{
		{Mark: store.Mark{Origin: b, Seq: 899}, Timestamp: at(7, 0)}, {Mark: store.Mark{Origin: origin("node-e"), Seq: 3}, Timestamp: at(6, 0)},
	}}
	mixed.Entries[3].Seen.Through = at(6, 0)

	most := clock.Timestamp{Wall: math.MaxInt64, Logical: math.MaxUint32}
	far := store.Origin{Node: "z", Incarnation: store.Incarnation{Start: most, Nonce: math.MaxUint32}}
	largest := &gossip.Frame{
		Origin:  far,
		From:    math.MaxUint64 - 1,
		Rows:    []gossip.FrameRow{{Entry: 0, Timestamp: most}},
		Entries: []*store.Entry{own(far, math.MaxUint64, most, "")},
		Facts:   gossip.Facts{W: most, Floor: most, Epoch: math.MaxUint64},
	}
	largest.Entries[0].Expires = math.MaxInt64

	large := put()
	large.Entries[0].Value = nil
	large.Entries[0].Manifest = manifest(3)
	offset, size := manifest(3).Chunk(2)
	piece := gossip.Piece{Upload: manifest(3).Upload, Offset: offset, Size: size, Hash: manifest(3).Hashes[2]}

	ballot, lower := roster.Ballot{Round: 300, Node: "node-0001"}, roster.Ballot{Round: 299, Node: "node-0002"}

	promise := decided(3)
	promise.Step, promise.Ballot, promise.Settled, promise.W, promise.Near = roster.Promise, ballot, at(7, 0), at(6, 1), "node-0002"
	again := viewed()
	again.Step, again.View.Nodes, again.Granted, again.Known, again.Marks = view.Ask, nil, false, true, nil
	return map[string]gossip.Message{
		"repair-sums":   &gossip.Repair{Step: gossip.Sums, Epoch: 7, Floor: at(1, 0), Through: at(2, 0), Prefix: 0xab, Depth: 2, Sums: sums()},
		"repair-items":  &gossip.Repair{Step: gossip.Items, Prefix: 0xabcd, Depth: 4, Items: []gossip.Item{{Place: 0xabcd << 48, Print: 7}}},
		"repair-ask":    &gossip.Repair{Step: gossip.Ask, Prefix: 0xabcd, Depth: 4, Wants: []uint64{0xabcd << 48}},
		"repair-answer": &gossip.Repair{Step: gossip.Answer, Prefix: 0xabcd, Depth: 4, Items: []gossip.Item{{Place: 0xabcd << 48, Print: 7}}, Wants: []uint64{0xabcd << 48}},
		"repair-differences": &gossip.Repair{
			Step: gossip.Differences, Prefix: 0xabcd, Depth: 4, Wants: []uint64{0xabcd << 48, math.MaxUint64},
			Entries: []*store.Entry{mixed.Entries[1], mixed.Entries[2], deleted.Entries[0]},
		},
		"scan": &gossip.Scan{Number: math.MaxUint64, From: store.Key{Namespace: "settings", Name: "elsewhere\x00"}, Credit: 3 << 20},
		"page": &gossip.Page{
			Number: 7, Next: mixed.Entries[3].Key, Entries: []*store.Entry{large.Entries[0], mixed.Entries[1], mixed.Entries[2]},
			Marks: marks(2), Total: 1000, Facts: gossip.Facts{W: at(3, 0), Floor: at(1, 0), Epoch: 7},
		},
		"page-last":         &gossip.Page{Number: 7, From: mixed.Entries[3].Key, Entries: mixed.Entries[3:]},
		"gone":              &gossip.Gone{Marks: marks(2)},
		"status-behind":     &gossip.Status{Hash: 1, Facts: gossip.Facts{W: at(3, 0), Behind: true}},
		"view-answer":       viewed(),
		"view-ask":          again,
		"roster-settled":    promise,
		"status-tag":        &gossip.Status{Marks: marks(1), Tag: view.Tag{View: viewed().View.ID, Config: 8}},
		"frame-put":         put(),
		"frame-delete":      deleted,
		"frame-empty-value": empty,
		"frame-mixed":       mixed,
		"frame-large":       large,
		"frame-largest":     largest,
		"status-idle":       &gossip.Status{Hash: 0x0123456789abcdef, Facts: gossip.Facts{W: at(3, 0)}},
		"status-full":       &gossip.Status{Marks: marks(3), Full: true, Hash: math.MaxUint64, Want: true, Facts: put().Facts, Wall: at(2, 0).Wall},
		"status-yours":      &gossip.Status{Full: true, Hash: 1, Facts: put().Facts, Yours: at(5, 1)},
		"status-closed": &gossip.Status{
			Hash: 1, Facts: put().Facts,
			Closed: &gossip.Closed{C: at(4, 1), Lags: []byte{0x10, 0x0f}, Acked: []byte{0x10, 0x02}},
			Tally:  &gossip.Tally{Floor: at(2, 0), Have: []byte{0x05}},
		},
		"status-taken":    &gossip.Status{Hash: 1, Facts: put().Facts, Taken: marks(2)},
		"fetch":           &gossip.Fetch{Pieces: []gossip.Piece{piece, piece}},
		"chunk":           &gossip.Chunk{Piece: piece, Data: []byte("ten bytes.")},
		"chunk-gone":      &gossip.Chunk{Piece: piece, Gone: true},
		"offer":           &gossip.Offer{Manifest: manifest(3)},
		"has":             &gossip.Has{Upload: manifest(1).Upload},
		"pull":            &gossip.Pull{From: marks(2), Credit: 3 << 20},
		"pull-credit":     &gossip.Pull{Credit: wire.MaxCredit},
		"roster-ask":      ask(roster.Member{Node: "node-0005", Region: "us-east", Name: "n5", Since: at(4, 1)}),
		"roster-leave":    &gossip.Roster{Message: roster.Message{Step: roster.Leave}},
		"roster-prepare":  &gossip.Roster{Message: roster.Message{Step: roster.Prepare, Number: 8, Ballot: ballot, Drop: []store.NodeID{"node-a"}}},
		"roster-promise":  &gossip.Roster{Message: roster.Message{Step: roster.Promise, Number: 8, Ballot: ballot, Accepted: lower, Value: epoch(3), Held: store.Watermarks{{Origin: a, Seq: 41}}}},
		"roster-refuse":   &gossip.Roster{Message: roster.Message{Step: roster.Refuse, Number: 8, Ballot: ballot}},
		"roster-accept":   &gossip.Roster{Message: roster.Message{Step: roster.Accept, Number: 8, Ballot: ballot, Value: epoch(3)}},
		"roster-accepted": &gossip.Roster{Message: roster.Message{Step: roster.Accepted, Number: 8, Ballot: ballot}},
		"roster-decided":  decided(3),
	}
}

var hello = wire.Hello{Cluster: "c1", Node: "3f9c2b7a51d84e60", Name: "us-east-1", Region: "us-east", Line: gossip.Line{}.Next(0xfeed).Next(0xbeef)}

// encode returns m as a frame without its length prefix.
func encode(t testing.TB, m gossip.Message) []byte {
	t.Helper()
	b, err := wire.NewEncoder().Append(nil, m)
	if err != nil {
		t.Fatalf("Append(%T): %v", m, err)
	}
	return b[4:]
}

func encodeHello(t testing.TB, h wire.Hello) []byte {
	t.Helper()
	b, err := wire.NewEncoder().AppendHello(nil, h)
	if err != nil {
		t.Fatalf("AppendHello(%+v): %v", h, err)
	}
	return b[4:]
}

func sums() []uint64 {
	sums := make([]uint64, 16)
	for i := range sums {
		sums[i] = uint64(i) << 60
	}
	return sums
}
