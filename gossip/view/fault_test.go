package view_test

import "time"

// fault lets something go wrong, now and then.
func (w *net) fault() {
	some := func() *site { return w.sites[w.rng.IntN(len(w.sites))] }
	ticks := func(d time.Duration) int { return 1 + w.rng.IntN(1+int(d/w.tick)) }
	if w.rng.IntN(300) == 0 { // one link, perhaps in one direction
		a, b, until := some().i, some().i, w.now+ticks(2*time.Second)
		w.cut[[2]int{a, b}] = until
		if w.rng.IntN(3) > 0 {
			w.cut[[2]int{b, a}] = until
		}
	}
	if w.rng.IntN(1500) == 0 { // two sides
		side, until := w.rng.Uint32(), w.now+ticks(4*time.Second)
		for a := range w.sites {
			for b := range w.sites {
				if side>>a&1 != side>>b&1 {
					w.cut[[2]int{a, b}] = until
				}
			}
		}
	}
	if w.rng.IntN(1000) == 0 { // one loses its network, and it or all others their power
		one, others, until := some(), w.rng.IntN(2) == 0, w.now+ticks(3*time.Second)
		for _, s := range w.sites {
			w.cut[[2]int{one.i, s.i}], w.cut[[2]int{s.i, one.i}] = until, until
			if s.started && (s != one) == others {
				s.crash(ticks(300 * time.Millisecond))
			}
		}
		for i := range w.fly { // what is under way to it comes late
			if w.fly[i].to == one.i {
				w.fly[i].at += ticks(time.Second)
			}
		}
	}
	if w.rng.IntN(1000) == 0 {
		some().paused = w.now + ticks(3*time.Second)
	}
	if w.rng.IntN(500) == 0 {
		some().asleep = w.now + ticks([]time.Duration{10 * time.Millisecond, 600 * time.Millisecond, 3 * time.Second}[w.rng.IntN(3)])
	}
	if w.rng.IntN(2000) == 0 {
		some().skew += time.Duration(w.rng.IntN(600)-300) * time.Millisecond
	}
	if w.rng.IntN(800) == 0 { // sometimes several at once, or all
		for _, i := range w.rng.Perm(len(w.sites))[:min(1+w.rng.IntN(len(w.sites)+1), len(w.sites))] {
			if s := w.sites[i]; s.started {
				s.crash(ticks(time.Duration(1+w.rng.IntN(2000)) * time.Millisecond))
			}
		}
	}
}

// heal ends everything that went wrong.
func (w *net) heal() {
	w.loss = 0
	clear(w.cut)
	for _, s := range w.sites {
		s.down, s.paused, s.asleep = 0, 0, 0
	}
}
