package host

import (
	"testing"

	"hearsay/clock"
	"hearsay/gossip"
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
		{"nothing told", nil, 0, 0},
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
			p.tell("p", says(own, 9), 1) // not up: not heard
			p.up("p")
			for _, w := range tt.told {
				p.tell("p", says(w, 0), 1)
			}
			got, told := p.lag("p", own, 1)
			if got.ahead != tt.ahead || got.behind != tt.behind || told != (tt.told != nil) {
				t.Errorf("lag = %d ahead, %d behind, told %v, want %d and %d, told %v", got.ahead, got.behind, told, tt.ahead, tt.behind, tt.told != nil)
			}
			p.down("p")
			if _, told := p.lag("p", own, 1); told {
				t.Error("lag is known of a peer that is down")
			}
		})
	}
}

// says returns a status of all of a peer's marks, or of all that moved.
func says(marks store.Watermarks, w int64) *gossip.Status {
	return &gossip.Status{Marks: marks, Hash: 1, Facts: gossip.Facts{W: clock.Timestamp{Wall: w}}}
}

func TestPeerW(t *testing.T) {
	p := newPeerTable(3)
	p.up("p")
	p.tell("p", says(nil, 5), 1)
	p.tell("p", says(nil, 3), 1) // an old word comes late
	if got, _ := p.lag("p", nil, 1); got.w.Wall != 5 {
		t.Errorf("W = %v, want wall 5", got.w)
	}
}

// A peer that tells others how far it is answers now and then all the same.
func TestPeerThatTellsOthers(t *testing.T) {
	p := newPeerTable(3)
	p.up("p")
	answer := &gossip.Status{Marks: marks("a", 1)}
	p.tell("p", answer, 1)
	if _, told := p.lag("p", nil, 1); told {
		t.Error("an answer passes for how far the peer is")
	}
	p.tell("p", says(nil, 5), 1)
	p.tell("p", answer, wordFor)
	if _, told := p.lag("p", nil, 1+wordFor); !told {
		t.Errorf("the peer's word is forgotten within %v", wordFor)
	}
	if _, told := p.lag("p", nil, 2+wordFor); told {
		t.Errorf("the peer's word tells how far it is after %v", wordFor)
	}
}
