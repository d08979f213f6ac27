package sim

import (
	"encoding/binary"
	"math/bits"
	"time"
)

// Draw returns 64 bits of chance for one purpose and for the ids of what it is
// for: a link, a message, a fault. It depends on nothing else, above all not on
// what was drawn before, so that a run with one fault less draws all the rest
// as it did.
func Draw(seed uint64, purpose string, ids ...uint64) uint64 {
	h := hashText(mix(seed), purpose)
	for _, id := range ids {
		h = mix(h ^ id)
	}
	return h
}

// fnvPrime spreads a byte over 64 bits (Fowler, Noll and Vo).
const fnvPrime = 1099511628211

// mix is the output function of SplitMix64 (Steele, Lea and Flood, "Fast
// splittable pseudorandom number generators", 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hashBytes folds b into h, eight bytes at a time.
func hashBytes(h uint64, b []byte) uint64 {
	h = mix(h ^ uint64(len(b)))
	for len(b) >= 8 {
		h = mix(h ^ binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * fnvPrime
	}
	return mix(h)
}

// hashText folds s into h.
func hashText(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return mix(h)
}

// below turns a draw into a number from 0 to n-1, each as likely.
func below(draw, n uint64) uint64 {
	hi, _ := bits.Mul64(draw, n)
	return hi
}

// happens turns a draw into an outcome that comes true permille times in 1000.
func happens(draw uint64, permille int) bool { return below(draw, 1000) < uint64(permille) }

// between turns a draw into a time from least up to most, each as likely.
func between(draw uint64, least, most time.Duration) time.Duration {
	return least + time.Duration(below(draw, uint64(most-least)+1))
}

// A Table is a distribution as quantiles, in integers because the last bit of a
// floating-point result differs between processors.
type Table []Quantile

// A Quantile says that a share of Below/65536 of all outcomes is less than Value. The
// first of a table is the least outcome, at 0, and the last the greatest, at 65536.
type Quantile struct {
	Below uint64
	Value int64
}

// at turns a draw into an outcome, linear between neighbouring quantiles.
func (t Table) at(draw uint64) int64 {
	u := draw >> 48
	for i := 1; i < len(t); i++ {
		lo, hi := t[i-1], t[i]
		if u < hi.Below {
			return lo.Value + (hi.Value-lo.Value)*int64(u-lo.Below)/int64(hi.Below-lo.Below)
		}
	}
	return t[len(t)-1].Value
}
