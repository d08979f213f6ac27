package host

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"hearsay/gossip"
	"hearsay/node"
)

// events is every event of a node: each is counted from the start, so that a
// counter that is absent never means zero.
var events = []node.Event{
	gossip.PeerUp{},
	gossip.PeerDown{},
	gossip.FrameApplied{},
	gossip.FrameRepeated{},
	gossip.FreshCrossed{},
	gossip.HedgeCrossed{},
	gossip.PullCrossed{},
	gossip.FrameRelayed{},
	gossip.RelayLate{},
	gossip.OriginHeld{}, gossip.StampsRefused{}, gossip.StampsAccepted{},
	gossip.GapFound{},
	gossip.Pulled{},
	gossip.PullTimedOut{},
	gossip.NoStream{},
	gossip.EpochAdopted{},
	gossip.FloorRaised{},
	gossip.FetchFailed{},
	gossip.OriginRetired{},
	gossip.BelowFloor{},
	gossip.FellBehind{},
	gossip.SnapshotAgain{},
	gossip.CaughtUp{},
	gossip.BucketBad{},
	gossip.ReplicasDiffer{},
	gossip.EntryMended{},
	gossip.MendRefused{},
	gossip.EntryStruck{},
	gossip.MessageRefused{},
	node.WriteAccepted{},
	node.WriteRepeated{},
	node.OfferedAnew{},
	node.EntriesMerged{},
	node.EntriesCollected{},
	node.EntryBelowFloor{},
	node.EntryInDoubt{},
	node.BoundExceeded{},
	node.BoundKept{}, node.ClockOff{}, node.ClockRight{}, node.RunsAhead{},
	node.DiskFull{}, node.DiskFreed{},
	node.UpdateLost{},
}

// counts is how often each event happened, by its name. The set of names is
// fixed.
type counts map[string]*atomic.Uint64

func newCounts() counts {
	c := make(counts, len(events))
	for _, e := range events {
		c[e.EventName()] = new(atomic.Uint64)
	}
	return c
}

func (c counts) add(e node.Event) {
	if n := c[e.EventName()]; n != nil {
		n.Add(1)
	}
}

func (c counts) snapshot() map[string]uint64 {
	s := make(map[string]uint64, len(c))
	for name, n := range c {
		s[name] = n.Load()
	}
	return s
}

// metrics is what a host shows to Prometheus.
type metrics struct {
	registry *prometheus.Registry
	turns    prometheus.Histogram
	inputs   prometheus.Counter
}

// newMetrics returns the metrics of h, which are collected from its Status.
func newMetrics(h *Host) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		turns: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "hearsay_turn_seconds",
			Help:    "Time that a turn took, its commit included.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 2, 16),
		}),
		inputs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hearsay_turn_inputs_total",
			Help: "Inputs that turns took in.",
		}),
	}
	m.registry.MustRegister(
		m.turns,
		m.inputs,
		statusCollector{h},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// measure takes in what one turn took.
func (m *metrics) measure(t turn) {
	m.turns.Observe(t.took.Seconds())
	m.inputs.Add(float64(t.inputs))
}

// A statusCollector shows a host's Status as metrics, read when it is asked.
type statusCollector struct{ host *Host }

var (
	eventsDesc = prometheus.NewDesc("hearsay_events_total",
		"Events in the node since it started.", []string{"event"}, nil)
	marksDesc = prometheus.NewDesc("hearsay_origins",
		"Origins that the replica holds writes of.", nil, nil)
	peersDesc = prometheus.NewDesc("hearsay_peers",
		"Other nodes of the cluster, by whether a stream to them is up.", []string{"connected"}, nil)
	aheadDesc = prometheus.NewDesc("hearsay_peer_ahead_writes",
		"Writes that a peer said it holds and this node lacks, absent for peers that tell others.", []string{"peer", "region"}, nil)
	behindDesc = prometheus.NewDesc("hearsay_peer_behind_writes",
		"Writes that this node holds and a peer has not said it does, absent for peers that tell others.", []string{"peer", "region"}, nil)
	queueDesc = prometheus.NewDesc("hearsay_queue_inputs",
		"Inputs that wait for a turn or an answer.", []string{"queue"}, nil)
	queueBytesDesc = prometheus.NewDesc("hearsay_queue_bytes",
		"Bytes of the inputs that wait for a turn or an answer.", []string{"queue"}, nil)
	stalenessDesc = prometheus.NewDesc("hearsay_staleness_seconds",
		"Staleness that reads state, absent while it is unknown.", nil, nil)
	lateDesc = prometheus.NewDesc("hearsay_bound_exceeded",
		"1 while writes older than the bound may be missing here, else 0.", nil, nil)
	refusedDesc = prometheus.NewDesc("hearsay_refused_nodes",
		"Nodes of whose writes none is taken, for their timestamps are too far ahead.", nil, nil)
	freeDesc = prometheus.NewDesc("hearsay_disk_free_bytes",
		"Free bytes where the data lie, absent if that cannot be told.", nil, nil)
	fullDesc = prometheus.NewDesc("hearsay_disk_full",
		"1 while the disk has no room to spare and the node takes nothing in, else 0.", nil, nil)
	frontsDesc = prometheus.NewDesc("hearsay_open_fronts",
		"Fronts that are the latest or in use by readers.", nil, nil)
	streamsDesc = prometheus.NewDesc("hearsay_link_streams_total",
		"Streams to peers that were opened.", nil, nil)
	bytesInDesc = prometheus.NewDesc("hearsay_link_received_bytes_total",
		"Bytes that came on streams.", nil, nil)
	bytesOutDesc = prometheus.NewDesc("hearsay_link_sent_bytes_total",
		"Bytes that went out on streams.", nil, nil)
	lostDesc = prometheus.NewDesc("hearsay_link_lost_total",
		"What the links could not deliver or accept, by why.", []string{"why"}, nil)
	queueWaitingDesc = prometheus.NewDesc("hearsay_queue_waiting",
		"Those who wait for room in the queue.", []string{"queue"}, nil)
)

// Describe implements prometheus.Collector.
func (c statusCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		eventsDesc, marksDesc, stalenessDesc, lateDesc, refusedDesc, freeDesc, fullDesc, frontsDesc, peersDesc, aheadDesc, behindDesc, queueDesc, queueBytesDesc,
		queueWaitingDesc, streamsDesc, bytesInDesc, bytesOutDesc, lostDesc,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c statusCollector) Collect(out chan<- prometheus.Metric) {
	s := c.host.Status()
	for name, n := range s.Events {
		out <- counter(eventsDesc, n, name)
	}
	out <- gauge(marksDesc, len(s.Marks))
	if stale := s.Freshness.Staleness; stale != nil {
		out <- gauge(stalenessDesc, *stale)
	}
	late := 0
	if !s.Freshness.ExceededSince.IsZero() {
		late = 1
	}
	out <- gauge(lateDesc, late)
	out <- gauge(refusedDesc, len(s.Refused))
	full := 0
	if s.Disk.Full {
		full = 1
	}
	out <- gauge(fullDesc, full)
	if s.Disk.Free != nil {
		out <- gauge(freeDesc, *s.Disk.Free)
	}
	out <- gauge(frontsDesc, c.host.fronts.count())
	connected := 0
	for _, p := range s.Peers {
		if p.Connected {
			connected++
		}
		if p.Ahead != nil && p.Behind != nil {
			out <- gauge(aheadDesc, *p.Ahead, string(p.ID), p.Region)
			out <- gauge(behindDesc, *p.Behind, string(p.ID), p.Region)
		}
	}
	out <- gauge(peersDesc, connected, "true")
	out <- gauge(peersDesc, len(s.Peers)-connected, "false")
	for _, q := range s.Queues {
		out <- gauge(queueDesc, q.Count, q.Name)
		out <- gauge(queueBytesDesc, q.Bytes, q.Name)
		out <- gauge(queueWaitingDesc, q.Waiting, q.Name)
	}
	c.collectLinks(out)
}

func (c statusCollector) collectLinks(out chan<- prometheus.Metric) {
	s := c.host.links.Stats()
	out <- counter(streamsDesc, s.Streams)
	out <- counter(bytesInDesc, s.BytesIn)
	out <- counter(bytesOutDesc, s.BytesOut)
	out <- counter(lostDesc, s.Dropped, "status dropped")
	out <- counter(lostDesc, s.Undelivered, "message undelivered")
	out <- counter(lostDesc, s.Resets, "stream reset")
	out <- counter(lostDesc, s.Refused, "stream refused")
	out <- counter(lostDesc, s.Malformed, "stream malformed")
}

func counter(d *prometheus.Desc, v uint64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func gauge[N int | int64 | uint64 | float64](d *prometheus.Desc, v N, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
}
