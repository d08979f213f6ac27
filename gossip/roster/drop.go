package roster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file is how a member leaves the roster, of its own will or because it is
// silent. What it wrote counts as far as any other member holds it. So all others
// first say how far they do and take no more of it, and the epoch that drops it
// names the longest as its end. A majority alone would not do: a member that was
// not asked may hold more, and go on to show it.

// ErrForget is returned by Forget. Nothing changed.
var ErrForget = errors.New("cannot forget a member")

// Find returns the member with the name or id.
func (e *Epoch) Find(name string) (store.NodeID, error) {
	if m, ok := e.Member(store.NodeID(name)); ok {
		return m.Node, nil
	}
	var found []string
	for _, m := range e.Members {
		if m.Name == name {
			found = append(found, string(m.Node))
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w: no member has the name or id %q", ErrForget, name)
	case 1:
		return store.NodeID(found[0]), nil
	}
	return "", fmt.Errorf("%w: %d members have the name %q, give an id: %s", ErrForget, len(found), name, strings.Join(found, ", "))
}

// Forget has this node propose an epoch without the members ids, which are silent
// unless force is set. That takes some round trips, and a majority: when Epoch
// names them no more, it is done. The error says what stands against it.
func (r *Roster) Forget(now time.Duration, ids []store.NodeID, force bool) error {
	r.look(now)
	e := &r.ledger.Epoch
	if !r.Belongs() {
		return fmt.Errorf("%w: this node is no member itself, ask one that is", ErrForget)
	}
	up := 1
	var silent []string
	for _, m := range e.Members {
		forgotten := slices.Contains(ids, m.Node)
		switch {
		case m.Node == r.self.Node && forgotten:
			return fmt.Errorf("%w: %s is the node that was asked: drain it, or ask another one", ErrForget, m.label())
		case m.Node == r.self.Node:
		case !r.silent(m.Node) && forgotten && !force:
			return fmt.Errorf("%w: %s is up: drain it, or force it", ErrForget, m.label())
		case !r.silent(m.Node):
			up++
		case !forgotten:
			silent = append(silent, m.label())
		}
	}
	for _, id := range ids {
		if _, member := e.find(id); !member {
			return fmt.Errorf("%w: %s is no member", ErrForget, id)
		}
	}
	switch {
	case up < e.majority():
		return fmt.Errorf("%w: no majority: %d of %d members are up here, it takes %d", ErrForget, up, len(e.Members), e.majority())
	case len(silent) > 0:
		return fmt.Errorf("%w: silent too: %s: each may hold writes of the forgotten that no one else has, so bring them back or forget them together", ErrForget, strings.Join(silent, ", "))
	}
	for _, id := range ids {
		r.wishes = insert(r.wishes, id)
	}
	r.dropAfter, r.due = 0, r.now
	return nil
}

// Leave has this node ask to be dropped, and not to be admitted again in this
// life. Its owner has seen to it that others hold what it wrote.
func (r *Roster) Leave(now time.Duration) {
	r.look(now)
	if !r.leaving {
		r.leaving, r.due = true, r.now
	}
}

// Rejoin has this node ask to be dropped, and then to be admitted again, as others
// refuse what it wrote last. Void are its streams that began with such a write: they end
// too, though their timestamps are from after its return.
func (r *Roster) Rejoin(now time.Duration, void []store.Origin) {
	r.look(now)
	if r.rejoining || !r.Belongs() {
		return
	}
	r.rejoining, r.due = true, r.now
	for _, o := range void {
		r.void.Set(o, 0)
	}
}

// askToLeave sends a Leave to the first member that is up.
func (r *Roster) askToLeave() {
	for _, m := range r.ledger.Epoch.Members {
		if m.Node != r.self.Node && !r.silent(m.Node) {
			r.send(m.Node, Message{Step: Leave, Held: r.void.Clone()})
			return
		}
	}
}

func (r *Roster) receiveLeave(from store.NodeID, m *Message) {
	if _, member := r.ledger.Epoch.find(from); member && r.Belongs() {
		r.wishes = insert(r.wishes, from)
		for _, void := range m.Held.Of(from) {
			r.voided.Set(void.Origin, 0)
		}
		r.due = min(r.due, r.now+r.cfg.Gather)
	}
}

// Refuses reports whether this node takes nothing more of the streams of id.
func (r *Roster) Refuses(id store.NodeID) bool {
	_, refused := slices.BinarySearch(r.ledger.Refused, id)
	return refused
}

func (m Member) label() string {
	if m.Name == "" {
		return string(m.Node)
	}
	return m.Name
}

// drops returns whom the next epoch should drop, none unless all others are up to
// say how far they hold the streams of those.
func (r *Roster) drops() []store.NodeID {
	if r.now < r.dropAfter {
		return nil
	}
	var drop []store.NodeID
	for _, m := range r.ledger.Epoch.Members {
		if m.Node != r.self.Node && (slices.Contains(r.wishes, m.Node) || r.gone(m)) {
			drop = append(drop, m.Node)
		}
	}
	for _, m := range r.ledger.Epoch.Members {
		if m.Node != r.self.Node && r.silent(m.Node) && !slices.Contains(drop, m.Node) {
			return nil
		}
	}
	return drop
}

// gone reports whether m is silent for so long that this node has it dropped.
// Past the horizon the first of those who are up does; before, whom a newcomer of
// m's name asked to be admitted.
func (r *Roster) gone(m Member) bool {
	silence := r.silence(m.Node)
	if silence >= r.cfg.Horizon {
		return !slices.ContainsFunc(r.ledger.Epoch.Members, func(o Member) bool { return o.Node < r.self.Node && !r.silent(o.Node) })
	}
	return silence >= r.cfg.Silence && slices.ContainsFunc(r.newcomers, func(n Member) bool { return n.replaces(m) && !r.silent(n.Node) })
}

// without returns members but for those in drop.
func without(members []Member, drop []store.NodeID) []Member {
	return slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return slices.Contains(drop, m.Node) })
}

// unsaid notes that an attempt came to nothing, for someone did not say how far it
// holds those who were to be dropped. The others cannot refuse their streams for
// ever, nor keep newcomers waiting: after some attempts comes one that drops nobody.
func (r *Roster) unsaid() {
	if r.unheard++; r.unheard < dropTries {
		return
	}
	r.unheard, r.dropAfter = 0, r.now+dropPause*r.cfg.Patience
}

const (
	dropTries = 3
	dropPause = 4
)

// say has this node say how far it holds the streams of those in drop, and take
// no more of them.
func (r *Roster) say(drop []store.NodeID) (held store.Watermarks) {
	for _, id := range drop {
		if id == r.self.Node {
			continue
		}
		held = append(held, r.owner.Held(id)...)
		r.ledger.Refused = insert(r.ledger.Refused, id)
	}
	return held
}

// hears takes in how far a member holds the streams of those whom a would drop.
func (a *attempt) hears(held store.Watermarks) {
	for _, m := range held {
		if slices.Contains(a.drop, m.Origin.Node) {
			a.held.Set(m.Origin, max(m.Seq, a.held.At(m.Origin)))
		}
	}
}

// awaits reports whether a has to wait for a member that did not say yet how far
// it holds those whom a would drop.
func (a *attempt) awaits(e *Epoch) bool {
	return len(a.drop) > 0 && slices.ContainsFunc(e.Members, func(m Member) bool {
		return !slices.Contains(a.drop, m.Node) && !slices.ContainsFunc(a.promised, func(v vow) bool { return v.node == m.Node })
	})
}

// drop sets the ends of those whom a drops in an epoch that does not have them any
// more. The streams in void end in any case.
func (e *Epoch) drop(a *attempt, void store.Watermarks) {
	var through clock.Timestamp
	for _, v := range a.promised {
		if !slices.Contains(a.drop, v.node) && v.w.Compare(through) > 0 {
			through = v.w
		}
	}
	for _, id := range a.drop {
		end := End{Node: id, Epoch: e.Number, Marks: a.held.Of(id).Clone(), Through: through}
		for _, m := range void.Of(id) {
			end.Marks.Set(m.Origin, a.held.At(m.Origin))
		}
		i, again := e.findEnd(id)
		if again {
			e.Ends[i] = end
			continue
		}
		e.Ends = slices.Insert(e.Ends, i, end)
	}
	for len(e.Ends) > MaxEnds {
		oldest := slices.MinFunc(e.Ends, func(a, b End) int { return cmp.Compare(a.Epoch, b.Epoch) })
		i, _ := e.findEnd(oldest.Node)
		e.Ends = slices.Delete(e.Ends, i, i+1)
	}
}
