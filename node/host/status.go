package host

import (
	"errors"
	"fmt"
	"time"

	"hearsay/node/admin"
	"hearsay/node/api"
	"hearsay/store"
)

// Alive returns why the node has stopped, or nil while it runs.
func (h *Host) Alive() error {
	select {
	case <-h.loop.done:
	default:
		return nil
	}
	if h.loop.err != nil {
		return h.loop.err
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
	marks := h.marks()
	return admin.Status{
		ID:      h.identity.Node,
		Name:    h.identity.Name,
		Region:  h.identity.Region,
		Cluster: h.identity.Cluster,
		Started: h.started,
		Marks:   showMarks(marks),
		Peers:   h.showPeers(marks),
		Queues: []admin.Queue{
			h.showQueue("clients", &h.loop.inbox.clients),
			h.showQueue("peers", &h.loop.inbox.peers),
		},
		Events: h.counts.snapshot(),
	}
}

// marks returns how far the latest front is.
func (h *Host) marks() store.Watermarks {
	f := h.fronts.acquire()
	if f == nil {
		return nil
	}
	defer f.release()
	return f.Marks // immutable, and not of the snapshot
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

func (h *Host) showPeers(marks store.Watermarks) []admin.Peer {
	members := h.links.Members()
	shown := make([]admin.Peer, len(members))
	for i, m := range members {
		p := admin.Peer{ID: m.ID, Name: m.Name, Region: m.Region, Peer: m.Addr, API: m.API, Connected: m.Connected}
		p.Ahead, p.Behind = h.peers.lag(m.ID, marks)
		shown[i] = p
	}
	return shown
}

func (h *Host) showQueue(name string, l *lane) admin.Queue {
	now := h.loop.inbox.load(l)
	return admin.Queue{Name: name, Count: now.count, Bytes: now.bytes, Waiting: now.waiting}
}
