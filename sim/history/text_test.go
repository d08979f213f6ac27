package history_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/sim/history"
	"hearsay/store"
)

// A record is a history with all that it is to be judged by, as text:
//
//	violates read_your_writes pram            what is to be convicted, nothing else
//	witness 0 1                               of the first of these
//	options bound=5 behind=1 grace=10         and ttl settled epoch offset deadline writers
//	0-5 s1 a put x 10@a [info|fail] [lapses] [hash=N]
//	6-8 s1 b get x 10@a [gone] [floor=N] [in=a:2] [out=a:1]
//	apply a x 10@a at=7
//	end a [floor=N]
//	hold a x 10@a [gone] [hash=N]
//
// A node is also its region. A version's wall clock is the hash of its content, unless
// told. "-" is nothing, "someone" has no session.
type record struct {
	violates []history.Property
	witness  []uint32
	options  history.Options
	ops      []history.Op
	h        history.History
	applies  []applied
	ended    []string
}

type applied struct {
	node, key uint32
	version   store.Version
	at        int64
}

func parse(t *testing.T, text string) *record {
	t.Helper()
	r := &record{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if words := strings.Fields(line); len(words) > 0 {
			if err := r.line(words); err != nil {
				t.Fatalf("line %d, %q: %v", i+1, line, err)
			}
		}
	}
	return r
}

func (r *record) line(words []string) error {
	rest := words[1:]
	number := func(name string) (n int64) {
		for _, w := range rest {
			if text, ok := strings.CutPrefix(w, name+"="); ok {
				n, _ = strconv.ParseInt(text, 10, 64)
			}
		}
		return n
	}
	has := func(word string) bool { return slices.Contains(rest, word) }
	hash := func(v store.Version) uint64 {
		if n := number("hash"); n != 0 {
			return uint64(n)
		}
		return uint64(v.Timestamp.Wall)
	}
	switch words[0] {
	case "violates":
		for _, w := range rest {
			r.violates = append(r.violates, history.Property(w))
		}
	case "witness":
		for _, w := range rest {
			n, err := strconv.ParseUint(w, 10, 32)
			if err != nil {
				return err
			}
			r.witness = append(r.witness, uint32(n))
		}
	case "options":
		r.options = history.Options{
			Bound: time.Duration(number("bound")), Behind: uint64(number("behind")), TTL: time.Duration(number("ttl")),
			Grace: time.Duration(number("grace")), Settled: number("settled"), Epoch: number("epoch"),
			MaxOffset: time.Duration(number("offset")), Deadline: time.Duration(number("deadline")), Writers: int(number("writers")),
		}
	case "apply":
		a := applied{r.h.Node(words[1], words[1]), r.h.Key(words[2]), version(words[3]), number("at")}
		r.applies = append(r.applies, a)
		r.h.Apply(a.node, a.key, a.version, a.at)
	case "end":
		r.ended = append(r.ended, words[1])
		r.h.End(r.h.Node(words[1], words[1]), clock.Timestamp{Wall: number("floor")})
	case "hold":
		v := version(words[3])
		r.h.Hold(r.h.Node(words[1], words[1]), r.h.Key(words[2]), v, has("gone"), hash(v))
	default:
		if len(words) < 6 {
			return fmt.Errorf("want at least six words")
		}
		op := history.Op{Session: history.NoSession, Node: r.h.Node(words[2], words[2]), Key: r.h.Key(words[4])}
		from, to, _ := strings.Cut(words[0], "-")
		op.Invoked, _ = strconv.ParseInt(from, 10, 64)
		op.Returned, _ = strconv.ParseInt(to, 10, 64)
		if text, ok := strings.CutPrefix(words[1], "s"); ok && words[1] != "someone" {
			n, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				return err
			}
			op.Session = uint32(n)
		}
		switch kind := slices.Index([]string{"put", "delete", "get", "list"}, words[3]); kind {
		case -1:
			return fmt.Errorf("no kind %q", words[3])
		default:
			op.Kind = history.Kind(kind)
		}
		op.Version = version(words[5])
		op.Hash = hash(op.Version)
		switch {
		case has("info"):
			op.Outcome = history.Info
		case has("fail"):
			op.Outcome = history.Fail
		}
		op.Tombstone, op.Lapses = has("gone") || op.Kind == history.Delete, has("lapses")
		op.Collected = clock.Timestamp{Wall: number("floor")}
		for _, w := range rest {
			if text, ok := strings.CutPrefix(w, "in="); ok {
				op.In = bookmark(text)
			} else if text, ok := strings.CutPrefix(w, "out="); ok {
				op.Out = bookmark(text)
			}
		}
		r.add(op)
	}
	return nil
}

func (r *record) add(op history.Op) {
	r.ops = append(r.ops, op)
	r.h.Add(op)
}

// version reads wall[.logical]@origin.
func version(text string) store.Version {
	if text == "-" {
		return store.Version{}
	}
	stamp, node, _ := strings.Cut(text, "@")
	wall, logical, _ := strings.Cut(stamp, ".")
	w, _ := strconv.ParseInt(wall, 10, 64)
	l, _ := strconv.ParseUint(logical, 10, 32)
	return store.Version{Timestamp: clock.Timestamp{Wall: w, Logical: uint32(l)}, Origin: store.Origin{Node: store.NodeID(node)}}
}

// bookmark reads one mark, node:seq, whose timestamp is its number.
func bookmark(text string) store.Bookmark {
	node, seq, _ := strings.Cut(text, ":")
	n, _ := strconv.ParseUint(seq, 10, 64)
	return store.Bookmark{}.Note(version(fmt.Sprintf("%d@%s", n, node)), n)
}

// text writes the operations as parse reads them, for a failing test to show.
func (r *record) text() string {
	var b strings.Builder
	for i, op := range r.ops {
		session := fmt.Sprintf("s%d", op.Session)
		if op.Session == math.MaxUint32 {
			session = "someone"
		}
		v := "-"
		if op.Version != (store.Version{}) {
			v = fmt.Sprintf("%d.%d@%s", op.Version.Timestamp.Wall, op.Version.Timestamp.Logical, op.Version.Origin.Node)
		}
		fmt.Fprintf(&b, "%d-%d %s %s %v %s %s%s", op.Invoked, op.Returned, session, nodeName(op.Node), op.Kind, keyName(op.Key), v,
			[]string{"", " fail", " info"}[op.Outcome])
		if op.Tombstone && op.Kind != history.Delete {
			b.WriteString(" gone")
		}
		fmt.Fprintf(&b, " hash=%d # %d\n", op.Hash, i)
	}
	for _, a := range r.applies {
		fmt.Fprintf(&b, "apply %s %s %d.%d@%s at=%d\n", nodeName(a.node), keyName(a.key), a.version.Timestamp.Wall, a.version.Timestamp.Logical,
			a.version.Origin.Node, a.at)
	}
	fmt.Fprintf(&b, "options %+v\n", r.options)
	return b.String()
}

func nodeName(n uint32) string { return string(rune('a' + n)) }
func keyName(k uint32) string  { return string(rune('x' + k)) }
