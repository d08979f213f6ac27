package roster

import (
	"slices"
	"strings"

	"hearsay/store"
)

// This file is how a newcomer asks to be admitted, and who may be.

// ask sends an Ask to one peer that is a member: to the last sponsor first, so
// that newcomers who come together do not make sponsors rivals, then to others.
func (r *Roster) ask(peers []store.NodeID) {
	var members []store.NodeID
	for _, id := range peers {
		if _, ok := r.ledger.Epoch.find(id); ok {
			members = append(members, id)
		}
	}
	if len(members) == 0 {
		r.due = never // until Heard
		return
	}
	sponsor := r.ledger.Epoch.Sponsor
	if r.asked == sponsor || !slices.Contains(members, sponsor) {
		sponsor = members[r.draw("sponsor", uint64(r.now), 0)%uint64(len(members))]
	}
	r.asked = sponsor
	who := r.self
	if _, dropped := r.ledger.Epoch.findEnd(who.Node); dropped {
		who.Since = r.owner.Stamp()
	}
	r.send(sponsor, Message{Step: Ask, Who: who})
	r.due = r.now + r.patience()
}

func (r *Roster) receiveAsk(from store.NodeID, m *Message) {
	if !r.Belongs() {
		return
	}
	if _, known := r.ledger.Epoch.find(from); known {
		r.send(from, Message{Step: Decided, Value: r.ledger.Epoch})
		return
	}
	i, waits := r.findNewcomer(from)
	if !waits && len(r.ledger.Epoch.Members)+len(r.newcomers) >= r.cfg.MaxMembers {
		return
	}
	if !waits {
		r.newcomers = slices.Insert(r.newcomers, i, Member{})
	}
	r.newcomers[i] = m.Who
	r.newcomers[i].Node = from
	r.heard[from] = r.now
	if r.attempt == nil || r.holds(r.attempt) {
		r.due = min(r.due, r.now+r.cfg.Gather)
	}
}

func (r *Roster) findNewcomer(id store.NodeID) (int, bool) {
	return slices.BinarySearchFunc(r.newcomers, id, func(m Member, id store.NodeID) int {
		return strings.Compare(string(m.Node), string(id))
	})
}

// admits returns the newcomers that may join the members but for those in drop:
// who is still there, under a name that is free, and with timestamps that others take.
func (r *Roster) admits(drop []store.NodeID) []Member {
	if len(r.newcomers) == 0 {
		return nil
	}
	members := without(r.ledger.Epoch.Members, drop)
	var admit []Member
	for _, n := range r.newcomers {
		if !r.silent(n.Node) && r.owner.Fits(n) && !slices.ContainsFunc(members, n.replaces) && !slices.ContainsFunc(admit, n.replaces) {
			admit = append(admit, n)
		}
	}
	return admit
}

// replaces reports whether m stands where o does, under its name.
func (m Member) replaces(o Member) bool {
	return m.Name != "" && m.Name == o.Name && m.Region == o.Region
}
