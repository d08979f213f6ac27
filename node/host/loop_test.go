package host

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/node"
	"hearsay/node/api"
	"hearsay/store"
)

// A fake is a replica whose turns a test looks into. It never wants to tick
// unless every is set.
type fake struct {
	t       *testing.T
	ticket  node.Ticket
	written []node.Write // of the open turn
	turns   [][]node.Write
	told    []string
	refuse  func(node.Write) error
	// flush, if not nil, runs in each Flush and may fail it.
	flush func() error
	// hold keeps the replies back for so many turns.
	hold    int
	replies [][]node.Reply
	every   time.Duration
	next    time.Duration
	ticks   []time.Duration
}

func (f *fake) Write(_ clock.Reading, w node.Write) (node.Ticket, error) {
	if f.refuse != nil {
		if err := f.refuse(w); err != nil {
			return 0, err
		}
	}
	f.ticket++
	f.written = append(f.written, w)
	return f.ticket, nil
}

func (f *fake) Receive(_ clock.Reading, from store.NodeID, m gossip.Message) {
	f.told = append(f.told, fmt.Sprintf("%s: %T", from, m))
}

func (f *fake) PeerUp(_ clock.Reading, p gossip.Peer) {
	f.told = append(f.told, fmt.Sprintf("%s up", p.ID))
}

func (f *fake) PeerDown(_ clock.Reading, id store.NodeID) {
	f.told = append(f.told, fmt.Sprintf("%s down", id))
}

func (f *fake) Restamp(_ clock.Reading, key store.Key) (node.Restamping, error) {
	f.told = append(f.told, fmt.Sprintf("restamp %v", key))
	return node.Restamping{}, nil
}

func (f *fake) Forget(_ clock.Reading, names []string, force bool) ([]store.NodeID, error) {
	f.told = append(f.told, fmt.Sprintf("forget %v, force %v", names, force))
	return nil, nil
}

func (f *fake) Admit(_ clock.Reading, id store.NodeID, _ gossip.Line) error {
	f.told = append(f.told, fmt.Sprintf("admit %s", id))
	return nil
}

func (f *fake) Disown(_ clock.Reading, by store.NodeID, why string) {
	f.told = append(f.told, fmt.Sprintf("disowned by %s: %s", by, why))
}

func (f *fake) Progress() node.Progress { return node.Progress{} }

func (f *fake) Drain(clock.Reading) error {
	f.told = append(f.told, "drain")
	return nil
}

func (f *fake) Tick(now clock.Reading) {
	if f.every > 0 && now.Mono >= f.next {
		f.ticks = append(f.ticks, now.Mono)
		f.next = now.Mono + f.every
	}
}

func (f *fake) NextTick() time.Duration {
	if f.every == 0 {
		return 1000 * time.Hour
	}
	return f.next
}

func (f *fake) Flush() (node.Output, error) {
	if f.flush != nil {
		if err := f.flush(); err != nil {
			return node.Output{}, err
		}
	}
	f.turns = append(f.turns, f.written)
	var made []node.Reply
	for i := range f.written {
		made = append(made, node.Reply{Ticket: f.ticket - node.Ticket(len(f.written)-1-i)})
	}
	f.written = nil
	f.replies = append(f.replies, made)
	var out node.Output
	if f.hold == 0 {
		for _, r := range f.replies {
			out.Replies = append(out.Replies, r...)
		}
		f.replies = nil
	} else {
		f.hold--
	}
	out.Front = &node.Front{Entries: &watched{t: f.t}}
	out.Messages = []gossip.Envelope{{To: "peer", Message: &gossip.Status{}}}
	return out, nil
}

func newTestLoop(t *testing.T, f *fake) *loop {
	f.t = t
	return newLoop(f, NewSystem(), noClosingError(t), Limit{Count: 100, Bytes: 8 << 20}, Limit{Count: 100, Bytes: 8 << 20})
}

// start runs l until the test ends.
func start(t *testing.T, l *loop) {
	go l.run()
	t.Cleanup(func() {
		select {
		case <-l.done:
		default:
			l.halt(true)
		}
		<-l.fronts.drained
		for _, lane := range []*lane{&l.inbox.clients, &l.inbox.peers} {
			if left := l.inbox.load(lane); left != (load{}) {
				t.Errorf("a lane ends with %+v, want nothing in it", left)
			}
		}
	})
}

func put(name string, size int) node.Write {
	return node.Write{Key: store.Key{Namespace: "ns", Name: name}, Value: make([]byte, size)}
}

func TestLoopWritesShareATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var entered, leave = make(chan struct{}), make(chan struct{})
		f := &fake{flush: func() error { entered <- struct{}{}; <-leave; return nil }}
		l := newTestLoop(t, f)
		start(t, l)
		write := func(name string) {
			if _, err := l.write(t.Context(), []node.Write{put(name, 1)}, time.Second); err != nil {
				t.Errorf("write %s: %v", name, err)
			}
		}
		go write("first")
		<-entered
		for i := range 50 {
			go write(fmt.Sprint(i))
		}
		synctest.Wait()
		leave <- struct{}{}
		<-entered
		leave <- struct{}{}
		synctest.Wait()
		if len(f.turns) != 2 || len(f.turns[1]) != 50 {
			t.Errorf("%d turns, want 2: the 50 writes that came during the first share the second", len(f.turns))
		}
	})
}

func TestLoopWriteSizes(t *testing.T) {
	const half = maxTurn/2 - 2*writeOverhead
	tests := []struct {
		name string
		ws   []node.Write
		want []int // writes in each turn
	}{
		{"none", nil, nil},
		{"all in one", []node.Write{put("a", 10), put("b", half), put("c", half)}, []int{3}},
		{"several", []node.Write{put("a", half), put("b", half), put("c", half)}, []int{2, 1}},
		{"large ones alone", []node.Write{put("a", 1), put("b", 3*maxTurn), put("c", 1)}, []int{1, 1, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				l := newTestLoop(t, f)
				start(t, l)
				replies, err := l.write(t.Context(), tt.ws, time.Second)
				if err != nil || len(replies) != len(tt.ws) {
					t.Fatalf("write = %d replies, %v, want %d", len(replies), err, len(tt.ws))
				}
				for i, r := range replies {
					if r.Ticket != node.Ticket(i+1) {
						t.Errorf("reply %d is to ticket %d, want %d", i, r.Ticket, i+1)
					}
				}
				synctest.Wait()
				var got []int
				for _, ws := range f.turns {
					if len(ws) > 0 {
						got = append(got, len(ws))
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(tt.want) {
					t.Errorf("turns took %v writes, want %v", got, tt.want)
				}
			})
		})
	}
}

func TestLoopRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		f := &fake{refuse: func(w node.Write) error {
			if w.Key.Name == "bad" {
				return refused
			}
			return nil
		}}
		l := newTestLoop(t, f)
		start(t, l)
		for _, tt := range []struct {
			ws   []node.Write
			done int
		}{
			{[]node.Write{put("bad", 1)}, 0},
			{[]node.Write{put("a", 1), put("bad", 1), put("c", 1)}, 1},
			{[]node.Write{put("a", maxTurn), put("b", 1), put("bad", 1), put("c", maxTurn)}, 2},
		} {
			before := f.ticket
			replies, err := l.write(t.Context(), tt.ws, time.Second)
			if !errors.Is(err, refused) || len(replies) != tt.done || int(f.ticket-before) != tt.done {
				t.Errorf("%d writes = %d replies, %v, with %d accepted; want the first %d done and %v",
					len(tt.ws), len(replies), err, f.ticket-before, tt.done, refused)
			}
		}
	})
}

func TestLoopReplyComesTurnsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{hold: 3, every: time.Second}
		l := newTestLoop(t, f)
		start(t, l)
		begun := time.Now()
		if _, err := l.write(t.Context(), []node.Write{put("a", 1000)}, time.Second); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begun); waited < time.Second {
			t.Errorf("answered after %v, want when the node replied, turns later", waited)
		}
	})
}

func TestLoopUnansweredWritesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{hold: 1 << 20}
		l := newTestLoop(t, f)
		l.inbox.clients.limit.Count = 2
		start(t, l)
		for range 2 {
			go func() { _, _ = l.write(t.Context(), []node.Write{put("a", 1)}, time.Second) }()
		}
		synctest.Wait()
		begun := time.Now()
		_, err := l.write(t.Context(), []node.Write{put("b", 1)}, 2*time.Second)
		if waited := time.Since(begun); !errors.Is(err, api.ErrOverloaded) || waited != 2*time.Second {
			t.Errorf("a write beyond the bound = %v after %v, want %v after 2s", err, waited, api.ErrOverloaded)
		}
	})
}

func TestLoopWriterGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{hold: 1, every: time.Minute}
		l := newTestLoop(t, f)
		f.next = time.Minute
		start(t, l)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.write(ctx, []node.Write{put("a", 1)}, time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("write = %v, want %v", err, context.DeadlineExceeded)
		}
		if held := l.inbox.load(&l.inbox.clients); held.count != 1 {
			t.Errorf("%d writes hold room, want the abandoned one to until the node replies", held.count)
		}
		time.Sleep(2 * time.Minute) // within the bubble: the reply comes
		synctest.Wait()
		if held := l.inbox.load(&l.inbox.clients); held.count != 0 {
			t.Errorf("%d writes hold room after the reply, want 0", held.count)
		}
	})
}

func TestLoopFlushFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("no space left")
		entered, leave := make(chan struct{}), make(chan struct{})
		f := &fake{hold: 1 << 20}
		l := newTestLoop(t, f)
		start(t, l)
		results := make(chan error, 10)
		write := func() {
			replies, err := l.write(t.Context(), []node.Write{put("a", 1)}, time.Minute)
			if len(replies) != 0 {
				t.Errorf("a write of unknown outcome came with %d replies, want none", len(replies))
			}
			results <- err
		}
		go write() // accepted in an earlier turn, and never answered
		synctest.Wait()
		f.flush = func() error { close(entered); <-leave; return broken }
		go write() // in the turn that fails
		<-entered
		go write() // waits for the next
		synctest.Wait()
		close(leave)
		<-l.done
		for range 3 {
			if err := <-results; !errors.Is(err, api.ErrStopped) || !errors.Is(err, broken) {
				t.Errorf("a waiting write got %v, want %v because of %v", err, api.ErrStopped, broken)
			}
		}
		write()
		if err := <-results; !errors.Is(err, api.ErrStopped) {
			t.Errorf("a later write got %v, want %v", err, api.ErrStopped)
		}
		if !errors.Is(l.err, broken) {
			t.Errorf("err = %v, want %v", l.err, broken)
		}
		if l.fronts.acquire() != nil {
			t.Error("a stopped node serves a front")
		}
		l.tell(peerDown("p"), 0) // returns
	})
}

func TestLoopEndsWithWritesWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTestLoop(t, &fake{hold: 1 << 20})
		l.inbox.clients.limit.Count = 1
		start(t, l)
		results := make(chan error)
		for range 2 { // one is with the node, one waits for room
			go func() {
				_, err := l.write(t.Context(), []node.Write{put("a", 1)}, time.Minute)
				results <- err
			}()
		}
		synctest.Wait()
		l.halt(true)
		for range 2 {
			if err := <-results; !errors.Is(err, api.ErrStopped) {
				t.Errorf("a waiting write got %v, want %v", err, api.ErrStopped)
			}
		}
		if l.err != nil {
			t.Errorf("err = %v, want nil: it was told to end", l.err)
		}
	})
}

func TestLoopTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{every: 10 * time.Millisecond}
		l := newTestLoop(t, f)
		start(t, l)
		time.Sleep(time.Second) // within the bubble
		synctest.Wait()
		if got := len(f.ticks); got != 101 {
			t.Errorf("%d ticks in a second at one in 10ms, want 101", got)
		}
	})
}

func TestLoopOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		l := newTestLoop(t, f)
		flushed, seen := 0, 0
		f.flush = func() error { flushed++; return nil }
		l.send = func(envs []gossip.Envelope) {
			seen++
			if flushed != seen || len(f.turns) != seen {
				t.Error("messages left before their turn was flushed")
			}
			if l.fronts.acquire() == nil {
				t.Error("messages left before their turn's front was published")
			} else {
				l.fronts.latest.Load().release()
			}
		}
		start(t, l)
		l.tell(peerUp{ID: "p", Region: "r"}, 0)
		l.tell(received{"p", &gossip.Pull{}}, 100)
		l.tell(peerDown("p"), 0)
		synctest.Wait()
		if got, want := fmt.Sprint(f.told), "[p up p: *gossip.Pull p down]"; got != want {
			t.Errorf("the node was told %s, want %s", got, want)
		}
		if seen == 0 {
			t.Error("no messages were sent")
		}
	})
}

func TestLoopPeersWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered, leave := make(chan struct{}), make(chan struct{})
		f := &fake{flush: func() error { entered <- struct{}{}; <-leave; return nil }}
		l := newTestLoop(t, f)
		l.inbox.peers.limit = Limit{Count: 100, Bytes: 1000}
		start(t, l)
		go l.tell(received{"p", &gossip.Pull{}}, 1000)
		<-entered
		passed := make(chan struct{})
		go func() { l.tell(received{"q", &gossip.Pull{}}, 1); close(passed) }()
		synctest.Wait()
		select {
		case <-passed:
			t.Error("a message passed a full lane")
		default:
		}
		if _, err := l.inbox.enter(l.inbox.client("client", 1)); err != nil {
			t.Errorf("peers kept a client out: %v", err)
		}
		l.inbox.release(l.inbox.client("client", 1))
		leave <- struct{}{}
		<-passed
		<-entered
		leave <- struct{}{}
	})
}
