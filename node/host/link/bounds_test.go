package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hearsay/node/host/wan"
	"hearsay/store"
)

func TestDeadAreRememberedWithinBound(t *testing.T) {
	l := &Links{cfg: Config{ID: "self", MaxPeers: 2}, peers: make(map[store.NodeID]*peer)}
	a, b, c := Member{ID: "a", Addr: "1"}, Member{ID: "b", Addr: "2"}, Member{ID: "c", Addr: "3"}
	elsewhere, successor := Member{ID: "a", Addr: "4"}, Member{ID: "d", Addr: "3"}
	for _, step := range []struct {
		what string
		do   func()
		want []Member
	}{
		{"a and b died", func() { l.gone(a); l.gone(b) }, []Member{a, b}},
		{"a died again", func() { l.gone(a) }, []Member{b, a}},
		{"c died", func() { l.gone(c) }, []Member{a, c}},
		{"a died elsewhere", func() { l.gone(elsewhere) }, []Member{c, elsewhere}},
		{"d died where c had been", func() { l.gone(successor) }, []Member{elsewhere, successor}},
		{"a says late that it left", func() { l.parted("a") }, []Member{successor}},
		{"this node left", func() { l.gone(Member{ID: "self", Addr: "5"}) }, []Member{successor}},
	} {
		step.do()
		if !slices.Equal(l.dead, step.want) {
			t.Errorf("after %s remembered %v, want %v", step.what, l.dead, step.want)
		}
	}
}

func TestIntroductionsBound(t *testing.T) {
	l := &Links{peers: make(map[store.NodeID]*peer), inbound: make(map[inboundKey]*inbound)}
	up := &stream{ctx: t.Context()}
	l.peers["aware"] = &peer{member: Member{Addr: "aware"}, alive: true, out: up}
	l.inbound[inboundKey{node: "aware"}] = new(inbound)
	l.peers["away"] = &peer{member: Member{Addr: "away"}, alive: true}
	l.peers["dead"] = &peer{member: Member{Addr: "dead"}, out: up}
	for n := range maxIntroductions + 2 {
		if got, want := l.unaware(), min(n, maxIntroductions); len(got) != want || slices.ContainsFunc(got, func(addr string) bool { return addr[0] != 'u' }) {
			t.Errorf("with %d unaware peers to be introduced to %q, want %d of them", n, got, want)
		}
		addr := fmt.Sprint("u", n)
		l.peers[store.NodeID(addr)] = &peer{member: Member{Addr: addr}, alive: true, out: up}
	}
}

func TestPacketsUnderWayBound(t *testing.T) {
	network := eastWest(t, 60000)
	const addr = "127.0.0.1:1"
	network.Place(addr, "west")
	l := &Links{cfg: Config{Region: "east", WAN: network}}
	tr := newTransport(l)
	for range maxFlying + 100 {
		if _, err := tr.WriteTo([]byte("packet"), addr); err != nil {
			t.Fatal(err)
		}
	}
	if err := network.Cut("east", "west"); err != nil { // no packet arrives
		t.Fatal(err)
	}
	if got := tr.flying.Load(); got != maxFlying {
		t.Errorf("%d packets under way, want %d", got, maxFlying)
	}
}

// A connection of memberlist's takes its time, and a cut holds it up no longer
// than its deadline.
func TestFarConn(t *testing.T) {
	network := eastWest(t, 40)
	near, far := net.Pipe()
	defer near.Close()
	go io.Copy(io.Discard, far) //nolint:errcheck // ends with near
	w := &way{network, "east", "west"}
	c := &farConn{Conn: near, ctx: t.Context(), way: func() *way { return w }}
	begun := time.Now()
	if _, err := c.Write([]byte("label")); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 20*time.Millisecond {
		t.Errorf("a write took %v, want at least 20ms", took)
	}
	if err := network.Cut("east", "west"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(30 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("state")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a write through a cut: %v, want %v", err, os.ErrDeadlineExceeded)
	}
}

// eastWest returns a network of two regions, rtt milliseconds apart.
func eastWest(t *testing.T, rtt int) *wan.Network {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wan.csv")
	if err := os.WriteFile(path, fmt.Appendf(nil, "from,to,rtt_ms\neast,west,%d\n", rtt), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := wan.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return wan.New(m, func(string, uint64, uint64) uint64 { return 0 })
}

// Metadata up to memberlist's limit comes through; more is refused.
func TestMetaRoundTrip(t *testing.T) {
	tests := []struct {
		api int
		ok  bool
	}{{0, true}, {440, true}, {512, false}}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.api), func(t *testing.T) {
			want := meta{Version: metaVersion, Name: "n", Region: "r", API: string(make([]byte, tt.api))}
			b, err := encodeMeta(Config{Name: want.Name, Region: want.Region, API: want.API})
			if (err == nil) != tt.ok {
				t.Fatalf("encodeMeta with an API address of %d bytes: %v", tt.api, err)
			}
			if err != nil {
				return
			}
			if got, err := decodeMeta(b); err != nil || got != want {
				t.Errorf("decodeMeta = %+v, %v, want %+v", got, err, want)
			}
		})
	}
	for _, bad := range []string{"", "\x94\x02\xa0\xa0\xa0", "\xff", "\xdd\xff\xff\xff\xff"} {
		if m, err := decodeMeta([]byte(bad)); err == nil {
			t.Errorf("decodeMeta(%q) = %+v, want an error", bad, m)
		}
	}
}

func TestSeedsBound(t *testing.T) {
	l := &Links{joining: make(chan struct{}, 1)}
	for i := range maxSeeds {
		if err := l.Join(fmt.Sprintf("10.0.0.1:%d", i+1)); err != nil {
			t.Fatalf("seed %d of %d: %v", i+1, maxSeeds, err)
		}
	}
	if err := l.Join("10.0.0.1:1"); err != nil {
		t.Errorf("Join of a seed that is known = %v, want nil", err)
	}
	if err := l.Join("10.0.0.2:1"); err == nil {
		t.Error("Join of one seed more = nil, want an error")
	}
	if err := l.Join("nowhere"); err == nil {
		t.Error("Join(nowhere) = nil, want an error")
	}
}
