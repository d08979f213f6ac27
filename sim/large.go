package sim

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"time"

	"hearsay/gossip"
	"hearsay/node"
	"hearsay/store"
)

// This file is what a driver does for large values, and what is checked of them.
// Here they are small, and cut finer.

const (
	// largeValue is the longest value that its entry holds itself.
	largeValue = 4 << 10
	chunkBytes = 3 << 10
)

func largeConfig(cfg *node.Config) {
	cfg.KeepSuperseded = time.Second
	cfg.Gossip.FetchWindow = 2 * chunkBytes
	cfg.Gossip.FetchTimeout = 400 * time.Millisecond
	cfg.Gossip.FetchPatience = 2 * time.Second
	cfg.Gossip.OfferPatience = 300 * time.Millisecond
	cfg.Gossip.KeepOffered = 2 * time.Second
}

// stage returns write with a manifest in place of a large value, which is staged
// at m.
func (w *World) stage(m *machine, write node.Write) node.Write {
	if len(write.Value) <= largeValue {
		return write
	}
	m.uploads++
	up := &store.Manifest{
		Upload: store.Upload{Life: m.life, Number: m.uploads}, Size: int64(len(write.Value)), ChunkBytes: chunkBytes,
	}
	for i := 0; int64(i)*chunkBytes < up.Size; i++ {
		offset, size := up.Chunk(i)
		up.Hashes = append(up.Hashes, sha256.Sum256(write.Value[offset:offset+size]))
	}
	if err := errors.Join(m.disk.Stage(up.Upload, 0, write.Value), m.disk.SyncStaged(up.Upload)); err != nil {
		w.violated("store", m, "stage a value: %v", err)
	}
	w.stats.Large++
	write.Value, write.Manifest = nil, up
	return write
}

func (w *World) dropUploads(m *machine, drops ...store.Upload) {
	for _, u := range drops {
		if err := m.disk.Drop(u); err != nil {
			w.violated("store", m, "drop %v: %v", u, err)
		}
		maps.DeleteFunc(m.expected, func(p gossip.Piece, _ bool) bool { return p.Upload == u })
	}
}

// fillIn returns what m sends in place of msg: a chunk with its data.
func (w *World) fillIn(m *machine, msg gossip.Message) gossip.Message {
	switch msg := msg.(type) {
	case *gossip.Fetch:
		for _, p := range msg.Pieces {
			m.expected[p] = true
		}
	case *gossip.Chunk:
		data := make([]byte, msg.Size)
		err := m.disk.ReadStaged(msg.Upload, msg.Offset, data)
		if err != nil || sha256.Sum256(data) != msg.Hash {
			return &gossip.Chunk{Piece: msg.Piece, Gone: true}
		}
		return &gossip.Chunk{Piece: msg.Piece, Data: data}
	}
	return msg
}

// takeIn stages a chunk that reached m, and reports whether its node is to be told.
func (w *World) takeIn(m *machine, c *gossip.Chunk) bool {
	if !m.expected[c.Piece] {
		return false
	}
	if !c.Gone && sha256.Sum256(c.Data) != c.Hash {
		w.violated("I3", m, "receives other bytes than it asked for as %v", c.Upload)
		return false
	}
	delete(m.expected, c.Piece)
	if c.Gone {
		return true
	}
	if m.full {
		return false
	}
	if err := errors.Join(m.disk.Stage(c.Upload, c.Offset, c.Data), m.disk.SyncStaged(c.Upload)); err != nil {
		w.violated("store", m, "stage a chunk: %v", err)
	}
	w.stats.Chunks++
	c.Data = nil
	return true
}

// value returns the value of e, which m shows, or what is wrong with it.
func (m *machine) value(e *store.Entry) ([]byte, error) {
	if e.Manifest == nil {
		return e.Value, nil
	}
	value := make([]byte, e.Manifest.Size)
	for i, want := range e.Manifest.Hashes {
		offset, size := e.Manifest.Chunk(i)
		chunk := value[offset : offset+size]
		if err := m.disk.ReadStaged(e.Manifest.Upload, offset, chunk); err != nil {
			return nil, fmt.Errorf("chunk %d of %d: %w", i, len(e.Manifest.Hashes), err)
		}
		if sha256.Sum256(chunk) != want {
			return nil, fmt.Errorf("chunk %d of %d is not what was written", i, len(e.Manifest.Hashes))
		}
	}
	return value, nil
}

// wholeValue checks that what m shows of a large value is all there.
func (c *checker) wholeValue(m *machine, e *store.Entry) {
	if e == nil || e.Manifest == nil {
		return
	}
	if _, err := m.value(e); err != nil {
		c.w.violated("I1", m, "shows %s, which is not whole: %v", describe(e), err)
	}
}

// staged returns how much m has staged that no entry of its names, nil if nothing.
func (c *checker) staged(m *machine) *difference {
	named, err := c.uploads(m)
	if err != nil {
		return &difference{m, err.Error()}
	}
	for _, u := range m.disk.Uploads() {
		if !named[u] {
			return &difference{m, fmt.Sprintf("%s has staged %v, which no entry names", m.peer.ID, u)}
		}
	}
	return nil
}

func (c *checker) uploads(m *machine) (map[store.Upload]bool, error) {
	all, err := m.disk.Scan(store.Key{}, store.Key{}, len(c.order)+1)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be scanned: %w", m.peer.ID, err)
	}
	named := map[store.Upload]bool{}
	for _, e := range all {
		if e.Manifest != nil {
			named[e.Manifest.Upload] = true
		}
	}
	return named, nil
}

// swept checks at the end that a start finds what entries name, and nothing else.
func (c *checker) swept() {
	for _, m := range c.w.present {
		all, err := m.disk.Scan(store.Key{}, store.Key{}, len(c.order)+1)
		if err == nil {
			err = m.disk.Sweep()
		}
		if err != nil {
			c.w.violated("store", m, "sweep: %v", err)
			return
		}
		for _, e := range all {
			c.wholeValue(m, e)
		}
		if d := c.staged(m); d != nil {
			c.w.violated("I6", m, "%s after a sweep", d.sentence)
		}
	}
}
