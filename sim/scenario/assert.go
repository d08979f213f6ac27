package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"hearsay/sim/history"
)

// An Assertion is what a scenario says of its runs.
type Assertion struct {
	Verb Verb
	// Subject is a property, a metric or, of Sometimes, an event of nodes.
	Subject string
	// At, Quantile and Kind narrow a metric down, Least and Most bound it, in its unit.
	At          time.Duration
	Permille    int
	Kind        string
	Least, Most int64
	Text        string // as it stands in the file
}

// A Verb says what an assertion asks for.
type Verb string

// Always and Never decide whether a run passes, and so does Expect, of a metric.
// Sometimes is of all runs together: in one at least the property must not hold, or
// the event come. Measure never fails.
const (
	Always    Verb = "always"
	Never     Verb = "never"
	Sometimes Verb = "sometimes"
	Expect    Verb = "expect"
	Measure   Verb = "measure"
)

// Contract is the property that everything holds which is checked in every run: what
// clients are promised, and what replicas keep among themselves.
const Contract = "contract"

// properties are all that can stand behind always.
func properties() []string {
	all := []string{Contract}
	for _, f := range history.Check(&history.History{}, history.Options{}).Findings {
		all = append(all, string(f.Property))
	}
	return all
}

// asserts reads the assertions that apply to a variant.
func (o *object) asserts(v Variant) []Assertion {
	var all []Assertion
	for i, n := range o.list("assert") {
		if a, applies := o.src.object(n, fmt.Sprintf("assert[%d]", i)).assertion(v); applies {
			all = append(all, a)
		}
	}
	return all
}

func (o *object) assertion(v Variant) (Assertion, bool) {
	a := Assertion{Text: strings.TrimSpace(o.node.String())}
	verbs := []Verb{Always, Never, Sometimes, Expect, Measure}
	at := slices.IndexFunc(verbs, func(verb Verb) bool { return o.has(string(verb)) })
	if at < 0 {
		o.src.fail(o.node, "an assertion wants one of always, never, sometimes, expect or measure")
		return a, false
	}
	a.Verb = verbs[at]
	a.Subject = o.text(string(a.Verb))
	n := o.fields[string(a.Verb)]
	switch a.Verb {
	case Always, Never:
		o.property(n, a.Subject)
	case Sometimes:
		if property, violated := strings.CutSuffix(a.Subject, ".violated"); violated {
			o.property(n, property)
		} else if !strings.HasPrefix(a.Subject, "event.") {
			o.src.fail(n, "sometimes %s: want a property with .violated behind it, or event. and the name of an event", a.Subject)
		}
	case Expect, Measure:
		o.metric(n, &a)
	}
	applies := o.in("when").applies(v)
	o.done()
	return a, applies
}

func (o *object) property(n ast.Node, name string) {
	if known := properties(); !slices.Contains(known, name) {
		o.src.fail(n, "there is no property %s%s", name, advice(o.path, name, known))
	}
}

// applies reports whether v has the values that o lists.
func (o *object) applies(v Variant) bool {
	all := true
	for _, key := range o.keys {
		name := key.GetToken().Value
		var values []string
		for _, n := range o.list(name) {
			values = append(values, o.src.text(n, o.at(name)))
		}
		i := slices.IndexFunc(v, func(s Setting) bool { return s.Name == name })
		if i < 0 {
			o.src.fail(key, "when names %s, which vary does not list", name)
			return false
		}
		all = all && slices.Contains(values, v[i].Value)
	}
	return all
}

// A metric is something that is measured in every run.
type metric struct {
	name string
	unit unit
	show func(int64) string
	// moment and quantile say whether it is of a time, or of a share of all cases.
	moment, quantile bool
	measure          func(*Run, *Assertion) (value int64, of uint64)
}

func duration(v int64) string { return time.Duration(v).Round(10 * time.Microsecond).String() }

func percent(v int64) string { return fmt.Sprintf("%d.%02d %%", v/10_000, v/100%100) }

func hundredths(v int64) string { return fmt.Sprintf("%d.%02d", v/1000, v/10%100) }

// metrics are all that can be measured.
func metrics() []metric {
	return []metric{
		{"t_visibility", millionths, percent, true, false, (*Run).visibility},
		{"availability", millionths, percent, false, false, (*Run).availability},
		{"propagation", nanoseconds, duration, false, true, (*Run).propagation},
		{"staleness", nanoseconds, duration, false, true, (*Run).staleness},
		{"missed_versions", whole, func(v int64) string { return fmt.Sprint(v) }, false, true, (*Run).missed},
		{"stale_reads", millionths, percent, false, false, (*Run).staleReads},
		{"converged", nanoseconds, duration, false, false, (*Run).converged},
		{"messages_per_write", thousandths, hundredths, false, false, (*Run).messages},
		{"bytes_per_write", thousandths, hundredths, false, false, (*Run).bytes},
		{"lost_updates", millionths, percent, false, false, (*Run).lostUpdates},
	}
}

func metricOf(name string) (metric, bool) {
	for _, m := range metrics() {
		if m.name == name {
			return m, true
		}
	}
	return metric{}, false
}

func (o *object) metric(n ast.Node, a *Assertion) {
	m, known := metricOf(a.Subject)
	if !known {
		var names []string
		for _, m := range metrics() {
			names = append(names, m.name)
		}
		o.src.fail(n, "there is no metric %s%s", a.Subject, advice(o.path, a.Subject, names))
		return
	}
	if m.moment {
		a.At = o.duration("at", 0)
	}
	if m.quantile {
		a.Permille = int(o.share("quantile", 990_000) / 1000)
	}
	if m.name == "availability" {
		a.Kind = o.choice("kind", "", "get", "put", "delete", "list")
	}
	const most = 1 << 62
	if a.Verb == Expect {
		if !o.has("ge") && !o.has("le") {
			o.src.fail(n, "expect %s wants a bound: ge or le", m.name)
		}
		a.Least, a.Most = o.value("ge", m.unit, 0, 0, most), o.value("le", m.unit, most, 0, most)
	}
}
