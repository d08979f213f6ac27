package gossip

import (
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file is the taking side of snapshots: how a node catches up where logs do not
// help, as others have trimmed theirs past what it lacks.
//
// If that is all, it goes on as ever beside the snapshot, and its W tells how stale
// it is. If others have also collected what it has not seen, because its W is below
// their floor (a newcomer, a restored backup, a member that was dropped), then what
// it holds may be deleted long since. It is fenced: no source, and takes nothing else.
//
// Pages are merged as they come. That a node is fenced outlives a restart, so half a
// snapshot never passes for a replica.

// A catchUp is a snapshot that this node takes.
type catchUp struct {
	fenced bool
	need   store.Mark // rows that no log has any more, zero if it is fenced
	since  time.Duration

	donor store.NodeID // empty while there is none
	scan  uint64
	next  store.Key     // where the page to come begins
	whole bool          // the last one has come
	due   time.Duration // when to ask again
	tries int           // since the last page
	fed   int           // bytes of pages since the donor was given credit

	// What the first donor was before its first page, once that has come. Whoever
	// covers its marks may go on with the snapshot.
	begun bool
	marks store.Watermarks
	w     clock.Timestamp
	floor clock.Timestamp // the greatest of any page

	pages   []*Page       // come and not merged yet; credit bounds them
	loaded  bool          // the entries of the first one are merged
	cleared store.Key     // up to where what its sender lacks is taken out
	held    time.Duration // the first one waits until then
	shorts  uint64        // counts entries with a large value that was not whole
	shortAt time.Duration // when there was progress with those

	entries, total uint64 // merged so far, of about how many
}

// CatchingUp is how far a snapshot is.
type CatchingUp struct {
	// Fenced says that what this node holds may be deleted long since: others have
	// collected what it has not seen.
	Fenced  bool
	Donor   store.NodeID // empty while there is none
	Entries uint64       // merged so far …
	Total   uint64       // … of about so many, 0 if that is unknown
	For     time.Duration
}

// CatchingUp returns how far this node is with the snapshot that it takes, and false
// if it takes none.
func (e *Engine) CatchingUp() (CatchingUp, bool) {
	c := e.catching
	if c == nil {
		return CatchingUp{}, false
	}
	return CatchingUp{Fenced: c.fenced, Donor: c.donor, Entries: c.entries, Total: c.total, For: e.now - c.since}, true
}

// Fenced reports whether others have collected what this node has not seen.
func (e *Engine) Fenced() bool { return e.catching != nil && e.catching.fenced }

// fence makes this node no source until it has a snapshot.
func (e *Engine) fence() error {
	if e.Fenced() {
		return nil
	}
	if e.catching == nil {
		e.catching = &catchUp{since: e.now}
	}
	c := e.catching
	c.fenced, c.need = true, store.Mark{}
	e.beginScan()
	e.lacks, e.passages, e.tally, e.taken, e.stalled = nil, nil, nil, nil, nil
	clear(e.ahead)
	e.forgetWants()
	for _, p := range e.peers {
		p.streams = nil
	}
	e.replica.Observe(FellBehind{Fenced: true})
	return e.keep()
}

// outrun has this node take a snapshot if the rows of origin past mark, which nobody
// can send, are gone from all logs.
func (e *Engine) outrun(origin store.Origin, mark uint64) {
	need := store.Mark{Origin: origin}
	for _, p := range e.peers {
		if gone := p.gone.At(origin); gone > mark && (need.Seq == 0 || gone < need.Seq) {
			need.Seq = gone
		}
	}
	if need.Seq > 0 && e.catching == nil {
		e.catching = &catchUp{need: need, since: e.now}
		e.replica.Observe(FellBehind{})
	}
}

// forgetWants forgets the large values that entries wait for.
func (e *Engine) forgetWants() {
	for _, w := range slices.Clone(e.wants) {
		if w.entry != nil {
			e.forget(w)
			e.drops = append(e.drops, w.manifest.Upload)
		}
	}
}

// tickCatchUp merges what has come, and asks for what has not.
func (e *Engine) tickCatchUp(now clock.Reading) error {
	c := e.catching
	if c == nil || e.resting || now.Mono < c.wakes() {
		return nil
	}
	switch {
	case !c.fenced && e.reach(c.need.Origin) >= c.need.Seq:
		e.endCatchUp() // somebody came who had the rows
		return nil
	case len(c.pages) > 0:
		return e.mergePage(now)
	case c.whole:
		return e.adoptSnapshot(now)
	}
	e.chooseDonor(now)
	return nil
}

// maxTries is how often a donor is asked for a page until another one is.
const maxTries = 4

// chooseDonor asks for the next page: the same donor if that may just be slow, else
// another that may go on, else any, from the first page on.
func (e *Engine) chooseDonor(now clock.Reading) {
	c := e.catching
	c.due = now.Mono + e.cfg.StatusInterval
	if !e.belongs {
		return // the floor does not wait for who is no member
	}
	if p := e.peer(c.donor); p != nil && c.tries < maxTries && e.gives(p) {
		e.askPages(now, p) // under the same number: it may just be slow
		return
	}
	p := e.nearestDonor(c.donor)
	if p == nil && c.begun {
		// A donor whose stream broke comes back, and takes a while to say what it holds.
		if c.tries++; c.tries < 2*maxTries {
			return
		}
		e.beginScan()
		p = e.nearestDonor(c.donor)
	}
	if p == nil {
		c.donor = ""
		return
	}
	c.donor, c.tries = p.ID, 0
	e.askAnew(now, p)
}

// gives reports whether p may give the snapshot, or the rest of it.
func (e *Engine) gives(p *peer) bool {
	c := e.catching
	return p.seat >= 0 && !p.behind && p.holds(c.need.Origin, c.need.Seq) && p.holdsAll(c.marks)
}

// nearestDonor returns the peer with the shortest round trip that may give the
// snapshot, or nil. The one that has just failed comes last.
func (e *Engine) nearestDonor(failed store.NodeID) *peer {
	e.follow()
	var best *peer
	for _, p := range e.peers {
		if e.gives(p) && (best == nil || e.nearer(p, best, store.Origin{Node: e.self.ID}, failed)) {
			best = p
		}
	}
	return best
}

// nextCatchUp returns when tickCatchUp has work to do, or limit if that is earlier.
func (e *Engine) nextCatchUp(limit time.Duration) time.Duration {
	if e.catching == nil || e.resting {
		return limit
	}
	return min(limit, e.catching.wakes())
}

func (c *catchUp) wakes() time.Duration {
	if len(c.pages) > 0 {
		return c.held
	}
	return c.due
}

// beginScan forgets how far a scan is. What it brought stays, as it is true.
func (e *Engine) beginScan() {
	c := e.catching
	*c = catchUp{fenced: c.fenced, need: c.need, since: c.since, donor: c.donor, scan: c.scan + 1}
	e.forgetShorts()
}

// askAnew has p begin with the page that is due.
func (e *Engine) askAnew(now clock.Reading, p *peer) {
	e.catching.scan = e.draw("scan", uint64(now.Wall), e.catching.scan)
	e.askPages(now, p)
}

// askPages asks p for the page that is due, and those after it, with more patience
// each time.
func (e *Engine) askPages(now clock.Reading, p *peer) {
	c := e.catching
	c.tries++
	c.fed, c.due = 0, now.Mono+time.Duration(c.tries)*e.patience(p)
	e.send(p, &Scan{Number: c.scan, From: c.next, Credit: e.cfg.Credit})
}

func (e *Engine) receivePage(now clock.Reading, from store.NodeID, m *Page) error {
	c := e.catching
	p := e.peer(from)
	if c == nil || p == nil || from != c.donor || m.Number != c.scan || c.whole || m.From.Compare(c.next) < 0 {
		return nil // it came before, or is of another scan
	}
	if m.From != c.next {
		e.askAnew(now, p) // one went missing
		return nil
	}
	if !c.begun {
		if len(m.Marks) > e.cfg.MaxOrigins {
			e.replica.Observe(MessageRefused{From: from, Why: "snapshot of more origins than the bound"})
			return nil
		}
		if m.Facts.Epoch > e.roster.Epoch().Number {
			return nil // its W counts over members unknown here, who are about to be known
		}
		if e.w.Compare(m.Facts.Floor) < 0 && !c.fenced {
			return e.fence()
		}
		c.begun, c.marks, c.w, c.total = true, m.Marks, m.Facts.W, m.Total
	}
	c.floor = later(c.floor, m.Facts.Floor)
	if c.floor.Compare(c.w) > 0 {
		// What was collected since, its marks of before do not cover.
		e.replica.Observe(SnapshotAgain{From: from, Entries: c.entries})
		e.beginScan()
		c.due = now.Mono + e.cfg.StatusInterval
		return nil
	}
	c.pages = append(c.pages, m)
	c.next, c.whole = m.Next, m.Next == store.Key{}
	c.tries, c.due = 0, now.Mono+e.patience(p)
	if c.fed += m.Size(); c.fed >= e.cfg.Credit/2 && !c.whole {
		c.fed = 0
		e.send(p, &Scan{Number: c.scan, From: c.next, Credit: e.cfg.Credit})
	}
	return nil
}

// mergePage merges the first page that has come, a bounded part of it each turn.
func (e *Engine) mergePage(now clock.Reading) error {
	c := e.catching
	m := c.pages[0]
	if !c.loaded {
		if e.full() && slices.ContainsFunc(m.Entries, func(en *store.Entry) bool { return en.Manifest != nil }) {
			c.held = now.Mono + fullPause
			e.giveUpShorts(now)
			return nil
		}
		short, hold, err := e.replica.Load(now, m.Entries, Via{From: c.donor, Path: PathSnapshot})
		if err != nil {
			return err
		}
		if hold > 0 {
			c.held = now.Mono + hold
			return nil
		}
		for i, en := range m.Entries {
			if short[i] {
				e.awaitShort(now, en)
			}
		}
		c.entries += uint64(len(m.Entries))
		c.loaded, c.cleared = true, m.From
	}
	if c.fenced {
		next, err := e.replica.Clear(c.cleared, m, c.w, e.cfg.Sweep)
		if err != nil {
			return err
		}
		if c.cleared = next; next != m.Next {
			return nil
		}
	}
	c.pages, c.loaded = slices.Delete(c.pages, 0, 1), false
	c.due = now.Mono
	if p := e.peer(c.donor); p != nil && !c.whole {
		c.due += e.patience(p) // it was not idle meanwhile
	}
	return nil
}

// awaitShort has the snapshot wait until en's key shows en, whose large value is not
// whole here, or what supersedes it.
func (e *Engine) awaitShort(now clock.Reading, en *store.Entry) {
	c := e.catching
	c.shorts++
	c.shortAt = now.Mono
	i, _ := e.findWait(store.Origin{}, c.shorts)
	e.stalled = slices.Insert(e.stalled, i, wait{seq: c.shorts, key: en.Key, version: en.Version})
	e.want(now, en, Via{From: c.donor, Path: PathSnapshot})
}

// waitsForShorts reports whether the snapshot waits for large values.
func (e *Engine) waitsForShorts() bool {
	return len(e.stalled) > 0 && e.stalled[0].origin == (store.Origin{})
}

// giveUpShorts begins the snapshot anew if nothing came of its large values for long:
// they may be superseded everywhere.
func (e *Engine) giveUpShorts(now clock.Reading) {
	c := e.catching
	for _, w := range e.wants {
		c.shortAt = max(c.shortAt, w.moved)
	}
	if e.waitsForShorts() && now.Mono >= c.shortAt+e.cfg.FetchPatience+2*e.cfg.FetchTimeout {
		e.replica.Observe(SnapshotAgain{From: c.donor, Entries: c.entries})
		e.beginScan()
		e.forgetWants()
	}
}

// adoptSnapshot makes this node one that holds what its donor held before the scan,
// and what it held itself, once the large values of the snapshot are whole.
func (e *Engine) adoptSnapshot(now clock.Reading) error {
	c := e.catching
	marks := e.counted(c.marks)
	if e.waitsForShorts() || slices.ContainsFunc(marks, func(m store.Mark) bool { return e.roster.Refuses(m.Origin.Node) }) {
		c.due = now.Mono + e.cfg.StatusInterval
		e.giveUpShorts(now)
		return nil
	}
	for _, m := range marks {
		if m.Origin == e.own || e.Retired(m.Origin) {
			continue
		}
		if c.fenced || m.Seq > e.replica.Watermarks().At(m.Origin) {
			// Rows up to there are not all here, or name keys that were taken out.
			if err := e.trim(m.Origin, m.Seq); err != nil {
				return err
			}
		}
		e.stalled = slices.DeleteFunc(e.stalled, func(w wait) bool { return w.origin == m.Origin && w.seq <= m.Seq })
		if err := e.moveUp(m.Origin, m.Seq); err != nil {
			return err
		}
	}
	e.w, e.recount = later(e.w, c.w), true
	e.replica.Observe(CaughtUp{From: c.donor, Entries: c.entries, Took: now.Mono - c.since})
	e.endCatchUp()
	if c.floor.Compare(e.floor) > 0 {
		if err := e.adoptFloor(c.floor); err != nil {
			return err
		}
	}
	for _, p := range e.peers {
		for _, m := range p.have {
			e.noticeAt(now, p, m)
		}
	}
	return e.keep()
}

func (e *Engine) endCatchUp() {
	e.forgetShorts()
	e.catching = nil
}

// forgetShorts has nothing wait for large values of the snapshot.
func (e *Engine) forgetShorts() {
	e.stalled = slices.DeleteFunc(e.stalled, func(w wait) bool { return w.origin == (store.Origin{}) })
}

// receiveGone takes note that rows which p was asked for are gone there.
func (e *Engine) receiveGone(now clock.Reading, from store.NodeID, m *Gone) {
	p := e.peer(from)
	if p == nil || e.Fenced() {
		return
	}
	for _, g := range m.Marks {
		l, mark := e.lackOf(g.Origin), e.reach(g.Origin)
		if l == nil || l.source != from || g.Seq <= mark {
			continue
		}
		p.gone.Set(g.Origin, g.Seq)
		l.source, l.due = "", now.Mono
	}
}
