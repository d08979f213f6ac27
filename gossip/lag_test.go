package gossip

import (
	"testing"

	"hearsay/clock"
)

// What is told of a member is never later than the truth, and for some lags it is
// the truth to the unit. A second telling loses nothing more.
func TestLagsRoundDown(t *testing.T) {
	const now = 1000 * lagUnit
	tests := []struct {
		name    string
		best    int64
		heard   int64 // -1 for nothing
		hearer2 int64
	}{
		{"at once", now, now, now},
		{"ahead of the sender", now + 5*lagUnit, now, now},
		{"within the unit", now + 1, now, now},
		{"just below", now - 1, now - lagUnit, now - lagUnit},
		{"a unit", now - lagUnit, now - lagUnit, now - lagUnit},
		{"a second", now - 8*lagUnit, now - 8*lagUnit, now - 8*lagUnit},
		{"between coarse steps", now - 9*lagUnit, now - 10*lagUnit, now - 10*lagUnit},
		{"the most", now - 64*lagUnit, now - 64*lagUnit, now - 64*lagUnit},
		{"more than that", now - 65*lagUnit, -1, -1},
		{"nothing known", 0, -1, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			best := tt.best
			for i, want := range []int64{tt.heard, tt.hearer2} {
				e := &Engine{base: clock.Timestamp{Wall: now}, standings: make([]standing, 3)}
				e.standings[1].best.Wall = best
				c := e.word()
				if len(c.Lags) != 2 || lag(c.Lags, 0) != lagUnknown || lag(c.Lags, 2) != lagUnknown {
					t.Fatalf("lags of 3 members, of whom one is known, are %x", c.Lags)
				}
				got := int64(-1)
				if lag := lag(c.Lags, 1); lag != lagUnknown {
					got = now - lagSteps[lag]*lagUnit
				}
				if got != want {
					t.Fatalf("at telling %d, %d units is heard as %d, want %d", i+1, best/lagUnit, got/lagUnit, want/lagUnit)
				}
				best = max(got, 0)
			}
		})
	}
}

// A node that has not closed what its lags count from does not seem to, however little
// is missing.
func TestWordIsOwnOnlyIfClosed(t *testing.T) {
	base := clock.Timestamp{Wall: 1000*lagUnit + 5}
	tests := []struct {
		name string
		best clock.Timestamp
		want byte
	}{
		{"closed", base, 0},
		{"a moment before", clock.Timestamp{Wall: base.Wall - 1}, lagUnknown},
		{"long before", clock.Timestamp{Wall: base.Wall - 3*lagUnit}, lagUnknown},
		{"never", clock.Timestamp{}, lagUnknown},
	}
	for _, tt := range tests {
		e := &Engine{self: Peer{ID: "b"}, base: base, standings: []standing{{node: "a", best: base}, {node: "b", best: tt.best}}}
		if got := lag(e.word().Lags, 1); got != tt.want {
			t.Errorf("%s: own lag is told as step %d, want %d", tt.name, got, tt.want)
		}
	}
}
