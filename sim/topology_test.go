package sim

import (
	"strings"
	"testing"
	"time"
)

// plain is a network of two machines in two regions, 10 ms apart.
func plain() *network {
	path := Path{Least: 10 * time.Millisecond, Jitter: Table{{0, 0}, {65536, 0}}}
	return &network{Network: &Network{Paths: [][]Path{{path, path}, {path, path}}}, seed: 1, regions: []int{0, 1}}
}

func TestLosses(t *testing.T) {
	tests := []struct {
		name        string
		losses      Losses
		least, most int // of all messages that arrive
	}{
		{"none", Losses{}, messages, messages},
		{"a tenth", Losses{PerMillion: 100_000}, messages * 88 / 100, messages * 92 / 100},
		{"half of them in a fifth of the time", Losses{Bad: 200_000, BadPerMillion: 500_000}, messages * 88 / 100, messages * 92 / 100},
		{"all", Losses{PerMillion: 1_000_000}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := plain()
			n.Losses = tt.losses
			arrive := 0
			for id := range uint64(messages) {
				arrive += n.fate(link{0, 1}, mix(id), time.Duration(id)*time.Second, 0).copies
			}
			if arrive < tt.least || arrive > tt.most {
				t.Errorf("of %d messages %d arrive, want %d to %d", messages, arrive, tt.least, tt.most)
			}
		})
	}
}

// What is lost in a burst is lost beside others.
func TestLossesComeInBursts(t *testing.T) {
	n := plain()
	n.Losses = Losses{Bad: 100_000, BadPerMillion: 900_000}
	lost, again, before := 0, 0, false
	for id := range uint64(messages) {
		now := time.Duration(id) * time.Millisecond
		gone := n.fate(link{0, 1}, mix(id), now, 0).copies == 0
		if gone {
			lost++
		}
		if gone && before {
			again++
		}
		before = gone
	}
	if again < lost*8/10 {
		t.Errorf("%d of %d losses follow another, want 8 of 10 at least", again, lost)
	}
}

// A stream loses hardly anything, and takes longer for it.
func TestStreamsSendAgain(t *testing.T) {
	n := plain()
	n.latest = make([]time.Duration, 4)
	n.Losses = Losses{PerMillion: 100_000}
	once, late := 0, 0
	for id := range uint64(messages) {
		f := n.fate(link{0, 1}, mix(id), 0, 0)
		if f.copies != 1 {
			t.Fatalf("message %d arrives %d times on a stream that loses a tenth", id, f.copies)
		}
		switch f.after[0] {
		case 10 * time.Millisecond:
			once++
		case 10*time.Millisecond + minTimeout:
			late++
		}
	}
	if once < messages*88/100 || once > messages*92/100 || late < messages*8/100 || late > messages*10/100 {
		t.Errorf("of %d messages %d arrive at once and %d with the second copy; want 9000 and 900, about", messages, once, late)
	}
}

// A link gets as much through as its rate, holds its queue, and loses what is too much.
func TestRate(t *testing.T) {
	n := plain()
	n.Rate, n.Queue, n.busy = 1_000_000, 4000, make([]time.Duration, 4)
	there := link{0, 1}
	for i, want := range []time.Duration{11, 12, 13, 14, 0, 0} {
		f := n.fate(there, uint64(i), 0, 1000)
		if want == 0 && f.copies != 0 || want > 0 && f.after[0] != want*time.Millisecond {
			t.Errorf("message %d of 1000 bytes at once: %d copies after %v, want one after %v ms, or none for 0", i, f.copies, f.after[0], int(want))
		}
	}
	if f := n.fate(there, 9, 2*time.Millisecond, 1000); f.after[0] != 13*time.Millisecond {
		t.Errorf("a message 2 ms later, with 2 ms in the queue, takes %v, want 13ms", f.after[0])
	}
	n.regions[1] = 0
	if f := n.fate(there, 10, 0, 1000); f.after[0] != 10*time.Millisecond {
		t.Errorf("a message within a region takes %v, want 10ms: only links between regions are bounded", f.after[0])
	}
}

// A given topology is what runs.
func TestTopology(t *testing.T) {
	path := Path{Least: time.Millisecond, Jitter: cloudJitter}
	r := Run(Config{
		Seed: 1, For: 4 * time.Second, Links: Streams,
		Topology: &Topology{Regions: []string{"here", "there"}, Home: []int{0, 0, 0, 1}},
		Network:  &Network{Paths: [][]Path{{path, path}, {path, path}}, Offset: time.Millisecond},
	})
	if r.Violation != nil {
		t.Fatal(r.Violation)
	}
	if got, want := r.topology(), "4 nodes: here 3, there 1; links are streams"; !strings.HasPrefix(got, want) {
		t.Errorf("topology is %q, want %q first", got, want)
	}
}

func TestTopologyIsValidated(t *testing.T) {
	path := Path{Least: time.Millisecond, Jitter: cloudJitter}
	topology := &Topology{Regions: []string{"here", "there"}, Home: []int{0, 0, 1}}
	network := &Network{Paths: [][]Path{{path, path}, {path, path}}}
	for _, tt := range []struct {
		name     string
		topology *Topology
		network  *Network
		want     string
	}{
		{"without a network", topology, nil, "give both"},
		{"without a topology", nil, network, "give both"},
		{"a machine nowhere", &Topology{Regions: topology.Regions, Home: []int{0, 1, 2}}, network, "machine 2 in region 2 of 2"},
		{"a region twice", &Topology{Regions: []string{"here", "here"}, Home: topology.Home}, network, `"here" twice`},
		{"a path too few", topology, &Network{Paths: network.Paths[:1]}, "from 1 regions"},
		{"a path too long", topology, &Network{Paths: [][]Path{{path, path}, {path, {Least: time.Hour}}}}, "region 1 to 1 takes 1h"},
		{"more than all lost", topology, &Network{Paths: network.Paths, Losses: Losses{PerMillion: 1_000_001}}, "1000001 per million"},
		{"a negative rate", topology, &Network{Paths: network.Paths, Rate: -1}, "Rate -1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Config{Topology: tt.topology, Network: tt.network}.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Validate() = %v, want an error that tells %q", err, tt.want)
			}
		})
	}
}
