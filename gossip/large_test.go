package gossip_test

import (
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// large has s write a value of so many chunks of 1 MiB under name.
func (n *net) large(s *site, name string, chunks int) *store.Entry {
	e := n.write(s, name, 0)
	e.Value = nil
	e.Manifest = &store.Manifest{
		Upload: store.Upload{Life: 7, Number: uint64(len(n.wrote))}, Size: int64(chunks) << 20, ChunkBytes: 1 << 20, Hashes: make([]store.Hash, chunks),
	}
	for i := range e.Manifest.Hashes {
		e.Manifest.Hashes[i][0] = byte(i)
	}
	return e
}

func (n *net) loseChunks(lost *int) {
	n.lose = func(_, _ store.NodeID, m gossip.Message) bool {
		_, chunk := m.(*gossip.Chunk)
		if chunk {
			*lost++
		}
		return chunk
	}
}

// Until a large value is whole the watermark stays before it, and what is written
// behind it shows all the same.
func TestLargeValueHoldsTheWatermarkAlone(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	var lost int
	n.loseChunks(&lost)
	value := n.large(a, "large", 3)
	small := n.write(a, "small", 10)
	n.run(time.Second)
	if got := b.replica.marks.At(a.origin); got != 0 {
		t.Errorf("watermark = %d with a value that is not whole, want 0", got)
	}
	if b.replica.entries[small.Key] != small || b.replica.entries[value.Key] != nil {
		t.Errorf("small shown: %v, large shown: %v, want only the former", b.replica.entries[small.Key] == small, b.replica.entries[value.Key] != nil)
	}
	if late := a.replica.count("relay_late"); late > 0 {
		t.Errorf("the relay is late %d times for a value that is on its way", late)
	}
	n.lose = nil
	n.run(30 * time.Second)
	if got := b.replica.marks.At(a.origin); got != 2 || b.replica.entries[value.Key] != value {
		t.Errorf("watermark = %d and large shown: %v once chunks come, want 2 and shown", got, b.replica.entries[value.Key] == value)
	}
}

// No more is asked of a peer than the window holds.
func TestFetchesAreBounded(t *testing.T) {
	cfg := gossip.DefaultConfig()
	n := newNet(t, cfg, "a1", "b1")
	var lost int
	n.loseChunks(&lost)
	for i := range 10 {
		n.large(n.sites[0], string(rune('a'+i)), 25)
	}
	n.run(time.Second)
	if got, want := lost, int(cfg.FetchWindow>>20); got != want {
		t.Errorf("%d chunks of 1 MiB are under way, want the window of %d", got, want)
	}
}

// A node takes in no more large values than it may want, and the rest when there is
// room.
func TestWantsAreBounded(t *testing.T) {
	cfg := gossip.DefaultConfig()
	cfg.MaxWants, cfg.MaxFrameRows = 3, 1
	n := newNet(t, cfg, "a1", "b1")
	a, b := n.sites[0], n.sites[1]
	var lost int
	n.loseChunks(&lost)
	for i := range 8 {
		n.large(a, string(rune('a'+i)), 1)
		n.run(50 * time.Millisecond)
	}
	wanted := 0
	for _, e := range n.wrote {
		if e.Manifest != nil && b.Wants(e.Manifest.Upload) {
			wanted++
		}
	}
	if wanted != cfg.MaxWants {
		t.Errorf("%d values are wanted, want the bound of %d", wanted, cfg.MaxWants)
	}
	n.lose = nil
	n.run(60 * time.Second)
	if got := b.replica.marks.At(a.origin); got != 8 {
		t.Errorf("watermark = %d when chunks come, want all 8", got)
	}
}

// The nodes of a region fetch what is offered; one that does not is not waited for.
func TestOfferedToTheRegion(t *testing.T) {
	n := newNet(t, gossip.DefaultConfig(), "a1", "a2", "a3", "b1")
	a := n.sites[0]
	deaf := false
	n.lose = func(from, _ store.NodeID, m gossip.Message) bool {
		_, fetch := m.(*gossip.Fetch)
		return fetch && deaf && from == "a3"
	}
	m := &store.Manifest{Upload: store.Upload{Life: 1, Number: 1}, Size: 5 << 20, ChunkBytes: 1 << 20, Hashes: make([]store.Hash, 5)}
	a.Offer(n.now, m)
	if a.Offered(m.Upload) {
		t.Error("Offered before anybody has a chunk")
	}
	n.run(100 * time.Millisecond)
	if !a.Offered(m.Upload) || !n.sites[1].Whole(m) || !n.sites[2].Whole(m) || n.sites[3].Whole(m) {
		t.Errorf("offered: %v, whole at a2 %v, a3 %v, b1 %v; want the region to have it", a.Offered(m.Upload), n.sites[1].Whole(m), n.sites[2].Whole(m), n.sites[3].Whole(m))
	}
	deaf = true
	second := &store.Manifest{Upload: store.Upload{Life: 1, Number: 2}, Size: 5 << 20, ChunkBytes: 1 << 20, Hashes: make([]store.Hash, 5)}
	a.Offer(n.now, second)
	n.run(500 * time.Millisecond)
	if a.Offered(second.Upload) {
		t.Error("Offered while a node may still fetch")
	}
	n.run(time.Second)
	if !a.Offered(second.Upload) {
		t.Error("not Offered, though the node that lacks it asks for nothing")
	}
}
