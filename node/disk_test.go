package node_test

import (
	"errors"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/node"
	"hearsay/store/memstore"
)

// A full disk takes neither clients' writes nor peers'. What was there is read.
func TestFullDiskTakesNothing(t *testing.T) {
	a := open(t, "a", founded(t, "a"))
	a.PeerUp(at(1), gossip.Peer{ID: "b"})
	frame := frames(write(t, a, at(2), put("other", "1")))[0]

	n := open(t, "b", founded(t, "b"))
	write(t, n, at(3), put("k", "v"))
	n.Full(at(4), true)
	n.Full(at(4), true)
	n.Receive(at(4), "a", frame)
	n.Tick(at(4))
	f := flush(t, n).Front
	if !errors.Is(f.Refusal, node.ErrFull) || !errors.Is(f.Refusal, node.ErrNotReady) {
		t.Errorf("a full node's front refuses writes for %v, want %v", f.Refusal, node.ErrFull)
	}
	if _, err := n.Write(at(5), put("k", "w")); !errors.Is(err, node.ErrFull) {
		t.Errorf("Write on a full disk = %v, want %v", err, node.ErrFull)
	}
	if got := value(t, at(5), f, "k"); got != "v" {
		t.Errorf("k = %q on a full disk, want what was there", got)
	}
	if got := value(t, at(5), f, "other"); got != "-" {
		t.Errorf("other = %q: the full disk took it in", got)
	}

	n.Full(at(6), false)
	n.Receive(at(6), "a", frame)
	out := write(t, n, at(6), put("k", "w"))
	if got := value(t, at(6), out.Front, "other") + value(t, at(6), out.Front, "k"); got != "1w" {
		t.Errorf("other and k = %q after there was room, want 1w", got)
	}
}

// With syncs put off a write that is acknowledged local shows and is acknowledged at
// once, and nothing of it leaves before it is synced: when that is due, or as soon as
// somebody waits for it.
func TestSyncIsPutOff(t *testing.T) {
	start := func() (*node.Node, *memstore.Store) {
		st := founded(t, "a")
		cfg := node.DefaultConfig()
		cfg.ID, cfg.Region, cfg.Gossip.Coalesce, cfg.SyncEvery = "a", "r", 0, 100*time.Millisecond
		cfg.Draw = func(_ string, a, b uint64) uint64 { return a ^ b }
		n, err := node.New(cfg, st)
		if err != nil {
			t.Fatal(err)
		}
		n.PeerUp(at(100), gossip.Peer{ID: "b", Region: "r"})
		n.Tick(at(100))
		flush(t, n)
		w := put("k", "v")
		w.Ack = node.AckLocal
		out := write(t, n, at(100), w)
		if len(out.Replies) != 1 || value(t, at(100), out.Front, "k") != "v" {
			t.Fatalf("a local write has %d replies and shows %q, want both at once", len(out.Replies), value(t, at(100), out.Front, "k"))
		}
		if len(out.Messages) > 0 || !st.Unsynced() {
			t.Fatalf("a local write sends %v with the store unsynced = %v, want nothing and true", out.Messages, st.Unsynced())
		}
		return n, st
	}
	later := func(d time.Duration) clock.Reading {
		now := at(100)
		return clock.Reading{Wall: now.Wall + int64(d), Mono: now.Mono + d}
	}
	t.Run("due", func(t *testing.T) {
		n, st := start()
		if due := later(100 * time.Millisecond).Mono; n.NextTick() != due {
			t.Errorf("NextTick = %v, want %v, when the sync is due", n.NextTick(), due)
		}
		n.Tick(later(100*time.Millisecond - 1))
		if out := flush(t, n); len(out.Messages) > 0 || !st.Unsynced() {
			t.Errorf("a moment before the sync is due %d messages leave, unsynced = %v", len(out.Messages), st.Unsynced())
		}
		n.Tick(later(100 * time.Millisecond))
		if out := flush(t, n); len(frames(out)) != 1 || st.Unsynced() {
			t.Errorf("when the sync is due %d frames leave, unsynced = %v; want 1 and false", len(frames(out)), st.Unsynced())
		}
	})
	t.Run("a client waits", func(t *testing.T) {
		n, st := start()
		w := put("other", "w")
		w.Ack = node.AckAll
		if out := write(t, n, at(100), w); len(frames(out)) != 1 || st.Unsynced() {
			t.Errorf("with a write for all %d frames leave, unsynced = %v; want 1 and false", len(frames(out)), st.Unsynced())
		}
	})
	t.Run("a peer waits", func(t *testing.T) {
		n, st := start()
		n.Receive(at(100), "b", &gossip.Status{Want: true})
		n.Tick(at(100))
		if out := flush(t, n); len(frames(out)) != 1 || st.Unsynced() {
			t.Errorf("when a peer asks %d frames leave, unsynced = %v; want 1 and false", len(frames(out)), st.Unsynced())
		}
	})
}
