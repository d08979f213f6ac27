package node_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/node"
	"hearsay/store"
	"hearsay/store/memstore"
)

const second = int64(time.Second)

// at returns a reading s seconds after the epoch and after the start.
func at(s int64) clock.Reading {
	return clock.Reading{Wall: s * second, Mono: time.Duration(s) * time.Second}
}

func key(name string) store.Key { return store.Key{Namespace: "n", Name: name} }

func put(name, value string) node.Write {
	return node.Write{Key: key(name), Value: []byte(value)}
}

func open(t *testing.T, id store.NodeID, st store.Store) *node.Node {
	t.Helper()
	cfg := node.DefaultConfig()
	cfg.Gossip.Coalesce = 0
	cfg.ID, cfg.Region = id, "r"
	cfg.Draw = func(_ string, a, b uint64) uint64 { return a ^ b }
	cfg.Found = true
	n, err := node.New(cfg, st)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return n
}

// founded returns the store of a node that was the first of its cluster.
func founded(t *testing.T, id store.NodeID) *memstore.Store {
	t.Helper()
	st := memstore.New()
	n := open(t, id, st)
	n.Tick(at(0))
	flush(t, n)
	return st
}

func flush(t *testing.T, n *node.Node) node.Output {
	t.Helper()
	out, err := n.Flush()
	if err != nil {
		t.Fatalf("Flush: %v", err)
	}
	return out
}

func write(t *testing.T, n *node.Node, now clock.Reading, w node.Write) node.Output {
	t.Helper()
	if _, err := n.Write(now, w); err != nil {
		t.Fatalf("Write(%v): %v", w.Key, err)
	}
	return flush(t, n)
}

// value returns what f shows of name at now, "-" for nothing.
func value(t *testing.T, now clock.Reading, f *node.Front, name string) string {
	t.Helper()
	e, err := node.Read(now, f, key(name))
	if errors.Is(err, store.ErrNotFound) {
		return "-"
	}
	if err != nil {
		t.Fatalf("Read(%s): %v", name, err)
	}
	return string(e.Value)
}

// frames returns the frames of out.
func frames(out node.Output) []*gossip.Frame {
	var fs []*gossip.Frame
	for _, env := range out.Messages {
		if f, ok := env.Message.(*gossip.Frame); ok {
			fs = append(fs, f)
		}
	}
	return fs
}

func TestWriteShowsRepliesAndLeavesTogether(t *testing.T) {
	n := open(t, "a", founded(t, "a"))
	n.PeerUp(at(1), gossip.Peer{ID: "b"})
	before := flush(t, n).Front

	ticket, err := n.Write(at(1), put("k", "v"))
	if err != nil {
		t.Fatal(err)
	}
	if got := value(t, at(1), before, "k"); got != "-" {
		t.Errorf("k = %q in the front before the flush, want nothing", got)
	}
	out := flush(t, n)
	if got := value(t, at(1), out.Front, "k"); got != "v" {
		t.Errorf("k = %q in the new front, want v", got)
	}
	if got := value(t, at(1), before, "k"); got != "-" {
		t.Errorf("k = %q in the front before, which is immutable", got)
	}
	if len(out.Replies) != 1 || out.Replies[0].Ticket != ticket {
		t.Errorf("replies %v, want one of ticket %d", out.Replies, ticket)
	}
	fs := frames(out)
	if len(fs) != 1 || fs[0].Through() != 1 || fs[0].Entries[0].Version != out.Replies[0].Version {
		t.Errorf("frames %v, want one with the write", fs)
	}
	if out := flush(t, n); out.Front != nil || out.Replies != nil {
		t.Errorf("flush of an empty turn = %+v, want no front and no reply", out)
	}
}

// failing is a store whose commits fail once it is broken.
type failing struct {
	store.Store
	broken bool
}

type failingBatch struct{ store.Batch }

var errDisk = errors.New("disk full")

func (f *failing) NewBatch() store.Batch {
	if !f.broken {
		return f.Store.NewBatch()
	}
	return failingBatch{f.Store.NewBatch()}
}

func (b failingBatch) Commit(sync bool) error { return errDisk }

func TestNothingLeavesWhenTheCommitFails(t *testing.T) {
	st := &failing{Store: founded(t, "a")}
	n := open(t, "a", st)
	n.PeerUp(at(1), gossip.Peer{ID: "b"})
	flush(t, n)
	st.broken = true
	if _, err := n.Write(at(1), put("k", "v")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out, err := n.Flush()
		if !errors.Is(err, errDisk) {
			t.Fatalf("Flush = %v, want %v", err, errDisk)
		}
		if len(out.Messages) > 0 || len(out.Replies) > 0 || out.Front != nil {
			t.Errorf("failed Flush released %+v", out)
		}
	}
	if _, err := n.Write(at(2), put("k", "w")); !errors.Is(err, errDisk) {
		t.Errorf("Write after a failed commit = %v, want %v", err, errDisk)
	}
}

// order is a store that notes when it commits and when it is read for messages.
type order struct {
	store.Store
	calls *[]string
}

type orderBatch struct {
	store.Batch
	calls *[]string
}

func (o order) NewBatch() store.Batch { return orderBatch{o.Store.NewBatch(), o.calls} }

func (o order) Rows(origin store.Origin, after uint64, limit int) ([]store.Row, error) {
	*o.calls = append(*o.calls, "rows")
	return o.Store.Rows(origin, after, limit)
}

func (b orderBatch) Commit(sync bool) error {
	if sync {
		*b.calls = append(*b.calls, "sync")
	} else {
		*b.calls = append(*b.calls, "commit")
	}
	return b.Batch.Commit(sync)
}

func TestTurnIsSyncedBeforeItsMessagesAreMade(t *testing.T) {
	var calls []string
	n := open(t, "a", order{founded(t, "a"), &calls})
	n.PeerUp(at(1), gossip.Peer{ID: "b"})
	write(t, n, at(1), put("k", "v"))
	if want := []string{"sync", "rows"}; !slices.Equal(calls, want) {
		t.Errorf("the store saw %v, want %v", calls, want)
	}
}

func TestNewTimestampIsAboveClockAndKey(t *testing.T) {
	n := open(t, "a", founded(t, "a"))
	first := write(t, n, at(100), put("k", "1")).Replies[0].Version
	second := write(t, n, at(50), put("k", "2")).Replies[0].Version // the clock stepped back
	if second.Compare(first) <= 0 {
		t.Errorf("second write has %v, want above %v", second, first)
	}
}

func TestRestartBeginsANewOrigin(t *testing.T) {
	st := founded(t, "a")
	a := write(t, open(t, "a", st), at(100), put("k", "1"))
	n := open(t, "a", st)
	n.PeerUp(at(1), gossip.Peer{ID: "b"})
	b := write(t, n, at(50), put("another", "2")) // restarted with its clock behind
	first, second := a.Replies[0].Version, b.Replies[0].Version
	if first.Origin == second.Origin {
		t.Errorf("both lives of the node write under %v", first.Origin)
	}
	if second.Compare(first) <= 0 {
		t.Errorf("write after the restart has %v, want above %v", second, first)
	}
	if f := frames(b)[0]; f.From != 0 || f.Through() != 1 {
		t.Errorf("first frame of the new origin is %d to %d, want 0 to 1", f.From, f.Through())
	}
	if got := b.Front.Marks.At(first.Origin); got != 1 {
		t.Errorf("watermark of the former origin = %d, want 1", got)
	}
}

// A member that crashed before it had closed anything has nothing on its disk
// above where it was admitted but the roster itself.
func TestRestartedMemberStampsAboveItsAdmission(t *testing.T) {
	st := memstore.New()
	since := clock.Timestamp{Wall: 100 * second}
	ledger := fmt.Sprintf(`{"Epoch":{"Number":1,"Founder":"b","Members":[{"Node":"a","Since":{"Wall":%d}}],"Sponsor":"b"}}`, since.Wall)
	b := st.NewBatch()
	if err := errors.Join(b.SetMemo("roster", []byte(ledger)), b.Commit(true), b.Close()); err != nil {
		t.Fatal(err)
	}
	out := write(t, open(t, "a", st), at(99), put("k", "v"))
	if got := out.Replies[0].Version.Timestamp; got.Compare(since) <= 0 {
		t.Errorf("write has %v, want it above the admission at %v", got, since)
	}
}

func TestLastWriterWinsWhateverTheOrder(t *testing.T) {
	a := open(t, "a", founded(t, "a"))
	a.PeerUp(at(1), gossip.Peer{ID: "b"})
	older := frames(write(t, a, at(10), put("k", "older")))[0]
	newer := frames(write(t, a, at(11), node.Write{Key: key("k"), Delete: true}))[0]
	last := frames(write(t, a, at(12), put("other", "last")))[0]

	// Each frame alone in order, and the first one late.
	for _, arrival := range [][]*gossip.Frame{{older, newer, last}, {newer, last, older}, {last, newer, older}} {
		b := open(t, "b", founded(t, "b"))
		for _, f := range arrival {
			b.Receive(at(20), "a", f)
		}
		out := flush(t, b)
		if got := value(t, at(20), out.Front, "k"); got != "-" {
			t.Errorf("k = %q after frames %d, want it deleted", got, arrival[0].From)
		}
		if got := value(t, at(20), out.Front, "other"); got != "last" {
			t.Errorf("other = %q after frames %d, want last", got, arrival[0].From)
		}
	}
}

func TestDeleteOfUnseenKeyBeatsAnOlderPut(t *testing.T) {
	a := open(t, "a", founded(t, "a"))
	a.PeerUp(at(1), gossip.Peer{ID: "b"})
	older := frames(write(t, a, at(10), put("k", "older")))[0]
	b := open(t, "b", founded(t, "b"))
	write(t, b, at(11), node.Write{Key: key("k"), Delete: true})
	b.Receive(at(12), "a", older)
	if got := value(t, at(12), flush(t, b).Front, "k"); got != "-" {
		t.Errorf("k = %q, want it deleted though b had never seen it", got)
	}
}

func TestExpirationIsJudgedAtRead(t *testing.T) {
	n := open(t, "a", founded(t, "a"))
	w := put("k", "v")
	w.Expires = 100
	f := write(t, n, at(10), w).Front
	for _, tt := range []struct {
		now  int64
		want string
	}{{99, "v"}, {100, "-"}, {101, "-"}} {
		if got := value(t, at(tt.now), f, "k"); got != tt.want {
			t.Errorf("k = %q at %d s with expiration 100, want %q", got, tt.now, tt.want)
		}
	}
	n.Tick(at(200))
	f = write(t, n, at(201), put("other", "")).Front
	if got := value(t, at(50), f, "k"); got != "-" {
		t.Errorf("k = %q after the clock stepped back from 201 to 50 s, want it gone for good", got)
	}
}

func TestTimestampAheadOfSkewIsHeld(t *testing.T) {
	a := open(t, "a", founded(t, "a"))
	a.PeerUp(at(1), gossip.Peer{ID: "b"})
	f := frames(write(t, a, at(10), put("k", "v")))[0]
	b := open(t, "b", founded(t, "b"))
	b.Receive(at(9), "a", f)
	out := flush(t, b)
	if got := value(t, at(9), out.Front, "k"); got != "-" {
		t.Errorf("k = %q with a timestamp 1 s ahead, want it held", got)
	}
	if got := out.Front.Marks.At(f.Origin); got != 0 {
		t.Errorf("watermark = %d, want 0: a held row is not covered", got)
	}
	b.Receive(at(10), "a", f)
	if got := value(t, at(10), flush(t, b).Front, "k"); got != "v" {
		t.Errorf("k = %q once the clock is there, want v", got)
	}
}

func TestScanPagesSkipDeletedKeys(t *testing.T) {
	n := open(t, "a", founded(t, "a"))
	var f *node.Front
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		f = write(t, n, at(1), put(name, name)).Front
	}
	for _, name := range []string{"a", "b", "d"} {
		f = write(t, n, at(2), node.Write{Key: key(name), Delete: true}).Front
	}
	var pages []string
	start, end := key(""), store.Key{Namespace: "n\x00"}
	for start != (store.Key{}) {
		live, next, err := node.Scan(at(3), f, start, end, 2)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range live {
			names = append(names, e.Key.Name)
		}
		pages = append(pages, strings.Join(names, "+"))
		start = next
	}
	if got := strings.Join(pages, " "); got != " c e" {
		t.Errorf("pages of 2 visited keys = %q, want %q", got, " c e")
	}
}

// manifest is of one upload of so many bytes.
func manifest(size int64) *store.Manifest {
	return &store.Manifest{Size: size, ChunkBytes: store.MaxChunk, Hashes: make([]store.Hash, (size+store.MaxChunk-1)/store.MaxChunk)}
}

func TestWritesOutOfBounds(t *testing.T) {
	n := open(t, "a", founded(t, "a"))
	long := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		name string
		w    node.Write
		ok   bool
	}{
		{"longest name", put(long(store.MaxName), ""), true},
		{"name too long", put(long(store.MaxName+1), ""), false},
		{"no name", put("", ""), false},
		{"no namespace", node.Write{Key: store.Key{Name: "k"}}, false},
		{"namespace too long", node.Write{Key: store.Key{Namespace: long(store.MaxNamespace + 1), Name: "k"}}, false},
		{"largest value of its own", node.Write{Key: key("k"), Value: make([]byte, store.MaxInline)}, true},
		{"value too large for its entry", node.Write{Key: key("k"), Value: make([]byte, store.MaxInline+1)}, false},
		{"largest value", node.Write{Key: key("k"), Manifest: manifest(node.MaxValue)}, true},
		{"value too large", node.Write{Key: key("k"), Manifest: manifest(node.MaxValue + 1)}, false},
		{"manifest beside a value", node.Write{Key: key("k"), Value: []byte{}, Manifest: manifest(1)}, false},
		{"delete with a manifest", node.Write{Key: key("k"), Manifest: manifest(1), Delete: true}, false},
		{"largest metadata", node.Write{Key: key("k"), Metadata: make([]byte, node.MaxMetadata)}, true},
		{"metadata too large", node.Write{Key: key("k"), Metadata: make([]byte, node.MaxMetadata+1)}, false},
		{"negative expiration", node.Write{Key: key("k"), Expires: -1}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := n.Write(at(1), tt.w)
			if tt.ok != (err == nil) || err != nil && !errors.Is(err, node.ErrWrite) {
				t.Errorf("Write = %v, want accepted: %v", err, tt.ok)
			}
			flush(t, n)
		})
	}
}

func TestConfigValidate(t *testing.T) {
	draw := func(string, uint64, uint64) uint64 { return 0 }
	tests := []struct {
		name string
		edit func(*node.Config)
		want string
	}{
		{"ready", func(*node.Config) {}, ""},
		{"no id", func(c *node.Config) { c.ID = "" }, "ID has 0 bytes"},
		{"no skew", func(c *node.Config) { c.MaxSkew = 0 }, "MaxSkew is 0s"},
		{"no draw", func(c *node.Config) { c.Draw = nil }, "Draw is nil"},
		{"gossip", func(c *node.Config) { c.Gossip.Grace = 0 }, "Grace is 0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := node.DefaultConfig()
			cfg.ID, cfg.Draw = "a", draw
			tt.edit(&cfg)
			err := cfg.Validate()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Validate = %v, want %q", err, tt.want)
			}
		})
	}
}
