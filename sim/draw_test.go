package sim

import (
	"testing"
	"time"
)

func TestDrawIsKeyed(t *testing.T) {
	tests := []struct {
		name    string
		seed    uint64
		purpose string
		ids     []uint64
	}{
		{"the first", 1, "delay", []uint64{1, 2}},
		{"another seed", 2, "delay", []uint64{1, 2}},
		{"another purpose", 1, "lost", []uint64{1, 2}},
		{"ids the other way round", 1, "delay", []uint64{2, 1}},
		{"one id less", 1, "delay", []uint64{1}},
		{"one id more", 1, "delay", []uint64{1, 2, 0}},
		{"no ids", 1, "delay", nil},
	}
	seen := map[uint64]string{}
	for _, tt := range tests {
		x := Draw(tt.seed, tt.purpose, tt.ids...)
		if y := Draw(tt.seed, tt.purpose, tt.ids...); y != x {
			t.Errorf("%s: drawn twice, got %x and %x", tt.name, x, y)
		}
		if other, ok := seen[x]; ok {
			t.Errorf("%s draws the same as %s", tt.name, other)
		}
		seen[x] = tt.name
	}
}

// A draw is part of what a seed means, on every platform.
func TestDrawStays(t *testing.T) {
	if got, want := Draw(1, "delay", 2, 3), uint64(0x8b20e83b7e241938); got != want {
		t.Errorf("Draw(1, delay, 2, 3) = %#x, want %#x: every seed now means another run", got, want)
	}
}

func TestOutcomes(t *testing.T) {
	const most = 1<<64 - 1
	if got := below(0, 10); got != 0 {
		t.Errorf("below(0, 10) = %d, want 0", got)
	}
	if got := below(most, 10); got != 9 {
		t.Errorf("below(greatest draw, 10) = %d, want 9", got)
	}
	if happens(0, 0) || !happens(most, 1000) {
		t.Errorf("happens(0, 0) = %v, happens(greatest draw, 1000) = %v, want false and true", happens(0, 0), happens(most, 1000))
	}
	if got := between(most, time.Second, 2*time.Second); got != 2*time.Second {
		t.Errorf("between(greatest draw, 1 s, 2 s) = %v, want 2 s", got)
	}
}

func TestTable(t *testing.T) {
	tab := Table{{0, 10}, {32768, 20}, {65536, 120}}
	for _, tt := range []struct {
		share uint64 // of 65536
		want  int64
	}{{0, 10}, {16384, 15}, {32768, 20}, {49152, 70}, {65535, 119}} {
		if got := tab.at(tt.share << 48); got != tt.want {
			t.Errorf("quantile %d/65536 = %d, want %d", tt.share, got, tt.want)
		}
	}
}

func TestClocksNeverRunBack(t *testing.T) {
	for _, drift := range []int64{-maxDrift, 0, maxDrift} {
		c := clocks{drift: drift, wander: time.Nanosecond, booted: time.Second}
		last := c.read(time.Second)
		for now := time.Second; now < time.Second+3*time.Microsecond; now++ {
			r := c.read(now)
			if r.Mono < last.Mono || r.Wall < last.Wall {
				t.Fatalf("drift %d ppm: at %v the clocks show %+v, before %+v", drift, now, r, last)
			}
			last = r
		}
		for _, mono := range []time.Duration{0, 1, time.Millisecond, time.Hour} {
			at := c.when(mono)
			if got := c.read(at).Mono; got < mono || got > mono+2*time.Microsecond {
				t.Errorf("drift %d ppm: when(%v) = %v, at which the clock shows %v", drift, mono, at, got)
			}
		}
	}
}

func TestClockStepsStayInBounds(t *testing.T) {
	const skew = 500 * time.Millisecond
	for machine := range 100 {
		a := drawClocks(1, machine, skew)
		for _, by := range []time.Duration{skew / 4, -skew / 4} {
			for range 10 {
				a.step(by, skew/5)
			}
			for now := time.Duration(0); now < time.Hour; now += time.Minute {
				if off := time.Duration(a.read(now).Wall-dawn) - now; off.Abs() > skew/4 {
					t.Fatalf("machine %d: clock is %v off at %v, want a quarter of the maximum skew of %v at most", machine, off, now, skew)
				}
			}
		}
	}
}

func TestQueueOrder(t *testing.T) {
	var q queue
	for i := range uint64(1000) {
		draw := mix(i)
		q.push(happening{at: time.Duration(below(draw, 20)), tie: below(mix(draw), 3), id: i})
	}
	last := q.pop()
	for range 999 {
		h := q.pop()
		if !last.before(&h) {
			t.Fatalf("%v/%d/%d came before %v/%d/%d", last.at, last.tie, last.last, h.at, h.tie, h.last)
		}
		last = h
	}
	if len(q.heap) != 0 {
		t.Errorf("%d happenings are left, want 0", len(q.heap))
	}
}
