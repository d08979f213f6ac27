package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Result is what came out of a run.
type Result struct {
	Config     Config // with the defaults filled in
	Violation  *Violation
	Digest     Digest
	Ladder     []Digest // the digest after every 4096 happenings
	Happenings uint64
	At         time.Duration // virtual time by then
	// Finished says that the run went to its end: all replicas were equal,
	// Converged after the healing.
	Finished  bool
	Converged time.Duration
	Stats     Stats
}

// Stats counts what came to pass.
type Stats struct {
	Writes, Acknowledged, Refused uint64
	Reads, ReadsInTurn            uint64 // the latter between an apply and its sync
	Lists                         uint64 // of sessions
	SessionsServed                uint64 // operations of sessions that were done,
	SessionsWaited                uint64 // that were asked again where a machine was behind,
	SessionsRefused               uint64 // that were given up as behind, or as ahead of a clock,
	SessionsGaveUp                uint64 // and that the session never heard the end of
	RegionWrites, RegionReads     uint64 // that said `region`
	Repeated                      uint64 // writes whose first try was found
	Lost                          uint64 // updates that a node told of as lost
	Offered                       uint64 // writes beyond an end that were written anew
	BookmarksLost                 uint64 // that named one
	NobodyHome                    uint64 // operations on a machine that was down
	Sent, SentBytes               uint64
	LostOnTheWay, LostDown        uint64 // by the network; at a machine without power
	LostFull                      uint64 // inputs that found an inbox full
	Duplicated, Received          uint64
	Applied                       uint64 // entries that reached a node in frames
	Unsynced                      uint64 // turns after which something was not synced
	TakenBack                     uint64 // writes that a crash took back
	FailedSyncs                   uint64 // commits that failed and ended a node
	Survived, Dropped             uint64 // open turns that a crash left on the disk, or did not
	Large, Chunks                 uint64 // values that were staged, and chunks of them that others fetched
	Buckets                       uint64 // comparisons of all buckets of two machines
	Floors                        int    // how often the floor rose
	Collected                     int    // entries, by all machines
	InboxMost                     int    // the longest that an inbox was
	Faults                        [faultKinds]uint64
	Events                        []EventCount // of all nodes, sorted by name
	// Reach is from when a write was durable until one other machine covered it,
	// Everywhere until the last one did.
	Reach, Everywhere Latencies
	// Behind is how far W was behind the true time whenever it rose, just before.
	Behind Latencies
}

// An EventCount is how often the nodes told of one event.
type EventCount struct {
	Name  string
	Count uint64
}

// Count returns how often the nodes told of the event of that name.
func (s *Stats) Count(event string) uint64 {
	if i, ok := s.find(event); ok {
		return s.Events[i].Count
	}
	return 0
}

func (s *Stats) find(event string) (int, bool) {
	return slices.BinarySearchFunc(s.Events, event, func(c EventCount, name string) int { return strings.Compare(c.Name, name) })
}

func (s *Stats) event(name string) {
	i, ok := s.find(name)
	if !ok {
		s.Events = slices.Insert(s.Events, i, EventCount{Name: name})
	}
	s.Events[i].Count++
}

// spread notes that one more of nodes machines covers a write.
func (s *Stats) spread(w *write, now time.Duration, nodes int) {
	if w.holders > 1 {
		s.Reach.add(now - w.at)
	}
	if w.holders == nodes {
		s.Everywhere.add(now - w.at)
	}
}

// Latencies counts times in steps of a tenth of a millisecond, those over
// maxLatency as that.
type Latencies struct {
	counts []uint32
	n      uint64
}

const (
	latencyStep = 100 * time.Microsecond
	maxLatency  = time.Minute
)

func (l *Latencies) add(d time.Duration) {
	i := int(min(d, maxLatency) / latencyStep)
	if i >= len(l.counts) {
		l.counts = append(l.counts, make([]uint32, i+1-len(l.counts))...)
	}
	l.counts[i]++
	l.n++
}

// Count returns how many times were noted.
func (l *Latencies) Count() uint64 { return l.n }

// Quantile returns a time that permille of all are not above, to a tenth of a
// millisecond, or 0 if there are none.
func (l *Latencies) Quantile(permille int) time.Duration {
	rest := (l.n*uint64(permille) + 999) / 1000
	for i, n := range l.counts {
		if rest <= uint64(n) && n > 0 {
			return time.Duration(i+1) * latencyStep
		}
		rest -= min(rest, uint64(n))
	}
	return 0
}

// Result returns what came out so far.
func (w *World) Result() *Result {
	return &Result{
		Config:     w.cfg,
		Violation:  w.violation,
		Digest:     w.ladder.digest,
		Ladder:     w.ladder.rungs,
		Happenings: w.ladder.count,
		At:         w.now,
		Finished:   w.done && w.violation == nil,
		Converged:  w.converged,
		Stats:      w.stats,
	}
}

// Command returns the command that replays the run, if its config has defaults
// in all but Seed, Nodes and For.
func (r *Result) Command() string {
	return fmt.Sprintf("hearsay sim run --seed %d --nodes %d --for %v", r.Config.Seed, r.Config.Nodes, r.Config.For)
}

// Report tells the run on one page. Took is how long it ran by the caller's
// watch, 0 if unknown.
func (r *Result) Report(took time.Duration) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-13s %s\n", name, fmt.Sprintf(format, args...))
	}
	s := &r.Stats
	line("verdict", "%s", r.verdict())
	line("replay", "%s", r.Command())
	line("digest", "%v after %d happenings", r.Digest, r.Happenings)
	line("topology", "%s", r.topology())
	line("faults", "%s", s.faults())
	line("clients", "%d writes, %d acknowledged, %d refused; %d reads, %d of them within a turn; %d met nobody",
		s.Writes, s.Acknowledged, s.Refused, s.Reads, s.ReadsInTurn, s.NobodyHome)
	line("sessions", "%d operations served, %d asked again, %d refused, %d never answered; %d of them lists",
		s.SessionsServed, s.SessionsWaited, s.SessionsRefused, s.SessionsGaveUp, s.Lists)
	line("crashes", "left %d open turns on the disk and lost %d, and took back %d writes; %d commits failed", s.Survived, s.Dropped, s.TakenBack, s.FailedSyncs)
	line("messages", "%d sent, %d bytes; %d lost on the way, %d at machines that were down, %d at full inboxes; %d repeated; %d received",
		s.Sent, s.SentBytes, s.LostOnTheWay, s.LostDown, s.LostFull, s.Duplicated, s.Received)
	line("traffic", "%d bytes a second from each node", s.SentBytes*uint64(time.Second)/uint64(max(r.At, 1))/uint64(r.Config.Nodes))
	line("crossings", "to other regions: %s fresh frames per write, %s hedges, %s pulled",
		s.perWrite("fresh_crossed"), s.perWrite("hedge_crossed"), s.perWrite("pull_crossed"))
	line("large values", "%d put, %d chunks fetched", s.Large, s.Chunks)
	line("floor", "rose %d times, %d entries were collected", s.Floors, s.Collected)
	line("inboxes", "at most %d inputs", s.InboxMost)
	line("events", "%s", s.events())
	line("propagation", "to one more node p50 %v p99 %v of %d; everywhere p50 %v p99 %v of %d",
		s.Reach.Quantile(500), s.Reach.Quantile(990), s.Reach.Count(),
		s.Everywhere.Quantile(500), s.Everywhere.Quantile(990), s.Everywhere.Count())
	line("staleness", "W behind the true time, at its rises, p50 %v p99 %v", s.Behind.Quantile(500), s.Behind.Quantile(990))
	if r.Finished {
		line("convergence", "%v after all was healed", r.Converged)
	}
	if took > 0 {
		line("speed", "%d happenings/s, %d entries/s, %d times real time",
			perSecond(r.Happenings, took), perSecond(s.Applied, took), r.At/took)
	}
	return b.String()
}

// perWrite returns how often an event came for each write, to two digits.
func (s *Stats) perWrite(event string) string {
	hundredths := 100 * s.Count(event) / max(s.Count("write_accepted"), 1)
	return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100)
}

func perSecond(n uint64, took time.Duration) uint64 {
	return n * uint64(time.Second/time.Microsecond) / uint64(max(took.Microseconds(), 1))
}

func (r *Result) verdict() string {
	if r.Violation != nil {
		return "FAILED: " + r.Violation.Error()
	}
	if !r.Finished {
		return "not finished"
	}
	return "passed"
}

func (r *Result) topology() string {
	var parts []string
	for i, name := range r.Config.Topology.Regions {
		parts = append(parts, fmt.Sprintf("%s %d", name, len(r.Config.region(i))))
	}
	links := "datagrams"
	if r.Config.Links == Streams {
		links = "streams"
	}
	return fmt.Sprintf("%d nodes: %s; links are %s; %v, then at most %v to converge", r.Config.Nodes, strings.Join(parts, ", "), links, r.Config.For, r.Config.Settle)
}

func (s *Stats) faults() string {
	var parts []string
	for kind, n := range s.Faults {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%v %d", FaultKind(kind), n))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func (s *Stats) events() string {
	var parts []string
	for _, e := range s.Events {
		parts = append(parts, fmt.Sprintf("%s %d", e.Name, e.Count))
	}
	return strings.Join(parts, ", ")
}
