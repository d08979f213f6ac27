// Package sim runs a whole cluster in one goroutine under virtual time: the
// code of the nodes is the real one, everything around it (machines, disks,
// clocks, networks, clients and what goes wrong with them) is drawn from a seed.
//
// A seed gives the same run, to the last bit, on every platform, so that a
// failure which was seen once can be seen again. Start at Run; DESIGN.md says
// what is simulated how faithfully.
package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"hearsay/node"
	"hearsay/store"
)

// Config says what to simulate. The zero value of a field but Seed stands for
// its default; those of Seed, Nodes and For make up the command that replays a
// run, so tests vary nothing else between seeds.
type Config struct {
	Seed    uint64
	Nodes   int // default 6
	Regions int // default by the seed, 1 to 5, no more than Nodes
	// Topology and Network replace the machines in Regions of AWS and what is between
	// them, unless nil; then Nodes and Regions are those of Topology.
	Topology *Topology
	Network  *Network
	For      time.Duration // the safety phase, default 20 s
	// Settle bounds, from the moment that all is healed, how long the replicas
	// may take to become equal. Default 20 s.
	Settle time.Duration
	// Pace is the mean time between two operations on one machine. Default 150 ms.
	Pace time.Duration
	// MaxValue bounds the values, in bytes after the head that names the write.
	// Default 64 KiB; those above 4 KiB are large, and travel in chunks.
	MaxValue int
	// Keys is how many keys the clients use; half of all operations touch one of
	// the first four. Default 64.
	Keys int
	// Sessions is how many clients roam, each with a bookmark. Default 6.
	Sessions int
	// Workloads replace the clients of all machines and the sessions, unless nil. Pace
	// and Keys then mean nothing, and Sessions is the sum of theirs.
	Workloads []Workload
	// MaxSkew is that of the nodes, and the clocks of the machines keep to it.
	// Default 500 ms.
	MaxSkew time.Duration
	// Bound is that of the nodes. Default 4 s, short for runs as short as these.
	Bound time.Duration
	// Links is how messages travel. Default by the seed.
	Links Links
	// Collection says whether nodes take out what the floor has passed. Default by the
	// seed.
	Collection Collection
	// SyncEvery is how long machines put syncs off, SyncAlways for not at all. Default
	// by the seed.
	SyncEvery time.Duration
	// Calm leaves out what varies: links take their median delays and every commit
	// half a millisecond.
	Calm bool
	// Faults replaces those that Plan draws, unless it is nil.
	Faults []Fault
	// Absent are machines, sorted, that are taken out of the run with all that befalls
	// them; Only, unless nil, are the operations, sorted, that are left in it.
	Absent []int
	Only   []OperationID
	// Tune, unless nil, changes what each node is started with, but not who it is.
	Tune func(*node.Config)
	// Record, unless nil, is called for every operation of a session that has ended.
	Record func(Record)
	// Applied, unless nil, is called when a machine has come to hold a write, or what
	// supersedes it, and says so.
	Applied func(machine int, key store.Key, v store.Version, at time.Duration)
	// Trace, unless nil, is called for every happening and effect, in order.
	Trace func(Step)
}

// Links says whether messages between two machines keep their order.
type Links uint8

const (
	// Datagrams travel each by itself: harsher than any real link.
	Datagrams Links = 1 + iota
	// Streams keep the order in which messages left, as the connections of hosts
	// do; what is lost is lost all the same.
	Streams
)

// Collection says whether nodes collect.
type Collection uint8

const (
	// KeepAll is none: who is far behind, or new, catches up by logs.
	KeepAll Collection = 1 + iota
	// Collect is up to the floor. In some seeds logs are short, too.
	Collect
)

// A Step is one line of a trace: a happening, or an effect of the last one.
type Step struct {
	At      time.Duration
	Kind    Kind
	Machine int // to which it happens, or which sends
	Other   int // the peer, or the session
	// ID is by Kind: what names a message for its draws or, when it arrived, a hash
	// of its bytes; a fault's ID; the ordinal of an operation; a ticket.
	ID    uint64
	After time.Duration // how long the first copy of a message will be on its way
	Note  string        // an event's name, an error
}

// The least and the most that a run may have.
const (
	MinNodes = 3
	MaxNodes = 1000
	MaxFor   = 24 * time.Hour
)

func (cfg Config) withDefaults() Config {
	if t := cfg.Topology; t != nil {
		cfg.Nodes, cfg.Regions = len(t.Home), len(t.Regions)
	}
	setDefault(&cfg.Nodes, 6)
	setDefault(&cfg.Regions, min(cfg.Nodes, 1+int(below(Draw(cfg.Seed, "regions"), 5))))
	setDefault(&cfg.For, 20*time.Second)
	setDefault(&cfg.Settle, 20*time.Second)
	setDefault(&cfg.Pace, 150*time.Millisecond)
	setDefault(&cfg.MaxValue, 64<<10)
	setDefault(&cfg.Keys, 64)
	if cfg.Workloads != nil {
		cfg.Sessions = 0
		for i := range cfg.Workloads {
			cfg.Sessions += cfg.Workloads[i].Sessions
		}
	} else {
		setDefault(&cfg.Sessions, 6)
	}
	setDefault(&cfg.Links, Datagrams+Links(below(Draw(cfg.Seed, "links"), 2)))
	setDefault(&cfg.Collection, KeepAll+Collection(below(Draw(cfg.Seed, "collection"), 2)))
	setDefault(&cfg.SyncEvery, cfg.drawSyncEvery())
	setDefault(&cfg.MaxSkew, 500*time.Millisecond)
	setDefault(&cfg.Bound, 4*time.Second)
	if cfg.Topology == nil && cfg.Network == nil && cfg.Nodes > 0 && cfg.Regions > 0 && cfg.Regions <= len(regionNames) {
		cfg.Topology, cfg.Network = spread(cfg.Nodes, cfg.Regions), cloud(cfg.Regions)
	}
	return cfg
}

// SyncAlways is a Config.SyncEvery by which every turn is synced.
const SyncAlways time.Duration = 1

func (cfg Config) drawSyncEvery() time.Duration {
	if cfg.Calm || happens(Draw(cfg.Seed, "sync always"), 600) {
		return SyncAlways
	}
	return between(Draw(cfg.Seed, "sync every"), time.Millisecond, node.MaxSyncEvery)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate returns an error that names the first field out of its range.
func (cfg Config) Validate() error {
	cfg = cfg.withDefaults()
	regions := MaxNodes
	if cfg.Topology == nil {
		regions = len(regionNames)
	}
	for _, f := range []struct {
		name               string
		value, least, most int64
	}{
		{"Nodes", int64(cfg.Nodes), MinNodes, MaxNodes},
		{"Regions", int64(cfg.Regions), 1, int64(min(cfg.Nodes, regions))},
		{"For", int64(cfg.For), int64(time.Millisecond), int64(MaxFor)},
		{"Settle", int64(cfg.Settle), int64(time.Millisecond), int64(MaxFor)},
		{"Pace", int64(cfg.Pace), int64(time.Microsecond), int64(MaxFor)},
		{"MaxValue", int64(cfg.MaxValue), 1, 64 << 10},
		{"Keys", int64(cfg.Keys), hotKeys, 1 << 30},
		{"Sessions", int64(cfg.Sessions), 1, 1 << 20},
		{"Links", int64(cfg.Links), int64(Datagrams), int64(Streams)},
		{"Collection", int64(cfg.Collection), int64(KeepAll), int64(Collect)},
		{"SyncEvery", int64(cfg.SyncEvery), int64(SyncAlways), int64(node.MaxSyncEvery)},
		{"Bound", int64(cfg.Bound), int64(node.MinBound), int64(MaxFor)},
		{"MaxSkew", int64(cfg.MaxSkew), int64(time.Millisecond), int64(time.Minute)},
	} {
		if f.value < f.least || f.value > f.most {
			return fmt.Errorf("sim: %s is %d, must be from %d to %d", f.name, f.value, f.least, f.most)
		}
	}
	if cfg.Topology == nil || cfg.Network == nil {
		return errors.New("sim: one of Topology and Network is given, give both or none")
	}
	if err := cfg.Topology.validate(); err != nil {
		return err
	}
	if err := cfg.Network.validate(cfg.Regions); err != nil {
		return err
	}
	for i := range cfg.Workloads {
		if err := cfg.Workloads[i].validate(cfg.Regions); err != nil {
			return err
		}
	}
	for i, machine := range cfg.Absent {
		if machine < 0 || machine >= cfg.Nodes || i > 0 && machine <= cfg.Absent[i-1] {
			return fmt.Errorf("sim: Absent is %v, must be sorted machines below %d", cfg.Absent, cfg.Nodes)
		}
	}
	if len(cfg.Absent) == cfg.Nodes {
		return errors.New("sim: Absent names all machines, must leave one")
	}
	if !slices.IsSortedFunc(cfg.Only, OperationID.Compare) {
		return errors.New("sim: Only is not sorted")
	}
	for i := range cfg.Faults {
		if err := cfg.Faults[i].validate(cfg.Nodes); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fault) validate(nodes int) error {
	if f.Kind >= faultKinds {
		return fmt.Errorf("sim: fault %d is of no known kind", f.ID)
	}
	if f.At < 0 || f.For < 0 {
		return fmt.Errorf("sim: fault %d begins at %v for %v, neither may be negative", f.ID, f.At, f.For)
	}
	for _, set := range [][]int{f.A, f.B} {
		for _, i := range set {
			if i < 0 || i >= nodes {
				return fmt.Errorf("sim: fault %d names machine %d of %d", f.ID, i, nodes)
			}
		}
	}
	return nil
}

// Run simulates cfg to its end, or to the first violation. The config is valid.
// A panic of a node goes on with the command that replays it.
func Run(cfg Config) *Result {
	w := New(cfg)
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Sprintf("%v\nat %v of %s", p, w.now, w.Result().Command()))
		}
	}()
	for w.Step() {
	}
	return w.Result()
}
