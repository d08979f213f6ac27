package memstore

import (
	"maps"
	"slices"

	"hearsay/clock"
	"hearsay/store"
)

// A log holds one origin's rows. Those that follow each other from where the log
// was trimmed lie in a slice, where their place is their number; the few that came
// early lie aside until the gap before them closes.
type log struct {
	base  uint64 // rows up to it were dropped
	lines []line
	ahead map[uint64]line // nil when empty
}

// A line is a row without its number. The text of its key is shared with the
// entry it was logged for.
type line struct {
	key       store.Key
	timestamp clock.Timestamp
}

// end returns the number of the last row in lines.
func (l *log) end() uint64 { return l.base + uint64(len(l.lines)) }

func (l *log) row(seq uint64) (store.Row, bool) {
	at, ok := l.ahead[seq]
	if seq > l.base && seq <= l.end() {
		at, ok = l.lines[seq-l.base-1], true
	}
	return store.Row{Seq: seq, Key: at.key, Timestamp: at.timestamp}, ok
}

func (l *log) add(r store.Row) {
	next := l.end() + 1
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
	l.lines = append(l.lines, at)
	l.join()
}

// join moves what came early and follows on now to the others.
func (l *log) join() {
	for at, ok := l.ahead[l.end()+1]; ok; at, ok = l.ahead[l.end()+1] {
		l.lines = append(l.lines, at)
		delete(l.ahead, l.end())
	}
	if len(l.ahead) == 0 {
		l.ahead = nil
	}
}

// trim drops the rows up to seq.
func (l *log) trim(seq uint64) {
	if seq <= l.base {
		return
	}
	n := min(seq-l.base, uint64(len(l.lines)))
	// A copy, so that the rows dropped do not stay in memory behind the others.
	l.lines, l.base = slices.Clone(l.lines[n:]), seq
	maps.DeleteFunc(l.ahead, func(s uint64, _ line) bool { return s <= seq })
	l.join()
}

// clone returns what l holds now. Adding to l afterwards does not change it, but
// only one of the two may be added to.
func (l *log) clone() log { return log{base: l.base, lines: l.lines, ahead: maps.Clone(l.ahead)} }
