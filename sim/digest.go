package sim

import "fmt"

// A Digest stands for everything that came to pass in a run, in its order.
type Digest uint64

func (d Digest) String() string { return fmt.Sprintf("%016x", uint64(d)) }

// rung is how many happenings lie between two rungs of a ladder.
const rung = 4096

// A ladder is the digest of a run as it grew, so that two runs which differ can
// be told where they first did.
type ladder struct {
	digest Digest
	rungs  []Digest
	count  uint64 // happenings so far
}

// add takes in a happening or an effect.
func (l *ladder) add(words ...uint64) {
	h := uint64(l.digest)
	for _, x := range words {
		h = mix(h ^ x)
	}
	l.digest = Digest(h)
}

// step ends a happening and its effects.
func (l *ladder) step() {
	l.count++
	if l.count%rung == 0 {
		l.rungs = append(l.rungs, l.digest)
	}
}

// A Divergence says where two runs that should be one differ first: at or after
// happening From and, unless both ended before, before Until.
type Divergence struct {
	From, Until uint64
	A, B        Digest
}

func (d *Divergence) Error() string {
	return fmt.Sprintf("sim: not deterministic: two runs of one seed differ between happenings %d and %d: %v and %v", d.From, d.Until, d.A, d.B)
}

// Compare returns nil if r and s are the same run, else where they first differ.
func (r *Result) Compare(s *Result) *Divergence {
	for i := range min(len(r.Ladder), len(s.Ladder)) {
		if a, b := r.Ladder[i], s.Ladder[i]; a != b {
			return &Divergence{From: uint64(i) * rung, Until: uint64(i+1) * rung, A: a, B: b}
		}
	}
	if r.Digest == s.Digest && r.Happenings == s.Happenings {
		return nil
	}
	from := uint64(min(len(r.Ladder), len(s.Ladder))) * rung
	return &Divergence{From: from, Until: max(r.Happenings, s.Happenings), A: r.Digest, B: s.Digest}
}
