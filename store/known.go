package store

import (
	"slices"

	"hearsay/clock"
)

// MaxKnown bounds the versions that a Known lists.
const MaxKnown = 16

// A Known says which earlier versions of its key an entry's origin knew when it
// wrote the entry: those that it had held or turned away, and what the origins of
// these had known. An origin that is listed knew its own earlier versions too, so
// one version for each origin tells all. Values are never changed in place.
type Known struct {
	// Through is the origin's W at the write, or greater: all versions stamped at
	// or below it count as known.
	Through clock.Timestamp
	// Maybe is the timestamp up to which other versions may have been known too:
	// there were more than can be listed, or the node had forgotten some. Zero if
	// there are none.
	Maybe clock.Timestamp
	// Versions has the greatest known of each other origin, ascending by origin,
	// at most MaxKnown and all of them above Through.
	Versions []Version
}

// With returns what is known to one who knows k and then learns of e.
func (k Known) With(e *Entry) Known { return k.And(e.Known).and(e.Version).trim() }

// And returns what is known to one who knows k and l.
func (k Known) And(l Known) Known {
	k.Through, k.Maybe = later(k.Through, l.Through), later(k.Maybe, l.Maybe)
	for _, v := range l.Versions {
		k = k.and(v)
	}
	return k.trim()
}

// By returns what an entry says that origin o writes, knowing k, with its W at w.
func (k Known) By(o Origin, w clock.Timestamp) Known {
	if i, ok := k.find(o); ok {
		k.Versions = slices.Delete(slices.Clone(k.Versions), i, i+1)
	}
	k.Through = later(k.Through, w)
	return k.trim()
}

// Vague returns k without its list: what it names may then have been known.
func (k Known) Vague() Known {
	for _, v := range k.Versions {
		k.Maybe = later(k.Maybe, v.Timestamp)
	}
	return Known{Maybe: later(k.Maybe, k.Through)}
}

func (k Known) find(o Origin) (int, bool) {
	return slices.BinarySearchFunc(k.Versions, o, func(v Version, o Origin) int { return v.Origin.Compare(o) })
}

// and may leave more than MaxKnown versions.
func (k Known) and(v Version) Known {
	i, ok := k.find(v.Origin)
	if ok && k.Versions[i].Compare(v) >= 0 {
		return k
	}
	k.Versions = slices.Clone(k.Versions)
	if ok {
		k.Versions[i] = v
	} else {
		k.Versions = slices.Insert(k.Versions, i, v)
	}
	return k
}

// trim leaves out what Through says already, and what is too much.
func (k Known) trim() Known {
	if slices.ContainsFunc(k.Versions, k.below) {
		k.Versions = slices.DeleteFunc(slices.Clone(k.Versions), k.below)
	}
	if n := len(k.Versions) - MaxKnown; n > 0 {
		byAge := slices.SortedFunc(slices.Values(k.Versions), Version.Compare)
		k.Maybe = later(k.Maybe, byAge[n-1].Timestamp)
		k.Versions = slices.DeleteFunc(slices.Clone(k.Versions), func(v Version) bool { return v.Compare(byAge[n-1]) <= 0 })
	}
	if k.Maybe.Compare(k.Through) <= 0 {
		k.Maybe = clock.Timestamp{}
	}
	if len(k.Versions) == 0 {
		k.Versions = nil
	}
	return k
}

func (k Known) below(v Version) bool { return v.Timestamp.Compare(k.Through) <= 0 }

func later(t, u clock.Timestamp) clock.Timestamp {
	if t.Compare(u) < 0 {
		return u
	}
	return t
}

// IsZero reports whether nothing was known.
func (k Known) IsZero() bool {
	return k.Through.IsZero() && k.Maybe.IsZero() && len(k.Versions) == 0
}

// Equal reports whether k and l say the same.
func (k Known) Equal(l Known) bool {
	return k.Through == l.Through && k.Maybe == l.Maybe && slices.Equal(k.Versions, l.Versions)
}

// Knew reports whether e's origin knew v, a lesser version of e's key, when it
// wrote e. Sure is false where that cannot be told; knew is then false too.
func (e *Entry) Knew(v Version) (knew, sure bool) {
	if v.Origin == e.Version.Origin || e.Known.below(v) {
		return true, true
	}
	if i, ok := e.Known.find(v.Origin); ok && v.Compare(e.Known.Versions[i]) <= 0 {
		return true, true
	}
	return false, v.Timestamp.Compare(e.Known.Maybe) > 0
}
