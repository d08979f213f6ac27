package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"hearsay/node"
	"hearsay/node/kv"
	"hearsay/store"
)

// A Staging is where a node keeps large values.
type Staging interface {
	store.Staging
	// NewUpload names an upload that nobody has named before.
	NewUpload() store.Upload
}

// Defaults of NewUploads: five hundred uploads at once.
const (
	DefaultUploadBytes = 64 << 20
	DefaultUploadWait  = 10 * time.Second
)

const (
	// ChunkBytes is how long the chunks of a value are that is staged here.
	ChunkBytes = store.MaxChunk
	// pieceBytes is how much of a body is in memory at a time.
	pieceBytes = 128 << 10
)

// Uploads reads values from request bodies: small ones into memory, large ones into
// a node's staging, of which a piece at a time is in memory.
type Uploads struct {
	staging Staging
	room    *Bodies
	// work has a slot for each of those who hash and write at a time. A hundred that
	// share two cores would have every read wait its turn behind them.
	work chan struct{}
}

// maxWork is how many uploads are worked on at a time. The others wait for bytes, or
// for the disk.
const maxWork = 2

// NewUploads returns an Uploads that has at most limit bytes in memory. Who finds no
// room waits up to wait.
func NewUploads(s Staging, limit int64, wait time.Duration) *Uploads {
	return &Uploads{staging: s, room: NewBodies(limit, wait), work: make(chan struct{}, maxWork)}
}

// A Value is what a body held: Value or, if that was more than store.MaxInline
// bytes, a Manifest.
type Value struct {
	Value    []byte
	Manifest *store.Manifest
	// Excess is how many bytes there were if they were more than node.MaxValue;
	// none of them is kept.
	Excess int64
}

// Read reads body to its end. Size bounds its length, negative for unknown. The
// caller discards the value unless it comes to be written. It returns
// ErrOverloaded if there is no room in time, an *kv.Error if body cannot be read,
// and else the store's error.
func (u *Uploads) Read(ctx context.Context, body io.Reader, size int64) (Value, error) {
	need := int64(pieceBytes)
	if size >= 0 {
		need = min(need, size)
	}
	release, err := u.room.acquire(ctx, need)
	if err != nil {
		return Value{}, err
	}
	defer release()
	if size >= 0 && size <= store.MaxInline {
		value, excess, err := ReadAll(body, size, size)
		return Value{Value: value, Excess: excess}, err
	}
	first, err := fill(body, make([]byte, 0, pieceBytes))
	if errors.Is(err, io.EOF) && len(first) <= store.MaxInline {
		return Value{Value: slices.Clone(first)}, nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return Value{}, unreadable(err)
	}
	return u.stage(body, first)
}

// stage reads a body that began with first, in whose room it works.
func (u *Uploads) stage(body io.Reader, first []byte) (Value, error) {
	c := newCutter(u.staging, u.staging.NewUpload())
	for piece := first; len(piece) > 0; {
		if c.size+int64(len(piece)) > node.MaxValue {
			n, err := drain(body)
			if err != nil && !errors.Is(err, io.EOF) {
				err = unreadable(err)
			} else {
				err = nil
			}
			return Value{Excess: c.size + int64(len(piece)) + n}, errors.Join(err, c.discard())
		}
		u.work <- struct{}{}
		err := c.add(piece)
		<-u.work
		if err != nil {
			return Value{}, errors.Join(err, c.discard())
		}
		if piece, err = fill(body, piece[:0:pieceBytes]); err != nil && !errors.Is(err, io.EOF) {
			return Value{}, errors.Join(unreadable(err), c.discard())
		}
	}
	m, err := c.finish()
	return Value{Manifest: m}, err
}

// Discard drops a large value that is not written, if there is one.
func (u *Uploads) Discard(m *store.Manifest) {
	if m != nil {
		// What stays is swept at the next start.
		_ = u.staging.Drop(m.Upload)
	}
}

// StageLarge returns ws with manifests in place of values of more than
// store.MaxInline bytes, which it stages. After an error none are left.
func StageLarge(s Staging, ws []node.Write) ([]node.Write, error) {
	staged := ws
	for i, w := range ws {
		if len(w.Value) <= store.MaxInline {
			continue
		}
		if len(staged) > 0 && &staged[0] == &ws[0] {
			staged = slices.Clone(ws)
		}
		m, err := stageValue(s, w.Value)
		if err != nil {
			return nil, errors.Join(err, DropLarge(s, staged[:i]))
		}
		staged[i].Value, staged[i].Manifest = nil, m
	}
	return staged, nil
}

// DropLarge drops the uploads that ws name.
func DropLarge(s Staging, ws []node.Write) error {
	var errs []error
	for _, w := range ws {
		if w.Manifest != nil {
			errs = append(errs, s.Drop(w.Manifest.Upload))
		}
	}
	return errors.Join(errs...)
}

func stageValue(s Staging, value []byte) (*store.Manifest, error) {
	c := newCutter(s, s.NewUpload())
	err := c.add(value)
	if err == nil {
		return c.finish()
	}
	return nil, errors.Join(err, c.discard())
}

// A cutter stages a value piece by piece, and hashes it chunk by chunk.
type cutter struct {
	staging store.Staging
	upload  store.Upload
	size    int64
	hash    hash.Hash // of the chunk that is not full yet
	hashes  []store.Hash
}

func newCutter(s store.Staging, u store.Upload) *cutter {
	return &cutter{staging: s, upload: u, hash: sha256.New()}
}

func (c *cutter) add(piece []byte) error {
	if err := c.staging.Stage(c.upload, c.size, piece); err != nil {
		return err
	}
	for len(piece) > 0 {
		n := min(int64(len(piece)), ChunkBytes-c.size%ChunkBytes)
		c.hash.Write(piece[:n]) // never fails
		piece = piece[n:]
		c.size += n
		if c.size%ChunkBytes == 0 {
			c.cut()
		}
	}
	return nil
}

func (c *cutter) cut() {
	c.hashes = append(c.hashes, store.Hash(c.hash.Sum(nil)))
	c.hash.Reset()
}

// finish returns the manifest of what was added, or discards it.
func (c *cutter) finish() (*store.Manifest, error) {
	if c.size%ChunkBytes != 0 {
		c.cut()
	}
	if err := c.staging.SyncStaged(c.upload); err != nil {
		return nil, errors.Join(err, c.discard())
	}
	return &store.Manifest{Upload: c.upload, Size: c.size, ChunkBytes: ChunkBytes, Hashes: c.hashes}, nil
}

func (c *cutter) discard() error { return c.staging.Drop(c.upload) }

func unreadable(err error) error {
	return &kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: fmt.Sprintf("The request body could not be read: %v.", err)}
}
