package host

import (
	"hearsay/clock"
	"hearsay/node"
	"hearsay/node/admin"
	"hearsay/node/api"
	"hearsay/store"
)

// This file has operators remove nodes from the cluster, or what a node wrote.

// An order is what an operator asks of the node. It is done in a turn.
type order struct {
	do   func(r replica, now clock.Reading) error
	done chan error // takes one
}

func (o order) apply(l *loop, now clock.Reading) { o.done <- o.do(l.node, now) }

// order has the loop do what an operator asks.
func (l *loop) order(do func(r replica, now clock.Reading) error) error {
	o := order{do, make(chan error, 1)}
	l.tell(o, 0)
	select {
	case err := <-o.done:
		return err
	case <-l.done:
		return api.ErrStopped
	}
}

// Forget implements admin.Source.
func (h *Host) Forget(names []string, force bool) (ids []store.NodeID, err error) {
	err = h.loop.order(func(r replica, now clock.Reading) (err error) {
		h.showProgress(r)
		ids, err = r.Forget(now, names, force)
		return err
	})
	return ids, err
}

// Restamp implements admin.Source.
func (h *Host) Restamp(ns, key string) (admin.Restamping, error) {
	id, err := h.resolve(ns)
	if err != nil {
		return admin.Restamping{}, err
	}
	var begun node.Restamping
	err = h.loop.order(func(r replica, now clock.Reading) (err error) {
		begun, err = r.Restamp(now, store.Key{Namespace: id, Name: key})
		return err
	})
	return admin.Restamping{Version: begun.Version.String(), Ahead: *seconds(begun.Ahead)}, err
}

// resolve returns the id of the namespace with the id or title ns.
func (h *Host) resolve(ns string) (string, error) {
	v := h.View()
	defer v.Close()
	return v.Resolve(ns)
}

// Drain implements admin.Source.
func (h *Host) Drain() error {
	return h.loop.order(func(r replica, now clock.Reading) error {
		h.showProgress(r)
		return r.Drain(now)
	})
}

// showProgress has the status say who belongs to the cluster now: whoever waits for
// a member to be gone has to find it there first.
func (h *Host) showProgress(r replica) {
	p := r.Progress()
	h.progress.Store(&p)
}

// Drained is closed once the node has left the cluster because of Drain.
func (h *Host) Drained() <-chan struct{} { return h.drained }

// keepDrained notes when n has left.
func (h *Host) keepDrained(n *node.Node) {
	if n.Drained() && !h.left {
		h.left = true
		close(h.drained)
	}
}
