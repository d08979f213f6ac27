package history

import "math/bits"

// bucket numbers non-negative values so that a bucket is as wide as 1/2^fine of the
// values in it, or 1.
func bucket(v int64, fine uint) int {
	exp := uint(bits.Len64(uint64(v)))
	if exp <= fine {
		return int(v)
	}
	shift := exp - 1 - fine
	return int(shift)<<fine + int(v>>shift)
}

// least returns the least value in a bucket.
func least(bucket int, fine uint) int64 {
	if bucket < 2<<fine {
		return int64(bucket)
	}
	shift := uint(bucket)>>fine - 1
	return int64(bucket-int(shift)<<fine) << shift
}

// A Histogram counts values that are not negative, to 1/32 of each.
type Histogram struct {
	counts []uint64
	n      uint64
}

const histogramFine = 5

func (h *Histogram) add(v int64) {
	i := bucket(v, histogramFine)
	for i >= len(h.counts) {
		h.counts = append(h.counts, 0)
	}
	h.counts[i]++
	h.n++
}

// Count returns how many values there are.
func (h *Histogram) Count() uint64 { return h.n }

// Quantile returns a value that permille of all are not above, to 1/32 of it, or 0 if
// there are none.
func (h *Histogram) Quantile(permille uint64) int64 {
	rest := (h.n*permille + 999) / 1000
	for i, n := range h.counts {
		if rest <= n && n > 0 {
			return least(i+1, histogramFine) - 1
		}
		rest -= min(rest, n)
	}
	return 0
}
