package host

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/node"
	"hearsay/node/admin"
	"hearsay/node/api"
	"hearsay/node/kv"
	"hearsay/store"
)

// Alive returns why the node has stopped, or nil while it runs.
func (h *Host) Alive() error {
	select {
	case <-h.done:
	default:
		return nil
	}
	if h.failure != nil {
		return h.failure
	}
	return api.ErrStopped
}

// Ready returns why clients should not be sent here, or nil. A node is ready
// once it takes writes and misses nothing older than caughtUp, or, cut off since
// its start, when StartWait is over; a partition later makes no ready node
// unready.
func (h *Host) Ready() error {
	if err := h.Alive(); err != nil {
		return err
	}
	if h.leaving.Load() {
		return errors.New("the node is leaving")
	}
	v := h.View()
	defer v.Close()
	snapshot := showSnapshot(h.progress.Load().Snapshot)
	if snapshot != nil && (v.Front.Fenced || !h.ready.Load()) {
		return errors.New(snapshot.String())
	}
	if v.Front.Refusal != nil {
		return v.Front.Refusal
	}
	if h.ready.Load() {
		return nil
	}
	stale, known := v.Front.Staleness(v.Now)
	waited := v.Now.Mono - h.opened
	switch {
	case known && stale <= caughtUp, waited >= h.cfg.StartWait:
		h.ready.Store(true)
		return nil
	case !known:
		return errors.New("catching up: nobody has said how far the others are")
	}
	return fmt.Errorf("catching up: what is missing may be %v old", stale.Round(time.Millisecond))
}

// caughtUp is how stale a node may be that has just become ready.
const caughtUp = 10 * time.Second

// Status returns what the node is and how far it is, for people.
func (h *Host) Status() admin.Status {
	v := h.View()
	defer v.Close()
	marks := v.Front.Marks
	why := ""
	if v.Front.Refusal != nil {
		why = v.Front.Refusal.Error()
	}
	return admin.Status{
		ID:      h.identity.Node,
		Name:    h.identity.Name,
		Region:  h.identity.Region,
		Cluster: h.identity.Cluster,
		Started: h.started,

		TakesNoWrites: why,

		Freshness: h.showFreshness(v),
		Refused:   h.showRefused(v),
		Marks:     showMarks(marks),
		Peers:     h.showPeers(v),
		Queues: []admin.Queue{
			h.showQueue("clients", &h.loop.inbox.clients),
			h.showQueue("peers", &h.loop.inbox.peers),
		},
		Disk:   h.showDisk(),
		Events: h.counts.snapshot(),
	}
}

// lookEvery is how often the loop renews what people may look at: it is as long
// as the roster, too much for every turn.
const lookEvery = 100 * time.Millisecond

// keepProgress keeps how far n is. Only the loop may ask n.
func (h *Host) keepProgress(n *node.Node) {
	now := h.cfg.Clock.Read().Mono
	if now < h.lookDue {
		return
	}
	h.lookDue = now + lookEvery
	p := n.Progress()
	h.progress.Store(&p)
}

func (h *Host) showFreshness(v *kv.View) admin.Freshness {
	f := admin.Freshness{
		W:       showTimestamp(v.Front.W),
		Bound:   h.cfg.Node.Bound.Seconds(),
		MaxSkew: h.cfg.Node.MaxSkew.Seconds(),
	}
	if stale, known := v.Front.Staleness(v.Now); known {
		f.Staleness = seconds(stale)
	}
	p := h.progress.Load()
	if p.Late != 0 {
		f.ExceededSince = time.Unix(0, p.Late)
	}
	f.Snapshot = showSnapshot(p.Snapshot)
	f.Epoch, f.Members = p.Epoch, make([]admin.Member, len(p.Members))
	for i, m := range p.Members {
		f.Members[i] = admin.Member{ID: m.Node, Name: m.Name, Region: m.Region, Closed: showTimestamp(m.Covered)}
		if !m.Covered.IsZero() {
			f.Members[i].Age = seconds(time.Duration(v.Now.Wall - m.Covered.Wall))
		}
	}
	return f
}

func (h *Host) showRefused(v *kv.View) []admin.Refused {
	p := h.progress.Load()
	shown := make([]admin.Refused, len(p.Refusals))
	for i, r := range p.Refusals {
		shown[i] = admin.Refused{ID: r.Node, Ahead: *seconds(r.Ahead), For: *seconds(v.Now.Mono - r.Since)}
		if m := slices.IndexFunc(p.Members, func(m gossip.Standing) bool { return m.Node == r.Node }); m >= 0 {
			shown[i].Name = p.Members[m].Name
		}
	}
	return shown
}

func showSnapshot(c *gossip.CatchingUp) *admin.Snapshot {
	if c == nil {
		return nil
	}
	return &admin.Snapshot{Fenced: c.Fenced, Donor: c.Donor, Entries: c.Entries, Total: c.Total, For: *seconds(c.For)}
}

// showTimestamp returns t as text, empty for none.
func showTimestamp(t clock.Timestamp) string {
	if t.IsZero() {
		return ""
	}
	return t.String()
}

// seconds returns d to the millisecond.
func seconds(d time.Duration) *float64 {
	return new(float64(d.Milliseconds()) / 1e3)
}

func showMarks(marks store.Watermarks) []admin.Mark {
	shown := make([]admin.Mark, len(marks))
	for i, m := range marks {
		in := m.Origin.Incarnation
		shown[i] = admin.Mark{
			Node:        m.Origin.Node,
			Incarnation: fmt.Sprintf("%v/%08x", in.Start, in.Nonce),
			Seq:         m.Seq,
		}
	}
	return shown
}

func (h *Host) showPeers(v *kv.View) []admin.Peer {
	members := h.links.Members()
	shown := make([]admin.Peer, len(members))
	for i, m := range members {
		p := admin.Peer{ID: m.ID, Name: m.Name, Region: m.Region, Peer: m.Addr, API: m.API, Connected: m.Connected}
		if lag, told := h.peers.lag(m.ID, v.Front.Marks, v.Now.Mono); told {
			p.Ahead, p.Behind = new(lag.ahead), new(lag.behind)
			if !lag.w.IsZero() {
				p.Staleness = seconds(time.Duration(v.Now.Wall-lag.w.Wall) + h.cfg.Node.MaxSkew)
			}
		}
		shown[i] = p
	}
	return shown
}

func (h *Host) showQueue(name string, l *lane) admin.Queue {
	now := h.loop.inbox.load(l)
	return admin.Queue{Name: name, Count: now.count, Bytes: now.bytes, Waiting: now.waiting}
}
