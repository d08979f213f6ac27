package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"hearsay/node"
	"hearsay/node/host"
	"hearsay/store"
)

var catchUpWrites = flag.Int("catchup", 2000, "how many writes TestCatchUp makes while a region is cut off")

// catchUpLinks are three regions with AWS' round trips and 100 Mbit/s each way.
const catchUpLinks = `from,to,rtt_ms,mbit_s
us-east,eu-west,69.6,100
us-east,ap-northeast,147.5,100
eu-west,ap-northeast,201.5,100
`

const (
	catchUpValue = 256 // bytes of each write
	catchUpRate  = 100e6 / 8
	// freshPace is how often a small write is made while a region catches up.
	freshPace = 20 * time.Millisecond
	freshPoll = 5 * time.Millisecond
	// freshWithin is how soon it is to be shown.
	freshWithin = 500 * time.Millisecond
	// catchUpWithin bounds everything, on a busy machine.
	catchUpWithin = 2 * time.Minute
)

// TestCatchUp cuts a region off while others write, heals it, and sees it whole
// again; meanwhile what is freshly written elsewhere shows there. It tells how fast
// that was, and how far it used the link.
func TestCatchUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wan.csv")
	if err := os.WriteFile(file, []byte(catchUpLinks), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := devFlags{regions: 3, nodesPerRegion: 1, wan: file, profile: profileFast, listen: "127.0.0.1:0", data: t.TempDir(), bound: devTestBound}.config()
	if err != nil {
		t.Fatal(err)
	}
	c, err := startCluster(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	writer, off, other := c.nodes()[0], c.nodes()[1], c.nodes()[2]
	ns, err := ensureNamespace(t.Context(), writer, "load")
	if err != nil {
		t.Fatal(err)
	}
	c.awaitMarks(t, c.marks())

	forEachWay(c, off.Identity().Region, func(from, to string) {
		if err := c.network.Cut(from, to); err != nil {
			t.Fatal(err)
		}
	})
	var writers sync.WaitGroup
	for i, h := range []*host.Host{writer, other} {
		writers.Go(func() { writeMany(t, h, ns.ID, fmt.Sprint("cut-", i, "-"), *catchUpWrites/2) })
	}
	writers.Wait()
	if t.Failed() {
		return
	}
	all := c.marks()
	if marksOf(off).Covers(all) {
		t.Fatal("the region that was cut off lacks nothing")
	}

	before := receivedBytes(t, c, off)
	ctx, stop := context.WithTimeout(t.Context(), catchUpWithin)
	defer stop()
	healed := time.Now()
	c.network.HealAll()
	var begun, whole time.Duration
	var watching sync.WaitGroup
	watching.Go(func() {
		had := marksOf(off)
		err := await(ctx, func() error {
			now := marksOf(off)
			if begun == 0 && !had.Covers(now) {
				begun = time.Since(healed)
			}
			if !now.Covers(all) {
				return fmt.Errorf("%s does not hold all that was written while it was cut off", off.Identity().Name)
			}
			return nil
		})
		whole = time.Since(healed)
		if err != nil {
			t.Error(err)
		}
		stop()
	})
	fresh := freshWrites(ctx, t, writer, off, ns.ID)
	watching.Wait()
	bytes := receivedBytes(t, c, off) - before
	transfer := time.Duration(bytes / catchUpRate * float64(time.Second))
	t.Logf("%d writes of %d bytes: whole %v after the healing, %v after the first of them came; %.1f MB came, which take %v at 100 Mbit/s: %.0f %% of the link",
		*catchUpWrites, catchUpValue, whole.Round(time.Millisecond), (whole - begun).Round(time.Millisecond), bytes/1e6,
		transfer.Round(time.Millisecond), 100*float64(transfer)/float64(whole-begun))
	var late int
	var worst, lastLate time.Duration
	for _, f := range fresh {
		worst = max(worst, f.took)
		if f.took > freshWithin {
			late, lastLate = late+1, max(lastLate, f.at)
		}
	}
	t.Logf("%d fresh writes meanwhile: %d were shown after more than %v, the last of them written %v after the healing; the worst after %v",
		len(fresh), late, freshWithin, lastLate.Round(time.Millisecond), worst.Round(time.Millisecond))
}

// writeMany makes n writes at h, as far from each other as they have to be to
// fit a turn each few.
func writeMany(t *testing.T, h *host.Host, ns, prefix string, n int) {
	random := rand.NewChaCha8([32]byte{prefixSeed(prefix)})
	for done := 0; done < n; {
		var ws []node.Write
		for ; done < n && len(ws) < 500; done++ {
			value := make([]byte, catchUpValue)
			_, _ = random.Read(value) // never fails
			ws = append(ws, node.Write{Key: store.Key{Namespace: ns, Name: prefix + strconv.Itoa(done)}, Value: value, Ack: node.AckLocal})
		}
		if _, err := h.Write(t.Context(), ws); err != nil {
			t.Errorf("write at %s: %v", h.Identity().Name, err)
			return
		}
	}
}

func prefixSeed(prefix string) (seed byte) {
	for i := range len(prefix) {
		seed = seed*31 + prefix[i]
	}
	return seed
}

// A freshWrite was made at some time after the healing, and took so long to show.
type freshWrite struct{ at, took time.Duration }

// freshWrites makes small writes at one node until ctx ends, and returns how long after
// each the other showed it.
func freshWrites(ctx context.Context, t *testing.T, at, seen *host.Host, ns string) []freshWrite {
	start := time.Now()
	tick := time.NewTicker(freshPace)
	defer tick.Stop()
	var mu sync.Mutex
	var all []freshWrite
	var shown sync.WaitGroup
	for i := 0; ; i++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			shown.Wait()
			return all
		}
		key := store.Key{Namespace: ns, Name: fmt.Sprint("fresh-", i)}
		replies, err := at.Write(t.Context(), []node.Write{{Key: key, Value: []byte("v"), Ack: node.AckLocal}})
		if err != nil {
			t.Errorf("fresh write: %v", err)
			return nil
		}
		written := time.Now()
		shown.Go(func() {
			for !shows(seen, key, replies[0].Version) {
				select {
				case <-time.After(freshPoll):
				case <-t.Context().Done():
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, freshWrite{written.Sub(start), time.Since(written)})
		})
	}
}

var receivedMetric = regexp.MustCompile(`(?m)^hearsay_link_received_bytes_total (.*)$`)

// receivedBytes returns what h has received on its streams.
func receivedBytes(t *testing.T, c *cluster, h *host.Host) float64 {
	t.Helper()
	_, text := get(t, c.page.url()+nodesPath+h.Identity().Name+"/metrics")
	m := receivedMetric.FindStringSubmatch(text)
	if m == nil {
		t.Fatal("no count of received bytes")
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
