package roster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// grown returns a net of n sites that are members, their streams known in part by
// all: site i holds the first i writes of each.
func grown(t *testing.T, seed uint64, n int) *net {
	t.Helper()
	w := newNet(seed, n, 2)
	for !w.whole() && w.now < 20*time.Second {
		w.step()
	}
	if !w.whole() {
		t.Fatalf("%d of %d are members after %v", w.members(), n, w.now)
	}
	for i, s := range w.sites {
		for _, other := range w.sites {
			s.marks.Set(streamOf(other.id), uint64(i+1))
		}
	}
	return w
}

func streamOf(id store.NodeID) store.Origin {
	return store.Origin{Node: id, Incarnation: store.Incarnation{Start: clock.Timestamp{Wall: 1}}}
}

// until takes steps until done, for up to d.
func (w *net) until(d time.Duration, done func() bool) bool {
	for end := w.now + d; w.now < end; {
		if done() {
			return true
		}
		w.step()
	}
	return done()
}

// has reports whether all sites that are up have an epoch with or without id.
func (w *net) has(id store.NodeID, member bool) bool {
	for _, s := range w.sites {
		if _, is := s.disk.Epoch.Member(id); !s.down && is != member {
			return false
		}
	}
	return true
}

func TestForgottenEndsWithTheLongestThatAnyHolds(t *testing.T) {
	for seed := range uint64(30) {
		w := grown(t, seed, 5)
		w.loss = 0.2
		gone := w.sites[4]
		gone.down = true
		for range 600 {
			w.step()
		}
		if err := w.sites[0].roster.Forget(w.now, []store.NodeID{gone.id}, false); err != nil {
			t.Fatalf("seed %d: Forget = %v", seed, err)
		}
		if !w.until(30*time.Second, func() bool { return w.has(gone.id, false) }) {
			t.Fatalf("seed %d: %s is a member still", seed, gone.id)
		}
		end, dropped := w.sites[1].disk.Epoch.End(gone.id)
		if want := (store.Watermarks{{Origin: streamOf(gone.id), Seq: 4}}); !dropped || !slices.Equal(end.Marks, want) {
			t.Errorf("seed %d: the end is %v, want %v, which one site held", seed, end.Marks, want)
		}
		if w.failure != "" {
			t.Fatalf("seed %d: %s", seed, w.failure)
		}
	}
}

// An origin that has retired is not among the marks of an end, and all of it counts; one
// of which nobody holds anything is not either, and nothing does. What tells them apart
// is how far those who stay missed nothing, whatever the dropped member says of itself.
func TestEndKnowsRetiredFromLost(t *testing.T) {
	for seed := range uint64(10) {
		w := grown(t, seed, 5)
		for i, s := range w.sites {
			s.w = clock.Timestamp{Wall: int64(100 + i)}
		}
		gone := w.sites[4]
		if err := w.sites[0].roster.Forget(w.now, []store.NodeID{gone.id}, true); err != nil {
			t.Fatalf("seed %d: Forget = %v", seed, err)
		}
		if !w.until(30*time.Second, func() bool { _, dropped := w.sites[0].disk.Epoch.End(gone.id); return dropped }) {
			t.Fatalf("seed %d: %s has no end", seed, gone.id)
		}
		e := w.sites[0].disk.Epoch
		other := streamOf(gone.id)
		other.Incarnation.Nonce++
		for _, tt := range []struct {
			origin store.Origin
			seq    uint64
			wall   int64
			want   bool
		}{
			{streamOf(gone.id), 4, 104, false},
			{streamOf(gone.id), 5, 104, true},
			{other, 1, 103, false},
			{other, 1, 104, true},
			{streamOf(w.sites[1].id), 9, 200, false},
		} {
			if got := e.Excludes(store.Version{Timestamp: clock.Timestamp{Wall: tt.wall}, Origin: tt.origin}, tt.seq); got != tt.want {
				t.Errorf("seed %d: write %d of %v at %d is excluded: %v, want %v", seed, tt.seq, tt.origin, tt.wall, got, tt.want)
			}
		}
	}
}

// Who said how far it holds a stream takes no more of it, whatever happens, until
// the next epoch is decided.
func TestWhoSaidRefuses(t *testing.T) {
	w := grown(t, 1, 5)
	w.sites[4].down = true
	for range 600 {
		w.step()
	}
	id := w.sites[4].id
	if err := w.sites[0].roster.Forget(w.now, []store.NodeID{id}, false); err != nil {
		t.Fatal(err)
	}
	w.sites[3].down = true // does not say
	w.until(3*time.Second, func() bool { return w.sites[1].roster.Refuses(id) })
	if !w.sites[1].roster.Refuses(id) || !slices.Contains(w.sites[1].disk.Refused, id) {
		t.Fatalf("%s says how far it holds %s and does not refuse its streams", w.sites[1].id, id)
	}
	w.boot(w.sites[1])
	if !w.sites[1].roster.Refuses(id) {
		t.Error("after a restart it takes them again")
	}
	// It comes to nothing: then an epoch without a change frees them.
	if !w.until(time.Minute, func() bool { return !w.sites[1].roster.Refuses(id) }) {
		t.Error("a drop that came to nothing has its streams refused for ever")
	}
	if _, member := w.sites[1].disk.Epoch.Member(id); !member {
		t.Errorf("%s is dropped though a member had not said how far it holds its streams", id)
	}
}

func TestMinorityForgetsNobody(t *testing.T) {
	w := grown(t, 1, 5)
	for _, s := range w.sites[2:] {
		s.down = true
	}
	a := w.sites[0]
	// Even one that is forced and believes that all others are up.
	ids := []store.NodeID{w.sites[2].id, w.sites[3].id, w.sites[4].id}
	if err := a.roster.Forget(w.now, ids, true); err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		w.step()
	}
	if got := w.members(); got != 5 || a.disk.Epoch.Number != w.sites[4].disk.Epoch.Number {
		t.Errorf("two of five made it epoch %d of %d members", a.disk.Epoch.Number, got)
	}
	err := a.roster.Forget(w.now, ids, true)
	if err == nil || !strings.Contains(err.Error(), "no majority: 2 of 5 members are up here, it takes 3") {
		t.Errorf("Forget of the majority = %v, want that there is none", err)
	}
}

func TestForgetSaysWhatIsInTheWay(t *testing.T) {
	w := grown(t, 1, 5)
	w.sites[3].down, w.sites[4].down = true, true
	for range 600 {
		w.step()
	}
	a := w.sites[0].roster
	tests := []struct {
		names []store.NodeID
		force bool
		want  string // empty for none
	}{
		{[]store.NodeID{"n3"}, false, "silent too: n4"},
		{[]store.NodeID{"n0"}, true, "n0 is the node that was asked"},
		{[]store.NodeID{"n1"}, false, "n1 is up"},
		{[]store.NodeID{"n9"}, false, "n9 is no member"},
		{[]store.NodeID{"n3", "n4"}, false, ""},
	}
	for _, tt := range tests {
		err := a.Forget(w.now, tt.names, tt.force)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("Forget(%v, force %v) = %v, want %q", tt.names, tt.force, err, tt.want)
		}
	}
	if !w.until(20*time.Second, func() bool { return w.has("n3", false) && w.has("n4", false) }) {
		t.Error("two that are silent are not dropped together")
	}
}

func TestFindByNameOrID(t *testing.T) {
	e := roster.Epoch{Members: []roster.Member{{Node: "a", Name: "one"}, {Node: "b", Name: "two"}, {Node: "c", Name: "two"}}}
	for name, want := range map[string]string{"a": "a", "one": "a", "c": "c", "two": "2 members", "three": `no member has the name or id "three"`} {
		id, err := e.Find(name)
		if got := fmt.Sprint(id, err); !strings.Contains(got, want) {
			t.Errorf("Find(%q) = %q, %v, want %s", name, id, err, want)
		}
	}
}

func TestSilentPastTheHorizonIsDropped(t *testing.T) {
	w := grown(t, 1, 4)
	gone := w.sites[0] // the least, which would be the one to act
	gone.down = true
	horizon := roster.DefaultConfig().Horizon
	w.now += horizon - 10*time.Second
	for _, s := range w.sites {
		for _, other := range w.sites[1:] {
			s.roster.Heard(w.now, other.id, other.disk.Epoch.Number)
		}
	}
	w.until(5*time.Second, func() bool { return false })
	if !w.has(gone.id, true) {
		t.Fatal("dropped before the horizon")
	}
	if !w.until(20*time.Second, func() bool { return w.has(gone.id, false) }) {
		t.Error("not dropped past the horizon")
	}
}

// A machine that lost its disk comes back under another id and the same name.
func TestNewcomerReplacesTheSilentOfItsName(t *testing.T) {
	w := newNet(1, 0, 1)
	for _, name := range []string{"a", "b", "c"} {
		w.add(name, name, "r")
	}
	w.sites[0].roster.Found()
	w.flush(w.sites[0])
	if !w.until(20*time.Second, w.whole) {
		t.Fatal("three are not members")
	}
	w.add("b2", "b", "r")
	if w.until(10*time.Second, func() bool { return !w.has("b2", false) }) {
		t.Fatal("admitted while another of its name is up")
	}
	w.sites[1].down = true
	replaced := func() bool {
		for _, s := range w.sites {
			_, b := s.disk.Epoch.Member("b")
			if _, b2 := s.disk.Epoch.Member("b2"); b == b2 && s.disk.Epoch.Number > 0 {
				t.Fatalf("epoch %d has the members %v, want one of b and b2", s.disk.Epoch.Number, s.disk.Epoch.Members)
			}
		}
		return w.has("b2", true)
	}
	if !w.until(20*time.Second, replaced) {
		t.Fatal("b2 does not replace b")
	}
	// b was only slow. It is a newcomer now, of a name that is taken.
	w.boot(w.sites[1])
	for range 1000 {
		w.step()
	}
	if !w.has("b", false) {
		t.Error("b is back beside b2, which has its name")
	}
}

func TestLeaverIsDroppedAndStaysOut(t *testing.T) {
	w := grown(t, 1, 3)
	leaver := w.sites[2]
	leaver.roster.Leave(w.now)
	if !w.until(20*time.Second, func() bool { return w.has(leaver.id, false) }) {
		t.Fatal("it is a member still")
	}
	for range 1000 {
		w.step()
	}
	if !w.has(leaver.id, false) {
		t.Error("it is a member again")
	}
	// Its next life may come back, and stamps above all that it gave before.
	leaver.last.Wall += int64(time.Hour)
	last := leaver.last
	w.boot(leaver)
	if !w.until(20*time.Second, func() bool { return w.has(leaver.id, true) }) {
		t.Fatal("its next life is not admitted")
	}
	e := &w.sites[0].disk.Epoch
	m, _ := e.Member(leaver.id)
	if m.Since.Compare(last) <= 0 {
		t.Errorf("it is admitted since %v, want after %v, when it had stamped last", m.Since, last)
	}
	old, fresh := streamOf(leaver.id), streamOf(leaver.id)
	fresh.Incarnation.Start = clock.Timestamp{Wall: m.Since.Wall + 1}
	if end, ended := e.Ended(old); !ended || end != 2 {
		t.Errorf("Ended(its former stream) = %d, %v, want 2: that stays", end, ended)
	}
	if _, ended := e.Ended(fresh); ended {
		t.Error("its new stream has ended")
	}
}

func TestEndsAreBounded(t *testing.T) {
	e := roster.Epoch{Number: roster.MaxEnds + 9, Founder: "a", Members: []roster.Member{{Node: "a"}, {Node: "b"}}}
	for i := range roster.MaxEnds {
		e.Ends = append(e.Ends, roster.End{Node: store.NodeID(fmt.Sprintf("n%04d", i)), Epoch: uint64(i + 2)})
	}
	e.Ends[0].Epoch, e.Ends[7].Epoch = e.Ends[7].Epoch, e.Ends[0].Epoch
	w := newNet(1, 0, 1)
	a, b := w.add("a", "", "r"), w.add("b", "", "r")
	a.disk.Epoch, b.disk.Epoch = e, e
	w.boot(a)
	w.boot(b)
	b.roster.Leave(w.now)
	if !w.until(10*time.Second, func() bool { return w.has("b", false) }) {
		t.Fatal("b is a member still")
	}
	got := &a.disk.Epoch
	if _, kept := got.End("n0007"); kept || len(got.Ends) != roster.MaxEnds {
		t.Errorf("%d ends, with the oldest: %v; want %d without it", len(got.Ends), kept, roster.MaxEnds)
	}
}
