package sim

import "time"

// This file is what a membership service tells the nodes of each other: late,
// in no common order, and sometimes wrongly.

// How long the service takes: to find that a machine is gone, and that it is
// there.
const (
	suspicionMin, suspicionMax = 300 * time.Millisecond, 4 * time.Second
	meetingMin, meetingMax     = 5 * time.Millisecond, 1500 * time.Millisecond
	// firstMax is for the first meeting, so that figures are not about the start.
	firstMax = 100 * time.Millisecond
)

// tellUp lets observer hear of subject's presence after a while. Cause names
// what lets them meet.
func (w *World) tellUp(observer, subject int, cause uint64) {
	most := meetingMax
	if cause == bootCause {
		most = firstMax
	}
	after := between(w.draw("meeting", cause, uint64(observer), uint64(subject)), meetingMin, most)
	w.push(happening{at: w.now + after, kind: PeerUp, machine: observer, other: subject, id: cause})
}

// tellDown lets observer hear after a while that subject is gone.
func (w *World) tellDown(observer, subject int, cause uint64) {
	after := between(w.draw("suspicion", cause, uint64(observer), uint64(subject)), suspicionMin, suspicionMax)
	w.push(happening{at: w.now + after, kind: PeerDown, machine: observer, other: subject, id: cause})
}

// news brings what was on its way about a peer, unless it is no longer true.
func (w *World) news(h *happening) {
	here := w.reachable(h.machine, h.other)
	if here == (h.kind == PeerUp) {
		w.deliver(w.machines[h.machine], input{kind: h.kind, other: h.other})
	}
}

// reachable reports whether a and b can talk now, both ways.
func (w *World) reachable(a, b int) bool {
	return w.machines[a].node != nil && w.machines[b].running() && !w.network.severed(a, b) && !w.network.severed(b, a)
}

// meet introduces m to all others and, if mutual, all others to it.
func (w *World) meet(m *machine, cause uint64, mutual bool) {
	for i := range w.machines {
		if i == m.index || w.cfg.isAbsent(i) {
			continue
		}
		w.tellUp(m.index, i, cause)
		if mutual {
			w.tellUp(i, m.index, cause)
		}
	}
}

// suspect lets all others find that m is gone.
func (w *World) suspect(m *machine, cause uint64) {
	for i := range w.machines {
		if i != m.index && !w.cfg.isAbsent(i) {
			w.tellDown(i, m.index, cause)
		}
	}
}

// suspectCut lets both sides of a cut find that the other is gone.
func (w *World) suspectCut(f *Fault) {
	w.apart(f, func(a, b int) { w.tellDown(a, b, f.ID) })
}

// reunite lets both sides of a former cut meet again.
func (w *World) reunite(f *Fault) {
	w.apart(f, func(a, b int) { w.tellUp(a, b, f.ID) })
}

// apart visits the ordered pairs of machines between which f cuts one way at
// least.
func (w *World) apart(f *Fault, visit func(a, b int)) {
	if f.Kind != CutOneWay && f.Kind != CutRegion {
		return
	}
	for a := range w.machines {
		for b := range w.machines {
			if a != b && !w.cfg.isAbsent(a) && !w.cfg.isAbsent(b) && (f.severs(a, b) || f.severs(b, a)) {
				visit(a, b)
			}
		}
	}
}

// alarm tells some machines, wrongly, that others are gone.
func (w *World) alarm(f *Fault) {
	f.misled(func(observer, subject int) {
		w.deliver(w.machines[observer], input{kind: PeerDown, other: subject})
	})
}

// allClear puts an alarm right.
func (w *World) allClear(f *Fault) {
	f.misled(func(observer, subject int) { w.tellUp(observer, subject, f.ID) })
}

func (f *Fault) misled(visit func(observer, subject int)) {
	for _, observer := range f.B {
		for _, subject := range f.A {
			if observer != subject {
				visit(observer, subject)
			}
		}
	}
}
