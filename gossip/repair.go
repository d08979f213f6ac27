package gossip

import (
	"cmp"
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file finds and repairs what watermarks do not tell: two replicas that hold
// different content, by a bad disk or a bug, though both say that they miss nothing.

// A Repair is one step of the comparison of two replicas. They play ball: who gets
// the sums of sixteen parts goes on with one of which its own differs, and where a
// part is small, with what is in it.
//
// Only what cannot be under way is compared: buckets of which nothing is newer than
// Through, which no W of the two is below, at equal floors and epochs, where both
// have cleared away what the floor has passed and what lies beyond a dropped
// member's end.
type Repair struct {
	Step    RepairStep
	Epoch   uint64
	Floor   clock.Timestamp
	Through clock.Timestamp
	// Prefix has the highest 4·Depth bits of the places that are compared.
	Prefix uint16
	Depth  uint8
	// Sums has one for each of the sixteen parts; 0 for a bucket that may not be
	// compared.
	Sums []uint64
	// Items is all that the sender has in a part, or at a place.
	Items []Item
	// Entries are the sender's where the two differ, and Wants the places of those
	// that it would like to see of the receiver.
	Entries []*store.Entry
	Wants   []uint64
}

// A RepairStep says what a Repair is about.
type RepairStep uint8

// The steps of a comparison.
const (
	Sums RepairStep = iota + 1
	Items
	Differences
	Ask    // what does the receiver hold at the place that Wants names?
	Answer // the same place, and the sender's item there, if it has one
)

// An Item is an entry, told by its place and its fingerprint.
type Item struct{ Place, Print uint64 }

const (
	parts       = 16
	bucketDepth = 3 // the parts of a prefix this long lie within a bucket
	itemsDepth  = 4 // what is in a prefix this long is told item by item
)

// repairSettle is how much older than W the newest entry of a bucket is at least
// that is compared: the other node's W is seldom further behind.
const repairSettle = 2 * time.Second

// MaxDifferences bounds the items, entries and wants of one Repair. What is beyond
// comes at a later comparison.
const MaxDifferences = 1024

// tickRepair begins a comparison with one peer, and looks through some buckets of
// this node's own disk.
func (e *Engine) tickRepair(now clock.Reading) error {
	if now.Mono < e.nextRepair {
		return nil
	}
	e.nextRepair, e.poll = now.Mono+e.cfg.RepairInterval, nil
	if err := e.scrub(); err != nil {
		return err
	}
	if len(e.peers) == 0 || e.w.Wall <= int64(repairSettle) || !e.comparable() {
		return nil
	}
	p := e.peers[e.draw("repair", uint64(now.Mono), 0)%uint64(len(e.peers))]
	return e.sendSums(p, &Repair{Epoch: e.roster.Epoch().Number, Floor: e.floor, Through: clock.Timestamp{Wall: e.w.Wall - int64(repairSettle)}})
}

// comparable reports whether the replica takes entries, holds what its epoch and floor say, and
// nothing besides that another with the same need not hold.
func (e *Engine) comparable() bool {
	return !e.resting && !e.Fenced() && !e.sweeping() && e.replica.Cleared()
}

// scrub has the replica look whether some buckets still are what the digest says. A
// bad one is counted anew, so that its difference from other replicas shows.
func (e *Engine) scrub() error {
	digest, err := e.replica.Digest()
	if err != nil {
		return err
	}
	looked := 0
	for range digest {
		i := e.scrubbed
		e.scrubbed = (i + 1) % len(digest)
		if digest[i].Count == 0 {
			continue
		}
		bad, done, err := e.replica.Recount(i)
		if err != nil {
			return err
		}
		if !done {
			e.scrubbed = i
			return nil
		}
		if bad {
			e.bad[i] = true
			e.replica.Observe(BucketBad{Bucket: i})
		}
		if looked++; looked >= e.cfg.Scrub {
			return nil
		}
	}
	return nil
}

func (e *Engine) receiveRepair(now clock.Reading, from store.NodeID, m *Repair) error {
	p := e.peer(from)
	if p == nil || m.Epoch != e.roster.Epoch().Number || m.Floor != e.floor || e.w.Compare(m.Through) < 0 || !e.comparable() {
		return nil // another time
	}
	switch m.Step {
	case Sums:
		return e.compareSums(now, p, m)
	case Items:
		return e.compareItems(p, m)
	case Differences:
		return e.takeDifferences(now, p, m)
	case Ask:
		return e.receiveAsk(p, m)
	case Answer:
		return e.receiveAnswer(now, p, m)
	}
	return nil
}

// sendSums sends the sums of what m's prefix begins.
func (e *Engine) sendSums(p *peer, m *Repair) error {
	sums, err := e.sums(m)
	if err != nil {
		return err
	}
	e.send(p, &Repair{Step: Sums, Epoch: m.Epoch, Floor: m.Floor, Through: m.Through, Prefix: m.Prefix, Depth: m.Depth, Sums: sums})
	return nil
}

// sums returns what the parts of m's prefix add up to.
func (e *Engine) sums(m *Repair) ([]uint64, error) {
	sums := make([]uint64, parts)
	if m.Depth >= bucketDepth {
		entries, err := e.replica.Bucket(int(m.Prefix))
		if err != nil {
			return nil, err
		}
		for _, en := range entries {
			sums[en.Key.Place()>>48%parts] += mix(en.Fingerprint()[0])
		}
		return sums, nil
	}
	digest, err := e.replica.Digest()
	if err != nil {
		return nil, err
	}
	within := len(digest) >> (4 * (m.Depth + 1)) // buckets of a part
	first := int(m.Prefix) * within * parts
	for i := range parts {
		for _, c := range digest[first+i*within : first+(i+1)*within] {
			if c.Newest.Compare(m.Through) > 0 {
				if within == 1 {
					continue
				}
				c = store.Bucket{}
			}
			sums[i] += mix(c.Sum[0]^mix(c.Count)) | 1
		}
	}
	return sums, nil
}

// compareSums goes on with one of the parts that differ.
func (e *Engine) compareSums(now clock.Reading, p *peer, m *Repair) error {
	own, err := e.sums(m)
	if err != nil {
		return err
	}
	buckets := m.Depth == bucketDepth-1
	var differ []int
	for i, sum := range m.Sums {
		switch {
		case buckets && (sum == 0 || own[i] == 0):
		case sum != own[i]:
			differ = append(differ, i)
		case buckets:
			delete(e.bad, int(m.Prefix)*parts+i) // what was bad is mended
		}
	}
	if len(differ) == 0 {
		return nil
	}
	// Not always the first: it may be one that is being written to.
	part := differ[e.draw("repair part", uint64(now.Mono), uint64(m.Depth))%uint64(len(differ))]
	next := &Repair{Epoch: m.Epoch, Floor: m.Floor, Through: m.Through, Prefix: m.Prefix*parts + uint16(part), Depth: m.Depth + 1}
	if next.Depth < itemsDepth {
		return e.sendSums(p, next)
	}
	mine, err := e.within(next.Prefix)
	if err != nil {
		return err
	}
	next.Step = Items
	for _, en := range mine[:min(len(mine), MaxDifferences)] {
		next.Items = append(next.Items, itemOf(en))
	}
	e.send(p, next)
	return nil
}

func itemOf(e *store.Entry) Item { return Item{Place: e.Key.Place(), Print: e.Fingerprint()[0]} }

// within returns the entries whose places begin with prefix, by place.
func (e *Engine) within(prefix uint16) ([]*store.Entry, error) {
	entries, err := e.replica.Bucket(int(prefix) / parts)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(entries, func(en *store.Entry) bool { return uint16(en.Key.Place()>>48) != prefix }), nil
}

// compareItems tells p what differs in a part, unless it may be compared no more.
func (e *Engine) compareItems(p *peer, m *Repair) error {
	mine, err := e.within(m.Prefix)
	if err != nil {
		return err
	}
	if ok, err := e.still(m); !ok || err != nil {
		return err
	}
	theirs := func(item Item) bool {
		_, has := slices.BinarySearchFunc(m.Items, item, func(a, b Item) int {
			return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Print, b.Print))
		})
		return has
	}
	next := &Repair{Step: Differences, Epoch: m.Epoch, Floor: m.Floor, Through: m.Through, Prefix: m.Prefix, Depth: m.Depth}
	own := map[Item]bool{}
	bytes := 0
	for _, en := range mine {
		item := itemOf(en)
		own[item] = true
		if bytes += en.Size(); !theirs(item) && (len(next.Entries) == 0 || bytes <= e.cfg.MaxFrameBytes) {
			next.Entries = append(next.Entries, en)
		}
	}
	for _, item := range m.Items {
		if !own[item] && !slices.Contains(next.Wants, item.Place) {
			next.Wants = append(next.Wants, item.Place)
		}
	}
	if len(next.Entries) == 0 && len(next.Wants) == 0 {
		return nil
	}
	e.replica.Observe(ReplicasDiffer{Peer: p.ID, Bucket: int(m.Prefix) / parts, Here: len(next.Entries), There: len(next.Wants)})
	e.send(p, next)
	return e.disputeOwn(m, next.Entries)
}

// disputeOwn has those of this node's entries, where another has something else or
// nothing, be asked about that the floor has passed.
func (e *Engine) disputeOwn(m *Repair, entries []*store.Entry) error {
	for _, en := range entries {
		if en.Version.Timestamp.Compare(e.floor) <= 0 {
			return e.dispute(m, en.Key.Place())
		}
	}
	return nil
}

// takeDifferences mends this replica by p's entries, and answers with those it wants.
func (e *Engine) takeDifferences(now clock.Reading, p *peer, m *Repair) error {
	bad := e.bad[int(m.Prefix)/parts]
	for _, en := range m.Entries {
		if uint16(en.Key.Place()>>48) != m.Prefix {
			e.replica.Observe(MessageRefused{From: p.ID, Why: "repair with an entry of another part"})
			return nil
		}
		if err := e.takeDifference(now, p, m, en, bad); err != nil {
			return err
		}
	}
	if len(m.Wants) == 0 {
		return nil
	}
	mine, err := e.within(m.Prefix)
	if err != nil {
		return err
	}
	answer := &Repair{Step: Differences, Epoch: m.Epoch, Floor: m.Floor, Through: m.Through, Prefix: m.Prefix, Depth: m.Depth}
	bytes := 0
	for _, en := range mine {
		if !slices.Contains(m.Wants, en.Key.Place()) {
			continue
		}
		if bytes += en.Size(); len(answer.Entries) > 0 && bytes > e.cfg.MaxFrameBytes {
			break
		}
		answer.Entries = append(answer.Entries, en)
	}
	if len(answer.Entries) == 0 {
		return nil
	}
	e.send(p, answer)
	return e.disputeOwn(m, answer.Entries)
}

// takeDifference mends what this node holds under en's key by en, which p has, if that
// is right. Bad says that this node's own disk is not to be believed.
func (e *Engine) takeDifference(now clock.Reading, p *peer, m *Repair, en *store.Entry, bad bool) error {
	own, err := e.at(en.Key.Place())
	if err != nil || printOf(own) == printOf(en) {
		return err
	}
	var mended, short bool
	decided := e.decided(m, own, en)
	switch {
	case decided:
		e.poll = nil
		short, err = e.replica.Restore(now, en.Key, en)
		mended = !short
	case !bad && en.Version.Timestamp.Compare(e.floor) <= 0:
		e.replica.Observe(MendRefused{Peer: p.ID, Key: en.Key})
		return e.dispute(m, en.Key.Place())
	case !bad && own != nil && own.Version == en.Version:
		return e.dispute(m, en.Key.Place())
	default:
		mended, short, err = e.replica.Mend(now, en, bad)
	}
	if err != nil {
		return err
	}
	switch {
	case mended:
		e.replica.Observe(EntryMended{Peer: p.ID, Key: en.Key})
	case short && !e.full():
		e.wantMended(now, p, en, decided || bad)
	}
	return nil
}
