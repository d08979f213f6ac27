package gossip_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// replica is the least that an engine can work for.
type replica struct {
	marks   store.Watermarks
	trimmed store.Watermarks
	rows    map[store.Origin]map[uint64]store.Row
	entries map[store.Key]*store.Entry
	horizon int64 // wall time past which a row is held; 0 is never
	events  []gossip.Event
	net     *net  // whose time it lives in
	skew    int64 // of its clock, in nanoseconds
	last    int64 // wall time of the last timestamp given
	ledger  roster.Ledger
	rotten  map[int]bool // buckets that a look will find bad
	strays  bool         // something lies beyond its origin's end
	// Of many entries, counted once.
	digest  []store.Bucket
	buckets map[int][]*store.Entry
	kept    gossip.Kept
	seats   []gossip.Seat
	met     []gossip.Met
	paths   []gossip.Via // of the frames applied
	engine  *gossip.Engine
}

func newReplica(n *net) *replica {
	return &replica{net: n, rows: map[store.Origin]map[uint64]store.Row{}, entries: map[store.Key]*store.Entry{}}
}

func (r *replica) Watermarks() store.Watermarks { return r.marks }
func (r *replica) Observe(e gossip.Event)       { r.events = append(r.events, e) }

func (r *replica) Get(key store.Key) (*store.Entry, error) {
	if e := r.entries[key]; e != nil {
		return e, nil
	}
	return nil, store.ErrNotFound
}

func (r *replica) Rows(o store.Origin, after uint64, limit int) ([]store.Row, error) {
	var rows []store.Row
	for seq := after + 1; len(rows) < limit; seq++ {
		row, ok := r.rows[o][seq]
		if !ok {
			break
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (r *replica) Raise(o store.Origin, seq uint64) error {
	if old := r.marks.At(o); seq <= old {
		return fmt.Errorf("raised %v from %d to %d", o, old, seq)
	}
	for s := max(r.marks.At(o), r.trimmed.At(o)) + 1; s <= seq; s++ {
		if _, ok := r.rows[o][s]; !ok {
			return fmt.Errorf("raised %v to %d without row %d", o, seq, s)
		}
	}
	r.marks.Set(o, seq)
	return nil
}

func (r *replica) Cut(o store.Origin, seq uint64) error {
	r.marks.Reset(o, seq)
	return nil
}

func (r *replica) Stamp() clock.Timestamp {
	r.last = max(r.last, r.net.now.Wall+r.skew) + 1
	return clock.Timestamp{Wall: r.last}
}

func (r *replica) Trimmed() store.Watermarks { return r.trimmed }

func (r *replica) Trim(o store.Origin, seq uint64) error {
	for s := r.trimmed.At(o) + 1; s <= seq; s++ {
		delete(r.rows[o], s)
	}
	r.trimmed.Set(o, seq)
	return nil
}

func (r *replica) Forget(o store.Origin) error {
	delete(r.rows, o)
	r.marks.Reset(o, 0)
	r.trimmed.Reset(o, 0)
	return nil
}

func (r *replica) Collect(floor clock.Timestamp, limit int) (bool, error) {
	for k, e := range r.entries {
		if !e.DueAt(floor) {
			continue
		}
		if limit--; limit < 0 {
			return true, nil
		}
		delete(r.entries, k)
	}
	return false, nil
}

func (r *replica) Scan(start, end store.Key, limit int) ([]*store.Entry, error) {
	var found []*store.Entry
	for _, k := range slices.SortedFunc(maps.Keys(r.entries), store.Key.Compare) {
		if k.Compare(start) >= 0 && (end == store.Key{} || k.Compare(end) < 0) && len(found) < limit {
			found = append(found, r.entries[k])
		}
	}
	return found, nil
}

func (r *replica) Load(_ clock.Reading, entries []*store.Entry, via gossip.Via) ([]bool, time.Duration, error) {
	short := make([]bool, len(entries))
	for i, e := range entries {
		short[i] = r.merge(e)
		r.paths = append(r.paths, via)
	}
	return short, 0, nil
}

func (r *replica) Clear(start store.Key, p *gossip.Page, w clock.Timestamp, limit int) (store.Key, error) {
	held, _ := r.Scan(start, p.Next, limit)
	for _, old := range held {
		given := slices.ContainsFunc(p.Entries, func(e *store.Entry) bool { return e.Key == old.Key })
		if !given && old.Version.Timestamp.Compare(w) <= 0 {
			delete(r.entries, old.Key)
		}
	}
	if len(held) < limit {
		return p.Next, nil
	}
	last := held[limit-1].Key
	return store.Key{Namespace: last.Namespace, Name: last.Name + "\x00"}, nil
}

func (r *replica) Keep(k gossip.Kept) error { r.kept = k; return nil }

func (r *replica) Close() (clock.Timestamp, error) { return r.Stamp(), nil }

func (r *replica) Apply(_ clock.Reading, f *gossip.Frame, via gossip.Via) (gossip.Applied, error) {
	r.paths = append(r.paths, via)
	done := gossip.Applied{Through: f.Through(), Short: make([]bool, len(f.Entries))}
	for i, row := range f.Rows {
		seq := f.From + 1 + uint64(i)
		if r.horizon > 0 && row.Timestamp.Wall > r.horizon {
			done.Through, done.Hold = seq-1, time.Duration(row.Timestamp.Wall-r.horizon)
			return done, nil
		}
		e := f.Entries[row.Entry]
		done.Short[row.Entry] = r.merge(e)
		r.log(f.Origin, store.Row{Seq: seq, Key: e.Key, Timestamp: row.Timestamp})
	}
	return done, nil
}

// merge reports whether e would win but is not whole.
func (r *replica) merge(e *store.Entry) (short bool) {
	if !e.Supersedes(r.entries[e.Key]) {
		return false
	}
	if e.Manifest != nil && !r.engine.Whole(e.Manifest) {
		return true
	}
	r.entries[e.Key] = e
	r.engine.Showed(e)
	return false
}

func (r *replica) Refuses(t clock.Timestamp) bool {
	return t.Wall-r.net.now.Wall-r.skew > int64(time.Second)
}

func (r *replica) Adopt(_ clock.Reading, e *store.Entry, _ gossip.Via) error {
	r.merge(e)
	return nil
}

func (r *replica) Meet(_, _ *store.Entry) {}

// save makes the engine's ledger last, and a newcomer stamp above where it was
// admitted.
func (r *replica) save(id store.NodeID, e *gossip.Engine) {
	if seats, changed := e.SaveSeats(); changed {
		r.seats = seats
	}
	ledger, changed := e.Roster().Save()
	if !changed {
		return
	}
	r.ledger = ledger
	m, _ := ledger.Epoch.Member(id)
	r.last = max(r.last, m.Since.Wall)
}

func (r *replica) log(o store.Origin, row store.Row) {
	if r.rows[o] == nil {
		r.rows[o] = map[uint64]store.Row{}
	}
	r.rows[o][row.Seq] = row
}

func (r *replica) count(name string) int {
	n := 0
	for _, e := range r.events {
		if e.EventName() == name {
			n++
		}
	}
	return n
}

// A site is an engine, its replica, and what it has written.
type site struct {
	*gossip.Engine
	replica *replica
	peer    gossip.Peer
	origin  store.Origin // which begins with its first write
}

// A net carries messages between sites, in order and at once, except for those
// that lose says are lost or delay says are late.
type net struct {
	t     testing.TB
	cfg   gossip.Config
	now   clock.Reading
	sites []*site
	lose  func(from, to store.NodeID, m gossip.Message) bool
	delay func(from, to store.NodeID, m gossip.Message) time.Duration
	sent  []sent
	fly   []flight
	wrote []*store.Entry
}

type sent struct {
	from, to store.NodeID
	message  gossip.Message
}

// A flight is a message that lands at its time.
type flight struct {
	at time.Duration
	sent
}

// draw is a source of chance that always says the same of different things.
func draw(purpose string, a, b uint64) uint64 { return (a ^ b) * 0x9e3779b97f4a7c15 >> 3 }

// eager is a config in which nothing that was written waits for company.
func eager() gossip.Config {
	cfg := gossip.DefaultConfig()
	cfg.Coalesce = 0
	return cfg
}

// newNet returns sites of the given names in regions "name[0]", all peers of
// each other.
func newNet(t testing.TB, cfg gossip.Config, names ...string) *net {
	t.Helper()
	n := &net{t: t, cfg: cfg, now: clock.Reading{Wall: 1e18}}
	for _, name := range names {
		n.add(name)
	}
	for _, s := range n.sites {
		n.connect(s)
	}
	n.settle()
	return n
}

// add adds a site that has no peers yet.
func (n *net) add(name string) *site {
	s := &site{replica: newReplica(n), peer: gossip.Peer{ID: store.NodeID(name), Region: name[:1]}}
	n.start(s)
	n.sites = append(n.sites, s)
	return s
}

// start begins a life of s: on what its replica holds, as a new origin.
func (n *net) start(s *site) {
	s.Engine = gossip.NewEngine(s.peer, n.cfg, draw, s.replica, gossip.Memory{
		Ledger: s.replica.ledger, Kept: s.replica.kept, Seats: s.replica.seats, Met: s.replica.met, Bound: clock.Timestamp{Wall: s.replica.last},
	})
	s.replica.engine = s.Engine
	s.origin = store.Origin{Node: s.peer.ID, Incarnation: store.Incarnation{Nonce: s.origin.Incarnation.Nonce + 1}}
}

// connect tells s of all others that they are there.
func (n *net) connect(s *site) {
	for _, other := range n.sites {
		if other != s {
			s.PeerUp(n.now, other.peer)
		}
	}
}

// join adds a site and makes it and the others peers.
func (n *net) join(name string) *site {
	s := n.add(name)
	for _, s := range n.sites {
		n.connect(s)
	}
	return s
}

// restart ends the life of s and begins the next. What was under way is lost.
func (n *net) restart(s *site) {
	n.start(s)
	n.connect(s)
	for _, other := range n.sites {
		if other != s {
			other.PeerUp(n.now, s.peer)
		}
	}
	n.fly = slices.DeleteFunc(n.fly, func(f flight) bool { return f.from == s.peer.ID || f.to == s.peer.ID })
}

func (n *net) site(id store.NodeID) *site {
	for _, s := range n.sites {
		if s.peer.ID == id {
			return s
		}
	}
	n.t.Fatalf("no site %s", id)
	return nil
}

// write has s write value under name.
func (n *net) write(s *site, name string, size int) *store.Entry {
	if old := s.replica.entries[store.Key{Namespace: "n", Name: name}]; old != nil {
		s.replica.last = max(s.replica.last, old.Version.Timestamp.Wall)
	}
	stamp := s.replica.Stamp()
	if start := &s.origin.Incarnation.Start; start.IsZero() {
		*start = stamp
	}
	seq := s.replica.marks.At(s.origin) + 1
	e := &store.Entry{
		Key:     store.Key{Namespace: "n", Name: name},
		Value:   make([]byte, size),
		Version: store.Version{Timestamp: stamp, Origin: s.origin},
		Seq:     seq,
	}
	s.replica.entries[e.Key] = e
	s.replica.log(s.origin, store.Row{Seq: seq, Key: e.Key, Timestamp: e.Version.Timestamp})
	s.replica.marks.Set(s.origin, seq)
	s.Wrote(n.now, s.origin, seq)
	n.wrote = append(n.wrote, e)
	return e
}

// settle delivers until nobody has anything to send at this time.
func (n *net) settle() {
	n.t.Helper()
	for range 1000 {
		landed := n.land()
		var out []sent
		for _, s := range n.sites {
			if err := s.Tick(n.now); err != nil {
				n.t.Fatalf("Tick at %s: %v", s.peer.ID, err)
			}
			s.replica.save(s.peer.ID, s.Engine)
			envs, err := s.Collect()
			if err != nil {
				n.t.Fatalf("Collect at %s: %v", s.peer.ID, err)
			}
			for _, env := range envs {
				out = append(out, sent{s.peer.ID, env.To, env.Message})
			}
		}
		if len(out) == 0 && !landed {
			return
		}
		n.sent = append(n.sent, out...)
		for _, m := range out {
			n.carry(m)
		}
	}
	n.t.Fatal("the sites never came to rest")
}

// land delivers what is in flight and due, and reports whether anything was.
func (n *net) land() bool {
	n.t.Helper()
	fly := n.fly
	n.fly = nil
	for _, f := range fly {
		if f.at > n.now.Mono {
			n.fly = append(n.fly, f)
			continue
		}
		n.deliver(f.sent)
	}
	return len(n.fly) < len(fly)
}

func (n *net) carry(m sent) {
	n.t.Helper()
	if n.lose != nil && n.lose(m.from, m.to, m.message) {
		return
	}
	if n.delay != nil {
		if d := n.delay(m.from, m.to, m.message); d > 0 {
			n.fly = append(n.fly, flight{n.now.Mono + d, m})
			return
		}
	}
	n.deliver(m)
}

func (n *net) deliver(m sent) {
	n.t.Helper()
	if err := n.site(m.to).Receive(n.now, m.from, m.message); err != nil {
		n.t.Fatalf("Receive at %s: %v", m.to, err)
	}
}

// run lets d pass in steps of 10 ms.
func (n *net) run(d time.Duration) {
	n.t.Helper()
	for end := n.now.Mono + d; n.now.Mono < end; {
		n.now.Mono += 10 * time.Millisecond
		n.now.Wall += int64(10 * time.Millisecond)
		n.settle()
	}
}

// covers fails the test unless s covers origin up to seq.
func (n *net) covers(s *site, origin store.Origin, seq uint64) {
	n.t.Helper()
	if got := s.replica.marks.At(origin); got != seq {
		n.t.Fatalf("watermark of %s at %s = %d, want %d", origin.Node, s.peer.ID, got, seq)
	}
}

// behindAtMost fails the test if W of s is further behind.
func (n *net) behindAtMost(s *site, most time.Duration) {
	n.t.Helper()
	if got := n.behind(s); got > most {
		n.t.Errorf("W of %s is %v behind, want at most %v", s.peer.ID, got, most)
	}
}

func (r *replica) Cleared() bool { return !r.strays }

func (r *replica) Digest() ([]store.Bucket, error) {
	if r.buckets != nil {
		return r.digest, nil
	}
	digest := make([]store.Bucket, store.Buckets)
	for key, e := range r.entries {
		digest[key.Bucket()].Replace(nil, e)
	}
	return digest, nil
}

func (r *replica) Bucket(i int) ([]*store.Entry, error) {
	if r.buckets != nil {
		return slices.DeleteFunc(slices.Clone(r.buckets[i]), func(e *store.Entry) bool { return r.entries[e.Key] != e }), nil
	}
	var found []*store.Entry
	for key, e := range r.entries {
		if key.Bucket() == i {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *store.Entry) int { return cmp.Compare(a.Key.Place(), b.Key.Place()) })
	return found, nil
}

func (r *replica) Recount(i int) (bad, done bool, err error) {
	bad = r.rotten[i]
	delete(r.rotten, i)
	return bad, true, nil
}

func (r *replica) Mend(_ clock.Reading, e *store.Entry, instead bool) (mended, short bool, err error) {
	old := r.entries[e.Key]
	switch {
	case instead && old != nil && old.Version == e.Version && old.Fingerprint() != e.Fingerprint():
		r.entries[e.Key] = e
	case !e.Supersedes(old):
		return false, false, nil
	default:
		short = r.merge(e)
	}
	return !short, short, nil
}

func (r *replica) Restore(_ clock.Reading, key store.Key, e *store.Entry) (bool, error) {
	switch {
	case e == nil:
		delete(r.entries, key)
	case e.Manifest != nil && !r.engine.Whole(e.Manifest):
		return true, nil
	default:
		r.entries[key] = e
		r.engine.Showed(e)
	}
	return false, nil
}
