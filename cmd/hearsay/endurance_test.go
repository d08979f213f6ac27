package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hearsay/node"
	"hearsay/node/host"
	"hearsay/store"
)

var (
	cutFor = flag.Duration("cut", 10*time.Second, "how long TestCut cuts a region off")
	kills  = flag.Int("kills", 20, "how often TestKill kills a node")
)

const (
	cutWrites  = 10_000
	cutWriters = 40 // some at each node, so that they share its commits
	sharedKeys = 20 // that every writer uses
	sharedPart = 20 // one write in so many goes to them: 5 %
	// beforeCut and afterCut are how long the load lasts around the cut.
	beforeCut, afterCut = 2 * time.Second, time.Second
	// wholeWithin is when a healed cluster must be equal again, settleWithin what
	// a busy machine is allowed on top of it.
	wholeWithin, settleWithin = 5 * time.Second, 15 * time.Second
)

// A ledger knows, by key, the greatest write that was acknowledged.
type ledger struct {
	mu   sync.Mutex
	last map[store.Key]acknowledged
	n    int
}

type acknowledged struct {
	version store.Version
	value   string
	deleted bool
}

func (l *ledger) note(key store.Key, a acknowledged) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	if old, ok := l.last[key]; !ok || a.version.Compare(old.version) > 0 {
		l.last[key] = a
	}
}

// differs returns how h's live entries in the namespace differ from the ledger,
// or nil.
func (l *ledger) differs(h *host.Host, ns string) error {
	v := h.View()
	defer v.Close()
	live := make(map[store.Key]*store.Entry)
	end := store.Key{Namespace: ns, Name: "\xff"}
	for start := (store.Key{Namespace: ns}); ; {
		some, next, err := node.Scan(v.Now, v.Front, start, end, 1000)
		if err != nil {
			return err
		}
		for _, e := range some {
			live[e.Key] = e
		}
		if start = next; start == (store.Key{}) {
			break
		}
	}
	wanted, wrong := 0, 0
	for key, want := range l.last {
		e, ok := live[key]
		if !want.deleted {
			wanted++
		}
		if ok == want.deleted || (ok && (string(e.Value) != want.value || e.Version != want.version)) {
			wrong++
		}
	}
	if wrong > 0 || len(live) != wanted {
		return fmt.Errorf("%s: %d of %d keys are not as last acknowledged, %d live, want %d",
			h.Identity().Name, wrong, len(l.last), len(live), wanted)
	}
	return nil
}

// TestCut writes and deletes at every node while one region is cut off, and
// demands that after the healing every node holds exactly the greatest
// acknowledged write of every key.
func TestCut(t *testing.T) {
	c := startDev(t, 5, 2)
	nodes := c.nodes()
	ns, err := ensureNamespace(t.Context(), nodes[0], "load")
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	acked := &ledger{last: make(map[store.Key]acknowledged)}
	const each = cutWrites / cutWriters
	pace := (beforeCut + *cutFor + afterCut) / each
	start := time.Now()
	var writers sync.WaitGroup
	for i := range cutWriters {
		h := nodes[i%len(nodes)]
		writers.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for n := range each {
				<-tick.C
				key := fmt.Sprintf("own-%d-%d", i, r.IntN(each/2))
				if r.IntN(sharedPart) == 0 {
					key = fmt.Sprintf("shared-%d", r.IntN(sharedKeys))
				}
				w := node.Write{Key: store.Key{Namespace: ns.ID, Name: key}, Delete: r.IntN(4) == 0}
				if !w.Delete {
					w.Value = fmt.Appendf(nil, "%d-%d %0*d", i, n, r.IntN(500), 0)
				}
				replies, err := h.Write(t.Context(), []node.Write{w})
				if err != nil {
					t.Errorf("write at %s: %v", h.Identity().Name, err)
					return
				}
				acked.note(w.Key, acknowledged{replies[0].Version, string(w.Value), w.Delete})
			}
		})
	}

	off := c.regions[3].name
	<-time.After(beforeCut)
	forEachWay(c, off, func(from, to string) {
		if err := c.network.Cut(from, to); err != nil {
			t.Error(err)
		}
	})
	<-time.After(*cutFor)
	missing := c.behind(off)
	healed := time.Now()
	c.network.HealAll()
	whole := c.awaitMarks(t, c.marks())
	writers.Wait()
	written := time.Now()
	if t.Failed() {
		return
	}
	if missing == 0 {
		t.Errorf("%s lacked nothing after %v of cut: the cut did not cut", off, *cutFor)
	}

	ctx, stop := context.WithTimeout(t.Context(), wholeWithin+settleWithin)
	defer stop()
	err = await(ctx, func() error {
		for _, r := range c.regions { // a cheap look before a whole scan
			if n := c.behind(r.name); n > 0 {
				return fmt.Errorf("%s lacks %d writes", r.name, n)
			}
		}
		for _, h := range nodes {
			if err := acked.differs(h, ns.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("not equal %v after the healing: %v", time.Since(healed).Round(time.Millisecond), err)
	}
	t.Logf("%d acknowledged writes to %d keys at %d nodes in %v; %s cut off for %v, then %d writes behind",
		acked.n, len(acked.last), len(nodes), written.Sub(start).Round(time.Millisecond), off, *cutFor, missing)
	t.Logf("what was written before the healing is everywhere %v after it; all equal %v after the last write",
		whole.Sub(healed).Round(time.Millisecond), time.Since(written).Round(time.Millisecond))
}

// marks returns how far all nodes are, taken together.
func (c *cluster) marks() store.Watermarks {
	var all store.Watermarks
	for _, h := range c.nodes() {
		for _, m := range marksOf(h) {
			all.Raise(m.Origin, m.Seq)
		}
	}
	return all
}

func marksOf(h *host.Host) store.Watermarks {
	v := h.View()
	defer v.Close()
	return v.Front.Marks
}

// awaitMarks returns when every node covers marks.
func (c *cluster) awaitMarks(t *testing.T, marks store.Watermarks) time.Time {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), wholeWithin+settleWithin)
	defer stop()
	err := await(ctx, func() error {
		for _, h := range c.nodes() {
			if !marksOf(h).Covers(marks) {
				return fmt.Errorf("%s does not hold what was written before the healing", h.Identity().Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return time.Now()
}

// forEachWay calls f for both directions between a region and each other.
func forEachWay(c *cluster, name string, f func(from, to string)) {
	for _, r := range c.regions {
		if r.name != name {
			f(r.name, name)
			f(name, r.name)
		}
	}
}

// behind returns how many writes the region's nodes lack at most.
func (c *cluster) behind(name string) (most uint64) {
	for _, r := range c.look().Regions {
		for _, n := range r.Nodes {
			if r.Name == name {
				most = max(most, n.Behind)
			}
		}
	}
	return most
}

// A victim is a process of 'hearsay node' that is killed and started again on
// its data and its ports.
type victim struct {
	args  []string // all but those that name others
	join  string
	ready nodeReady // of the first start; the ports stay
	relay *relay    // before its peer port, nil for none
	cmd   *exec.Cmd
}

// start starts the process and waits for the line that says it is ready.
func (v *victim) start(t *testing.T) {
	t.Helper()
	args := v.args
	if v.ready.API != "" {
		args = append(args, "--api", strings.TrimPrefix(v.ready.API, "http://"), "--peer", v.ready.Peer, "--admin", strings.TrimPrefix(v.ready.Admin, "http://"))
	} else {
		args = append(args, "--api", "127.0.0.1:0", "--peer", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	}
	if v.relay != nil { // what comes later counts
		args = append(args, "--peer", v.relay.to, "--advertise", v.relay.addr)
	}
	if v.join == "" {
		args = append(args, "--found")
	} else {
		args = append(args, "--join", v.join)
	}
	v.cmd = process(context.WithoutCancel(t.Context()), t, args...)
	var stderr bytes.Buffer
	v.cmd.Stderr = &stderr
	stdout, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("node did not become ready: %v: %s", err, errors.Join(v.kill(), errors.New(stderr.String())))
	}
	if v.ready.API != "" {
		return // as before
	}
	if err := json.Unmarshal(line, &v.ready); err != nil {
		t.Fatal(err)
	}
}

// startVictims starts three nodes of one region, which are killed at the end of the
// test, behind relays if these are given, and returns them and the path of values in a
// namespace that all know.
func startVictims(t *testing.T, relays ...*relay) (nodes []*victim, values string) {
	t.Helper()
	for i := range 3 {
		v := &victim{args: []string{"node", "--cluster", "victims", "--region", "here", "--name", nodeName("here", i+1), "--data", t.TempDir(), "--output", "json", "--log-level", "error"}}
		if i > 0 {
			v.join = nodes[0].ready.Peer
		}
		if relays != nil {
			v.relay = relays[i]
		}
		v.start(t)
		t.Cleanup(func() { _ = v.kill() })
		nodes = append(nodes, v)
	}
	nodes[0].join = nodes[1].ready.Peer
	for _, r := range relays {
		r.known(nodes)
	}
	id := strings.TrimSpace(must(t, "kv", "namespace", "create", "load", "--api", nodes[0].ready.API))
	must(t, "kv", "key", "put", "first", "-", "-n", "load", "--api", nodes[0].ready.API)
	for _, v := range nodes { // every one knows the namespace before it is written to
		must(t, "kv", "key", "get", "first", "-n", "load", "--api", v.ready.API, "--wait", "10s")
	}
	return nodes, "/client/v4/accounts/a/storage/kv/namespaces/" + id + "/values/"
}

// kill ends the process as a power cut would, and waits until it is gone.
func (v *victim) kill() error {
	err := v.cmd.Process.Kill()
	_ = v.cmd.Wait() // says that it was killed
	return err
}

// held is what a node answers for a key: version and value as text.
type held struct{ version, value string }

// A restLedger knows, by key, the greatest version that was acknowledged. The
// text of versions sorts as versions order.
type restLedger struct {
	mu   sync.Mutex
	last map[string]held
	n    atomic.Int64
	more chan struct{} // holds a token when there are more acknowledged writes
}

// write puts keys at v until ctx ends. A node that is down is asked again.
func (l *restLedger) write(ctx context.Context, v *victim, writer int, values string) {
	r := rand.New(rand.NewPCG(uint64(writer), 0))
	pause := time.NewTicker(2 * time.Millisecond)
	defer pause.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		key := fmt.Sprintf("own-%d-%d", writer, n%400)
		if r.IntN(sharedPart) == 0 {
			key = fmt.Sprintf("shared-%d", r.IntN(sharedKeys))
		}
		value := strconv.Itoa(writer) + "-" + strconv.Itoa(n)
		req, err := http.NewRequest(http.MethodPut, v.ready.API+values+key, strings.NewReader(value))
		if err != nil {
			panic(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			continue
		}
		l.note(key, held{resp.Header.Get("Hearsay-Version"), value})
	}
}

func (l *restLedger) note(key string, h held) {
	l.mu.Lock()
	if h.version > l.last[key].version {
		l.last[key] = h
	}
	l.mu.Unlock()
	l.n.Add(1)
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// awaitMore waits until n more writes are acknowledged.
func (l *restLedger) awaitMore(t *testing.T, n int64) {
	t.Helper()
	late := time.After(20 * time.Second)
	for until := l.n.Load() + n; l.n.Load() < until; {
		select {
		case <-l.more:
		case <-late:
			t.Fatalf("fewer than %d writes acknowledged in 20 s", n)
		}
	}
}

// lost returns which acknowledged write some node neither holds nor has a
// greater one for, or where two nodes differ.
func (l *restLedger) lost(nodes []*victim, values string) error {
	for key, want := range l.last {
		var first held
		for i, v := range nodes {
			resp, err := http.Get(v.ready.API + values + key)
			if err != nil {
				return err
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				return err
			}
			got := held{resp.Header.Get("Hearsay-Version"), string(body)}
			switch {
			case resp.StatusCode != http.StatusOK:
				return fmt.Errorf("%s at %s: %s", key, v.ready.Name, resp.Status)
			case got.version < want.version, got.version == want.version && got.value != want.value:
				return fmt.Errorf("%s at %s is %v, which does not supersede the acknowledged %v", key, v.ready.Name, got, want)
			case i > 0 && got != first:
				return fmt.Errorf("%s is %v at %s and %v at %s", key, first, nodes[0].ready.Name, got, v.ready.Name)
			}
			first = got
		}
	}
	return nil
}

// TestKill kills one of three processes under load, again and again, restarts it
// on its data, and demands that no acknowledged write is lost anywhere.
func TestKill(t *testing.T) {
	nodes, values := startVictims(t)

	acked := &restLedger{last: make(map[string]held), more: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	defer writers.Wait()
	defer stop()
	for i, v := range nodes {
		writers.Go(func() { acked.write(ctx, v, i, values) })
	}
	r := rand.New(rand.NewPCG(1, 2))
	start := time.Now()
	killed := make([]int, len(nodes))
	for range *kills {
		acked.awaitMore(t, 100)
		i := r.IntN(len(nodes))
		killed[i]++
		if err := nodes[i].kill(); err != nil {
			t.Fatal(err)
		}
		acked.awaitMore(t, 20) // the others go on
		nodes[i].start(t)
	}
	acked.awaitMore(t, 100)
	stop()
	writers.Wait()
	settled := time.Now()
	within, stopWaiting := context.WithTimeout(t.Context(), wholeWithin+settleWithin)
	defer stopWaiting()
	if err := await(within, func() error { return acked.lost(nodes, values) }); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d acknowledged writes to %d keys in %v, %d kills (%v by node); all equal %v after the last write",
		acked.n.Load(), len(acked.last), settled.Sub(start).Round(time.Millisecond), *kills, killed, time.Since(settled).Round(time.Millisecond))
}
