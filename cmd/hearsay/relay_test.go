package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"hearsay/gossip/wire"
)

// A relay stands before the peer port of a process, and cuts off from it whom it is
// told to. Packets of theirs are lost; what their streams carry waits, as where a
// network loses it and it is sent again.
type relay struct {
	addr string // what peers know
	to   string // the peer port itself: the same port of another loopback address

	mu   sync.Mutex
	cuts map[string]chan struct{} // by the name of who is cut off, closed at heal
	at   map[string]string        // names by peer port
}

// startRelay starts a relay that lasts as long as the test, on ports that are free on
// both loopback addresses, as far as one can tell.
func startRelay(t *testing.T) *relay {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: tcp.Addr().String(), cuts: make(map[string]chan struct{}), at: make(map[string]string)}
	r.to = strings.Replace(r.addr, "127.0.0.1", "127.0.0.2", 1)
	if free, err := net.Listen("tcp", r.to); err != nil {
		tcp.Close()
		t.Fatalf("needs a second loopback address: %v", err)
	} else {
		free.Close()
	}
	udp, err := net.ListenPacket("udp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var work sync.WaitGroup
	t.Cleanup(func() {
		stop()
		tcp.Close()
		udp.Close()
		work.Wait()
	})
	work.Go(func() { r.packets(udp) })
	work.Go(func() {
		for {
			conn, err := tcp.Accept()
			if err != nil {
				return
			}
			work.Go(func() { r.stream(ctx, conn) })
		}
	})
	return r
}

// cut has nothing of the named come through until heal.
func (r *relay) cut(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cuts[name] == nil {
		r.cuts[name] = make(chan struct{})
	}
}

func (r *relay) heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, healed := range r.cuts {
		close(healed)
	}
	clear(r.cuts)
}

// of returns what is closed when name is cut off no more, nil if it is not.
func (r *relay) of(name string) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cuts[name]
}

func (r *relay) packets(udp net.PacketConn) {
	to, err := net.ResolveUDPAddr("udp", r.to)
	if err != nil {
		panic(err)
	}
	packet := make([]byte, 64<<10)
	for {
		n, from, err := udp.ReadFrom(packet)
		if err != nil {
			return
		}
		r.mu.Lock()
		lost := r.cuts[r.at[from.String()]] != nil
		r.mu.Unlock()
		if !lost {
			_, _ = udp.WriteTo(packet[:n], to) // nobody may be there
		}
	}
}

func (r *relay) stream(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	far, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer far.Close()
	defer context.AfterFunc(ctx, func() { conn.Close(); far.Close() })()
	var opening bytes.Buffer
	name := dialer(io.TeeReader(conn, &opening))
	back := make(chan struct{})
	go func() {
		defer close(back)
		r.carry(ctx, conn, far, name)
		conn.Close()
	}()
	r.carry(ctx, far, io.MultiReader(&opening, conn), name)
	far.Close()
	<-back
}

// dialer returns the name of who opens a stream of replication, empty for memberlist.
func dialer(in io.Reader) string {
	magic := make([]byte, len("hearsay\n"))
	if _, err := io.ReadFull(in, magic[:1]); err != nil || magic[0] != 'h' {
		return ""
	}
	if _, err := io.ReadFull(in, magic[1:]); err != nil {
		return ""
	}
	frame, err := wire.NewReader(in).Next()
	if err != nil {
		return ""
	}
	hello, err := wire.DecodeHello(frame)
	if err != nil {
		return ""
	}
	return hello.Name
}

func (r *relay) carry(ctx context.Context, to io.Writer, from io.Reader, name string) {
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if healed := r.of(name); healed != nil {
			select {
			case <-healed:
			case <-ctx.Done():
			}
		}
		if _, werr := to.Write(piece[:n]); err != nil || werr != nil {
			return
		}
	}
}

// known tells r from where the packets of nodes come.
func (r *relay) known(nodes []*victim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range nodes {
		r.at[v.relay.to] = v.ready.Name
	}
}
