package gossip

import (
	"errors"
	"fmt"

	"hearsay/store"
)

// This file is the sending side of streams: fresh frames to the own region and
// to one relay in each other one, and the frames that a Pull asked for and gave
// credit for.

// receivePull opens streams to a peer, or begins them again.
func (e *Engine) receivePull(from store.NodeID, m *Pull) {
	p := e.peer(from)
	if p == nil {
		e.replica.Observe(NoStream{From: from})
		return
	}
	if e.Fenced() {
		return // it finds another
	}
	p.credit, e.pulled = min(m.Credit, e.cfg.Credit), true
	var gone store.Watermarks
	for _, start := range m.From {
		// Only origins that are held get a stream, which bounds their number.
		if base := e.replica.Trimmed().At(start.Origin); base > start.Seq {
			gone.Set(start.Origin, base)
		} else if e.reach(start.Origin) > start.Seq {
			cursors := store.Watermarks(p.streams)
			cursors.Set(start.Origin, start.Seq)
			p.streams = cursors
		}
	}
	if len(gone) > 0 {
		e.send(p, &Gone{Marks: gone})
	}
}

// collectFresh sends what this node wrote since the last turn to every peer of
// its region and to a relay in each other one. While a relay has not confirmed what
// went before, more waits a little for company.
func (e *Engine) collectFresh() error {
	mark := e.replica.Watermarks().At(e.own)
	cuts := cutter{e: e, through: mark}
	for ; e.spread < mark && len(e.home()) > 0; e.spread = cuts.last.Through() {
		if err := cuts.cut(e.spread); err != nil {
			return err
		}
		for _, p := range e.home() {
			e.push(p, cuts.last)
		}
	}
	e.spread = mark
	for _, r := range e.regions {
		if r.name == e.self.Region || r.spread == mark || e.waits(r) {
			continue
		}
		r.due = 0
		for ; r.spread < mark; r.spread = cuts.last.Through() {
			if err := cuts.cut(r.spread); err != nil {
				return err
			}
			if p := e.relay(r); e.push(p, cuts.last) {
				e.replica.Observe(FreshCrossed{crossing(p, cuts.last)})
			}
		}
	}
	return nil
}

// A cutter cuts this node's own log into frames, those that go to several peers once.
type cutter struct {
	e       *Engine
	through uint64
	last    *Frame
}

// cut makes last the frame that begins past from.
func (c *cutter) cut(from uint64) (err error) {
	if c.last == nil || c.last.From != from {
		c.last, err = c.e.frame(c.e.own, from, c.through)
	}
	return err
}

// begin says that origin is this node's present one, sent as far as spread.
func (e *Engine) begin(origin store.Origin, spread uint64) {
	e.own, e.spread = origin, spread
	for _, r := range e.regions {
		r.spread, r.due = spread, 0
	}
}

// push sends f, which p did not ask for, if p keeps up with such. Else it finds
// the gap and pulls.
func (e *Engine) push(p *peer, f *Frame) bool {
	if p.freshBytes >= e.cfg.FreshWindow || p.behind {
		return false
	}
	e.send(p, f)
	size := f.Size()
	p.fresh = append(p.fresh, sent{origin: f.Origin, from: f.From, through: f.Through(), bytes: size, at: e.now})
	p.freshBytes += size
	e.crossing = e.crossing || p.far
	return true
}

// collectStreams sends on open streams as far as credit and the turn's budget
// go, in a different order of peers each turn.
func (e *Engine) collectStreams() error {
	e.more = false
	if !e.pulled || len(e.peers) == 0 {
		return nil
	}
	e.pulled = false
	budget := e.cfg.TurnBytes
	e.first = (e.first + 1) % len(e.peers)
	for i := range e.peers {
		p := e.peers[(e.first+i)%len(e.peers)]
		for len(p.streams) > 0 && p.credit > 0 && budget > 0 {
			size, err := e.advance(p)
			if err != nil {
				return err
			}
			p.credit -= size
			budget -= size
		}
		for p.scanning.wants() && budget > 0 && !e.Fenced() {
			size, err := e.page(p)
			if err != nil {
				return err
			}
			budget -= size
		}
		e.pulled = e.pulled || len(p.streams) > 0 || p.scanning.open
		e.more = e.more || !e.Fenced() && (len(p.streams) > 0 && p.credit > 0 || p.scanning.wants())
	}
	return nil
}

// advance sends the next frame of p's first stream and returns its size. A
// stream that has reached what is taken in is closed.
func (e *Engine) advance(p *peer) (int, error) {
	cursor := &p.streams[0]
	through := e.reach(cursor.Origin)
	if base := e.replica.Trimmed().At(cursor.Origin); cursor.Seq >= through || cursor.Seq < base {
		if cursor.Seq < base {
			e.send(p, &Gone{Marks: store.Watermarks{{Origin: cursor.Origin, Seq: base}}})
		}
		p.streams = p.streams[1:]
		return 0, nil
	}
	f, err := e.frame(cursor.Origin, cursor.Seq, through)
	if err != nil {
		return 0, err
	}
	e.send(p, f)
	if p.far {
		e.replica.Observe(PullCrossed{crossing(p, f)})
	}
	cursor.Seq = f.Through()
	if cursor.Seq >= through {
		p.streams = p.streams[1:]
	}
	return f.Size(), nil
}

// frame returns origin's log past after and up to through, which is taken in: at
// least one row, and as many as the bounds of a frame allow. For each row it holds
// what the key holds now, whoever wrote that; so rows may be left out by nobody,
// while a value that was overwritten never travels.
func (e *Engine) frame(origin store.Origin, after, through uint64) (*Frame, error) {
	rows, err := e.replica.Rows(origin, after, int(min(uint64(e.cfg.MaxFrameRows), through-after)))
	if err != nil {
		return nil, fmt.Errorf("read log of %v past %d: %w", origin, after, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("log of %v has no row past %d, which was taken in", origin, after)
	}
	f := &Frame{Origin: origin, From: after}
	index := make(map[store.Key]int, len(rows))
	bytes := 0
	for _, row := range rows {
		i, held := index[row.Key]
		wrote := store.Version{Timestamp: row.Timestamp, Origin: origin}
		if held && f.Entries[i].Version.Compare(wrote) < 0 {
			break // it needs what is not whole here, and a frame has a key once
		}
		if !held {
			entry, err := e.entryFor(row.Key, wrote)
			if err != nil {
				return nil, fmt.Errorf("log of %v names %v: %w", origin, row.Key, err)
			}
			if bytes > 0 && bytes+entry.Size() > e.cfg.MaxFrameBytes {
				break
			}
			i = len(f.Entries)
			index[row.Key] = i
			f.Entries = append(f.Entries, entry)
			bytes += entry.Size()
		}
		f.Rows = append(f.Rows, FrameRow{Entry: i, Timestamp: row.Timestamp})
	}
	return f, nil
}

// entryFor returns what stands for a write of key: what the key shows, if that is
// it or supersedes it, else what is not whole here yet.
func (e *Engine) entryFor(key store.Key, wrote store.Version) (*store.Entry, error) {
	shown, err := e.replica.Get(key)
	if err == nil && shown.Version.Compare(wrote) >= 0 {
		return shown, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if pending := e.pending(key); pending != nil && pending.Version.Compare(wrote) >= 0 {
		return pending, nil
	}
	return nil, fmt.Errorf("nothing stands for %v: %w", wrote, store.ErrNotFound)
}

// stands reports whether each row's entry is what the row stands for, or supersedes
// it. Who took in another would cover what he does not hold, and could pass nothing on.
func (f *Frame) stands() bool {
	for _, row := range f.Rows {
		if f.Entries[row.Entry].Version.Compare(store.Version{Timestamp: row.Timestamp, Origin: f.Origin}) < 0 {
			return false
		}
	}
	return true
}
