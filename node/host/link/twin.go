package link

import (
	"errors"
	"fmt"
	"time"

	"hearsay/gossip"
	"hearsay/gossip/wire"
	"hearsay/store"
)

// This file keeps to one process for each node id. Who restarts comes under another
// life, and so does a second node on a copy of the same disk. What tells them apart is
// whether the earlier process still runs: as long as a stream of it is up the later
// one is turned away, for now; if the stream outlasts IdleTimeout it is no leftover
// of a crash, and the later one is turned away for good.

// A twinError is why a process is turned away.
type twinError struct {
	node  store.NodeID
	final bool
}

func (e *twinError) Error() string {
	if e.final {
		return fmt.Sprintf("another process runs as node %s on a copy of the same data: stop the one that is not to be, and start this one on an empty directory if that is it", e.node)
	}
	return fmt.Sprintf("an earlier process of node %s is still connected", e.node)
}

// turnsAway reports whether err ends the node that it turns away.
func turnsAway(err error) bool {
	var twin *twinError
	return errors.As(err, &twin) && twin.final || errors.Is(err, gossip.ErrOtherDisk)
}

// twin returns why the process that says hello is turned away, if a stream of another
// process of its node id is up. The caller holds mu.
func (l *Links) twin(hello wire.Hello) error {
	life := hello.Line.Life()
	for _, bulk := range []bool{false, true} {
		s := l.inbound[inboundKey{hello.Node, bulk}]
		if s == nil || s.life == life {
			continue
		}
		if s.challenged.IsZero() {
			s.challenged = time.Now()
		}
		final := !hello.Line.Knows(s.life) || time.Since(s.challenged) > l.cfg.IdleTimeout+l.cfg.DialTimeout
		return &twinError{hello.Node, final}
	}
	if p := l.peers[hello.Node]; p != nil && p.connected() && p.out.life != life {
		return &twinError{node: hello.Node}
	}
	return nil
}
