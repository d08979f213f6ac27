package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

// An Encoder turns messages into frames. It keeps its scratch space between
// calls and nothing of the messages. One goroutine uses it.
type Encoder struct {
	out buffer
	msg *msgpack.Encoder // writes to out
	// refs tells per entry of a frame the last row that names it, and then where
	// its version stands: the index of its origin, or byRow.
	refs    []int
	origins []store.Origin
	index   map[store.Origin]int // into origins
	seen    map[store.Key]struct{}
	lone    gossip.Frame // of one entry
}

// byRow marks an entry whose version is that of its row.
const byRow = -1

// NewEncoder returns an encoder for any number of messages.
func NewEncoder() *Encoder {
	e := &Encoder{
		index: make(map[store.Origin]int),
		seen:  make(map[store.Key]struct{}),
	}
	e.msg = msgpack.NewEncoder(&e.out)
	return e
}

// Append appends m to dst as one frame, with its length prefix, and returns the
// longer slice. It does not allocate when dst has room. It returns ErrMalformed
// for a message that Decode would refuse and ErrTooLarge for one that fills more
// than a frame; dst is then returned as it came, though the space after it may
// be written over.
func (e *Encoder) Append(dst []byte, m gossip.Message) ([]byte, error) {
	if err := e.check(m); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch m := m.(type) {
	case *gossip.Frame:
		e.begin(dst, kindFrame)
		e.frame(m)
	case *gossip.Status:
		e.begin(dst, kindStatus)
		e.status(m)
	case *gossip.Pull:
		e.begin(dst, kindPull)
		e.pull(m)
	case *gossip.Repair:
		e.begin(dst, kindRepair)
		e.repair(m)
	case *gossip.Roster:
		e.begin(dst, kindRoster)
		e.roster(m)
	case *gossip.View:
		e.begin(dst, kindView)
		e.view(m)
	case *gossip.Fetch:
		e.begin(dst, kindFetch)
		e.fetch(m)
	case *gossip.Chunk:
		e.begin(dst, kindChunk)
		e.chunk(m)
	case *gossip.Offer:
		e.begin(dst, kindOffer)
		e.array(1)
		e.manifest(m.Manifest)
	case *gossip.Has:
		e.begin(dst, kindHas)
		e.array(1)
		e.upload(m.Upload)
	case *gossip.Scan:
		e.begin(dst, kindScan)
		e.scan(m)
	case *gossip.Page:
		e.begin(dst, kindPage)
		e.page(m)
	case *gossip.Gone:
		e.begin(dst, kindGone)
		e.array(1)
		e.marks(m.Marks)
	}
	return e.finish(dst)
}

func (e *Encoder) check(m gossip.Message) error {
	switch m := m.(type) {
	case *gossip.Frame:
		var err error
		if e.refs, err = lastRows(e.refs, m.Rows, len(m.Entries)); err != nil {
			return err
		}
		err = checkFrame(m, e.seen)
		e.seen = emptied(e.seen)
		return err
	case *gossip.Status:
		return checkStatus(m)
	case *gossip.Pull:
		return checkPull(m)
	case *gossip.Repair:
		return checkRepair(m)
	case *gossip.Roster:
		return checkRoster(m)
	case *gossip.View:
		return checkView(m)
	case *gossip.Fetch:
		return checkFetch(m)
	case *gossip.Chunk:
		return checkChunk(m)
	case *gossip.Offer:
		return checkOffer(m)
	case *gossip.Has:
		return nil
	case *gossip.Scan:
		return checkScan(m)
	case *gossip.Page:
		return checkPage(m)
	case *gossip.Gone:
		return checkMarks(m.Marks)
	}
	return fmt.Errorf("%T has no encoding", m)
}

// begin starts a frame after dst; finish fills in its length.
func (e *Encoder) begin(dst []byte, kind byte) {
	e.out.b = append(dst, 0, 0, 0, 0, Version, kind)
}

func (e *Encoder) finish(dst []byte) ([]byte, error) {
	b := e.out.b
	e.out.b = nil
	n := len(b) - len(dst) - prefixLen
	if n > MaxFrame {
		return dst, fmt.Errorf("%w: %d bytes, the most is %d", ErrTooLarge, n, MaxFrame)
	}
	binary.BigEndian.PutUint32(b[len(dst):], uint32(n))
	return b, nil
}

func (e *Encoder) frame(f *gossip.Frame) {
	e.resolve(f)
	e.array(5)
	e.table()
	e.uint(f.From)
	e.array(len(f.Rows))
	for _, r := range f.Rows {
		e.array(3)
		e.uint(uint64(r.Entry))
		e.timestamp(r.Timestamp)
	}
	e.entries(f.Entries)
	e.facts(f.Facts)
	e.forgetTable()
}

// table writes the table of origins.
func (e *Encoder) table() {
	e.array(len(e.origins))
	for _, o := range e.origins {
		e.origin(o)
	}
}

func (e *Encoder) forgetTable() {
	clear(e.origins)
	e.index = emptied(e.index)
}

// entries writes entries whose versions stand where refs says.
func (e *Encoder) entries(entries []*store.Entry) {
	e.array(len(entries))
	for i, en := range entries {
		e.array(9)
		e.version(en, e.refs[i])
		if i > 0 && en.Key.Namespace == entries[i-1].Key.Namespace {
			e.null()
		} else {
			e.text(en.Key.Namespace)
		}
		e.content(en)
	}
}

// resolve fills the table of origins and points each entry into it.
func (e *Encoder) resolve(f *gossip.Frame) {
	e.origins = append(e.origins[:0], f.Origin)
	for i, en := range f.Entries {
		switch row := e.refs[i]; {
		case en.Version == rowVersion(f, row) && en.Seq == rowSeq(f, row):
			e.refs[i] = byRow
		default:
			e.refs[i] = e.refer(en.Version.Origin)
		}
		e.referSeen(en)
	}
}

// referSeen has the table hold what en's writer knew and had seen.
func (e *Encoder) referSeen(en *store.Entry) {
	for _, v := range en.Known.Versions {
		e.refer(v.Origin)
	}
	for _, s := range en.Seen.Marks {
		e.refer(s.Origin)
	}
}

// refer returns the index of o in the table, of which the first is the frame's.
func (e *Encoder) refer(o store.Origin) int {
	if len(e.origins) > 0 && o == e.origins[0] {
		return 0
	}
	i, ok := e.index[o]
	if !ok {
		i = len(e.origins)
		e.origins = append(e.origins, o)
		e.index[o] = i
	}
	return i
}

func (e *Encoder) version(en *store.Entry, ref int) {
	if ref == byRow {
		e.null()
		return
	}
	e.array(4)
	e.uint(uint64(ref))
	e.uint(en.Seq)
	e.timestamp(en.Version.Timestamp)
}

// content writes what follows the namespace in an entry.
func (e *Encoder) content(en *store.Entry) {
	e.text(en.Key.Name)
	switch {
	case en.Tombstone:
		e.null()
	case en.Manifest != nil:
		e.manifest(en.Manifest)
	default:
		e.bytes(en.Value)
	}
	if len(en.Metadata) == 0 {
		e.null()
	} else {
		e.bytes(en.Metadata)
	}
	e.uint(uint64(en.Expires))
	if en.Request == "" {
		e.null()
	} else {
		e.text(en.Request)
	}
	e.known(en.Known)
	e.bookmark(en.Seen)
}

func (e *Encoder) known(k store.Known) {
	if k.IsZero() {
		e.null()
		return
	}
	e.array(5)
	e.timestamp(k.Through)
	e.timestamp(k.Maybe)
	e.array(len(k.Versions))
	for _, v := range k.Versions {
		e.array(3)
		e.uint(uint64(e.refer(v.Origin)))
		e.timestamp(v.Timestamp)
	}
}

func (e *Encoder) bookmark(b store.Bookmark) {
	if b.IsZero() {
		e.null()
		return
	}
	e.array(3)
	e.timestamp(b.Through)
	e.array(len(b.Marks))
	for _, s := range b.Marks {
		e.array(4)
		e.uint(uint64(e.refer(s.Origin)))
		e.uint(s.Seq)
		e.timestamp(s.Timestamp)
	}
}

func (e *Encoder) status(s *gossip.Status) {
	rare := s.Wall != 0 || !s.Yours.IsZero()
	if rare {
		e.array(12)
	} else {
		e.array(9)
	}
	e.marks(s.Marks)
	e.bool(s.Full)
	e.uint(s.Hash)
	e.bool(s.Want)
	e.facts(s.Facts)
	e.closed(s.Closed, s.Facts.W)
	e.tag(s.Tag)
	e.tally(s.Tally)
	e.marks(s.Taken)
	if rare {
		e.uint(uint64(s.Wall))
		e.timestamp(s.Yours)
	}
}

func (e *Encoder) pull(p *gossip.Pull) {
	e.array(2)
	e.marks(p.From)
	e.uint(uint64(p.Credit))
}

func (e *Encoder) marks(marks store.Watermarks) {
	e.array(len(marks))
	for _, m := range marks {
		e.array(2)
		e.origin(m.Origin)
		e.uint(m.Seq)
	}
}

func (e *Encoder) origin(o store.Origin) {
	e.array(4)
	e.text(string(o.Node))
	e.timestamp(o.Incarnation.Start)
	e.uint(uint64(o.Incarnation.Nonce))
}

func (e *Encoder) facts(f gossip.Facts) {
	n := 5
	if f.Behind {
		n = 6
	}
	e.array(n)
	e.timestamp(f.W)
	e.timestamp(f.Floor)
	e.uint(f.Epoch)
	if f.Behind {
		e.bool(true)
	}
}

func (e *Encoder) timestamp(t clock.Timestamp) {
	e.uint(uint64(t.Wall))
	e.uint(uint64(t.Logical))
}

// The methods below drop the library's error: it hands on that of the writer,
// and a buffer has none.

func (e *Encoder) array(n int)   { _ = e.msg.EncodeArrayLen(n) }
func (e *Encoder) uint(n uint64) { _ = e.msg.EncodeUint(n) }
func (e *Encoder) bool(b bool)   { _ = e.msg.EncodeBool(b) }
func (e *Encoder) text(s string) { _ = e.msg.EncodeString(s) }
func (e *Encoder) null()         { _ = e.msg.EncodeNil() }

// bytes writes b as a value that is there, nil or not.
func (e *Encoder) bytes(b []byte) {
	_ = e.msg.EncodeBytesLen(len(b))
	_, _ = e.out.Write(b)
}

// A buffer is the end of the slice that is appended to.
type buffer struct{ b []byte }

func (b *buffer) Write(p []byte) (int, error) {
	b.b = append(b.b, p...)
	return len(p), nil
}

func (b *buffer) WriteByte(c byte) error {
	b.b = append(b.b, c)
	return nil
}

// emptied returns m without its entries, or a new map in place of one that a
// large frame grew: clearing costs by the room of a map, not by what is in it.
func emptied[K comparable, V any](m map[K]V) map[K]V {
	const keep = 1024
	if len(m) > keep {
		return make(map[K]V)
	}
	clear(m)
	return m
}
