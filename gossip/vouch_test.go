package gossip_test

import (
	"testing"
	"time"

	"hearsay/gossip"
	"hearsay/store"
)

// A node starts from a backup that lacks its last write, which one other holds.
// Nobody's W may pass that write before he holds it.
func TestRestoredBackupClosesOverWhatOthersHold(t *testing.T) {
	n := newCluster(t, "a1", "a2", "b1")
	a, b, c := n.sites[0], n.sites[1], n.sites[2]
	n.write(a, "old", 10)
	n.run(2 * time.Second)
	marks := a.replica.marks.Clone() // of the backup

	// The write reaches b alone. All hear what the others close after it.
	n.lose = func(_, to store.NodeID, m gossip.Message) bool { return to == c.peer.ID && isFrame(m) }
	w := n.write(a, "lost", 10)
	former := a.origin
	n.run(time.Second)
	n.covers(b, former, 2)
	n.covers(c, former, 1)

	// What the backup has not is gone at a, whatever its maps hold.
	restored := newReplica(n)
	restored.marks, restored.ledger, restored.last = marks, a.replica.ledger, a.replica.last
	for _, m := range restored.marks {
		for seq := range m.Seq {
			row := a.replica.rows[m.Origin][seq+1]
			restored.log(m.Origin, row)
			restored.entries[row.Key] = a.replica.entries[row.Key]
		}
	}
	a.replica = restored
	n.lose = func(from, to store.NodeID, _ gossip.Message) bool { return from == b.peer.ID || to == b.peer.ID }
	n.restart(a)
	for range 30 {
		n.run(100 * time.Millisecond)
		n.truth()
	}
	n.lose = nil
	n.run(3 * time.Second)
	for _, s := range n.sites {
		n.covers(s, former, 2)
		if got := s.W(); got.Compare(w.Version.Timestamp) < 0 {
			t.Errorf("W of %s is %v, want it past %v once all have told", s.peer.ID, got, w.Version.Timestamp)
		}
	}
}
