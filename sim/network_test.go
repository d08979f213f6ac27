package sim

import (
	"slices"
	"testing"
	"time"
)

const messages = 10_000

// fates draws what becomes of many messages on l.
func fates(n *network, l link) []fate {
	var all []fate
	for id := range uint64(messages) {
		all = append(all, n.fate(l, mix(id), 0, 0))
	}
	return all
}

func copies(fates []fate) int {
	sum := 0
	for _, f := range fates {
		sum += f.copies
	}
	return sum
}

func TestFaultsOfTheNetwork(t *testing.T) {
	there, back, inside := link{0, 1}, link{1, 0}, link{1, 3}
	tests := []struct {
		name        string
		fault       Fault
		link        link
		least, most int // copies that arrive
	}{
		{"none", Fault{Kind: ClockStep}, there, messages, messages},
		{"cut one way, that way", Fault{Kind: CutOneWay, A: []int{0}, B: []int{1}}, there, 0, 0},
		{"cut one way, the other", Fault{Kind: CutOneWay, A: []int{0}, B: []int{1}}, back, messages, messages},
		{"region cut, into it", Fault{Kind: CutRegion, A: []int{1, 3}}, there, 0, 0},
		{"region cut, out of it", Fault{Kind: CutRegion, A: []int{1, 3}}, back, 0, 0},
		{"region cut, inside", Fault{Kind: CutRegion, A: []int{1, 3}}, inside, messages, messages},
		{"a tenth lost", Fault{Kind: Loss, Permille: 100}, there, messages * 88 / 100, messages * 92 / 100},
		{"a tenth twice", Fault{Kind: Duplicate, Permille: 100}, there, messages * 108 / 100, messages * 112 / 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := &network{Network: cloud(3), seed: 1, regions: []int{0, 1, 2, 1}, faults: []*Fault{&tt.fault}}
			if got := copies(fates(n, tt.link)); got < tt.least || got > tt.most {
				t.Errorf("of %d messages %d copies arrive, want %d to %d", messages, got, tt.least, tt.most)
			}
			n.drop(&tt.fault)
			if got := copies(fates(n, tt.link)); got != messages {
				t.Errorf("after the fault %d copies of %d messages arrive", got, messages)
			}
		})
	}
}

func TestReordering(t *testing.T) {
	overtaken := func(n *network) int {
		count := 0
		var latest time.Duration
		for i, f := range fates(n, link{0, 1}) {
			arrival := time.Duration(i)*20*time.Millisecond + f.after[0]
			if arrival < latest {
				count++
			}
			latest = max(latest, arrival)
		}
		return count
	}
	n := &network{Network: cloud(3), seed: 1, regions: []int{0, 1}}
	calm := overtaken(n)
	n.faults = []*Fault{{Kind: Reorder, Permille: 200, Amount: time.Second}}
	if got := overtaken(n); got < messages/2 || calm > messages/10 {
		t.Errorf("of %d messages %d are overtaken, %d without the fault", messages, got, calm)
	}
}

func TestStreamsKeepOrder(t *testing.T) {
	n := &network{Network: cloud(3), seed: 1, regions: []int{0, 1}, latest: make([]time.Duration, 4)}
	n.faults = []*Fault{{Kind: Reorder, Permille: 200, Amount: time.Second}}
	var last time.Duration
	for i, f := range fates(n, link{0, 1}) {
		alone := time.Duration(i)*20*time.Millisecond + f.after[0]
		at := n.arrival(link{0, 1}, alone)
		if at <= last && i > 0 || at < alone {
			t.Fatalf("message %d arrives at %v, the one before it at %v, alone at %v", i, at, last, alone)
		}
		last = at
	}
	if other := n.arrival(link{1, 0}, time.Millisecond); other != time.Millisecond {
		t.Errorf("a message the other way waits until %v", other)
	}
}

// Taking a fault away must not change what becomes of messages which it did not
// touch.
func TestFateKnowsOnlyItsFaults(t *testing.T) {
	loss := &Fault{ID: 1, Kind: Loss, Permille: 300}
	other := &Fault{ID: 2, Kind: Loss, Permille: 300}
	n := &network{Network: cloud(3), seed: 1, regions: []int{0, 1}, faults: []*Fault{loss, other}}
	both := fates(n, link{0, 1})
	n.drop(other)
	one := fates(n, link{0, 1})
	for i, f := range both {
		if f.copies > 0 && f != one[i] {
			t.Fatalf("message %d: %+v under both faults, %+v under one", i, f, one[i])
		}
	}
	n.faults = []*Fault{other}
	if second := fates(n, link{0, 1}); slices.Equal(one, second) {
		t.Error("two faults lose the same messages")
	}
}

func TestDelayFollowsTheRegions(t *testing.T) {
	n := &network{Network: cloud(3), seed: 1, regions: []int{0, 1, 0}}
	for _, tt := range []struct {
		link link
		want time.Duration
	}{{link{0, 1}, 46535 * time.Microsecond}, {link{1, 0}, 46305 * time.Microsecond}, {link{0, 2}, 380 * time.Microsecond}} {
		var all []time.Duration
		for _, f := range fates(n, tt.link) {
			all = append(all, f.after[0])
		}
		slices.Sort(all)
		if all[0] < tt.want || all[messages/2] > tt.want*103/100 || all[messages-1] < tt.want*3/2 {
			t.Errorf("delay on %v: least %v, median %v, most %v, want %v with a short jitter and a tail", tt.link, all[0], all[messages/2], all[messages-1], tt.want)
		}
	}
}
