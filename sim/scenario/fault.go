package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"hearsay/sim"
)

// maxFaults bounds a plan.
const maxFaults = 10_000

// A planner makes a plan of what a file says of faults.
type planner struct {
	src     *source
	regions []region
	names   []string // of the machines
	home    []int
	plan    []sim.Fault
}

// A verb is one thing that can go wrong.
type verb struct {
	name string
	// read adds what the fields of o say.
	read func(p *planner, o *object, f sim.Fault)
}

// verbs are all that can stand behind do.
func verbs() []verb {
	on := func(kind sim.FaultKind) func(*planner, *object, sim.Fault) {
		return func(p *planner, o *object, f sim.Fault) {
			f.Kind, f.A = kind, p.machines(o, "on", f.ID)
			p.add(f)
		}
	}
	by := func(kind sim.FaultKind, field string, u unit) func(*planner, *object, sim.Fault) {
		return func(p *planner, o *object, f sim.Fault) {
			f.Kind, f.A = kind, p.machines(o, "on", f.ID)
			f.Amount = time.Duration(o.value(field, u, 0, -int64(time.Hour), int64(time.Hour)))
			p.add(f)
		}
	}
	share := func(kind sim.FaultKind) func(*planner, *object, sim.Fault) {
		return func(p *planner, o *object, f sim.Fault) {
			f.Kind, f.Permille = kind, int(o.share("p", 0)/1000)
			if kind == sim.Reorder {
				f.Amount = o.duration("window", 100*time.Millisecond)
			}
			p.add(f)
		}
	}
	return []verb{
		{"net.cut", func(p *planner, o *object, f sim.Fault) { p.cut(o, f) }},
		{"net.flap", func(p *planner, o *object, f sim.Fault) { p.flap(o, f) }},
		{"net.loss", share(sim.Loss)},
		{"net.dup", share(sim.Duplicate)},
		{"net.reorder", share(sim.Reorder)},
		{"proc.crash", func(p *planner, o *object, f sim.Fault) {
			f.For = o.duration("restart_after", f.For)
			on(sim.Crash)(p, o, f)
		}},
		{"proc.pause", on(sim.Pause)},
		{"proc.wipe", func(p *planner, o *object, f sim.Fault) {
			f.For = o.duration("restart_after", f.For)
			on(sim.Wipe)(p, o, f)
		}},
		{"disk.slow", by(sim.SlowDisk, "by", nanoseconds)},
		{"disk.full", on(sim.FullDisk)},
		{"disk.fsync_fail", on(sim.FailedSync)},
		{"clock.step", by(sim.ClockJump, "by", nanoseconds)},
		{"member.forget", func(p *planner, o *object, f sim.Fault) {
			f.Kind, f.A, f.B = sim.Forget, p.machines(o, "on", f.ID), p.machines(o, "asks", f.ID)
			p.add(f)
		}},
		{"member.suspect", func(p *planner, o *object, f sim.Fault) {
			f.Kind, f.A, f.B = sim.FalseAlarm, p.machines(o, "on", f.ID), p.machines(o, "by", f.ID)
			p.add(f)
		}},
	}
}

// faults reads the list of faults.
func (p *planner) faults(items []ast.Node) []sim.Fault {
	all := verbs()
	var names []string
	for _, v := range all {
		names = append(names, v.name)
	}
	for i, n := range items {
		o := p.src.object(n, fmt.Sprintf("faults[%d]", i))
		o.text("id") // is for people
		at, lasts := o.duration("at", 0), o.duration("for", time.Second)
		every := o.duration("every", 0)
		until := o.duration("until", at)
		do := o.text("do")
		which := slices.Index(names, do)
		if which < 0 {
			p.src.fail(n, "%s has do: %q%s", o.path, do, advice(o.path, do, names))
			return nil
		}
		if every > 0 && (until-at)/every > maxFaults {
			p.src.fail(n, "%s strikes %d times, at most %d are allowed", o.path, (until-at)/every, maxFaults)
			return nil
		}
		for round := uint64(0); ; round++ {
			all[which].read(p, o, sim.Fault{ID: uint64(i+1)<<32 | round<<8, At: at, For: lasts})
			if at += every; every == 0 || at > until || p.src.err != nil {
				break
			}
		}
		o.done()
	}
	return p.plan
}

// add puts f in the plan.
func (p *planner) add(f sim.Fault) {
	if len(p.plan) < maxFaults {
		p.plan = append(p.plan, f)
	}
}

// cut severs a link one way or both.
func (p *planner) cut(o *object, f sim.Fault) {
	from, to, both := p.link(o, f.ID)
	f.Kind, f.A, f.B = sim.CutOneWay, from, to
	p.add(f)
	if both {
		f.ID, f.A, f.B = f.ID+1, to, from
		p.add(f)
	}
}

// flap severs a link and mends it, again and again.
func (p *planner) flap(o *object, f sim.Fault) {
	up, down := o.duration("up", time.Second), o.duration("down", time.Second)
	if up+down <= 0 || f.For/(up+down) > 100 {
		p.src.fail(o.node, "%s flaps every %v for %v, want 100 times at most", o.path, up+down, f.For)
		return
	}
	for end := f.At + f.For; f.At < end; f.At += up + down {
		f.For = min(down, end-f.At)
		p.cut(o, f)
		f.ID += 2
	}
}

// link reads "A -> B" or "A <-> B".
func (p *planner) link(o *object, id uint64) (from, to []int, both bool) {
	text := o.text("link")
	a, b, both := strings.Cut(text, "<->")
	if !both {
		var ok bool
		if a, b, ok = strings.Cut(text, "->"); !ok {
			p.src.fail(position(o.fields["link"], o.node), `%s has link %q, want one like "region:euw -> all" or "use <-> aps"`, o.path, text)
			return nil, nil, false
		}
	}
	from, to = p.pick(o, "link", strings.TrimSpace(a), id), p.pick(o, "link", strings.TrimSpace(b), id+1)
	// Nobody is cut off from himself: what is on both sides stays on the first.
	to = slices.DeleteFunc(to, func(m int) bool { return slices.Contains(from, m) })
	return from, to, both
}

// machines reads a field that says which machines.
func (p *planner) machines(o *object, name string, id uint64) []int {
	text := o.text(name)
	if text == "" {
		p.src.fail(o.node, "%s does not say %s which nodes", o.path, name)
		return nil
	}
	return p.pick(o, name, text, id)
}

// pick returns the machines that a selector stands for. Those by chance are drawn by the
// seed for each fault anew.
func (p *planner) pick(o *object, field, selector string, id uint64) []int {
	all := make([]int, len(p.names))
	for i := range all {
		all[i] = i
	}
	some := func(n int) []int {
		n = min(max(n, 1), len(all))
		draw := sim.Draw(p.src.seed, "scenario target", id)
		for i := range n {
			draw = sim.Draw(draw, "next")
			j := i + int(draw%uint64(len(all)-i))
			all[i], all[j] = all[j], all[i]
		}
		slices.Sort(all[:n])
		return all[:n]
	}
	if but, ok := call(selector, "all_but"); ok {
		out := p.pick(o, field, but, id)
		return slices.DeleteFunc(all, func(m int) bool { return slices.Contains(out, m) })
	}
	if n, ok := call(selector, "random"); ok {
		if share, err := millionths(n); err == nil && strings.HasSuffix(n, "%") {
			return some(len(all) * int(share) / 1_000_000)
		}
		if count, err := strconv.Atoi(n); err == nil && count >= 1 && count <= len(all) {
			return some(count)
		}
	}
	switch selector {
	case "all":
		return all
	case "minority":
		return some((len(all) - 1) / 2)
	case "majority":
		return some(len(all)/2 + 1)
	}
	name := strings.TrimPrefix(selector, "node:")
	if i := slices.Index(p.names, name); i >= 0 {
		return []int{i}
	}
	name = strings.TrimPrefix(selector, "region:")
	if r := slices.IndexFunc(p.regions, func(r region) bool { return r.code == name }); r >= 0 {
		return slices.DeleteFunc(all, func(m int) bool { return p.home[m] != r })
	}
	words := []string{"all", "minority", "majority", "random(2)", "random(40%)", "all_but(…)"}
	for _, r := range p.regions {
		words = append(words, "region:"+r.code)
	}
	p.src.fail(position(o.fields[field], o.node), "%s has %s %q, want a node like node:%s%s", o.path, field, selector, p.names[0], nearest(selector, words))
	return nil
}

// position is where n stands in the file, or otherwise if it is not there.
func position(n, otherwise ast.Node) ast.Node {
	if n == nil {
		return otherwise
	}
	return n
}
