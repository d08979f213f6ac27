package link

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hearsay/node/host/wan"
	"hearsay/store"
)

func TestDeadAreRememberedWithinBound(t *testing.T) {
	l := &Links{cfg: Config{ID: "self", MaxPeers: 2}, peers: make(map[store.NodeID]*peer)}
	die := func(addr string, left bool) {
		l.gone(store.NodeID("node at "+addr), addr, left)
	}
	die("a", false)
	die("b", false)
	die("a", false) // again: now the newest
	die("c", false)
	if want := []string{"a", "c"}; !slices.Equal(l.dead, want) {
		t.Errorf("remembered %v, want %v", l.dead, want)
	}
	die("a", true)
	l.gone("self", "d", false)
	if want := []string{"c"}; !slices.Equal(l.dead, want) {
		t.Errorf("remembered %v after a left, want %v", l.dead, want)
	}
}

func TestPacketsUnderWayBound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wan.csv")
	const minute = "from,to,rtt_ms\neast,west,60000\n" // no packet arrives within the test
	if err := os.WriteFile(path, []byte(minute), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := wan.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	network := wan.New(m, func(string, uint64, uint64) uint64 { return 0 })
	const addr = "127.0.0.1:1"
	network.Place(addr, "west")
	l := &Links{cfg: Config{Region: "east", WAN: network}}
	tr := newTransport(l)
	for range maxFlying + 100 {
		if _, err := tr.WriteTo([]byte("packet"), addr); err != nil {
			t.Fatal(err)
		}
	}
	if got := tr.flying.Load(); got != maxFlying {
		t.Errorf("%d packets under way, want %d", got, maxFlying)
	}
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
