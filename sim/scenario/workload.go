package scenario

import (
	"time"

	"hearsay/node"
	"hearsay/sim"
)

const (
	maxSessions = 100_000
	maxKeys     = 1_000_000
)

// workloads reads who asks for what.
func (o *object) workloads(regions []region) []sim.Workload {
	var all []sim.Workload
	for _, n := range o.list("workload") {
		all = append(all, o.src.object(n, "workload").workload(regions))
	}
	if all == nil {
		all = append(all, o.src.object(nil, "workload").workload(regions))
	}
	return all
}

func (o *object) workload(regions []region) sim.Workload {
	defer o.done()
	o.text("name") // is for people
	l := sim.Workload{Sessions: int(o.number("sessions", 20, 1, maxSessions))}
	l.Weights = o.weights(regions)
	o.in("arrival").arrival(&l)
	keys := o.in("keys")
	l.Keys = int(keys.number("count", 100, 1, maxKeys))
	l.Popularity = keys.popularity("popularity", l.Keys)
	keys.done()
	l.Size = o.in("values").values(&l)
	l.Mix = o.in("mix").mix()
	session := o.in("session")
	l.Token = session.choice("token", "none", "rw", "causal") != "none"
	l.Sticky = session.flag("sticky", true)
	session.done()
	o.in("roam").roam(&l)
	switch o.choice("write", "region", "local", "all") {
	case "region":
		l.Ack = node.AckRegion
	case "local":
		l.Ack = node.AckLocal
	case "all":
		l.Ack = node.AckAll
	}
	return l
}

// weights reads how many sessions begin in each region.
func (o *object) weights(regions []region) []int {
	place := o.choice("place", "evenly", "by-node", "by-region-weight")
	given := o.in("weights")
	var all []int
	for _, r := range regions {
		weight := 1
		if place == "by-node" {
			weight = r.nodes
		}
		all = append(all, int(given.number(r.code, int64(weight), 0, 1<<20)))
	}
	given.done()
	return all
}

// arrival reads when operations come: each session's part of a rate, or after it has
// thought.
func (o *object) arrival(l *sim.Workload) {
	defer o.done()
	if o.choice("model", "poisson", "closed") == "closed" {
		l.Closed = true
		l.Gap = exponential(int64(100 * time.Millisecond))
		if o.has("think") {
			l.Gap = o.distribution("think", nanoseconds)
		}
		return
	}
	rate := o.value("rate", perSecond, 20_000, 1, 1_000_000_000)
	l.Gap = exponential(int64(l.Sessions) * int64(time.Second) * 1000 / rate)
}

func (o *object) values(l *sim.Workload) sim.Table {
	defer o.done()
	sizes := constant(100)
	if o.has("bytes") {
		sizes = o.distribution("bytes", size)
	}
	if o.has("ttl") {
		l.TTL = o.distribution("ttl", nanoseconds)
	}
	most := o.value("max", size, 64<<10, 0, 64<<10)
	for i := range sizes {
		sizes[i].Value = min(sizes[i].Value, most)
	}
	return sizes
}

// mix reads how often what is asked for.
func (o *object) mix() [4]int {
	defer o.done()
	var mix [4]int
	sum := 0
	for i, name := range [...]string{"get", "put", "delete", "list"} {
		mix[i] = int(o.share(name, 0) / 1000)
		sum += mix[i]
	}
	if len(o.fields) == 0 {
		return [4]int{700, 250, 50, 0}
	}
	if sum != 1000 {
		o.src.fail(o.node, "the shares of %s are %d permille in sum, want 100%%", o.path, sum)
	}
	return mix
}

func (o *object) roam(l *sim.Workload) {
	defer o.done()
	o.choice("to", "other_region")
	if o.has("every") {
		l.Roam = o.distribution("every", nanoseconds)
	}
}

// store reads what nodes are told, and returns what the simulator has to know of it.
func (o *object) store(cfg *sim.Config) {
	defer o.done()
	cfg.MaxSkew = o.duration("max_skew", 500*time.Millisecond)
	cfg.Bound = o.duration("bound", time.Minute)
	cfg.SyncEvery = sim.SyncAlways
	if o.has("sync_interval") {
		cfg.SyncEvery = o.duration("sync_interval", 0)
	}
	cfg.Collection = sim.Collect
	if !o.flag("collect", true) {
		cfg.Collection = sim.KeepAll
	}
	status := o.duration("status_interval", 200*time.Millisecond)
	repair := o.duration("repair_interval", 0)
	floorAge, floorStep := o.duration("floor_age", 10*time.Minute), o.duration("floor_step", time.Minute)
	silence := o.duration("silence", 0)
	cfg.Tune = func(c *node.Config) {
		defaults := node.DefaultConfig()
		sweep := c.Gossip.Sweep
		c.Gossip = defaults.Gossip
		c.Gossip.StatusInterval, c.Gossip.FloorAge, c.Gossip.FloorStep = status, floorAge, floorStep
		c.Gossip.Sweep = sweep
		if repair > 0 {
			c.Gossip.RepairInterval = repair
		}
		if silence > 0 {
			c.Gossip.Roster.Silence = silence
		}
	}
}
