package node_test

import (
	"errors"
	"testing"

	"hearsay/gossip"
	"hearsay/node"
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
