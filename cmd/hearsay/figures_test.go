package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"hearsay/node"
	"hearsay/node/host"
	"hearsay/node/host/wan"
	"hearsay/store"
)

// These benchmarks print the README's figures.

// benchCluster starts regions times nodesPerRegion nodes with the delays m.
func benchCluster(b *testing.B, m wan.Matrix, regions, nodesPerRegion int) *cluster {
	b.Helper()
	cfg := clusterConfig{
		listen:     "127.0.0.1:0",
		dir:        b.TempDir(),
		network:    wan.New(m, func(string, uint64, uint64) uint64 { return rand.Uint64() }),
		bound:      time.Minute,
		namespaces: []string{"bench"},
		log:        zap.NewNop(),
	}
	for _, name := range wan.AWS().Regions()[:regions] {
		cfg.topology.Regions = append(cfg.topology.Regions, regionSpec{Name: name, Nodes: nodesPerRegion})
	}
	c, err := startCluster(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func stopCluster(b *testing.B, c *cluster) {
	b.Helper()
	if err := c.close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkReady is the time until ten nodes in five regions are ready on empty
// disks, as 'hearsay dev' starts them.
func BenchmarkReady(b *testing.B) {
	for range b.N {
		c := benchCluster(b, wan.AWS(), 5, 2)
		b.StopTimer()
		stopCluster(b, c)
		b.StartTimer()
	}
}

// BenchmarkVisibleEverywhere is the time from a put's call until its reply, and
// until the last of six nodes on loopback shows it, synced, one writer, 256
// bytes.
func BenchmarkVisibleEverywhere(b *testing.B) {
	c := benchCluster(b, wan.Matrix{}, 1, 6)
	defer stopCluster(b, c)
	nodes := c.nodes()
	ns := benchNamespace(b, nodes[0])
	var acked, everywhere []time.Duration
	value := make([]byte, 256)
	b.ResetTimer()
	for i := range b.N {
		key := store.Key{Namespace: ns, Name: fmt.Sprint("visible-", i)}
		start := time.Now()
		replies, err := nodes[i%6].Write(b.Context(), []node.Write{{Key: key, Value: value}})
		if err != nil {
			b.Fatal(err)
		}
		acked = append(acked, time.Since(start))
		for _, h := range nodes {
			for !shows(h, key, replies[0].Version) {
				<-time.After(20 * time.Microsecond) // a loop without a wait takes a core from the nodes
			}
		}
		everywhere = append(everywhere, time.Since(start))
	}
	b.StopTimer()
	percentiles(b, "ack", acked)
	percentiles(b, "everywhere", everywhere)
}

func benchNamespace(b *testing.B, h *host.Host) string {
	b.Helper()
	v := h.View()
	defer v.Close()
	ns, err := v.ByTitle("bench")
	if err != nil {
		b.Fatal(err)
	}
	return ns.ID
}

// percentiles prints two percentiles of ds in milliseconds.
func percentiles(b *testing.B, what string, ds []time.Duration) {
	slices.Sort(ds)
	for _, p := range []int{50, 99} {
		at := ds[min(len(ds)*p/100, len(ds)-1)]
		b.ReportMetric(float64(at)/float64(time.Millisecond), fmt.Sprintf("%s-p%d-ms", what, p))
	}
}

// BenchmarkReadHTTP compares reads of 256-byte values over HTTP from one node
// with 10,000 keys, and from a handler that only answers as much. The two take
// turns, so that their ratio holds on a noisy machine.
func BenchmarkReadHTTP(b *testing.B) {
	c := benchCluster(b, wan.Matrix{}, 1, 1)
	defer stopCluster(b, c)
	h := c.nodes()[0]
	ns := benchNamespace(b, h)
	const keys = 10_000
	value := bytes.Repeat([]byte("v"), 256)
	var ws []node.Write
	for i := range keys {
		ws = append(ws, node.Write{Key: store.Key{Namespace: ns, Name: fmt.Sprintf("key-%05d", i)}, Value: value})
	}
	if _, err := h.Write(b.Context(), ws); err != nil {
		b.Fatal(err)
	}
	path := "/client/v4/accounts/bench/storage/kv/namespaces/" + ns + "/values/key-"

	bare := bareServer(b, headerOf(b, "http://"+h.APIAddr()+path+"00000"), value)
	var took [2]time.Duration
	const slice = 2000
	b.ResetTimer()
	for range b.N {
		for side, base := range []string{"http://" + h.APIAddr(), bare} {
			start := time.Now()
			readAll(b, base+path, slice, keys)
			took[side] += time.Since(start)
		}
	}
	b.StopTimer()
	reads := float64(b.N) * slice
	b.ReportMetric(reads/took[0].Seconds(), "reads/s")
	b.ReportMetric(reads/took[1].Seconds(), "bare-reads/s")
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "of-bare")
}

// bareServer answers everything with value and the headers of a real answer.
func bareServer(b *testing.B, header http.Header, value []byte) (base string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	header.Del("Date")
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		if _, err := w.Write(value); err != nil {
			b.Error(err)
		}
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	b.Cleanup(func() {
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			b.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// readAll has 16 clients share n reads of random keys.
func readAll(b *testing.B, prefix string, n, keys int) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	var left atomic.Int64
	left.Store(int64(n))
	failed := make(chan error, 16)
	for range 16 {
		go func() {
			for left.Add(-1) >= 0 {
				resp, err := client.Get(fmt.Sprintf("%s%05d", prefix, rand.IntN(keys)))
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
				if err == nil && resp.StatusCode != http.StatusOK {
					err = errors.New(resp.Status)
				}
				if err != nil {
					failed <- fmt.Errorf("read: %w", err)
					return
				}
			}
			failed <- nil
		}()
	}
	for range 16 {
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
	}
}

// headerOf returns the headers of the answer to a GET of url.
func headerOf(b *testing.B, url string) http.Header {
	b.Helper()
	resp, err := http.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b.Fatalf("GET %s: %s", url, resp.Status)
	}
	return resp.Header
}
