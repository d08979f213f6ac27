package node_test

import (
	"fmt"
	"strings"
	"testing"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/node"
	"hearsay/store"
)

// A party is a node with the frames that it has sent, by the values in them, and
// the updates that it has seen lose.
type party struct {
	*node.Node
	sent   map[string]*gossip.Frame
	names  map[store.Version]string
	lost   []string
	shown  []node.UpdateLost
	events []string
}

// parties returns nodes of these names on stores of their own.
func parties(t *testing.T, ids ...store.NodeID) map[store.NodeID]*party {
	t.Helper()
	sent, names := map[string]*gossip.Frame{}, map[store.Version]string{}
	all := map[store.NodeID]*party{}
	for _, id := range ids {
		p := &party{sent: sent, names: names}
		p.start(t, id, founded(t, id))
		all[id] = p
	}
	return all
}

func (p *party) start(t *testing.T, id store.NodeID, st store.Store) {
	t.Helper()
	cfg := node.DefaultConfig()
	cfg.Gossip.Coalesce = 0
	cfg.ID, cfg.Region, cfg.Found = id, "r", true
	cfg.Draw = func(_ string, a, b uint64) uint64 { return a ^ b }
	cfg.Observe = func(e node.Event) {
		p.events = append(p.events, e.EventName())
		if l, ok := e.(node.UpdateLost); ok {
			p.lost = append(p.lost, p.pair(l))
		}
	}
	n, err := node.New(cfg, st)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	n.PeerUp(at(1), gossip.Peer{ID: "all"})
	p.Node = n
}

// pair tells l by the values of its writes.
func (p *party) pair(l node.UpdateLost) string {
	text := fmt.Sprintf("%s<%s", p.names[l.Loser], p.names[l.Winner])
	if l.Doubtful {
		text += "?"
	}
	return text
}

// puts has p write value under k, or delete k if it is in capitals.
func (p *party) puts(t *testing.T, now clock.Reading, value string) {
	t.Helper()
	w := put("k", value)
	w.Delete = strings.ToUpper(value) == value
	out := write(t, p.Node, now, w)
	p.names[out.Replies[0].Version] = value
	p.sent[value] = frames(out)[0]
	p.shown = out.Front.Lost
}

// gets has p take in the frames of values, each in a turn of its own.
func (p *party) gets(t *testing.T, now clock.Reading, values ...string) {
	t.Helper()
	for _, v := range values {
		p.Receive(now, "all", p.sent[v])
		if out := flush(t, p.Node); out.Front != nil {
			p.shown = out.Front.Lost
		}
	}
}

// wantLost checks what p has seen lose, and that it shows the same.
func (p *party) wantLost(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(p.lost, " "); got != want {
		t.Errorf("lost updates = %q, want %q", got, want)
	}
	var shown []string
	for _, l := range p.shown {
		shown = append(shown, p.pair(l))
	}
	if got := strings.Join(shown, " "); got != want {
		t.Errorf("lost updates shown = %q, want %q", got, want)
	}
}

func TestConcurrentWriteIsLostWhereTheTwoMeet(t *testing.T) {
	p := parties(t, "a", "b", "c", "d")
	p["a"].puts(t, at(10), "older")
	p["b"].puts(t, at(11), "newer")
	p["a"].gets(t, at(12), "newer", "newer")
	p["b"].gets(t, at(12), "older", "older")
	p["c"].gets(t, at(12), "older", "newer", "older")
	p["d"].gets(t, at(12), "newer")
	// A row of a third origin brings the same two together once more.
	third := p["a"].sent["older"]
	third = &gossip.Frame{Origin: third.Origin, Rows: []gossip.FrameRow{{Timestamp: clock.Timestamp{Wall: 9 * second}}}, Entries: third.Entries}
	third.Origin.Node = "third"
	p["c"].Receive(at(13), "all", third)
	flush(t, p["c"].Node)
	for _, id := range []store.NodeID{"a", "b", "c"} {
		p[id].wantLost(t, "older<newer")
	}
	p["d"].wantLost(t, "")
}

func TestDeletesAreUpdates(t *testing.T) {
	p := parties(t, "a", "b")
	p["a"].puts(t, at(10), "DELETE")
	p["b"].puts(t, at(11), "put")
	p["a"].gets(t, at(12), "put")
	p["a"].wantLost(t, "DELETE<put")
	p["a"].puts(t, at(13), "DELETE AGAIN")
	p["b"].puts(t, at(12), "meanwhile")
	p["b"].gets(t, at(13), "DELETE AGAIN")
	p["b"].wantLost(t, "meanwhile<DELETE AGAIN")
}

// What its winner's origin had known is not lost, however it came to know it and
// in whatever order others hear of the two.
func TestKnownWriteIsNotLost(t *testing.T) {
	tests := []struct {
		name  string
		story func(t *testing.T, p map[store.NodeID]*party)
		// lost is what d has seen lose at the end.
		lost string
	}{
		{"replaced", func(t *testing.T, p map[store.NodeID]*party) {
			p["a"].puts(t, at(10), "one")
			p["b"].gets(t, at(11), "one")
			p["b"].puts(t, at(12), "two")
			p["d"].gets(t, at(13), "one", "two", "one")
		}, ""},
		{"of the same origin", func(t *testing.T, p map[store.NodeID]*party) {
			p["a"].puts(t, at(10), "one")
			p["a"].puts(t, at(11), "two")
			p["d"].gets(t, at(13), "two", "one", "two")
		}, ""},
		{"replaced by one who was replaced", func(t *testing.T, p map[store.NodeID]*party) {
			p["a"].puts(t, at(10), "one")
			p["b"].gets(t, at(11), "one")
			p["b"].puts(t, at(12), "two")
			p["c"].gets(t, at(13), "two")
			p["c"].puts(t, at(14), "three")
			p["d"].gets(t, at(15), "one", "three", "two", "one")
		}, ""},
		{"turned away", func(t *testing.T, p map[store.NodeID]*party) {
			p["a"].puts(t, at(10), "one")
			p["b"].puts(t, at(11), "two")
			p["b"].gets(t, at(12), "one")
			p["b"].puts(t, at(13), "three")
			p["d"].gets(t, at(14), "one", "three")
		}, ""},
		{"replaced by one that had not known it", func(t *testing.T, p map[store.NodeID]*party) {
			p["a"].puts(t, at(10), "one")
			p["b"].puts(t, at(11), "two")
			p["c"].gets(t, at(12), "one", "two")
			p["c"].puts(t, at(13), "three")
			p["d"].gets(t, at(14), "one", "three")
		}, ""},
		{"known to what was turned away", func(t *testing.T, p map[store.NodeID]*party) {
			p["a"].puts(t, at(10), "one")
			p["b"].gets(t, at(11), "one")
			p["b"].puts(t, at(12), "two")
			p["c"].puts(t, at(13), "three")
			p["c"].gets(t, at(14), "two")
			p["c"].puts(t, at(15), "four")
			p["d"].gets(t, at(16), "one", "four")
		}, ""},
		{"another of an origin known for an older one", func(t *testing.T, p map[store.NodeID]*party) {
			p["a"].puts(t, at(10), "one")
			p["b"].gets(t, at(11), "one")
			p["a"].puts(t, at(12), "two")
			p["b"].puts(t, at(13), "three")
			p["d"].gets(t, at(14), "one", "three", "two")
		}, "two<three"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := parties(t, "a", "b", "c", "d")
			tt.story(t, p)
			p["d"].wantLost(t, tt.lost)
		})
	}
}

// A node forgets with its life what it has seen lose, and its next writes say so.
func TestWhatWasForgottenIsDoubtful(t *testing.T) {
	p := parties(t, "a", "c", "d")
	st := founded(t, "b")
	b := &party{sent: p["a"].sent, names: p["a"].names}
	b.start(t, "b", st)
	p["a"].puts(t, at(10), "one")
	p["c"].puts(t, at(12), "unseen")
	b.puts(t, at(11), "two")
	b.gets(t, at(12), "one")
	b.start(t, "b", st)
	b.puts(t, at(13), "three")
	p["d"].gets(t, at(14), "one", "three")
	p["d"].wantLost(t, "one<three?")
	p["c"].gets(t, at(14), "three")
	p["c"].wantLost(t, "unseen<three")
}

func TestLostUpdatesAreBounded(t *testing.T) {
	p := parties(t, "a", "b", "d")
	p["b"].puts(t, at(10), "newer")
	p["a"].puts(t, at(9), "first")
	p["b"].gets(t, at(11), "first")
	for i := range node.MaxLost {
		o := p["a"].sent["first"].Origin
		name := key(fmt.Sprint(i))
		for _, node := range []store.NodeID{"x", "y"} {
			v := store.Version{Timestamp: clock.Timestamp{Wall: 12*second + int64(i)}, Origin: o}
			v.Origin.Node = node
			p["b"].Receive(at(12), "all", &gossip.Frame{
				Origin: v.Origin, From: uint64(i), Rows: []gossip.FrameRow{{Timestamp: v.Timestamp}},
				Entries: []*store.Entry{{Key: name, Version: v, Seq: uint64(i) + 1}},
			})
		}
	}
	p["b"].puts(t, at(13), "last")
	if n := len(p["b"].lost); n != node.MaxLost+1 {
		t.Fatalf("%d updates were lost, want %d", n, node.MaxLost+1)
	}
	shown := p["b"].shown
	if n := len(shown); n != node.MaxLost || shown[0].Key != key("0") {
		t.Errorf("%d lost updates are shown from %v on, want the last %d from %v on", n, shown[0].Key, node.MaxLost, key("0"))
	}
	p["d"].gets(t, at(14), "first", "last")
	p["d"].wantLost(t, "first<last?")
}

func TestEntryKnowsThroughW(t *testing.T) {
	n := open(t, "a", founded(t, "a"))
	n.Tick(at(10))
	write(t, n, at(10), put("k", "one"))
	n.Tick(at(20))
	w := flush(t, n).Front.W
	out := write(t, n, at(21), put("k", "two"))
	e, err := out.Front.Entries.Get(key("k"))
	if err != nil {
		t.Fatal(err)
	}
	if w.IsZero() || e.Known.Through != w {
		t.Errorf("entry knows its key through %v, want W, which was %v", e.Known.Through, w)
	}
	out = write(t, n, at(21), put("fresh", "one"))
	if e, err = out.Front.Entries.Get(key("fresh")); err != nil || !e.Known.IsZero() {
		t.Errorf("entry of a fresh key knows %+v (%v), want nothing", e.Known, err)
	}
}

func TestRetry(t *testing.T) {
	request := func(name, id string, deletes bool) node.Write {
		return node.Write{Key: key(name), Value: []byte(id), Request: id, Delete: deletes}
	}
	tests := []struct {
		name          string
		first, second node.Write
		same          bool
	}{
		{"put", request("k", "1", false), request("k", "1", false), true},
		{"delete", request("k", "1", true), request("k", "1", true), true},
		{"another request", request("k", "1", false), request("k", "2", false), false},
		{"another key", request("k", "1", false), request("l", "1", false), false},
		{"no request", request("k", "", false), request("k", "", false), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := parties(t, "a", "b")
			first := write(t, p["a"].Node, at(10), tt.first)
			p["b"].Receive(at(11), "all", frames(first)[0])
			flush(t, p["b"].Node)
			for _, id := range []store.NodeID{"a", "b"} {
				out := write(t, p[id].Node, at(12), tt.second)
				if same := out.Replies[0].Version == first.Replies[0].Version; same != tt.same {
					t.Errorf("retry at %s has the first one's version: %v, want %v", id, same, tt.same)
				}
				if sent := len(frames(out)) > 0; sent == tt.same {
					t.Errorf("retry at %s is sent: %v, want %v", id, sent, !tt.same)
				}
			}
		})
	}
}

// A retry that finds another write where the first one was is a write.
func TestRetryOfWhatWasReplaced(t *testing.T) {
	n := open(t, "a", founded(t, "a"))
	w := put("k", "v")
	w.Request = "1"
	first := write(t, n, at(10), w).Replies[0].Version
	between := write(t, n, at(11), put("k", "other")).Replies[0].Version
	if second := write(t, n, at(12), w).Replies[0].Version; second == first || second.Compare(between) <= 0 {
		t.Errorf("retry after another write has %v, want above %v", second, between)
	}
}
