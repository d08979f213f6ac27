package host

import (
	"testing"

	"hearsay/clock"
	"hearsay/store"
)

func origin(name store.NodeID) store.Origin {
	return store.Origin{Node: name, Incarnation: store.Incarnation{Start: clock.Timestamp{Wall: 1}}}
}

func marks(of ...any) store.Watermarks {
	var w store.Watermarks
	for i := 0; i < len(of); i += 2 {
		w.Set(origin(store.NodeID(of[i].(string))), uint64(of[i+1].(int)))
	}
	return w
}

func TestPeerLag(t *testing.T) {
	own := marks("a", 10, "b", 5)
	tests := []struct {
		name          string
		told          []store.Watermarks
		ahead, behind uint64
	}{
		{"nothing told", nil, 0, 15},
		{"equal", []store.Watermarks{marks("a", 10, "b", 5)}, 0, 0},
		{"behind", []store.Watermarks{marks("a", 7)}, 0, 8},
		{"ahead", []store.Watermarks{marks("a", 12, "b", 5, "c", 3)}, 5, 0},
		{"both", []store.Watermarks{marks("a", 11, "b", 1)}, 1, 4},
		{"told in parts", []store.Watermarks{marks("a", 10), marks("b", 5)}, 0, 0},
		{"an old word comes late", []store.Watermarks{own, marks("a", 3)}, 0, 0},
		{"more origins than the bound", []store.Watermarks{marks("a", 10, "b", 5, "c", 1), marks("d", 9), marks("c", 2)}, 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPeerTable(3)
			p.tell("p", own, clock.Timestamp{Wall: 9}) // not up: not heard
			p.up("p")
			for _, w := range tt.told {
				p.tell("p", w, clock.Timestamp{})
			}
			if ahead, behind := p.lag("p", own); ahead != tt.ahead || behind != tt.behind {
				t.Errorf("lag = %d ahead, %d behind, want %d and %d", ahead, behind, tt.ahead, tt.behind)
			}
			p.down("p")
			if _, behind := p.lag("p", own); behind != 15 {
				t.Errorf("behind = %d once it is down, want all 15", behind)
			}
		})
	}
}

func TestPeerW(t *testing.T) {
	p := newPeerTable(3)
	p.tell("p", nil, clock.Timestamp{Wall: 9}) // not up: not heard
	p.up("p")
	if got := p.w("p"); !got.IsZero() {
		t.Errorf("W = %v before the peer said one, want none", got)
	}
	p.tell("p", nil, clock.Timestamp{Wall: 5})
	p.tell("p", nil, clock.Timestamp{Wall: 3}) // an old word comes late
	if got := p.w("p"); got.Wall != 5 {
		t.Errorf("W = %v, want wall 5", got)
	}
	p.down("p")
	if got := p.w("p"); !got.IsZero() {
		t.Errorf("W = %v once the peer is down, want none", got)
	}
}
