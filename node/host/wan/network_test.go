package wan_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearsay/node/host/wan"
)

// constant draws the same bits for every purpose.
func constant(bits uint64) func(string, uint64, uint64) uint64 {
	return func(string, uint64, uint64) uint64 { return bits }
}

func TestAWS(t *testing.T) {
	m := wan.AWS()
	regions := m.Regions()
	want := []string{"us-east", "eu-west", "ap-northeast", "sa-east", "ap-south"}
	if len(regions) != 12 || !slices.Equal(regions[:5], want) {
		t.Fatalf("Regions() = %v, want 12 that begin with %v", regions, want)
	}
	for _, from := range regions {
		for _, to := range regions {
			if from == to {
				continue
			}
			rtt, ok := m.RTT(from, to)
			if !ok || rtt < 10*time.Millisecond || rtt > 420*time.Millisecond {
				t.Errorf("RTT(%s, %s) = %v, %v, want 10 to 420 ms", from, to, rtt, ok)
			}
		}
	}
	if rtt, _ := m.RTT("us-east", "eu-west"); rtt != 69560*time.Microsecond {
		t.Errorf("RTT(us-east, eu-west) = %v, want 69.56ms", rtt)
	}
}

func TestLoad(t *testing.T) {
	const header = "from,to,rtt_ms\n"
	many := strings.Builder{}
	for i := range wan.MaxRegions {
		many.WriteString("hub,r" + string(rune('A'+i)) + ",1\n")
	}
	tests := []struct {
		name, file string
		want       string // part of the error, empty for none
	}{
		{"both directions", header + "# far\na,b,10\nb,a,20.5\n", ""},
		{"one direction serves both", header + "a,b,10\n", ""},
		{"empty", "", "no rows"},
		{"no header", "a,b,10\n", "line 1: the header must be from,to,rtt_ms"},
		{"too few fields", header + "a,b\n", "line 2: wrong number of fields"},
		{"not a number", header + "a,b,10\nb,a,fast\n", `line 3: rtt_ms is "fast"`},
		{"not finite", header + "a,b,NaN\n", `line 2: rtt_ms is "NaN"`},
		{"negative", header + "a,b,-1\n", `line 2: rtt_ms is "-1"`},
		{"too long", header + "a,b,60001\n", "line 2: rtt_ms"},
		{"twice", header + "a,b,1\n# again\na,b,2\n", "line 4: a second row"},
		{"within a region", header + "a,a,1\n", "line 2:"},
		{"no name", header + ",a,1\n", "line 2: a region's name"},
		{"a pair is missing", header + "a,b,1\nb,c,1\n", `no row between "a" and "c"`},
		{"bandwidth", "from,to,rtt_ms,mbit_s\na,b,10,100\n", ""},
		{"no limit in one direction", "from,to,rtt_ms,mbit_s\na,b,10,100\nb,a,10,\n", ""},
		{"no bandwidth at all", "from,to,rtt_ms,mbit_s\na,b,10,0\n", `line 2: mbit_s is "0"`},
		{"another column", "from,to,rtt_ms,loss\na,b,10,0\n", "line 1: the header must be"},
		{"too many fields", header + "a,b,1,100\n", "line 2: wrong number of fields"},
		{"too many regions", header + many.String(), "line 65: more than 64 regions"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "wan.csv")
			if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			m, err := wan.Load(path)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("Load of %q: error %v, want one with %q", tt.file, err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatalf("Load of %q: %v", tt.file, err)
			}
			if rtt, ok := m.RTT("b", "a"); !ok || rtt < 10*time.Millisecond {
				t.Errorf("RTT(b, a) = %v, %v, want at least 10ms", rtt, ok)
			}
		})
	}
	if _, err := wan.Load(filepath.Join(t.TempDir(), "none.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load of a missing file: %v, want %v", err, os.ErrNotExist)
	}
}

func TestDelay(t *testing.T) {
	const half = 34780 * time.Microsecond // us-east to eu-west
	tests := []struct {
		name, from, to string
		bits           uint64
		want           time.Duration
	}{
		{"least jitter", "us-east", "eu-west", 0, half},
		{"median", "us-east", "eu-west", 500_000, half + 50*time.Microsecond},
		{"P95", "us-east", "eu-west", 950_000, half + 290*time.Microsecond},
		{"P99", "us-east", "eu-west", 990_000, half + 940*time.Microsecond},
		{"greatest", "us-east", "eu-west", 999_999, half + 4599*time.Microsecond},
		{"between points", "us-east", "eu-west", 250_000, half + 25*time.Microsecond},
		{"within a region", "us-east", "us-east", 0, 0},
		{"from an unknown region", "moon", "us-east", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := wan.New(wan.AWS(), constant(tt.bits))
			if got := n.Delay(tt.from, tt.to, 1000); got != tt.want {
				t.Errorf("Delay(%s, %s) = %v, want %v", tt.from, tt.to, got, tt.want)
			}
		})
	}
}

// What is sent leaves one after the other, each direction by itself.
func TestBandwidth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wan.csv")
	if err := os.WriteFile(path, []byte("from,to,rtt_ms,mbit_s\na,b,10,8\nb,a,10,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := wan.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		n := wan.New(m, constant(0))
		const travel = 5 * time.Millisecond
		for _, tt := range []struct {
			from, to string
			bytes    int
			wait     time.Duration // before it is sent
			want     time.Duration
		}{
			{"a", "b", 1000, 0, travel + time.Millisecond},
			{"a", "b", 2000, 0, travel + 3*time.Millisecond},
			{"a", "b", 0, 0, travel + 3*time.Millisecond},
			{"b", "a", 1000_000, 0, travel},
			{"a", "b", 1000, 2 * time.Millisecond, travel + 2*time.Millisecond},
			{"a", "b", 1000, time.Second, travel + time.Millisecond},
		} {
			<-time.After(tt.wait)
			if got := n.Delay(tt.from, tt.to, tt.bytes); got != tt.want {
				t.Errorf("Delay(%s, %s) of %d bytes = %v, want %v", tt.from, tt.to, tt.bytes, got, tt.want)
			}
		}
	})
}

// Each packet of each direction has a key of its own, so that what one direction
// draws does not depend on the traffic of another.
func TestDelayKeys(t *testing.T) {
	type key struct{ a, b uint64 }
	seen := make(map[key]bool)
	n := wan.New(wan.AWS(), func(_ string, a, b uint64) uint64 {
		seen[key{a, b}] = true
		return 0
	})
	for range 3 {
		n.Delay("us-east", "eu-west", 1)
		n.Delay("eu-west", "us-east", 1)
	}
	if len(seen) != 6 {
		t.Errorf("6 packets drew with %d keys: %v", len(seen), seen)
	}
}

func TestCut(t *testing.T) {
	n := wan.New(wan.AWS(), constant(0))
	if err := n.Cut("us-east", "eu-west"); err != nil {
		t.Fatal(err)
	}
	if err := n.Cut("us-east", "eu-west"); err != nil {
		t.Fatalf("Cut again: %v", err)
	}
	if !n.IsCut("us-east", "eu-west") || n.IsCut("eu-west", "us-east") {
		t.Error("Cut(us-east, eu-west) must cut that direction alone")
	}
	if err := n.Await(t.Context(), "eu-west", "us-east"); err != nil {
		t.Errorf("Await of the open direction: %v", err)
	}
	n.Heal("us-east", "eu-west")
	n.Heal("us-east", "eu-west")
	if n.IsCut("us-east", "eu-west") {
		t.Error("still cut after Heal")
	}
	for _, err := range []error{n.Cut("us-east", "moon"), n.Cut("us-east", "us-east")} {
		if err == nil {
			t.Error("Cut of no pair of regions succeeded")
		}
	}
	n.Place("127.0.0.1:1", "moon")
	if err := n.Cut("us-east", "moon"); err != nil {
		t.Errorf("Cut of a placed region: %v", err)
	}
}

func TestAwait(t *testing.T) {
	tests := []struct {
		name string
		end  func(*wan.Network, context.CancelCauseFunc)
		want error
	}{
		{"heal", func(n *wan.Network, _ context.CancelCauseFunc) { n.Heal("us-east", "eu-west") }, nil},
		{"heal all", func(n *wan.Network, _ context.CancelCauseFunc) { n.HealAll() }, nil},
		{"end of context", func(_ *wan.Network, end context.CancelCauseFunc) { end(os.ErrClosed) }, os.ErrClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := wan.New(wan.AWS(), constant(0))
			if err := n.Cut("us-east", "eu-west"); err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancelCause(t.Context())
			defer end(nil)
			done := make(chan error, 1)
			go func() { done <- n.Await(ctx, "us-east", "eu-west") }()
			select {
			case err := <-done:
				t.Fatalf("Await of a cut direction returned %v at once", err)
			default:
			}
			tt.end(n, end)
			select {
			case err := <-done:
				if !errors.Is(err, tt.want) {
					t.Errorf("Await = %v, want %v", err, tt.want)
				}
			case <-time.After(10 * time.Second):
				t.Error("Await was not woken")
			}
		})
	}
}

func TestPlaceAndRules(t *testing.T) {
	n := wan.New(wan.AWS(), constant(0))
	n.Place("127.0.0.1:1", "us-east")
	n.Place("127.0.0.1:2", "eu-west")
	n.Place("127.0.0.1:3", "us-east")
	if r, ok := n.RegionOf("127.0.0.1:2"); !ok || r != "eu-west" {
		t.Errorf("RegionOf = %q, %v, want eu-west", r, ok)
	}
	if err := n.Cut("af-south", "us-east"); err != nil {
		t.Fatal(err)
	}
	want := []wan.Rule{
		{From: "af-south", To: "us-east", Delay: n.Delay("af-south", "us-east", 1), Cut: true},
		{From: "eu-west", To: "us-east", Delay: n.Delay("eu-west", "us-east", 1)},
		{From: "us-east", To: "eu-west", Delay: n.Delay("us-east", "eu-west", 1)},
	}
	if got := n.Rules(); !slices.Equal(got, want) {
		t.Errorf("Rules() = %v, want %v", got, want)
	}
	n.Remove("127.0.0.1:2")
	if r, ok := n.RegionOf("127.0.0.1:2"); ok {
		t.Errorf("RegionOf a removed address = %q", r)
	}
}
