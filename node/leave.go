package node

import (
	"errors"
	"fmt"

	"hearsay/clock"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// This file is how members leave the cluster: sent away by others, or in good
// order by themselves.

var (
	// ErrDrain is returned by Node.Drain. Nothing changed.
	ErrDrain = errors.New("node: cannot drain")
	// ErrLeaving is returned beside ErrNotReady by a node that leaves the cluster in
	// good order, or has left.
	ErrLeaving = errors.New("it leaves the cluster")
)

// Roster returns who belongs to the cluster as far as the node knows. The caller
// does not change it.
func (n *Node) Roster() *roster.Epoch { return n.engine.Roster().Epoch() }

// Forget has the node see to it that the cluster drops the members of these names
// or ids, which are silent unless force is set, and returns their ids. When Roster
// names them no more, it is done. The error, roster.ErrForget, says what stands
// against it.
func (n *Node) Forget(now clock.Reading, names []string, force bool) ([]store.NodeID, error) {
	n.look(now)
	ids := make([]store.NodeID, len(names))
	for i, name := range names {
		id, err := n.Roster().Find(name)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, n.engine.Roster().Forget(now.Mono, ids, force)
}

// Drain has the node leave in good order: from now on it takes no writes, and when
// others hold all of its own the cluster drops it. When Drained says so, it may
// stop. If it stops before, it is a member still.
func (n *Node) Drain(now clock.Reading) error {
	n.look(now)
	switch {
	case !n.member && !n.draining:
		return fmt.Errorf("%w: it is no member of the cluster", ErrDrain)
	case len(n.Roster().Members) == 1 && n.member:
		return fmt.Errorf("%w: it is the only member of the cluster, and all data would be gone", ErrDrain)
	}
	n.draining = true
	return nil
}

// Drained reports whether the node has left since Drain was called.
func (n *Node) Drained() bool { return n.draining && !n.member }

// leave asks for the node to be dropped once it has handed over what it wrote.
func (n *Node) leave(now clock.Reading) {
	if n.draining && n.member && n.engine.Handed() {
		n.engine.Roster().Leave(now.Mono)
	}
}
