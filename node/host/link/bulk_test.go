package link_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/node/host/link"
	"hearsay/store"
)

func piece(i int) gossip.Piece {
	return gossip.Piece{Upload: store.Upload{Life: 1, Number: 2}, Offset: int64(i) << 20, Size: 1 << 20, Hash: sha256.Sum256([]byte{byte(i)})}
}

// loaded has chunks sent with data, the fourth as gone.
func loaded(cfg *link.Config) {
	cfg.Load = func(c *gossip.Chunk) *gossip.Chunk {
		if c.Offset == 3<<20 {
			return &gossip.Chunk{Piece: c.Piece, Gone: true}
		}
		return &gossip.Chunk{Piece: c.Piece, Data: make([]byte, c.Size)}
	}
}

func TestChunksArrive(t *testing.T) {
	a, b := pair(t, loaded)
	const n = 10
	for i := range n {
		a.send("b", &gossip.Chunk{Piece: piece(i)})
	}
	got := b.awaitMessages(t, "a", n)
	for i := range n {
		c, ok := got[i].(*gossip.Chunk)
		if !ok || c.Piece != piece(i) || c.Gone != (i == 3) || !c.Gone && len(c.Data) != 1<<20 {
			t.Errorf("message %d is a %T, want chunk %d", i, got[i], i)
		}
	}
}

// What is small does not wait for chunks.
func TestChunksDoNotHoldUpMessages(t *testing.T) {
	a, b, _ := far(t, 2*time.Millisecond, loaded)
	held := make(chan struct{})
	b.hold = held
	for i := range 8 {
		a.send("b", &gossip.Chunk{Piece: piece(i)})
	}
	a.send("b", pull(0))
	b.await(t, "a message past chunks that are held up", func() bool { return len(b.got["a"]) == 1 })
	close(held)
	b.await(t, "the chunks", func() bool { return len(b.got["a"]) == 9 })
}

// More chunks than a peer may ask for are dropped, and the stream stays.
func TestChunksAreBounded(t *testing.T) {
	a, b := pair(t, loaded)
	held := make(chan struct{})
	b.hold = held
	const most = 256
	for i := range 2 * most {
		a.send("b", &gossip.Chunk{Piece: piece(i % 2)})
	}
	if got := a.Stats().Undelivered; got == 0 || got > most {
		t.Errorf("of %d chunks to a peer that takes none %d were dropped, want some of the last %d", 2*most, got, most)
	}
	close(held)
	a.send("b", pull(0))
	b.await(t, "the chunks that were not dropped", func() bool {
		return len(b.got["a"]) == 2*most+1-int(a.Stats().Undelivered)
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.downs != 0 {
		t.Errorf("the stream broke %d times", a.downs)
	}
}
