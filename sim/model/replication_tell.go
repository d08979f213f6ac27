package model

import "fmt"

// tell puts the event of a rank into words.
func (s *ReplicationState) tell(rank uint8) string {
	if rank == 0 {
		return "nothing"
	}
	e := s.at(rank)
	what := [...]string{"", "put %d", "delete %d", "closed %d", "bar %d"}[e.kind]
	line := fmt.Sprintf(what, rank) + " of " + name(e.node)
	if e.write() {
		line += fmt.Sprintf(" (key %d)", e.key)
	}
	return line
}

// Tell implements System. An event is called by its rank at that moment; what comes
// in below it later raises it.
func (m Replication) Tell(s, next *ReplicationState, step Step) string {
	n, peer, arg := name(step.Node), name(step.Peer), step.Arg
	line := ""
	switch step.Verb {
	case verbWrite:
		line = n + " writes " + next.tell(arg)
	case verbClose:
		line = n + " closes: " + next.tell(arg)
	case verbPull:
		line = fmt.Sprintf("%s pulls from %s the row of %s", n, peer, s.tell(arg))
	case verbLate:
		line = fmt.Sprintf("%s gets a copy of %s", n, s.tell(arg))
	case verbHear:
		line = fmt.Sprintf("%s hears of %s", n, s.tell(arg))
	case verbTake:
		line = fmt.Sprintf("%s takes W %s from %s", n, s.tell(arg), peer)
	case verbSync:
		line = n + " syncs"
	case verbRestart:
		line = n + " restarts"
	case verbBackup:
		line = "the disk of " + n + " is backed up"
	case verbRestore:
		line = n + " starts from its backup"
	case verbRaise:
		line = fmt.Sprintf("%s raises the floor to %s", n, s.tell(arg))
	case verbAdopt:
		line = fmt.Sprintf("%s takes over the floor of %s, %s", n, peer, s.tell(arg))
	case verbFence:
		line = fmt.Sprintf("%s finds itself below the floor of %s", n, peer)
	case verbPropose:
		line = fmt.Sprintf("%s proposes to admit %s above %s", n, peer, next.tell(arg))
	case verbOvertake:
		line = n + " accepts a rival's proposal and forgets its bar"
	case verbDecide:
		line = fmt.Sprintf("epoch %d about %s is decided", arg, n)
	case verbEpoch:
		line = fmt.Sprintf("%s adopts epoch %d", n, arg)
	case verbScan:
		line = fmt.Sprintf("%s begins to bootstrap from %s", n, peer)
	case verbStage:
		line = fmt.Sprintf("%s scans key %d of %s: %s", n, arg, peer, s.tell(next.scan.staged[arg]))
	case verbAgain:
		line = fmt.Sprintf("%s has to begin its bootstrap again", n)
	case verbReady:
		line = fmt.Sprintf("%s ends its bootstrap and is ready", n)
	case verbDrop:
		line = fmt.Sprintf("%s proposes to drop %s", n, peer)
	case verbVouch:
		line = fmt.Sprintf("%s hears how far %s holds its streams, and covers that", n, peer)
	case verbSay:
		line = fmt.Sprintf("%s says how far it holds %s", n, name(s.proposal.epoch.subject))
	}
	w := m.w(next, step.Node, &next.nodes[step.Node].memory)
	if w != m.w(s, step.Node, &s.nodes[step.Node].memory) && w != 0 {
		line += "; its W is " + next.tell(w)
	}
	return line
}
