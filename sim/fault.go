package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A FaultKind is a class of faults. A seed leaves each class out with even
// chance, so that some runs meet one kind of trouble alone.
type FaultKind uint8

// The classes of faults; A, B, Permille and Amount are those of Fault.
const (
	Crash      FaultKind = iota // power fails at machines A; they start again at the end
	Pause                       // machines A stand still, clocks run on
	CutOneWay                   // what machines A send to machines B is lost
	CutRegion                   // whatever crosses the border of machines A, a region, is lost
	Loss                        // Permille of all messages are lost
	Duplicate                   // Permille of all messages arrive twice
	Reorder                     // Permille of all messages are held back for up to Amount
	ClockStep                   // the wall clocks of machines A jump by Amount, for good
	ClockJump                   // the same beyond the maximum skew, until the end
	FalseAlarm                  // machines B believe that machines A are gone
	Wipe                        // machine A loses its disk, and comes back at the end as another node of its name
	Forget                      // machine B is told to have the cluster forget machine A, whatever that does
	FullDisk                    // the disks of machines A have no room to spare
	FailedSync                  // the next commit of machines A fails, and their nodes stop; they start again at the end
	SlowDisk                    // each commit of machines A takes Amount more
	drawnKinds                  // the ones above make up plans

	// Rot is on top, for what a machine shows then breaks promises until it is mended:
	// the disks of machines A lose an entry or, with Permille, hold another value.
	Rot        = drawnKinds
	faultKinds = Rot + 1
)

var faultNames = [faultKinds]string{"crash", "pause", "cut one way", "cut region", "loss", "duplicate", "reorder", "clock step", "clock jump", "false alarm", "wipe", "forget", "full disk", "failed sync", "slow disk", "rot"}

func (k FaultKind) String() string { return faultNames[k] }

// KindOf returns the kind of that name.
func KindOf(name string) (FaultKind, bool) {
	for kind, n := range faultNames {
		if n == name {
			return FaultKind(kind), true
		}
	}
	return 0, false
}

// A Fault is one thing that goes wrong for a while.
type Fault struct {
	// ID names the fault in every draw that is made for it, and is kept when
	// other faults are taken out of a plan.
	ID       uint64
	Kind     FaultKind
	At, For  time.Duration
	A, B     []int // machines, by number, sorted
	Permille int
	Amount   time.Duration
}

func (f *Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %v for %v", f.At, f.Kind, f.For)
	if len(f.A) > 0 {
		fmt.Fprintf(&b, " A=%v", f.A)
	}
	if len(f.B) > 0 {
		fmt.Fprintf(&b, " B=%v", f.B)
	}
	if f.Permille > 0 {
		fmt.Fprintf(&b, " %d‰", f.Permille)
	}
	if f.Amount != 0 {
		fmt.Fprintf(&b, " by %v", f.Amount)
	}
	return b.String()
}

// severs reports whether f loses what machine from sends to machine to.
func (f *Fault) severs(from, to int) bool {
	switch f.Kind {
	case CutOneWay:
		return slices.Contains(f.A, from) && slices.Contains(f.B, to)
	case CutRegion:
		return slices.Contains(f.A, from) != slices.Contains(f.A, to)
	}
	return false
}

// slot is the stretch of a run in which a class of faults strikes at most once.
const slot = 4 * time.Second

// minForget is the least cluster that gets over a lost disk while it forgets a node
// that is up: of two members that are left one alone is no majority.
const minForget = 4

// Plan draws the faults of cfg.Seed, all of which end within cfg.For.
func (cfg Config) Plan() []Fault {
	cfg = cfg.withDefaults()
	var plan []Fault
	for kind := range drawnKinds {
		if happens(Draw(cfg.Seed, "swarm", uint64(kind)), 500) || kind == Forget && cfg.Nodes < minForget {
			continue
		}
		for i := range int(cfg.For / slot) {
			id := uint64(kind)<<32 | uint64(i)
			if happens(Draw(cfg.Seed, "fault strikes", id), 700) {
				plan = append(plan, cfg.fault(kind, id, time.Duration(i)*slot))
			}
		}
	}
	slices.SortStableFunc(plan, func(f, g Fault) int { return cmp.Compare(f.At, g.At) })
	return plan
}

// fault draws one fault that strikes in the slot that begins at from.
func (cfg Config) fault(kind FaultKind, id uint64, from time.Duration) Fault {
	draw := func(what string) uint64 { return Draw(cfg.Seed, what, id) }
	f := Fault{ID: id, Kind: kind}
	f.At = from + between(draw("fault at"), 0, slot/2)
	// Short ones are the most likely, for they strike while others last.
	f.For = between(draw("fault for"), 10*time.Millisecond, between(draw("fault at most"), 20*time.Millisecond, 2*slot))
	f.For = min(f.For, cfg.For-f.At)
	switch kind {
	case Crash, Pause, FullDisk, FailedSync:
		f.A = cfg.some(draw("fault machines"), 1+cfg.Nodes/3)
	case SlowDisk:
		f.A = cfg.some(draw("fault machines"), 1+cfg.Nodes/3)
		f.Amount = between(draw("fault amount"), 10*time.Millisecond, between(draw("fault amount at most"), 20*time.Millisecond, 2*time.Second))
	case CutOneWay:
		f.A = cfg.some(draw("fault from"), cfg.Nodes-1)
		f.B = cfg.some(draw("fault to"), cfg.Nodes-1)
	case CutRegion:
		f.A = cfg.region(int(below(draw("fault region"), uint64(cfg.Regions))))
	case Loss:
		// Mostly light; at worst hardly anything comes through.
		f.Permille = 1 + int(below(draw("fault permille"), 1+below(draw("fault permille at most"), 950)))
	case Duplicate:
		f.Permille = 1 + int(below(draw("fault permille"), 400))
	case Reorder:
		f.Permille = 1 + int(below(draw("fault permille"), 500))
		f.Amount = between(draw("fault amount"), time.Millisecond, 2*time.Second)
	case ClockStep:
		f.A = cfg.some(draw("fault machines"), 1+cfg.Nodes/3)
		f.Amount = between(draw("fault amount"), -cfg.MaxSkew/4, cfg.MaxSkew/4)
	case ClockJump:
		f.A = cfg.some(draw("fault machines"), 1+cfg.Nodes/3)
		f.Amount = between(draw("fault amount"), -8*cfg.MaxSkew, 8*cfg.MaxSkew)
	case Wipe:
		f.A = cfg.some(draw("fault machines"), 1)
	case Forget:
		f.A = cfg.some(draw("fault machines"), 1)
		f.B = cfg.some(draw("fault asked"), 1)
	case FalseAlarm:
		f.A = cfg.some(draw("fault machines"), 1+cfg.Nodes/3)
		f.B = cfg.some(draw("fault observers"), cfg.Nodes-1)
	}
	return f
}

// some picks from one to most machines, each set of one size as likely.
func (cfg Config) some(draw uint64, most int) []int {
	all := make([]int, cfg.Nodes)
	for i := range all {
		all[i] = i
	}
	n := 1 + int(below(draw, uint64(most)))
	for i := range n {
		draw = mix(draw)
		j := i + int(below(draw, uint64(len(all)-i)))
		all[i], all[j] = all[j], all[i]
	}
	slices.Sort(all[:n])
	return all[:n]
}
