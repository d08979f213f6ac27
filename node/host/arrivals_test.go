package host

import (
	"fmt"
	"testing"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/store"
)

func arrival(key string, wall int64) node.Arrival {
	return node.Arrival{Key: store.Key{Name: key}, Version: store.Version{Timestamp: clock.Timestamp{Wall: wall}}, Wall: wall + 1}
}

func TestArrivalsForgetTheOldest(t *testing.T) {
	a := newArrivals(3)
	knows := func(n node.Arrival, want bool) {
		t.Helper()
		got, ok := a.of(n.Key, n.Version)
		if ok != want || ok && got != n {
			t.Errorf("of %s at %d = %+v, %v, want it known: %v", n.Key.Name, n.Wall, got, ok, want)
		}
	}
	first, again := arrival("k", 1), arrival("k", 2)
	a.add(first)
	knows(first, true)
	a.add(again)
	knows(first, false) // replaced
	a.add(arrival("a", 3))
	a.add(arrival("b", 4)) // in the place of first
	knows(again, true)
	a.add(arrival("c", 5)) // in the place of again
	knows(again, false)
	knows(arrival("a", 3), true)
	for i := range int64(100) {
		a.add(arrival(fmt.Sprint(i), i))
	}
	if len(a.ring) != 3 || len(a.where) != 3 {
		t.Errorf("%d arrivals of %d keys are kept, want 3", len(a.ring), len(a.where))
	}
}
