package link

import (
	"context"
	"testing"

	"hearsay/store"
)

// memberlist tells who is there and nothing else. What it carries for others it may
// drop, reorder, or keep for ever, and says nothing: messages that are too large, that
// come faster than they are taken, that wait behind others.
func TestMemberlistCarriesNothing(t *testing.T) {
	d := delegate{&Links{}}
	if got := d.GetBroadcasts(0, 1400); len(got) != 0 {
		t.Errorf("%d messages ride on gossip, want none", len(got))
	}
	for _, join := range []bool{true, false} {
		if got := d.LocalState(join); len(got) != 0 {
			t.Errorf("%d bytes ride on an exchange of states, joining %v, want none", len(got), join)
		}
	}
}

// A peer is up while its stream is: that memberlist takes it for dead, by packets that
// were lost, breaks no stream.
func TestStreamOutlivesAFalseDeath(t *testing.T) {
	ctx, fail := context.WithCancelCause(t.Context())
	p := &peer{
		id: "b", wake: make(chan struct{}, 1), member: Member{ID: "b", Addr: "1"}, alive: true,
		out: &stream{ctx: ctx, fail: fail}, abandon: fail,
	}
	l := &Links{cfg: Config{ID: "a", MaxPeers: 2}, peers: map[store.NodeID]*peer{"b": p}}
	l.gone(p.member)
	if l.peers["b"] != p || !p.connected() {
		t.Errorf("the stream to a peer that is called dead ended: %v", context.Cause(ctx))
	}
	if got := l.missing(); len(got) != 1 || got[0] != "1" {
		t.Errorf("to be joined again: %q, want the address of the one that is called dead", got)
	}
}

// Who said that it leaves is not looked for any more, whether memberlist shows it gone
// before or after; who comes back and dies is.
func TestLeaverIsNotLookedFor(t *testing.T) {
	b := Member{ID: "b", Addr: "1"}
	for _, tt := range []struct {
		name string
		do   func(l *Links)
		want int
	}{
		{"said before", func(l *Links) { l.parted("b"); l.gone(b) }, 0},
		{"said after", func(l *Links) { l.gone(b); l.parted("b") }, 0},
		{"back, and dead", func(l *Links) { l.parted("b"); l.gone(b); l.peers["b"].left = false; l.gone(b) }, 1},
		{"dead", func(l *Links) { l.gone(b) }, 1},
	} {
		l := &Links{cfg: Config{ID: "a", MaxPeers: 2}, peers: map[store.NodeID]*peer{"b": {id: "b", member: b, alive: true, wake: make(chan struct{}, 1)}}}
		tt.do(l)
		if got := len(l.missing()); got != tt.want {
			t.Errorf("%s: %d addresses are looked for, want %d", tt.name, got, tt.want)
		}
	}
}
