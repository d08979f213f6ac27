package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"hearsay/node/host/wan"
	"hearsay/sim"
)

// A region is where some nodes stand.
type region struct {
	place
	node  ast.Node
	known bool // where it is
	nodes int
}

const maxRegions = 400

// topology reads which regions there are.
func (o *object) topology() []region {
	defer o.done()
	if replication := o.in("replication"); replication.choice("mode", "full") != "" {
		replication.done()
	}
	switch {
	case o.has("generate"):
		return o.in("generate").generated()
	case o.has("pops"):
		pops := int(o.number("pops", 0, 1, int64(len(world()))))
		return o.cities(pops, func(int) int { return int(o.number("nodes_per_pop", 1, 1, 9)) })
	}
	var all []region
	for i, n := range o.list("regions") {
		r := o.src.object(n, fmt.Sprintf("topology.regions[%d]", i)).region()
		if slices.ContainsFunc(all, func(q region) bool { return q.code == r.code }) {
			o.src.fail(n, "region %s is there twice", r.code)
		}
		all = append(all, r)
	}
	if len(all) == 0 || len(all) > maxRegions {
		o.src.fail(o.node, "topology has %d regions; want regions, generate or pops, and 1 to %d of them", len(all), maxRegions)
	}
	return all
}

func (o *object) region() region {
	defer o.done()
	r := region{node: o.node, nodes: int(o.number("nodes", 1, 1, sim.MaxNodes))}
	r.code = o.text("id")
	o.text("name") // is for people
	if r.code == "" {
		o.src.fail(o.node, "a region has no id")
	}
	if at := o.list("at"); at != nil {
		r.place.latitude, r.place.longitude = o.src.degrees(at)
		r.known = true
		if city, err := closest(r.place, world(), 20_038); err == nil {
			r.zone = city.zone
		}
	}
	return r
}

func (s *source) degrees(at []ast.Node) (latitude, longitude float64) {
	if len(at) != 2 {
		s.fail(at[0], "a place has %d numbers, want one like [38.9, -77.5]: latitude and longitude", len(at))
		return 0, 0
	}
	return float64(s.value(at[0], "latitude", s.text(at[0], "latitude"), thousandths, -90_000, 90_000)) / 1000,
		float64(s.value(at[1], "longitude", s.text(at[1], "longitude"), thousandths, -180_000, 180_000)) / 1000
}

// generated reads regions by their number: cities of the world, the first of which have
// the most nodes if they have them by zipf.
func (o *object) generated() []region {
	defer o.done()
	regions := int(o.number("regions", 5, 1, maxRegions))
	nodes := int(o.number("nodes", int64(regions), int64(regions), sim.MaxNodes))
	o.choice("place", "world-cities")
	sums := o.popularity("per_region", regions)
	share := func(i int) int {
		if sums == nil {
			return nodes*(i+1)/regions - nodes*i/regions
		}
		// Each has one at least.
		spare, all := uint64(nodes-regions), sums[regions-1]
		before := uint64(0)
		if i > 0 {
			before = sums[i-1]
		}
		return 1 + int(spare*sums[i]/all-spare*before/all)
	}
	return o.cities(regions, share)
}

func (o *object) cities(n int, nodes func(i int) int) []region {
	var all []region
	for i, city := range world()[:max(n, 0)] {
		all = append(all, region{place: city, node: o.node, known: true, nodes: nodes(i)})
	}
	return all
}

// build returns the machines in regions.
func build(regions []region) *sim.Topology {
	t := &sim.Topology{}
	for i, r := range regions {
		t.Regions = append(t.Regions, r.code)
		for range r.nodes {
			t.Home = append(t.Home, i)
		}
	}
	return t
}

// within is the default round trip within a region: of zones of AWS in 2013.
var within = percentiles{400 * time.Microsecond, 4 * time.Millisecond, 15 * time.Millisecond, 60 * time.Millisecond}

// network reads how messages travel between regions.
func (o *object) network(regions []region) (*sim.Network, sim.Links) {
	defer o.done()
	between := o.between(regions)
	inside := within
	if o.has("intra_region") {
		inside = o.in("intra_region").percentiles()
	}
	n := &sim.Network{Offset: o.in("per_link_offset").offset(), Losses: o.in("loss").losses()}
	n.Rate, n.Queue = o.in("bandwidth").bandwidth()
	for i, from := range regions {
		var paths []sim.Path
		for j, to := range regions {
			if i == j {
				paths = append(paths, inside.path())
				continue
			}
			paths = append(paths, between(from, to))
		}
		n.Paths = append(n.Paths, paths)
	}
	links := sim.Streams
	if o.choice("transport", "stream", "datagram") == "datagram" {
		links = sim.Datagrams
	}
	return n, links
}

// between returns what says how messages travel from one region to another.
func (o *object) between(regions []region) func(from, to region) sim.Path {
	matrix := o.in("matrix_rtt_ms").matrix(regions)
	preset := o.choice("preset", "", "wan/aws", "wan/aws-2013")
	g := newGeo()
	if o.has("geo") {
		o.in("geo").geo(g)
	}
	if o.has("jitter") {
		g.jitter = o.in("jitter").jitter()
	}
	aws := wan.AWS()
	return func(from, to region) sim.Path {
		if p, ok := matrix[[2]string{from.code, to.code}]; ok {
			return p.path()
		}
		switch {
		case preset == "wan/aws":
			rtt, known := aws.RTT(from.code, to.code)
			if !known {
				o.src.fail(from.node, "wan/aws does not know how far %s and %s are apart; its regions are %s", from.code, to.code, strings.Join(aws.Regions(), ", "))
			}
			return sim.Path{Least: rtt / 2, Jitter: g.jitter}
		case preset == "wan/aws-2013":
			return o.src.path2013(from, to)
		case !from.known || !to.known:
			o.src.fail(from.node, "it is not said how far %s and %s are apart: give both a place with at, or the pair in network.matrix_rtt_ms", from.code, to.code)
			return sim.Path{}
		}
		return g.path(from.place, to.place)
	}
}

func (s *source) path2013(from, to region) sim.Path {
	a, errA := closest(from.place, sites2013, 300)
	b, errB := closest(to.place, sites2013, 300)
	if errA != nil || errB != nil || !from.known || !to.known {
		s.fail(from.node, "wan/aws-2013 does not know where %s and %s are: Virginia, Oregon, California, Ireland, Singapore, Tokyo, Sydney and Sao Paulo are in it", from.code, to.code)
		return sim.Path{}
	}
	for _, r := range aws2013 {
		if r.a == a.code && r.b == b.code || r.a == b.code && r.b == a.code {
			ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
			return percentiles{ms(r.p50), ms(r.p99), ms(r.p999), ms(r.most)}.path()
		}
	}
	return within.path() // of one site
}

// percentiles reads round trips.
func (o *object) percentiles() percentiles {
	defer o.done()
	p := percentiles{p50: o.duration("p50", within.p50)}
	p.p99 = o.duration("p99", p.p50)
	p.p999 = o.duration("p999", p.p99)
	p.most = 2 * p.p999
	return p
}

// matrix reads round trips by pair of regions, in milliseconds: a-b: [p50, p99, p99.9].
func (o *object) matrix(regions []region) map[[2]string]percentiles {
	m := map[[2]string]percentiles{}
	for _, a := range regions {
		for _, b := range regions {
			name := a.code + "-" + b.code
			items := o.list(name)
			if items == nil {
				continue
			}
			var ms [3]time.Duration
			for i := range ms {
				n := items[min(i, len(items)-1)]
				ms[i] = time.Duration(o.src.value(n, o.at(name), o.src.text(n, o.at(name)), thousandths, 0, 60_000_000)) * time.Microsecond
			}
			p := percentiles{ms[0], ms[1], ms[2], 2 * ms[2]}
			m[[2]string{a.code, b.code}] = p
			if _, given := o.fields[b.code+"-"+a.code]; !given {
				m[[2]string{b.code, a.code}] = p
			}
		}
	}
	o.done()
	return m
}

func (o *object) geo(g *geo) {
	defer o.done()
	g.perMillisecond = float64(o.value("km_per_ms", thousandths, 199_860, 1000, 300_000)) / 1000
	g.inflation = float64(o.value("inflation", thousandths, 0, 0, 10_000)) / 1000
	g.floor = o.duration("floor", 0)
}

// jitter reads what comes on top of delays, in permille of them: log-normal, with a tail.
func (o *object) jitter() sim.Table {
	defer o.done()
	o.choice("table", "lognormal")
	sigma := o.value("sigma", thousandths, 250, 0, 3000)
	t := lognormal(100, sigma)
	if !o.has("tail") {
		return t
	}
	tail := o.in("tail")
	defer tail.done()
	p, upTo := tail.share("p", 1000), tail.duration("up_to", 400*time.Millisecond)
	from := uint64(65536 - 65536*p/1_000_000)
	t = slices.DeleteFunc(t, func(q sim.Quantile) bool { return q.Below > from })
	// A tail is in time, a table in permille: it is that of a delay of 100 ms.
	return append(t, sim.Quantile{Below: 65536, Value: int64(upTo / (100 * time.Microsecond))})
}

func (o *object) offset() time.Duration {
	defer o.done()
	return o.duration("max", 0)
}

// losses reads losses that come alone or, by the model of Gilbert and Elliott, in bursts.
// That model's chances to turn bad and to recover are of each message; here they say how
// much of the time a link is bad.
func (o *object) losses() sim.Losses {
	defer o.done()
	if o.choice("model", "iid", "gilbert-elliott") == "iid" {
		return sim.Losses{PerMillion: int(o.share("p", 0))}
	}
	bad, recover := o.share("p_bad", 0), o.share("p_recover", 200_000)
	return sim.Losses{Bad: int(bad * 1_000_000 / max(bad+recover, 1)), BadPerMillion: int(o.share("loss_bad", 500_000))}
}

// bandwidth reads bytes a second and bytes of queue.
func (o *object) bandwidth() (bytesPerSecond, queue int64) {
	defer o.done()
	return o.value("inter_region", rate, 0, 1000, 1<<40), o.value("queue", size, 256<<10, 0, 1<<40)
}
