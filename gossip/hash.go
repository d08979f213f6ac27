package gossip

import "hearsay/store"

// HashMark returns what a watermark adds to the hash of a set of watermarks,
// which is the sum over its marks: so it follows a moving mark in two steps,
// whatever the number of origins. It tells sets apart, not adversaries.
func HashMark(o store.Origin, seq uint64) uint64 {
	if seq == 0 {
		return 0
	}
	return mix(hashOrigin(o) + mix(seq))
}

// HashMarks returns the hash of a set of watermarks. It is not 0 but by chance, of
// no marks neither.
func HashMarks(marks store.Watermarks) uint64 {
	h := uint64(1)
	for _, m := range marks {
		h += HashMark(m.Origin, m.Seq)
	}
	return h
}

func hashOrigin(o store.Origin) uint64 {
	h := hashText(string(o.Node))
	h = mix(h + uint64(o.Incarnation.Start.Wall))
	h = mix(h + uint64(o.Incarnation.Start.Logical))
	return mix(h + uint64(o.Incarnation.Nonce))
}

// hashText is FNV-1a.
func hashText(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// mix is the finalizer of splitmix64 (Steele, Lea and Flood, 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
