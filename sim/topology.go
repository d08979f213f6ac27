package sim

import (
	"fmt"
	"time"

	"hearsay/store"
)

// A Topology says where machines stand.
type Topology struct {
	Regions []string // by name, no two alike
	Home    []int    // the region of each machine, by number
}

// A Network says how messages travel while no fault befalls them.
type Network struct {
	// Paths are from region to region, and on the diagonal within one.
	Paths [][]Path
	// Offset bounds what each link between two machines takes longer, for good.
	Offset time.Duration
	// Losses are of single messages. On a stream what is lost is sent again, and holds up
	// what comes after it.
	Losses Losses
	// Rate is how many bytes a second one machine gets through to one of another
	// region, and Queue how many may wait for it. What finds the queue full is lost. A
	// Rate of 0 has no bound.
	Rate, Queue int64
}

// A Path is how long messages are on their way from one region to another.
type Path struct {
	Least  time.Duration
	Jitter Table // on top of it, in permille of it
}

// Losses come alone or, with Bad, in bursts: a link is bad for a share of its
// stretches of burst, as in the model of Gilbert (1960) and Elliott (1963), whose state
// changes with each message instead.
type Losses struct {
	PerMillion    int // of all messages, while a link is good
	Bad           int // of all stretches, per million
	BadPerMillion int // of all messages, while a link is bad
}

// burst is how long a link stays good or bad.
const burst = 100 * time.Millisecond

// regionNames are the default regions: of AWS, and far apart.
var regionNames = [...]string{"us-east", "eu-central", "ap-northeast", "us-west", "sa-east"}

// oneWay is half the median round trip between two regions over the year to May
// 2025, in microseconds; the diagonal is half that between two zones of one
// region (measured by cloudping.co; zones: IBM's published matrix).
var oneWay = [len(regionNames)][len(regionNames)]int64{
	{380, 46535, 74690, 32135, 57605},
	{46305, 380, 113540, 71165, 101975},
	{74575, 113815, 380, 49230, 128685},
	{31985, 71300, 49025, 380, 87215},
	{57695, 102430, 129025, 87525, 380},
}

// cloudJitter is what comes on top of a delay: up to the 99th percentile as the worst
// tenth of Azure's pairs of regions had it in 2026, beyond as AWS had it in 2013.
var cloudJitter = Table{{0, 0}, {32768, 20}, {58982, 190}, {62259, 250}, {64881, 400}, {65470, 1500}, {65536, 4000}}

// spread has machines stand in the default regions in turn.
func spread(nodes, regions int) *Topology {
	t := &Topology{Home: make([]int, nodes)}
	for region := range regions {
		t.Regions = append(t.Regions, regionNames[region])
	}
	for i := range t.Home {
		t.Home[i] = i % regions
	}
	return t
}

// cloud returns the network between the default regions.
func cloud(regions int) *Network {
	n := &Network{Paths: make([][]Path, regions)}
	for from := range n.Paths {
		for to := range regions {
			least := time.Duration(oneWay[from][to]) * time.Microsecond
			n.Paths[from] = append(n.Paths[from], Path{least, cloudJitter})
		}
	}
	return n
}

// validate returns an error that names the first thing about t that cannot be.
func (t *Topology) validate() error {
	seen := map[string]bool{}
	for _, name := range t.Regions {
		if name == "" || seen[name] {
			return fmt.Errorf("sim: Topology.Regions has %q twice, or empty", name)
		}
		seen[name] = true
	}
	for machine, region := range t.Home {
		if region < 0 || region >= len(t.Regions) {
			return fmt.Errorf("sim: Topology.Home has machine %d in region %d of %d", machine, region, len(t.Regions))
		}
	}
	return nil
}

// validate returns an error that names the first thing about n that cannot be.
func (n *Network) validate(regions int) error {
	if len(n.Paths) != regions {
		return fmt.Errorf("sim: Network.Paths is from %d regions, must be from %d", len(n.Paths), regions)
	}
	for from, paths := range n.Paths {
		if len(paths) != regions {
			return fmt.Errorf("sim: Network.Paths from region %d lead to %d, must lead to %d", from, len(paths), regions)
		}
		for to, p := range paths {
			if p.Least < 0 || p.Least > time.Minute {
				return fmt.Errorf("sim: Network.Paths from region %d to %d takes %v, must take 0 to 1m", from, to, p.Least)
			}
		}
	}
	for _, share := range []int{n.Losses.PerMillion, n.Losses.Bad, n.Losses.BadPerMillion} {
		if share < 0 || share > 1_000_000 {
			return fmt.Errorf("sim: Network.Losses has %d per million, must be 0 to 1000000", share)
		}
	}
	if n.Offset < 0 || n.Offset > time.Minute || n.Rate < 0 || n.Queue < 0 {
		return fmt.Errorf("sim: Network has Offset %v, Rate %d and Queue %d, none may be negative nor Offset above 1m", n.Offset, n.Rate, n.Queue)
	}
	return nil
}

// regionOf returns the region in which a machine stands.
func (cfg Config) regionOf(machine int) int { return cfg.Topology.Home[machine] }

// region returns the machines that stand in a region.
func (cfg Config) region(region int) []int {
	var in []int
	for machine, home := range cfg.Topology.Home {
		if home == region {
			in = append(in, machine)
		}
	}
	return in
}

// nodeID returns a machine's node id: random ones would do no better.
func (cfg Config) nodeID(machine int) store.NodeID {
	region := cfg.regionOf(machine)
	n := 0
	for _, home := range cfg.Topology.Home[:machine+1] {
		if home == region {
			n++
		}
	}
	return store.NodeID(fmt.Sprintf("%s-%d", cfg.Topology.Regions[region], n))
}
