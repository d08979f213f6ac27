package sim_test

import (
	"testing"
	"time"

	"hearsay/sim"
)

// wide returns five regions of four nodes, whose clients write so seldom that
// each write is a frame of its own.
func wide(faults ...sim.Fault) sim.Config {
	return sim.Config{Nodes: 20, Regions: 5, For: 10 * time.Second, Pace: time.Second, Links: sim.Streams, MaxValue: 512, Faults: append([]sim.Fault{}, faults...)}
}

func TestEveryWriteCrossesOnceToEachRegion(t *testing.T) {
	s := pass(t, wide()).Stats
	if got, want := s.Count("fresh_crossed"), 4*s.Count("write_accepted"); got != want || want == 0 {
		t.Errorf("%d writes crossed %d times in fresh frames, want %d: once to each of 4 regions", s.Count("write_accepted"), got, want)
	}
	// A link's tail may look like a loss, but seldom.
	if got := s.Count("hedge_crossed") + s.Count("pull_crossed"); got*20 > s.Count("write_accepted") {
		t.Errorf("%d frames more crossed for %d writes though nothing was lost, want hardly any", got, s.Count("write_accepted"))
	}
}

func TestLossAddsFewCrossings(t *testing.T) {
	s := pass(t, wide(sim.Fault{ID: 1, Kind: sim.Loss, For: 10 * time.Second, Permille: 10})).Stats
	if got := s.Count("fresh_crossed"); got*10 > 41*s.Count("write_accepted") {
		t.Errorf("%d writes crossed %d times in fresh frames at 1 %% loss, want at most 4.1 each", s.Count("write_accepted"), got)
	}
	again := s.Count("hedge_crossed") + s.Count("pull_crossed")
	if again == 0 || again*5 > s.Count("write_accepted") {
		t.Errorf("%d frames more crossed for %d writes at 1 %% loss, want some, and one for five at most", again, s.Count("write_accepted"))
	}
}

// For two seconds nothing from afar reaches one machine, whom nobody suspects
// before: what it should have relayed comes by another one, in time.
func TestRelayThatHearsNothing(t *testing.T) {
	const relay = 4 // in sa-east, the furthest region
	var afar []int
	for i := range 20 {
		if i%5 != relay%5 {
			afar = append(afar, i)
		}
	}
	s := pass(t, wide(
		sim.Fault{ID: 1, Kind: sim.CutOneWay, At: 3 * time.Second, For: 2 * time.Second, A: afar, B: []int{relay}},
		sim.Fault{ID: 2, Kind: sim.CutOneWay, At: 7 * time.Second, For: 2 * time.Second, A: afar, B: []int{relay}},
	)).Stats
	if s.Count("hedge_crossed") < 5 {
		t.Errorf("%d frames were hedged, too few to tell", s.Count("hedge_crossed"))
	}
	// Its region is 129 ms from the furthest other one: a round trip and a half and
	// 20 ms until the hedge leaves, half a one until it is there, and the tail of
	// the links and disks.
	const limit = 2*258*time.Millisecond + 20*time.Millisecond + 100*time.Millisecond
	if got := s.Everywhere.Quantile(1000); got > limit {
		t.Errorf("the slowest write was everywhere after %v, want %v at most", got, limit)
	}
}

// calm returns five regions of four nodes on links with their median delays.
func calm(faults ...sim.Fault) sim.Config {
	cfg := wide(faults...)
	cfg.Calm, cfg.For, cfg.Pace = true, 30*time.Second, 500*time.Millisecond
	return cfg
}

// furthest is the largest delay between two of five regions, each way.
const furthest = 129025 * time.Microsecond

func TestWriteIsEverywhereAfterOneWay(t *testing.T) {
	s := from(t, calm(), 16*time.Second).Stats
	const limit = furthest + 4*time.Millisecond
	if got := s.Everywhere.Quantile(990); got > limit {
		t.Errorf("99 of 100 of %d writes are everywhere after %v, want %v at most", s.Everywhere.Count(), got, limit)
	}
	if got, want := s.Count("fresh_crossed"), 4*s.Count("write_accepted"); got > want {
		t.Errorf("%d writes crossed %d times, want %d at most", s.Count("write_accepted"), got, want)
	}
}

// A lost message costs a round trip and a quarter of a second at most.
func TestLostMessageCostsARoundTrip(t *testing.T) {
	s := from(t, calm(sim.Fault{ID: 1, Kind: sim.Loss, For: 30 * time.Second, Permille: 10}), 16*time.Second).Stats
	const limit = furthest + 4*time.Millisecond + 2*furthest + 250*time.Millisecond
	if got := s.Everywhere.Quantile(990); got > limit {
		t.Errorf("at 1 %% loss 99 of 100 of %d writes are everywhere after %v, want %v at most", s.Everywhere.Count(), got, limit)
	}
}
