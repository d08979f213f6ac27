package wire

import (
	"fmt"
	"math"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/store"
)

// The least bytes that an element of each list takes.
const (
	originSize = 1 + 2 + 3
	rowSize    = 1 + 3
	entrySize  = 1 + 9
	knownSize  = 1 + 3
	seenSize   = 1 + 4
	markSize   = 1 + originSize + 1
	memberSize = 1 + 5
	regionSize = 1 + 4
	endSize    = 1 + 5
)

// Decode returns the message in frame, which comes without its length prefix.
// The message keeps nothing of frame, and takes memory in proportion to it
// whatever it claims. Decode returns ErrTooLarge, ErrVersion or ErrMalformed
// and then nothing else.
func Decode(frame []byte) (gossip.Message, error) {
	c, kind, err := unwrap(frame)
	if err != nil {
		return nil, err
	}
	var m gossip.Message
	switch kind {
	case kindFrame:
		m, err = c.frame()
	case kindStatus:
		m, err = c.status()
	case kindPull:
		m, err = c.pull()
	case kindRepair:
		m, err = c.repair()
	case kindRoster:
		m, err = c.roster()
	case kindView:
		m, err = c.views()
	case kindFetch:
		m, err = c.fetch()
	case kindChunk:
		m, err = c.chunk()
	case kindOffer:
		m, err = c.offer()
	case kindHas:
		m, err = c.has()
	case kindScan:
		m, err = c.scan()
	case kindPage:
		m, err = c.page()
	case kindGone:
		m, err = c.gone()
	case kindHello:
		return nil, fmt.Errorf("%w: a hello where a message belongs", ErrMalformed)
	default:
		return nil, fmt.Errorf("%w: kind %d is unknown", ErrMalformed, kind)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// unwrap reads what comes before the body.
func unwrap(frame []byte) (*cursor, byte, error) {
	if len(frame) > MaxFrame {
		return nil, 0, fmt.Errorf("%w: %d bytes, the most is %d", ErrTooLarge, len(frame), MaxFrame)
	}
	if len(frame) < headLen {
		return nil, 0, fmt.Errorf("%w: %d bytes are too few for a frame", ErrMalformed, len(frame))
	}
	if v := frame[0]; v != Version {
		return nil, 0, fmt.Errorf("%w: the peer speaks version %d, this node %d", ErrVersion, v, Version)
	}
	return &cursor{in: frame, at: headLen}, frame[1], nil
}

// done closes a body: unknown fields are passed over and nothing may follow. The
// error is the cursor's, or else what check finds wrong with what was read.
func (c *cursor) done(what string, unknown int, check func() error) error {
	c.skip(what, unknown)
	if c.left() > 0 {
		c.fail(what, "%d bytes follow the body", c.left())
	}
	if c.err != nil {
		return c.err
	}
	if err := check(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMalformed, what, err)
	}
	return nil
}

func (c *cursor) frame() (*gossip.Frame, error) {
	f, unknown := c.frameBody()
	return f, c.done("frame", unknown, func() error { return checkFrame(f, nil) })
}

// frameBody reads the known fields of a frame and returns how many follow.
func (c *cursor) frameBody() (f *gossip.Frame, unknown int) {
	f = &gossip.Frame{}
	unknown = c.open("frame", 5)
	origins := c.origins()
	if len(origins) > 0 {
		f.Origin = origins[0]
	}
	f.From = c.uint("from", math.MaxUint64)
	f.Rows = c.rows()
	c.entries(f, origins)
	f.Facts = c.facts()
	return f, unknown
}

func (c *cursor) origins() []store.Origin {
	origins := make([]store.Origin, c.list("origins", originSize))
	for i := range origins {
		origins[i] = c.origin()
	}
	return origins
}

func (c *cursor) rows() []gossip.FrameRow {
	rows := make([]gossip.FrameRow, c.list("rows", rowSize))
	for i := range rows {
		unknown := c.open("row", 3)
		rows[i].Entry = int(c.uint("row's entry", math.MaxInt32))
		rows[i].Timestamp = c.timestamp("row")
		c.skip("row", unknown)
	}
	return rows
}

// entries reads the entries of f, whose origin, from and rows are read.
func (c *cursor) entries(f *gossip.Frame, origins []store.Origin) {
	n := c.list("entries", entrySize)
	if c.err != nil {
		return
	}
	last, err := lastRows(nil, f.Rows, n)
	if err != nil {
		c.fail("entries", "%v", err)
		return
	}
	f.Entries = make([]*store.Entry, n)
	var namespace string
	for i := range f.Entries {
		e := &store.Entry{}
		f.Entries[i] = e
		unknown := c.open("entry", 9)
		if c.null() {
			e.Seq, e.Version = rowSeq(f, last[i]), rowVersion(f, last[i])
		} else {
			e.Seq, e.Version = c.version(origins)
		}
		if i == 0 || !c.null() {
			namespace = c.text("namespace", store.MaxNamespace)
		}
		c.entry(e, namespace, origins)
		c.skip("entry", unknown)
		if c.err != nil {
			return
		}
	}
}

// entry reads what follows the namespace in an entry.
func (c *cursor) entry(e *store.Entry, namespace string, origins []store.Origin) {
	e.Key = store.Key{Namespace: namespace, Name: c.text("name", store.MaxName)}
	c.content(e)
	e.Known = c.known(origins)
	e.Seen = c.seen(origins)
}

func (c *cursor) version(origins []store.Origin) (seq uint64, v store.Version) {
	unknown := c.open("version", 4)
	v.Origin = c.refer("version's origin", origins)
	seq = c.uint("seq", math.MaxUint64)
	v.Timestamp = c.timestamp("version")
	c.skip("version", unknown)
	return seq, v
}

// refer reads an index into the table of origins.
func (c *cursor) refer(what string, origins []store.Origin) store.Origin {
	i := c.uint(what, math.MaxInt32)
	if c.err == nil && i >= uint64(len(origins)) {
		c.fail(what, "%d of %d", i, len(origins))
	}
	if c.err != nil {
		return store.Origin{}
	}
	return origins[i]
}

// content reads what follows the name in an entry, as far as its request.
func (c *cursor) content(e *store.Entry) {
	switch {
	case c.null():
		e.Tombstone = true
	case c.array():
		e.Manifest = c.manifest()
	default:
		e.Value = c.bytes("value", store.MaxInline)
	}
	if !c.null() {
		e.Metadata = c.bytes("metadata", MaxMetadata)
	}
	e.Expires = int64(c.uint("expires", math.MaxInt64))
	if !c.null() {
		e.Request = c.text("request", store.MaxRequest)
	}
}

func (c *cursor) known(origins []store.Origin) store.Known {
	if c.null() {
		return store.Known{}
	}
	unknown := c.open("known", 5)
	k := store.Known{Through: c.timestamp("known through"), Maybe: c.timestamp("known maybe")}
	for range c.list("known versions", knownSize) {
		unknown := c.open("known version", 3)
		k.Versions = append(k.Versions, store.Version{Origin: c.refer("known origin", origins), Timestamp: c.timestamp("known version")})
		c.skip("known version", unknown)
		if c.err != nil {
			break
		}
	}
	c.skip("known", unknown)
	return k
}

func (c *cursor) seen(origins []store.Origin) store.Bookmark {
	if c.null() {
		return store.Bookmark{}
	}
	unknown := c.open("seen", 3)
	b := store.Bookmark{Through: c.timestamp("seen through")}
	for range c.list("seen marks", seenSize) {
		unknown := c.open("seen mark", 4)
		m := store.Mark{Origin: c.refer("seen origin", origins), Seq: c.uint("seen seq", math.MaxUint64)}
		b.Marks = append(b.Marks, store.Seen{Mark: m, Timestamp: c.timestamp("seen mark")})
		c.skip("seen mark", unknown)
		if c.err != nil {
			break
		}
	}
	c.skip("seen", unknown)
	return b
}

func (c *cursor) status() (*gossip.Status, error) {
	s := &gossip.Status{}
	unknown := c.open("status", 9)
	s.Marks = c.marks()
	s.Full = c.bool("full")
	s.Hash = c.uint("hash", math.MaxUint64)
	s.Want = c.bool("want")
	s.Facts = c.facts()
	s.Closed = c.closed(s.Facts.W)
	s.Tag = c.tag()
	s.Tally = c.tally()
	s.Taken = c.marks()
	if unknown >= 3 {
		unknown -= 3
		s.Wall = int64(c.uint("wall", math.MaxInt64))
		s.Yours = c.timestamp("yours")
	}
	return s, c.done("status", unknown, func() error { return checkStatus(s) })
}

func (c *cursor) pull() (*gossip.Pull, error) {
	p := &gossip.Pull{}
	unknown := c.open("pull", 2)
	p.From = c.marks()
	p.Credit = int(c.uint("credit", MaxCredit))
	return p, c.done("pull", unknown, func() error { return checkPull(p) })
}

// marks returns nil for an empty list.
func (c *cursor) marks() store.Watermarks {
	n := c.list("marks", markSize)
	if n == 0 {
		return nil
	}
	marks := make(store.Watermarks, n)
	for i := range marks {
		unknown := c.open("mark", 2)
		marks[i].Origin = c.origin()
		marks[i].Seq = c.uint("mark's seq", math.MaxUint64)
		c.skip("mark", unknown)
	}
	return marks
}

func (c *cursor) origin() store.Origin {
	unknown := c.open("origin", 4)
	o := store.Origin{Node: store.NodeID(c.text("node id", store.MaxNodeID))}
	o.Incarnation.Start = c.timestamp("origin")
	o.Incarnation.Nonce = uint32(c.uint("nonce", math.MaxUint32))
	c.skip("origin", unknown)
	return o
}

func (c *cursor) facts() gossip.Facts {
	unknown := c.open("facts", 5)
	f := gossip.Facts{W: c.timestamp("W"), Floor: c.timestamp("floor"), Epoch: c.uint("epoch", math.MaxUint64)}
	if unknown > 0 {
		unknown--
		f.Behind = c.bool("behind")
	}
	c.skip("facts", unknown)
	return f
}

func (c *cursor) timestamp(what string) clock.Timestamp {
	wall := c.uint(what, math.MaxInt64)
	logical := c.uint(what, math.MaxUint32)
	return clock.Timestamp{Wall: int64(wall), Logical: uint32(logical)}
}
