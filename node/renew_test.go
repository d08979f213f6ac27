package node_test

import (
	"testing"
	"time"

	"hearsay/gossip"
)

// What is stamped twice the maximum skew ahead waits; further ahead it is refused, and
// that is told.
func TestWhatIsFarAheadIsRefused(t *testing.T) {
	tests := []struct {
		ahead   time.Duration
		refused bool
	}{
		{time.Second, false},
		{time.Second + time.Nanosecond, true},
		{time.Hour, true},
	}
	for _, tt := range tests {
		a := open(t, "a", founded(t, "a"))
		a.PeerUp(at(1), gossip.Peer{ID: "b"})
		then := at(10)
		then.Wall += int64(tt.ahead)
		f := frames(write(t, a, then, put("k", "v")))[0]
		b := open(t, "b", founded(t, "b"))
		b.Receive(at(10), "a", f)
		out := flush(t, b)
		if got := value(t, at(10), out.Front, "k"); got != "-" {
			t.Errorf("k = %q, stamped %v ahead, want it held", got, tt.ahead)
		}
		switch got := b.Progress().Refusals; {
		case tt.refused && (len(got) != 1 || got[0].Node != "a" || got[0].Ahead != tt.ahead):
			t.Errorf("%v ahead: Refusals = %v, want one of a", tt.ahead, got)
		case !tt.refused && len(got) != 0:
			t.Errorf("%v ahead: Refusals = %v, want none", tt.ahead, got)
		}
	}
}

// A node that is alone has nobody who would refuse what it stamps.
func TestWhoIsAloneRunsAhead(t *testing.T) {
	n := open(t, "a", founded(t, "a"))
	write(t, n, at(3600), put("k", "v"))
	if err := n.Ready(at(10)); err != nil {
		t.Errorf("Ready with its clock set back by an hour = %v, want nil", err)
	}
}
