package history

import "math"

// This file sorts numbers of operations, in time that grows with how many there are
// and no faster.

// none stands for no operation, slot or session.
const none = math.MaxUint32

// upTo returns the numbers below n.
func upTo(n int) []uint32 {
	numbers := make([]uint32, n)
	for i := range numbers {
		numbers[i] = uint32(i)
	}
	return numbers
}

// A moment is a number and its time.
type moment struct {
	at     uint64
	number uint32
}

// byTime sorts numbers by their time, in place; equal ones keep their order.
func byTime(numbers []uint32, at []int64) {
	if isSorted(numbers, at) {
		return
	}
	least, most := at[numbers[0]], at[numbers[0]]
	for _, n := range numbers {
		least, most = min(least, at[n]), max(most, at[n])
	}
	from, to := make([]moment, len(numbers)), make([]moment, len(numbers))
	for i, n := range numbers {
		from[i] = moment{uint64(at[n] - least), n}
	}
	const digit, digits = 11, 1 << 11
	for shift := uint(0); shift < 64 && uint64(most-least)>>shift > 0; shift += digit {
		var starts [digits + 1]uint32
		for i := range from {
			starts[from[i].at>>shift%digits+1]++
		}
		for i := range digits {
			starts[i+1] += starts[i]
		}
		for _, m := range from {
			start := &starts[m.at>>shift%digits]
			to[*start] = m
			*start++
		}
		from, to = to, from
	}
	for i := range from {
		numbers[i] = from[i].number
	}
}

func isSorted(numbers []uint32, at []int64) bool {
	for i := 1; i < len(numbers); i++ {
		if at[numbers[i]] < at[numbers[i-1]] {
			return false
		}
	}
	return true
}

// Groups are numbers in groups, in each in the order in which they came.
type groups struct {
	start []uint32 // by group, and one more
	all   []uint32
}

func (g groups) of(group uint32) []uint32 { return g.all[g.start[group]:g.start[group+1]] }

// groupBy puts numbers into n groups by what group has for them; those for which it
// has none are left out.
func groupBy(numbers, group []uint32, n int) groups {
	g := groups{start: make([]uint32, n+1)}
	for _, i := range numbers {
		if group[i] != none {
			g.start[group[i]+1]++
		}
	}
	for i := range n {
		g.start[i+1] += g.start[i]
	}
	g.all = make([]uint32, g.start[n])
	next := append([]uint32(nil), g.start[:n]...)
	for _, i := range numbers {
		if group[i] != none {
			g.all[next[group[i]]] = i
			next[group[i]]++
		}
	}
	return g
}
