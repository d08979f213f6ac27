package memstore

import (
	"maps"

	"hearsay/clock"
	"hearsay/store"
)

// A log holds one origin's rows. Those that follow each other from number 1 lie
// in a slice, where their place is their number; the few that came early lie
// aside until the gap before them closes.
type log struct {
	lines []line
	ahead map[uint64]line // nil when empty
}

// A line is a row without its number. The text of its key is shared with the
// entry it was logged for.
type line struct {
	key       store.Key
	timestamp clock.Timestamp
}

func (l *log) len() uint64 { return uint64(len(l.lines)) }

func (l *log) row(seq uint64) (store.Row, bool) {
	at, ok := l.ahead[seq]
	if seq > 0 && seq <= l.len() {
		at, ok = l.lines[seq-1], true
	}
	return store.Row{Seq: seq, Key: at.key, Timestamp: at.timestamp}, ok
}

func (l *log) add(r store.Row) {
	next := l.len() + 1
	at := line{r.Key, r.Timestamp}
	switch {
	case r.Seq < next:
		return
	case r.Seq > next:
		if l.ahead == nil {
			l.ahead = map[uint64]line{}
		}
		l.ahead[r.Seq] = at
		return
	}
	for ok := true; ok; at, ok = l.ahead[l.len()+1] {
		l.lines = append(l.lines, at)
		delete(l.ahead, l.len())
	}
	if len(l.ahead) == 0 {
		l.ahead = nil
	}
}

// clone returns what l holds now. Adding to l afterwards does not change it, but
// only one of the two may be added to.
func (l *log) clone() log { return log{lines: l.lines, ahead: maps.Clone(l.ahead)} }
