package wire

import (
	"errors"
	"fmt"
	"math"

	"hearsay/gossip"
	"hearsay/store"
)

// pieceSize is the least bytes that a piece takes.
const pieceSize = 1 + 3 + 2 + 2 + hashBytes

const hashBytes = len(store.Hash{})

func checkFetch(f *gossip.Fetch) error {
	if n := len(f.Pieces); n == 0 || n > gossip.MaxPieces {
		return fmt.Errorf("%d pieces, there are 1 to %d", n, gossip.MaxPieces)
	}
	for i, p := range f.Pieces {
		if err := checkPiece(p); err != nil {
			return fmt.Errorf("piece %d: %w", i, err)
		}
	}
	return nil
}

func checkPiece(p gossip.Piece) error {
	switch {
	case p.Size < 1 || p.Size > store.MaxChunk:
		return fmt.Errorf("%d bytes, there are 1 to %d", p.Size, store.MaxChunk)
	case p.Offset < 0 || p.Offset > store.MaxValue-p.Size:
		return fmt.Errorf("%d bytes from %d on, a value ends at %d", p.Size, p.Offset, store.MaxValue)
	}
	return nil
}

func checkChunk(c *gossip.Chunk) error {
	if err := checkPiece(c.Piece); err != nil {
		return err
	}
	if want := c.Size; c.Gone && len(c.Data) > 0 || !c.Gone && int64(len(c.Data)) != want {
		return fmt.Errorf("%d bytes of data for a piece of %d", len(c.Data), want)
	}
	return nil
}

func checkOffer(o *gossip.Offer) error {
	if o.Manifest == nil {
		return errors.New("an offer of nothing")
	}
	return o.Manifest.Validate()
}

func (e *Encoder) fetch(f *gossip.Fetch) {
	e.array(1)
	e.array(len(f.Pieces))
	for _, p := range f.Pieces {
		e.piece(p)
	}
}

func (e *Encoder) chunk(c *gossip.Chunk) {
	e.array(2)
	e.piece(c.Piece)
	if c.Gone {
		e.null()
	} else {
		e.bytes(c.Data)
	}
}

func (e *Encoder) piece(p gossip.Piece) {
	e.array(4)
	e.upload(p.Upload)
	e.uint(uint64(p.Offset))
	e.uint(uint64(p.Size))
	e.bytes(p.Hash[:])
}

func (e *Encoder) upload(u store.Upload) {
	e.array(2)
	e.uint(u.Life)
	e.uint(u.Number)
}

func (e *Encoder) manifest(m *store.Manifest) {
	e.array(4)
	e.upload(m.Upload)
	e.uint(uint64(m.Size))
	e.uint(uint64(m.ChunkBytes))
	_ = e.msg.EncodeBytesLen(len(m.Hashes) * hashBytes)
	for i := range m.Hashes {
		_, _ = e.out.Write(m.Hashes[i][:])
	}
}

func (c *cursor) fetch() (*gossip.Fetch, error) {
	f := &gossip.Fetch{}
	unknown := c.open("fetch", 1)
	f.Pieces = make([]gossip.Piece, c.list("pieces", pieceSize))
	for i := range f.Pieces {
		f.Pieces[i] = c.piece()
	}
	return f, c.done("fetch", unknown, func() error { return checkFetch(f) })
}

func (c *cursor) chunk() (*gossip.Chunk, error) {
	m := &gossip.Chunk{}
	unknown := c.open("chunk", 2)
	m.Piece = c.piece()
	if m.Gone = c.null(); !m.Gone {
		m.Data = c.bytes("data", store.MaxChunk)
	}
	return m, c.done("chunk", unknown, func() error { return checkChunk(m) })
}

func (c *cursor) offer() (*gossip.Offer, error) {
	o := &gossip.Offer{}
	unknown := c.open("offer", 1)
	o.Manifest = c.manifest()
	return o, c.done("offer", unknown, func() error { return checkOffer(o) })
}

func (c *cursor) has() (*gossip.Has, error) {
	h := &gossip.Has{}
	unknown := c.open("has", 1)
	h.Upload = c.upload()
	return h, c.done("has", unknown, func() error { return nil })
}

func (c *cursor) piece() gossip.Piece {
	unknown := c.open("piece", 4)
	p := gossip.Piece{
		Upload: c.upload(),
		Offset: int64(c.uint("offset", store.MaxValue)),
		Size:   int64(c.uint("size", store.MaxChunk)),
	}
	hash := c.view("hash", bins, hashBytes)
	if len(hash) != hashBytes {
		c.fail("hash", "%d bytes, must be %d", len(hash), hashBytes)
		return p
	}
	p.Hash = store.Hash(hash)
	c.skip("piece", unknown)
	return p
}

func (c *cursor) upload() store.Upload {
	unknown := c.open("upload", 2)
	u := store.Upload{Life: c.uint("life", math.MaxUint64), Number: c.uint("number", math.MaxUint64)}
	c.skip("upload", unknown)
	return u
}

// array reports whether an array is next.
func (c *cursor) array() bool {
	if c.err != nil || c.left() == 0 {
		return false
	}
	b := c.in[c.at]
	return b >= 0x90 && b <= 0x9f || b == 0xdc || b == 0xdd
}

func (c *cursor) manifest() *store.Manifest {
	unknown := c.open("manifest", 4)
	m := &store.Manifest{
		Upload:     c.upload(),
		Size:       int64(c.uint("size", store.MaxValue)),
		ChunkBytes: int64(c.uint("chunk bytes", store.MaxChunk)),
	}
	hashes := c.view("hashes", bins, store.MaxChunks*hashBytes)
	if len(hashes)%hashBytes != 0 {
		c.fail("hashes", "%d bytes are no hashes of %d", len(hashes), hashBytes)
	}
	for ; len(hashes) >= hashBytes; hashes = hashes[hashBytes:] {
		m.Hashes = append(m.Hashes, store.Hash(hashes[:hashBytes]))
	}
	c.skip("manifest", unknown)
	return m
}
