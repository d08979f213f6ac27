package roster

import (
	"slices"
	"strings"

	"hearsay/clock"
	"hearsay/store"
)

// This file names each region's granters, on whose majority it rests who may
// answer `region` there (see package view).
//
// They change one at a time, so that a majority of the former ones and one of the
// present ones have a granter in common. The next change waits until nothing rests
// on the former ones any more: all of both have adopted the present ones, the grants
// that they gave before have run out, and the present ones hold all that the former
// ones held then.

// MaxGranters bounds the granters of a region.
const MaxGranters = 5

// A Region is the granters of one region: up to five of its own nodes and, for a
// region of two, one that it borrows.
type Region struct {
	Name     string
	Granters []store.NodeID // sorted
	Since    uint64         // the epoch that made the last change …
	Left     store.NodeID   // … and whom that took away, empty if it added one
}

// A vow is what a member promises along with a ballot about the grants of its
// present epoch.
type vow struct {
	node store.NodeID
	// settled is a timestamp from after the last grant of a former epoch had run
	// out at the node, above all that it held; zero while they run.
	settled clock.Timestamp
	w       clock.Timestamp // the node holds all that is stamped at or below it
}

// Region returns the granters of a region, none if it has no member. The caller
// does not change them.
func (e *Epoch) Region(name string) Region {
	if i, has := e.findRegion(name); has {
		return e.Regions[i]
	}
	return Region{Name: name}
}

// Nodes returns the members that stand in a region, sorted.
func (e *Epoch) Nodes(region string) []store.NodeID {
	var nodes []store.NodeID
	for _, m := range e.Members {
		if m.Region == region {
			nodes = append(nodes, m.Node)
		}
	}
	return nodes
}

func (e *Epoch) findRegion(name string) (int, bool) {
	return slices.BinarySearchFunc(e.Regions, name, func(r Region, name string) int { return strings.Compare(r.Name, name) })
}

// names returns the regions in which members stand, sorted.
func (e *Epoch) names() []string {
	names := make([]string, len(e.Members))
	for i, m := range e.Members {
		names[i] = m.Region
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// regrant names the granters of e, which follows now: those of now, one change
// further where the vows allow it. Lenders are who lends to a region, by its name.
func (e *Epoch) regrant(now *Epoch, vows []vow, lenders map[string]store.NodeID) {
	e.Regions = nil
	for _, name := range e.names() {
		i, old := now.findRegion(name)
		if !old {
			// Nobody has ever answered `region` there.
			own := e.Nodes(name)
			e.Regions = append(e.Regions, Region{Name: name, Granters: own[:min(len(own), MaxGranters)], Since: e.Number})
			continue
		}
		r := now.Regions[i]
		if now.settled(&r, vows) {
			r = r.step(e, lenders[name])
		}
		e.Regions = append(e.Regions, r)
	}
}

// settled reports whether nothing rests any more on the granters before r. Whoever
// was dropped from the roster is taken to be gone.
func (e *Epoch) settled(r *Region, vows []vow) bool {
	concerned := r.Granters
	if r.Left != "" {
		concerned = append(slices.Clone(concerned), r.Left)
	}
	var held clock.Timestamp
	for _, id := range concerned {
		if _, member := e.find(id); !member {
			continue
		}
		v := vowOf(vows, id)
		if v.settled.IsZero() {
			return false
		}
		if v.settled.Compare(held) > 0 {
			held = v.settled
		}
	}
	for _, id := range r.Granters {
		if _, member := e.find(id); member && vowOf(vows, id).w.Compare(held) < 0 {
			return false
		}
	}
	return true
}

func vowOf(vows []vow, id store.NodeID) vow {
	if i := slices.IndexFunc(vows, func(v vow) bool { return v.node == id }); i >= 0 {
		return vows[i]
	}
	return vow{}
}

// step returns r with one granter more or one less, or as it is if nothing is
// to change.
func (r Region) step(e *Epoch, lender store.NodeID) Region {
	own := e.Nodes(r.Name)
	if i := slices.IndexFunc(r.Granters, func(id store.NodeID) bool { _, member := e.find(id); return !member }); i >= 0 && len(r.Granters) > 1 {
		return r.without(i, e)
	}
	for _, id := range own {
		if len(r.Granters) < MaxGranters && !slices.Contains(r.Granters, id) {
			return r.with(id, e)
		}
	}
	i := slices.IndexFunc(r.Granters, func(id store.NodeID) bool { return !slices.Contains(own, id) })
	switch {
	case i >= 0 && len(own) != 2:
		return r.without(i, e)
	case i < 0 && len(own) == 2 && lender != "":
		return r.with(lender, e)
	}
	return r
}

func (r Region) with(id store.NodeID, e *Epoch) Region {
	return Region{Name: r.Name, Granters: insert(slices.Clone(r.Granters), id), Since: e.Number}
}

func (r Region) without(i int, e *Epoch) Region {
	return Region{Name: r.Name, Granters: slices.Delete(slices.Clone(r.Granters), i, i+1), Since: e.Number, Left: r.Granters[i]}
}

// regrants reports whether this node is to see to it that the granters of its
// region change: the first of the region that is up, and knows how to.
func (r *Roster) regrants(peers []store.NodeID) bool {
	e := &r.ledger.Epoch
	for _, id := range peers {
		if m, member := e.Member(id); member && m.Region == r.self.Region && id < r.self.Node {
			return false
		}
	}
	i, has := e.findRegion(r.self.Region)
	return has && !slices.Equal(e.Regions[i].step(e, r.owner.Near()).Granters, e.Regions[i].Granters)
}

// same reports whether e names the members and granters that f does.
func (e *Epoch) same(f *Epoch) bool {
	return slices.Equal(e.Members, f.Members) && slices.EqualFunc(e.Regions, f.Regions, func(a, b Region) bool {
		return a.Name == b.Name && slices.Equal(a.Granters, b.Granters)
	})
}

// settle notes when the grants of former epochs have run out. The epoch need not
// have changed this region: that costs a little time.
func (r *Roster) settle() {
	if r.settled.IsZero() && r.adopted > 0 && r.now-r.adopted >= r.cfg.Settle {
		r.settled = r.owner.Stamp()
	}
}
