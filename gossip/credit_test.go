package gossip

import (
	"testing"
	"time"

	"hearsay/clock"
)

func TestCreditFollowsTheRate(t *testing.T) {
	const mib = 1 << 20
	tests := []struct {
		name string
		// Frames of so many bytes come in with so much time from one to the next.
		bytes int
		every time.Duration
		way   time.Duration
		want  [2]int // from and to
	}{
		{"100 Mbit/s, far", 256 << 10, 21 * time.Millisecond, 200 * time.Millisecond, [2]int{3 * mib, 3 * mib}},
		{"40 Mbit/s", 256 << 10, 50 * time.Millisecond, 100 * time.Millisecond, [2]int{3 * mib / 2, 3 * mib / 2}},
		{"a node that is short of time", mib, 500 * time.Millisecond, 50 * time.Millisecond, [2]int{mib / 2, mib / 2}},
		{"next to nothing", 10_000, time.Second, 0, [2]int{3 * mib / 8, 3 * mib / 8}},
		{"all at once", mib, 0, time.Second, [2]int{3 * mib / 4, 3 * mib / 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &Engine{cfg: DefaultConfig()}
			var m meter
			now := clock.Reading{Mono: time.Minute}
			e.beginPull(now, &m)
			m.answered(2 * tt.way)
			m.answered(tt.way)
			m.answered(3 * tt.way)
			for range 20 {
				now.Mono += tt.every
				before := m.credit
				e.countPulled(now, &m, tt.bytes)
				if m.credit > 2*before || m.credit < before/2 {
					t.Fatalf("credit went from %d to %d at once", before, m.credit)
				}
			}
			if m.credit < tt.want[0] || m.credit > tt.want[1] {
				t.Errorf("credit = %d, want %d to %d", m.credit, tt.want[0], tt.want[1])
			}
		})
	}
}

func TestCreditOfALeastConfig(t *testing.T) {
	e := &Engine{cfg: DefaultConfig()}
	e.cfg.Credit = 1
	var m meter
	now := clock.Reading{Mono: time.Minute}
	e.beginPull(now, &m)
	for range 5 {
		now.Mono += time.Second
		e.countPulled(now, &m, 1)
		if m.credit != 1 {
			t.Fatalf("credit = %d of at most 1, want 1: a peer with none sends nothing, for ever", m.credit)
		}
	}
}
