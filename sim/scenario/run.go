package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hearsay/sim"
	"hearsay/sim/history"
	"hearsay/store"
)

// A Run is what came out of a case.
type Run struct {
	Case     *Case
	Result   *sim.Result
	Report   *history.Report
	Verdicts []Verdict
}

// A Verdict is what became of an assertion in one run.
type Verdict struct {
	Assertion Assertion
	Holds     bool
	// Says tells what was found, with the denominators.
	Says string
}

// deadline is how long a node that is available takes to answer.
const deadline = 2 * time.Second

// A recorder keeps what a run lets it see as a history.
type recorder struct {
	history.History
	keys  map[store.Key]uint32
	nodes []uint32
}

// record has the run of c tell what it does, and returns who listens.
func (c *Case) record() *recorder {
	r := &recorder{keys: map[store.Key]uint32{}}
	topology := c.Config.Complete().Topology
	for i, id := range c.Config.NodeIDs() {
		r.nodes = append(r.nodes, r.Node(id, topology.Regions[topology.Home[i]]))
	}
	c.Config.Record = r.operation
	c.Config.Applied = func(machine int, key store.Key, v store.Version, at time.Duration) {
		r.Apply(r.nodes[machine], r.key(key), v, int64(at))
	}
	return r
}

func (r *recorder) key(key store.Key) uint32 {
	n, known := r.keys[key]
	if !known {
		n = r.Key(key.Name)
		r.keys[key] = n
	}
	return n
}

var kinds = [...]history.Kind{sim.Get: history.Get, sim.Put: history.Put, sim.Delete: history.Delete, sim.List: history.List}

var outcomes = [...]history.Outcome{sim.Done: history.OK, sim.Failed: history.Fail, sim.Unknown: history.Info}

func (r *recorder) operation(o sim.Record) {
	kind := kinds[o.Operation]
	r.Add(history.Op{
		Session: uint32(o.Session), Node: r.nodes[o.Machine], Key: r.key(o.Key), Kind: kind, Outcome: outcomes[o.Outcome],
		Invoked: int64(o.Invoked), Returned: int64(o.Returned),
		Version: o.Version, Tombstone: o.Operation == sim.Delete || kind >= history.Get && !o.Live, Lapses: o.Expires, Hash: o.Content,
		Collected: o.Floor, In: o.In, Out: o.Out,
	})
}

// ended records what machines hold in the end.
func (r *recorder) ended(replicas []sim.Replica) {
	for _, m := range replicas {
		r.End(r.nodes[m.Machine], m.Floor)
		for _, e := range m.Entries {
			r.Hold(r.nodes[m.Machine], r.key(e.Key), e.Version, !e.Live, e.Content)
		}
	}
}

// options are what the properties of c are measured by.
func (c *Case) options(converged time.Duration) history.Options {
	o := history.Options{
		Bound: c.Config.Bound, Deadline: deadline, Epoch: sim.Dawn, MaxOffset: c.Config.MaxSkew,
		Grace: c.Config.Bound, Settled: int64(c.Config.For + converged),
	}
	for _, f := range c.Config.Faults {
		if f.Kind == sim.ClockJump {
			for _, m := range f.A {
				o.Astray = append(o.Astray, uint32(m))
			}
		}
		o.Windows = append(o.Windows, history.Window{Name: f.Kind.String(), From: int64(f.At), To: int64(f.At + f.For)})
	}
	return o
}

// Run runs c and judges it. Step, unless nil, is asked now and then whether to go on.
func (c *Case) Run(step func() error) (*Run, error) {
	r := c.record()
	w := sim.New(c.Config)
	for n := 0; w.Step(); n++ {
		if n%(1<<14) != 0 || step == nil {
			continue
		}
		if err := step(); err != nil {
			return nil, err
		}
	}
	run := &Run{Case: c, Result: w.Result()}
	if run.Result.Finished {
		r.ended(w.Replicas())
	}
	run.Report = history.Check(&r.History, c.options(run.Result.Converged))
	for _, a := range c.Asserts {
		run.Verdicts = append(run.Verdicts, run.judge(a))
	}
	return run, nil
}

// Fails runs c with another config, which is a part of its own, and returns in what way
// it fails: by the name of the promise or invariant, or of the property that must hold
// always, or never; empty if it does not. At is when, or the end where no moment is to
// be blamed.
func (c *Case) Fails(cfg sim.Config) (failure string, at time.Duration) {
	failure, at, _ = c.Judge(cfg)
	return failure, at
}

// Judge is Fails, and counts what came to pass.
func (c *Case) Judge(cfg sim.Config) (failure string, at time.Duration, happenings uint64) {
	if !slices.ContainsFunc(c.Asserts, Assertion.decides) {
		r := sim.Run(cfg)
		if v := r.Violation; v != nil {
			return v.Invariant, v.At, r.Happenings
		}
		return "", 0, r.Happenings
	}
	part := *c
	part.Config = cfg
	run, err := part.Run(nil)
	if err != nil {
		return "", 0, 0 // nobody stops it
	}
	if v := run.Result.Violation; v != nil {
		return v.Invariant, v.At, run.Result.Happenings
	}
	if v := run.fails(); v != nil {
		return v.Assertion.Subject, cfg.For, run.Result.Happenings
	}
	return "", 0, run.Result.Happenings
}

// fails returns the first verdict that has a history fail, nil for none.
func (r *Run) fails() *Verdict {
	for i, v := range r.Verdicts {
		if !v.Holds && v.Assertion.decides() {
			return &r.Verdicts[i]
		}
	}
	return nil
}

// Why says in a sentence why a run fails, empty if it does not.
func (r *Run) Why() string {
	if v := r.Result.Violation; v != nil {
		return v.Error()
	}
	if v := r.fails(); v != nil {
		return v.Assertion.Subject + ": " + v.Says
	}
	return ""
}

// decides reports whether a has a history fail.
func (a Assertion) decides() bool {
	return (a.Verb == Always || a.Verb == Never) && a.Subject != Contract
}

// judge says what became of an assertion.
func (r *Run) judge(a Assertion) Verdict {
	v := Verdict{Assertion: a}
	subject, violated := strings.CutSuffix(a.Subject, ".violated")
	switch {
	case a.Verb == Expect || a.Verb == Measure:
		m, _ := metricOf(a.Subject)
		value, of := m.measure(r, &a)
		v.Says = fmt.Sprintf("%s, of %d", m.show(value), of)
		v.Holds = a.Verb == Measure || of > 0 && value >= a.Least && value <= a.Most
		if of == 0 {
			v.Says = "there was nothing to measure"
		}
	case subject == Contract:
		v.Holds, v.Says = r.Result.Violation == nil, "nothing that is checked was broken"
		if !v.Holds {
			v.Says = r.Result.Violation.Error()
		}
	case strings.HasPrefix(subject, "event."):
		n := r.Result.Stats.Count(strings.TrimPrefix(subject, "event."))
		v.Holds, v.Says = n > 0, fmt.Sprintf("came %d times", n)
	default:
		f := r.Report.Finding(history.Property(subject))
		v.Holds, v.Says = f.Holds(), fmt.Sprintf("0 of %d", f.Checked)
		if !f.Holds() {
			v.Says = fmt.Sprintf("%d of %d; first %s", f.Violations, f.Checked, f.Says)
		}
	}
	if a.Verb == Never || violated {
		v.Holds = !v.Holds
	}
	return v
}

// The metrics. Each returns its value and of how many cases it is.

// visibility is how likely a read that begins at or after At saw the latest write
// acknowledged before it.
func (r *Run) visibility(a *Assertion) (int64, uint64) {
	var reads, fresh uint64
	for i := range r.Report.Staleness.Pairs {
		points := r.Report.Staleness.Pairs[i].Curve()
		for k, p := range points {
			if p.After >= int64(a.At) || k+1 < len(points) && points[k+1].After > int64(a.At) {
				reads, fresh = reads+p.Reads, fresh+p.Fresh
				if a.Verb == Measure {
					break // the cell of that moment alone
				}
			}
		}
	}
	return int64(fresh * 1_000_000 / max(reads, 1)), reads
}

func (r *Run) availability(a *Assertion) (int64, uint64) {
	var asked, answered uint64
	for _, s := range r.Report.Shares {
		if s.Window == "" && (a.Kind == "" || s.Kind.String() == a.Kind) {
			asked, answered = asked+s.Asked, answered+s.Answered
		}
	}
	return int64(answered * 1_000_000 / max(asked, 1)), asked
}

func (r *Run) propagation(a *Assertion) (int64, uint64) {
	all := &r.Result.Stats.Everywhere
	return int64(all.Quantile(a.Permille)), all.Count()
}

func (r *Run) staleness(a *Assertion) (int64, uint64) {
	s := &r.Report.Staleness
	// Fresh reads are not stale at all.
	stale := s.Stale * 1000
	if fresh := (s.Reads - s.Stale) * 1000; fresh >= s.Reads*uint64(a.Permille) {
		return 0, s.Reads
	} else if stale > 0 {
		return s.Time.Quantile((s.Reads*uint64(a.Permille) - fresh) / s.Stale), s.Reads
	}
	return 0, s.Reads
}

func (r *Run) missed(a *Assertion) (int64, uint64) {
	s := &r.Report.Staleness
	if s.Stale == 0 {
		return 0, s.Reads
	}
	return s.Missed.Quantile(uint64(a.Permille)), s.Stale
}

func (r *Run) staleReads(*Assertion) (int64, uint64) {
	s := &r.Report.Staleness
	return int64(s.Stale * 1_000_000 / max(s.Reads, 1)), s.Reads
}

func (r *Run) converged(*Assertion) (int64, uint64) {
	if !r.Result.Finished {
		return int64(r.Case.Config.Settle), 0
	}
	return int64(r.Result.Converged), 1
}

func (r *Run) messages(*Assertion) (int64, uint64) {
	s := &r.Result.Stats
	return int64(s.Sent * 1000 / max(s.Writes, 1)), s.Writes
}

func (r *Run) bytes(*Assertion) (int64, uint64) {
	s := &r.Result.Stats
	return int64(s.SentBytes * 1000 / max(s.Writes, 1)), s.Writes
}

func (r *Run) lostUpdates(*Assertion) (int64, uint64) {
	s := &r.Result.Stats
	return int64(s.Lost * 1_000_000 / max(s.Acknowledged, 1)), s.Acknowledged
}
