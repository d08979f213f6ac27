package store

import (
	"slices"

	"hearsay/clock"
)

// MaxMarks bounds the marks of a Bookmark.
const MaxMarks = 32

// A Bookmark says which writes a client has seen: those that it made, those that
// it read, and those that the writers of these had seen. Values are never changed
// in place.
type Bookmark struct {
	// Through is a timestamp at or below which every write counts as seen, zero if
	// Marks say it all.
	Through clock.Timestamp
	// Floor is a floor: what was seen and is stamped at or below it is left out, for
	// it is at every node whose W is as high. Entries do not keep it.
	Floor clock.Timestamp
	// Marks has the last write that was seen of each origin, ascending by origin,
	// at most MaxMarks and all of them above Through.
	Marks []Seen
}

// A Seen is one write that was seen. Those with lower numbers count as seen too:
// who covers it covers these.
type Seen struct {
	Mark
	Timestamp clock.Timestamp
}

// With returns what a client has seen that had seen b and then sees e.
func (b Bookmark) With(e *Entry) Bookmark {
	return b.And(e.Seen).Note(e.Version, e.Seq)
}

// Note returns what a client has seen that has seen b and the write v, its
// origin's number seq.
func (b Bookmark) Note(v Version, seq uint64) Bookmark {
	return b.and(Seen{Mark{v.Origin, seq}, v.Timestamp}).trim()
}

// And returns what a client has seen that has seen b and c.
func (b Bookmark) And(c Bookmark) Bookmark {
	b.Through, b.Floor = later(b.Through, c.Through), later(b.Floor, c.Floor)
	for _, s := range c.Marks {
		b = b.and(s)
	}
	return b.trim()
}

// Above returns b without what is stamped at or below floor, where everything that
// counts is everywhere. What does not count stays, or its holder would be shown less
// elsewhere: counts says of a write whether it does.
func (b Bookmark) Above(floor clock.Timestamp, counts func(Seen) bool) Bookmark {
	b.Floor = later(b.Floor, floor)
	if b.Through.Compare(floor) <= 0 {
		b.Through = clock.Timestamp{}
	}
	return b.without(func(s Seen) bool { return s.Timestamp.Compare(floor) <= 0 && counts(s) })
}

// By returns what an entry of origin o says that its writer had seen: whoever
// covers the entry covers the earlier ones of o.
func (b Bookmark) By(o Origin) Bookmark {
	b.Floor = clock.Timestamp{}
	return b.without(func(s Seen) bool { return s.Origin == o })
}

// Time returns the greatest timestamp in b, which the next write of its holder
// has to be above.
func (b Bookmark) Time() clock.Timestamp {
	t := b.Through
	for _, s := range b.Marks {
		t = later(t, s.Timestamp)
	}
	return t
}

// IsZero reports whether nothing was seen.
func (b Bookmark) IsZero() bool { return b.Through.IsZero() && b.Floor.IsZero() && len(b.Marks) == 0 }

// Equal reports whether b and c say the same.
func (b Bookmark) Equal(c Bookmark) bool {
	return b.Through == c.Through && b.Floor == c.Floor && slices.Equal(b.Marks, c.Marks)
}

// and may leave more than MaxMarks marks.
func (b Bookmark) and(s Seen) Bookmark {
	i, ok := slices.BinarySearchFunc(b.Marks, s.Origin, func(s Seen, o Origin) int { return s.Origin.Compare(o) })
	if ok && b.Marks[i].Seq >= s.Seq {
		return b
	}
	marks := make([]Seen, 0, len(b.Marks)+1)
	marks = append(append(marks, b.Marks[:i]...), s)
	if ok {
		i++
	}
	b.Marks = append(marks, b.Marks[i:]...)
	return b
}

// trim leaves out what Through says already, and has it say what is too much, the
// oldest first.
func (b Bookmark) trim() Bookmark {
	if n := len(b.Marks) - MaxMarks; n > 0 {
		byAge := slices.SortedFunc(slices.Values(b.Marks), func(s, t Seen) int { return s.Timestamp.Compare(t.Timestamp) })
		b.Through = later(b.Through, byAge[n-1].Timestamp)
	}
	return b.without(func(s Seen) bool { return s.Timestamp.Compare(b.Through) <= 0 })
}

func (b Bookmark) without(out func(Seen) bool) Bookmark {
	if slices.ContainsFunc(b.Marks, out) {
		b.Marks = slices.DeleteFunc(slices.Clone(b.Marks), out)
	}
	if len(b.Marks) == 0 {
		b.Marks = nil
	}
	return b
}
