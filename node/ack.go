package node

import "time"

// This file is when a write's reply is due.

// An Ack says how far a write has to be, or is, when it is acknowledged: synced, but
// for AckLocal where Config.SyncEvery puts that off.
type Ack uint8

const (
	// AckRegion has every node that answers `region` in the writer's region hold
	// the write, and a majority of the region's granters (see gossip/view).
	AckRegion Ack = iota
	// AckLocal has this node alone hold it.
	AckLocal
	// AckAll has every member of the cluster hold it.
	AckAll
)

func (a Ack) String() string { return [...]string{"region", "local", "all"}[a] }

// A wait is a write that is durable here and not yet as far as it has to be.
type wait struct {
	reply Reply         // of a write of this life
	due   time.Duration // Reading.Mono: when it is acknowledged as far as it is
}

// waits are the writes that wait for their region, and those that wait for all
// members, each in the order in which they were accepted.
type waits struct{ region, all []wait }

// due returns when the first reply is due at the latest, or limit if that is
// earlier.
func (w *waits) due(limit time.Duration) time.Duration {
	for _, list := range [...][]wait{w.region, w.all} {
		if len(list) > 0 {
			limit = min(limit, list[0].due)
		}
	}
	return limit
}

// newest returns the greatest number of a write that waits, 0 if none does.
func (w *waits) newest() (seq uint64) {
	for _, list := range [...][]wait{w.region, w.all} {
		if len(list) > 0 {
			seq = max(seq, list[len(list)-1].reply.Seq)
		}
	}
	return seq
}

// settle replies in this turn, or when the write is as far as want says. A node
// that may not answer `region` itself does not have its clients wait for those who
// may.
func (n *Node) settle(r Reply, want Ack) {
	own := r.Version.Origin == n.own // else it was found here, and who holds it is not known
	w := wait{reply: r}
	switch {
	case want == AckAll && own:
		n.engine.AwaitAll(r.Seq)
		w.due = n.now.Mono + n.cfg.Bound
		n.waits.all = append(n.waits.all, w)
	case want == AckRegion && own && n.engine.Hold().On(n.now):
		w.due = n.now.Mono + 2*n.cfg.Gossip.View.Lease // the next view mostly confirms what the last one left
		n.waits.region = append(n.waits.region, w)
	default:
		w.reply.Ack = AckLocal
		n.replies = append(n.replies, w.reply)
	}
}

// acknowledge replies to the writes that are far enough, or have waited enough.
func (n *Node) acknowledge() {
	if len(n.waits.region) > 0 {
		n.waits.region = n.release(n.waits.region, n.inRegion(), AckRegion)
	}
	if len(n.waits.all) > 0 {
		n.waits.all = n.release(n.waits.all, n.engine.HeldByAll(), AckAll)
	}
}

// release replies to the first ones of list, as ack those up to the number through,
// and as far as they are those that waited long enough. It returns the others.
func (n *Node) release(list []wait, through uint64, ack Ack) []wait {
	done := 0
	for i := range list {
		w := &list[i]
		switch {
		case w.reply.Version.Origin != n.own: // that has ended: nobody says any more how far it is
			w.reply.Ack = AckLocal
		case w.reply.Seq <= through:
			w.reply.Ack = ack
		case w.due <= n.now.Mono:
			w.reply.Ack = AckLocal
			if w.reply.Seq <= n.inRegion() {
				w.reply.Ack = AckRegion
			}
		default:
			return list[done:]
		}
		n.replies = append(n.replies, w.reply)
		done++
	}
	return nil
}

// inRegion returns how far the region is known to hold what this node has written.
func (n *Node) inRegion() uint64 {
	if c := n.engine.Confirmed(); c.Origin == n.own {
		return c.Seq
	}
	return 0
}
