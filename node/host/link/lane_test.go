package link_test

import (
	"testing"
	"time"

	"hearsay/gossip"
)

// pulled is a frame of 100 kB that was asked for.
func pulled() *gossip.Frame {
	f := frame(100_000)
	f.Pulled = true
	return f
}

// afterCut has a send b messages while the way is cut, and returns them in the order in
// which they came.
func afterCut(t *testing.T, messages []gossip.Message) []gossip.Message {
	t.Helper()
	a, b, network := far(t, 2*time.Millisecond, silent)
	cut(t, network, "east", "west")
	a.send("b", messages...)
	network.HealAll()
	return b.awaitMessages(t, "a", len(messages))
}

func TestTheFreshOvertakesWhatWasPulled(t *testing.T) {
	var messages []gossip.Message
	for range 20 {
		messages = append(messages, pulled())
	}
	got := afterCut(t, append(messages, pull(0), pull(1)))
	for i, m := range got {
		p, ok := m.(*gossip.Pull)
		if !ok {
			continue
		}
		// Some were in the stream's hands already.
		if i > 10 {
			t.Errorf("what is fresh came after %d of 20 frames that were pulled", i)
		}
		if next, ok := got[i+1].(*gossip.Pull); !ok || p.Credit != 0 || next.Credit != 1 {
			t.Errorf("after pull %d came %T, want pull 1 after pull 0", p.Credit, got[i+1])
		}
		return
	}
}

// What was pulled gets on, however much that is fresh waits.
func TestWhatWasPulledGetsOn(t *testing.T) {
	var messages []gossip.Message
	for range 45 {
		messages = append(messages, frame(100_000))
	}
	messages[5] = pulled()
	for i, m := range afterCut(t, messages) {
		if m.(*gossip.Frame).Pulled {
			if i > 15 {
				t.Errorf("the frame that was pulled came after %d others", i)
			}
			return
		}
	}
}
