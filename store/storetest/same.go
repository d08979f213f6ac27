package storetest

import (
	"errors"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"hearsay/store"
)

// RunSame drives two kinds of store with the same random turns and compares
// every answer, through snapshots and open batches too. Each call of a function
// returns an empty store, which is closed by the suite.
func RunSame(t *testing.T, one, other func(t *testing.T) store.Store) {
	rapid.Check(t, func(rt *rapid.T) {
		p := pair{one: one(t), other: other(t)}
		defer p.close(rt)
		logged := map[store.Mark]bool{}
		actions := map[string]func(*rapid.T){
			"turn": func(rt *rapid.T) {
				after := maps.Clone(logged)
				if p.turn(rt, drawTurn(rt, after)) {
					maps.Copy(logged, after)
				}
			},
			"get": func(rt *rapid.T) {
				p.get(rt, p.one, p.other, someKeys.Draw(rt, "key"))
			},
			"scan": func(rt *rapid.T) { p.scan(rt, p.one, p.other) },
			"rows": p.compareRows,
			"snapshot": func(rt *rapid.T) {
				p.snaps = append(p.snaps, [2]store.Snapshot{snapshot(rt, p.one), snapshot(rt, p.other)})
			},
			"get from a snapshot": func(rt *rapid.T) {
				s := p.snap(rt)
				p.get(rt, s[0], s[1], someKeys.Draw(rt, "key"))
			},
			"scan a snapshot": func(rt *rapid.T) {
				s := p.snap(rt)
				p.scan(rt, s[0], s[1])
			},
			"": p.compareMarks,
		}
		maps.Copy(actions, p.collectActions(logged))
		rt.Repeat(actions)
	})
}

type pair struct {
	one, other store.Store
	snaps      [][2]store.Snapshot
}

// turn reports whether w was committed.
func (p *pair) turn(rt *rapid.T, w turn) bool {
	a, b := p.one.NewBatch(), p.other.NewBatch()
	defer a.Close()
	defer b.Close()
	must(rt, w.fill(a))
	must(rt, w.fill(b))
	p.get(rt, a, b, someKeys.Draw(rt, "read through"))
	if rapid.IntRange(0, 4).Draw(rt, "discard") == 4 {
		return false
	}
	must(rt, a.Commit(w.sync))
	must(rt, b.Commit(w.sync))
	wantDigest(rt, p.one)
	wantDigest(rt, p.other)
	return true
}

func (p *pair) get(rt *rapid.T, a, b getter, key store.Key) {
	x, errX := a.Get(key)
	y, errY := b.Get(key)
	if !errors.Is(errX, store.ErrNotFound) {
		must(rt, errX)
	}
	if (errX == nil) != (errY == nil) || errX == nil && !equal(x, y) || errX != nil && !errors.Is(errY, store.ErrNotFound) {
		rt.Fatalf("Get(%q) = %s, %v; the other: %s, %v", key, show(x), errX, show(y), errY)
	}
}

func (p *pair) scan(rt *rapid.T, a, b store.Reader) {
	start, end := someKeys.Draw(rt, "start"), someKeys.Draw(rt, "end")
	limit := rapid.IntRange(-1, 60).Draw(rt, "limit")
	want, err := a.Scan(start, end, limit)
	must(rt, err)
	wantScan(rt, b, start, end, limit, want...)
}

func (p *pair) compareMarks(rt *rapid.T) {
	marks, err := p.one.Watermarks()
	must(rt, err)
	wantMarks(rt, p.other, marks)
	trimmed, err := p.one.Trimmed()
	must(rt, err)
	wantTrimmed(rt, p.other, trimmed)
	newest, err := p.one.Newest()
	must(rt, err)
	wantNewest(rt, p.other, newest)
}

func (p *pair) snap(rt *rapid.T) [2]store.Snapshot {
	if len(p.snaps) == 0 {
		rt.Skip("no snapshot yet")
	}
	return rapid.SampledFrom(p.snaps).Draw(rt, "snapshot")
}

func (p *pair) close(rt *rapid.T) {
	for _, s := range p.snaps {
		must(rt, s[0].Close())
		must(rt, s[1].Close())
	}
	must(rt, p.one.Close())
	must(rt, p.other.Close())
}
