package gossip

import "hearsay/store"

// This file is the giving side of snapshots. A snapshot is what its donor holds of
// all keys, page by page, read as it goes. It covers the donor's watermarks from before
// its first page: whatever was written over since is superseded by what a later page,
// or the rows past these marks, will say.

// A Scan asks for a snapshot, or for more of one.
type Scan struct {
	// Number is the asker's for it. With another number than before the donor
	// begins at From; with the same one it only gets the credit.
	Number uint64
	From   store.Key // zero is the first key
	Credit int       // bytes of pages that the asker has room for
}

// A Page is what its sender holds of a range of keys.
type Page struct {
	Number uint64 // of the Scan
	// Entries are all that the sender holds from key From on and before Next, in key
	// order, but for what its floor lets it collect. The zero Next is after all keys.
	From, Next store.Key
	Entries    []*store.Entry
	// Marks and Total are in the page that begins at the first key: the sender's
	// watermarks before it read anything, and about how many entries it holds.
	Marks store.Watermarks
	Total uint64
	Facts Facts // when it read the page
}

// A Gone answers a Pull of rows that the sender's logs do not hold any more.
type Gone struct {
	Marks store.Watermarks // up to where the logs are trimmed
}

func (*Scan) message() {}
func (*Page) message() {}
func (*Gone) message() {}

// Size returns the bytes that p counts for against a budget.
func (p *Page) Size() int {
	n := rowOverhead + len(p.Marks)*markOverhead
	for _, e := range p.Entries {
		n += e.Size()
	}
	return n
}

// markOverhead is about what a watermark takes in a message.
const markOverhead = 40

// A scanning is a snapshot that a peer takes from this node. It holds nothing but a
// place in the order of keys, so one for each peer costs nothing, however long it
// takes.
type scanning struct {
	number uint64
	next   store.Key
	credit int
	open   bool
}

// wants reports whether a page is due.
func (s *scanning) wants() bool { return s.open && s.credit > 0 }

func (e *Engine) receiveScan(from store.NodeID, m *Scan) {
	p := e.peer(from)
	if p == nil {
		e.replica.Observe(NoStream{From: from})
		return
	}
	if e.Fenced() {
		return // it asks another
	}
	if !p.scanning.open || p.scanning.number != m.Number {
		p.scanning = scanning{number: m.Number, next: m.From, open: true}
	}
	p.scanning.credit, e.pulled = min(m.Credit, e.cfg.Credit), true
}

// page sends p the next page of its scan and returns its size.
func (e *Engine) page(p *peer) (int, error) {
	s := &p.scanning
	m := &Page{Number: s.number, From: s.next, Facts: e.facts()}
	if s.next == (store.Key{}) {
		m.Marks = e.replica.Watermarks().Clone()
		digest, err := e.replica.Digest()
		if err != nil {
			return 0, err
		}
		for i := range digest {
			m.Total += digest[i].Count
		}
	}
	if err := e.fill(m); err != nil {
		return 0, err
	}
	e.send(p, m)
	size := m.Size()
	s.next, s.credit = m.Next, s.credit-size
	s.open = m.Next != store.Key{}
	return size, nil
}

// scanStep is how many entries are read at a time: they are in memory together, and a
// page may be full with the first of them.
const scanStep = 32

// fill reads entries into m from where it begins, and says where it ends.
func (e *Engine) fill(m *Page) error {
	bytes, rows := 0, 0
	for m.Next = m.From; ; {
		entries, err := e.replica.Scan(m.Next, store.Key{}, scanStep)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if rows > 0 && (rows == e.cfg.MaxFrameRows || bytes+entry.Size() > e.cfg.MaxFrameBytes) {
				m.Next = entry.Key
				return nil
			}
			rows++
			bytes += entry.Size()
			if !entry.DueAt(e.floor) {
				m.Entries = append(m.Entries, entry)
			}
		}
		if len(entries) < scanStep {
			m.Next = store.Key{}
			return nil
		}
		m.Next = after(entries[scanStep-1].Key)
	}
}

// after returns the first key after k.
func after(k store.Key) store.Key { return store.Key{Namespace: k.Namespace, Name: k.Name + "\x00"} }
