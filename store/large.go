package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// This file is about values that are too large for their entry: they are cut
// into chunks, which lie in the store's staging, and the entry holds a Manifest.

// The bounds of values, in bytes.
const (
	// MaxValue bounds a value. It is the limit of Workers KV.
	MaxValue = 25 << 20
	// MaxInline bounds a value that its entry holds itself.
	MaxInline = 64 << 10
	// MaxChunk bounds a chunk.
	MaxChunk = 1 << 20
)

// MaxChunks bounds the chunks of one value.
const MaxChunks = 512

// An Upload names the staged bytes of one large value, for ever and everywhere.
type Upload struct {
	Life   uint64 // drawn at each start of the node that took the value in
	Number uint64 // counts the uploads of that life
}

// Compare orders uploads by life, then by number.
func (u Upload) Compare(v Upload) int {
	if c := cmp.Compare(u.Life, v.Life); c != 0 {
		return c
	}
	return cmp.Compare(u.Number, v.Number)
}

func (u Upload) String() string { return fmt.Sprintf("%016x-%016x", u.Life, u.Number) }

// A Hash is SHA-256 of a chunk.
type Hash [32]byte

// A Manifest says what a large value is made of. It is never changed.
type Manifest struct {
	Upload Upload
	Size   int64 // bytes of the value
	// ChunkBytes is how long each chunk is but the last, which is what is left.
	ChunkBytes int64
	Hashes     []Hash // of the chunks, in order
}

// Chunk returns where chunk i begins in the value, and how long it is.
func (m *Manifest) Chunk(i int) (offset, size int64) {
	offset = int64(i) * m.ChunkBytes
	return offset, min(m.ChunkBytes, m.Size-offset)
}

// Validate returns an error that says what no manifest can be.
func (m *Manifest) Validate() error {
	switch {
	case m.Size < 1 || m.Size > MaxValue:
		return fmt.Errorf("value of %d bytes, must have 1 to %d", m.Size, MaxValue)
	case m.ChunkBytes < 1 || m.ChunkBytes > MaxChunk:
		return fmt.Errorf("chunks of %d bytes, must have 1 to %d", m.ChunkBytes, MaxChunk)
	case len(m.Hashes) > MaxChunks:
		return fmt.Errorf("%d chunks, the most is %d", len(m.Hashes), MaxChunks)
	case int64(len(m.Hashes)) != (m.Size+m.ChunkBytes-1)/m.ChunkBytes:
		return errors.New("the chunks do not add up to the value")
	}
	return nil
}

// Equal reports whether m and n, either of which may be nil, say the same.
func (m *Manifest) Equal(n *Manifest) bool {
	if m == nil || n == nil {
		return m == n
	}
	return m.Upload == n.Upload && m.Size == n.Size && m.ChunkBytes == n.ChunkBytes && slices.Equal(m.Hashes, n.Hashes)
}

// A Staging holds the bytes of large values, beside batches and before any entry
// names them. An upload that a Put has named is kept; see Batch.
type Staging interface {
	// Stage makes data what u holds from offset on, in any order of offsets. A crash
	// may take back any part of what was not synced.
	Stage(u Upload, offset int64, data []byte) error
	// SyncStaged returns once all that was staged for u before will survive a crash.
	SyncStaged(u Upload) error
	// ReadStaged fills buf with what u holds from offset on. It returns ErrNotFound
	// if u is not there or ends before; what was never staged below its end may
	// read as anything.
	ReadStaged(u Upload, offset int64, buf []byte) error
	// Drop forgets u, unless it is kept.
	Drop(u Upload) error
	// Sweep forgets all uploads that are not kept. It is for a start, when nobody
	// else uses the staging.
	Sweep() error
}
