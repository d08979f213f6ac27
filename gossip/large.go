package gossip

import (
	"math"
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file is how the chunks of large values come to this node. A frame brings
// a manifest; the chunks are fetched from a peer that has them all, in an order
// that the receiver chooses and no faster than it asks. They travel beside the
// frames, and past the engine: its driver stages what it was told to expect, and
// tells.

// A want is a large value that is fetched. It stays until its entry is shown or
// superseded, or, if it was only offered, for a while.
type want struct {
	manifest *store.Manifest
	entry    *store.Entry // that names it; nil of one that was only offered
	via      Via          // how that came
	since    time.Duration

	// instead says that the entry takes the place of whatever its key holds: that was
	// found to be wrong.
	instead bool
	offered store.NodeID // who waits to hear that it is whole, "" for nobody
	told    bool
	has     store.NodeID // the last of this region who said that it is whole there

	chunks []chunkState
	left   int // chunks that are not held
	asked  int // of them, how many are under way …
	source store.NodeID
	// … and since when nothing came. Without a source, when to look for one.
	progress time.Duration
	failed   store.NodeID  // the last source that did not deliver
	moved    time.Duration // when a chunk came last
}

type chunkState byte

const (
	chunkMissing chunkState = iota
	chunkAsked
	chunkHeld
)

// fullPause is how long the rows of a frame wait for room for another want.
const fullPause = time.Second

// maxPieces bounds the chunks that one peer is asked for at a time.
const maxPieces = 16

func newWant(now time.Duration, m *store.Manifest) *want {
	return &want{manifest: m, since: now, progress: now, moved: now, chunks: make([]chunkState, len(m.Hashes)), left: len(m.Hashes)}
}

func (w *want) begun() bool { return w.asked > 0 || w.left < len(w.chunks) }

func (w *want) piece(i int) Piece {
	offset, size := w.manifest.Chunk(i)
	return Piece{Upload: w.manifest.Upload, Offset: offset, Size: size, Hash: w.manifest.Hashes[i]}
}

// Whole reports whether all of m is staged here, synced.
func (e *Engine) Whole(m *store.Manifest) bool {
	w := e.wanted(m.Upload)
	return w != nil && w.left == 0
}

func (e *Engine) wanted(u store.Upload) *want {
	for _, w := range e.wants {
		if w.manifest.Upload == u {
			return w
		}
	}
	return nil
}

// full reports whether no more manifests may be taken in for now.
func (e *Engine) full() bool {
	return len(e.wants) >= e.cfg.MaxWants || len(e.stalled) >= e.cfg.MaxWants
}

// wantAll begins to want the entries of f that are short.
func (e *Engine) wantAll(now clock.Reading, f *Frame, a Applied, via Via) {
	for i, en := range f.Entries {
		if a.Short[i] {
			e.want(now, en, via)
		}
	}
}

// want has en fetched. Of one key at most two are wanted: one that is under way,
// which is finished, lest a key that is written faster than it is fetched never
// show anything new; and the newest.
func (e *Engine) want(now clock.Reading, en *store.Entry, via Via) {
	e.wantsDue = true
	for i, w := range e.wants {
		switch {
		case w.manifest.Upload == en.Manifest.Upload && en.Supersedes(w.entry):
			w.entry, w.via = en, via
			return
		case w.entry == nil || w.entry.Key != en.Key:
			continue
		case w.entry.Version.Compare(en.Version) > 0:
			e.replica.Meet(en, w.entry)
			return
		case !w.begun():
			e.replica.Meet(w.entry, en)
			e.wants = slices.Delete(e.wants, i, i+1)
			e.drops = append(e.drops, w.manifest.Upload) // an earlier try may have left some
			e.want(now, en, via)
			return
		}
	}
	w := newWant(now.Mono, en.Manifest)
	w.entry, w.via = en, via
	e.wants = append(e.wants, w)
}

// wantMended has en fetched, which p has and this node's replica lacks.
func (e *Engine) wantMended(now clock.Reading, p *peer, en *store.Entry, instead bool) {
	e.want(now, en, Via{From: p.ID, Path: PathRepair})
	if w := e.wanted(en.Manifest.Upload); w != nil {
		w.has, w.instead = p.ID, instead
	}
}

// pending returns the newest entry of key that is wanted, nil if none is.
func (e *Engine) pending(key store.Key) *store.Entry {
	var newest *store.Entry
	for _, w := range e.wants {
		if w.entry != nil && w.entry.Key == key && w.entry.Supersedes(newest) {
			newest = w.entry
		}
	}
	return newest
}

// settleWants wants nothing of a key any more but what is newer than s, which it shows.
func (e *Engine) settleWants(s *store.Entry) {
	for _, w := range slices.Clone(e.wants) {
		switch {
		case s.Manifest != nil && s.Manifest.Upload == w.manifest.Upload:
			e.forget(w)
			continue
		case w.entry == nil || w.entry.Key != s.Key || w.entry.Version.Compare(s.Version) > 0:
			continue
		}
		e.forget(w)
		e.replica.Meet(w.entry, s)
		e.drops = append(e.drops, w.manifest.Upload)
	}
}

func (e *Engine) forget(w *want) {
	e.wants = slices.DeleteFunc(e.wants, func(x *want) bool { return x == w })
	e.wantsDue = true
}

// receiveChunk takes note of a chunk that was staged, or that its sender has not
// got.
func (e *Engine) receiveChunk(now clock.Reading, from store.NodeID, c *Chunk) {
	w := e.wanted(c.Upload)
	if w == nil {
		if !c.Gone {
			e.drops = append(e.drops, c.Upload)
		}
		return
	}
	e.wantsDue = true
	if c.Gone {
		if w.source == from {
			e.fail(now.Mono, w)
			e.leaveBegun(w)
		}
		return
	}
	i := int(c.Offset / w.manifest.ChunkBytes)
	if c.Offset < 0 || i >= len(w.chunks) || c.Piece != w.piece(i) {
		e.replica.Observe(MessageRefused{From: from, Why: "chunk that is none of its value's"})
		return
	}
	if w.chunks[i] == chunkHeld {
		return
	}
	if w.chunks[i] == chunkAsked {
		w.asked--
	}
	w.chunks[i], w.progress, w.moved = chunkHeld, now.Mono, now.Mono
	w.left--
}

// leaveBegun forgets w, which nobody seems to have any more, if its key has a newer
// one.
func (e *Engine) leaveBegun(w *want) (left bool) {
	if w.entry == nil || e.pending(w.entry.Key) == w.entry {
		return false
	}
	e.replica.Meet(w.entry, e.pending(w.entry.Key))
	e.forget(w)
	e.drops = append(e.drops, w.manifest.Upload)
	return true
}

// fail gives up w's source.
func (e *Engine) fail(now time.Duration, w *want) {
	e.replica.Observe(FetchFailed{From: w.source, Upload: w.manifest.Upload})
	w.failed, w.source, w.progress = w.source, "", now+e.cfg.StatusInterval
	w.reset()
}

func (w *want) reset() {
	w.asked = 0
	for i, c := range w.chunks {
		if c == chunkAsked {
			w.chunks[i] = chunkMissing
		}
	}
}

// releaseWants looks for another source of what came from a peer whose stream
// broke.
func (e *Engine) releaseWants(now clock.Reading, id store.NodeID) {
	e.wantsDue = true
	for _, w := range e.wants {
		if w.source == id {
			w.source, w.progress = "", now.Mono
			w.reset()
		}
	}
}

// tickLarge does what is due for large values.
func (e *Engine) tickLarge(now clock.Reading) error {
	if err := e.settleShowed(); err != nil {
		return err
	}
	if err := e.tickWants(now); err != nil {
		return err
	}
	e.tickOffers(now)
	return e.settleShowed()
}

// tickWants shows what is whole, and asks for what is missing.
func (e *Engine) tickWants(now clock.Reading) error {
	if now.Mono < e.nextWants() {
		return nil
	}
	e.wantsDue, e.wantsAt = false, now.Mono
	for _, w := range slices.Clone(e.wants) {
		switch {
		case w.left == 0 && w.entry != nil:
			if err := e.adoptWant(now, w); err != nil {
				return err
			}
			e.forget(w)
			e.tellRegion(w)
		case w.entry == nil && now.Mono >= w.since+e.cfg.KeepOffered:
			e.forget(w)
			e.drops = append(e.drops, w.manifest.Upload)
		case w.left == 0 && !w.told:
			w.told = true
			if p := e.peer(w.offered); p != nil {
				e.send(p, &Has{Upload: w.manifest.Upload})
			}
		case w.begun() && now.Mono >= w.moved+2*e.cfg.FetchTimeout && e.leaveBegun(w):
		case w.asked > 0 && now.Mono >= e.wantDeadline(w):
			e.fail(now.Mono, w)
		}
	}
	e.ask(now)
	return nil
}

func (e *Engine) adoptWant(now clock.Reading, w *want) error {
	if !w.instead {
		return e.replica.Adopt(now, w.entry, w.via)
	}
	_, err := e.replica.Restore(now, w.entry.Key, w.entry)
	if err == nil {
		e.replica.Observe(EntryMended{Peer: w.via.From, Key: w.entry.Key})
	}
	return err
}

// tellRegion has the others of this region know that w, which this node fetched from
// afar, is here: most wait for it.
func (e *Engine) tellRegion(w *want) {
	if from := e.peer(w.source); from == nil || !from.far {
		return
	}
	for _, p := range e.home() {
		e.send(p, &Has{Upload: w.manifest.Upload})
	}
}

// ask sends each peer one Fetch for what it is asked for now. What is offered
// goes first: a writer waits for it.
func (e *Engine) ask(now clock.Reading) {
	if e.resting {
		return
	}
	for _, p := range e.peers {
		p.fetching = fetching{}
	}
	for _, w := range e.wants {
		if p := e.peer(w.source); p != nil {
			p.fetching.bytes += int64(w.asked) * w.manifest.ChunkBytes
			p.fetching.pieces += w.asked
		}
	}
	for _, offered := range []bool{true, false} {
		for _, w := range e.wants {
			if (w.entry == nil) == offered && w.left > w.asked {
				e.askFor(now, w)
			}
		}
	}
	for _, p := range e.peers {
		if p.fetching.fetch != nil {
			e.send(p, p.fetching.fetch)
		}
		p.fetching = fetching{}
	}
}

// fetching is what is under way from a peer while ask works.
type fetching struct {
	bytes  int64
	pieces int
	fetch  *Fetch // to be sent
}

func (e *Engine) askFor(now clock.Reading, w *want) {
	p := e.peer(w.source)
	if p == nil {
		if now.Mono < w.progress {
			return
		}
		if p = e.holder(now, w); p == nil {
			w.progress = now.Mono + e.cfg.StatusInterval
			return
		}
	}
	for i, c := range w.chunks {
		if c != chunkMissing {
			continue
		}
		piece := w.piece(i)
		at := &p.fetching
		if at.pieces >= maxPieces || at.pieces > 0 && at.bytes+piece.Size > e.cfg.FetchWindow {
			return
		}
		if w.source == "" {
			if e.behind(w) {
				return
			}
			w.source, w.progress = p.ID, now.Mono
		}
		if at.fetch == nil {
			at.fetch = &Fetch{}
		}
		at.fetch.Pieces = append(at.fetch.Pieces, piece)
		at.bytes, at.pieces = at.bytes+piece.Size, at.pieces+1
		w.chunks[i] = chunkAsked
		w.asked++
	}
}

// behind reports whether an older value of w's key is fetched first.
func (e *Engine) behind(w *want) bool {
	return w.entry != nil && !w.begun() && slices.ContainsFunc(e.wants, func(x *want) bool {
		return x != w && x.entry != nil && x.entry.Key == w.entry.Key && x.begun()
	})
}

// holder returns the nearest peer that has all of w, or nil. One of another region
// is asked by the node that relays for the writer, as long as that gets on.
func (e *Engine) holder(now clock.Reading, w *want) *peer {
	if w.entry == nil {
		return e.peer(w.offered)
	}
	origin, relayed := w.entry.Version.Origin, false
	var best *peer
	for _, p := range e.peers {
		if !p.far && p.rows(origin) >= w.entry.Seq {
			relayed = true
		}
		if !p.holds(origin, w.entry.Seq) && p.ID != origin.Node && p.ID != w.has {
			continue
		}
		if best == nil || e.nearer(p, best, origin, w.failed) {
			best = p
		}
	}
	if best != nil && best.far && relayed && e.spared(origin) && now.Mono < w.since+e.cfg.FetchPatience {
		return nil
	}
	return best
}

// wantDeadline returns when something is to be done about w if nothing comes.
func (e *Engine) wantDeadline(w *want) time.Duration {
	p := e.peer(w.source)
	switch {
	case w.left == 0:
		return w.since + e.cfg.KeepOffered
	case p == nil, w.asked == 0: // there may be a source, or room to ask it
		return max(w.progress, e.wantsAt+e.cfg.StatusInterval)
	}
	return w.progress + e.rtt(p)*3/2 + e.cfg.FetchTimeout
}

// nextWants returns when tickWants has work to do.
func (e *Engine) nextWants() time.Duration {
	if e.wantsDue {
		return 0
	}
	next := time.Duration(math.MaxInt64)
	for _, w := range e.wants {
		next = min(next, e.wantDeadline(w))
	}
	return next
}

// receiveFetch has what is asked for sent. The driver fills it in.
func (e *Engine) receiveFetch(from store.NodeID, f *Fetch) {
	p := e.peer(from)
	if p == nil {
		e.replica.Observe(NoStream{From: from})
		return
	}
	for _, piece := range f.Pieces {
		e.send(p, &Chunk{Piece: piece})
		e.hearOf(p, piece.Upload)
	}
}

// Drops returns the uploads that nobody needs any more, once each.
func (e *Engine) Drops() []store.Upload {
	drops := e.drops
	e.drops = nil
	return drops
}

// Wants reports whether u is being fetched: then it is not to be dropped.
func (e *Engine) Wants(u store.Upload) bool { return e.wanted(u) != nil }
