package node

import (
	"hearsay/clock"
	"hearsay/store"
)

// MaxLost bounds the lost updates that a node lists.
const MaxLost = 1024

// losses is what a node has seen lose: the list that it shows, and what its own
// next writes have to say that they know beyond what their key's entry says.
type losses struct {
	list  []UpdateLost // oldest first; what is in it is not changed any more
	pairs map[versions]struct{}
	known map[store.Key]lost // of the keys in list
	// forgotten is what a former life of the node, or this one before list had to
	// drop it, may have seen lose.
	forgotten store.Known
}

type versions struct{ loser, winner store.Version }

// lost is what is known from the losers of one key.
type lost struct {
	known store.Known
	pairs int // in the list
}

// met notes that loser lost to winner here, and returns the event if that is an
// update that was lost, and news. Excluded says that loser lies beyond the end of
// its origin: then the W of winner's origin says nothing of it.
func (l *losses) met(loser, winner *store.Entry, excluded bool) (UpdateLost, bool) {
	knew, sure := winner.Knew(loser.Version)
	if excluded {
		named := *winner
		named.Known.Through = clock.Timestamp{}
		knew, _ = named.Knew(loser.Version)
		sure = false
	}
	p := versions{loser.Version, winner.Version}
	if _, old := l.pairs[p]; knew || old {
		return UpdateLost{}, false
	}
	if len(l.list) == MaxLost {
		l.drop(l.list[0])
		l.list = l.list[1:]
	}
	e := UpdateLost{Key: loser.Key, Loser: loser.Version, Winner: winner.Version, Doubtful: !sure}
	l.list = append(l.list, e)
	l.pairs[p] = struct{}{}
	k := l.known[e.Key]
	l.known[e.Key] = lost{k.known.With(loser), k.pairs + 1}
	return e, true
}

func (l *losses) drop(e UpdateLost) {
	delete(l.pairs, versions{e.Loser, e.Winner})
	k := l.known[e.Key]
	if k.pairs--; k.pairs > 0 {
		l.known[e.Key] = k
		return
	}
	delete(l.known, e.Key)
	l.forgotten = l.forgotten.And(k.known.Vague())
}

// shown returns the list, which the receiver may keep.
func (l *losses) shown() []UpdateLost { return l.list[:len(l.list):len(l.list)] }

// knows returns what the node knows of a key that holds old.
func (l *losses) knows(old *store.Entry) store.Known {
	return l.forgotten.And(l.known[old.Key].known).With(old)
}
