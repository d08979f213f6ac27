package host

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// pipes is a listener whose connections are in memory, so that time in a bubble
// passes while they wait.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// visit calls client, in a bubble of its own time, with a connection to a port
// that reads what it is sent and answers with reply bytes.
func visit(t *testing.T, reply int, client func(t *testing.T, conn net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := (&Host{log: zap.NewNop()}).server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				_, _ = w.Write(make([]byte, reply)) // the client may be gone
			}
		}))
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		ended := listen(s, p, "port", nil)
		near, far := net.Pipe()
		p.conns <- far
		defer func() {
			near.Close()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			<-ended
		}()
		client(t, near)
	})
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatalf("send %.20q: %v", text, err)
	}
}

// awaitAnswer reads an answer of 200 from r.
func awaitAnswer(t *testing.T, r *bufio.Reader) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("answer %d (%v), want 200", res.StatusCode, err)
	}
}

// wantClosed fails unless conn is closed limit after begun.
func wantClosed(t *testing.T, conn net.Conn, begun time.Time, limit time.Duration) {
	t.Helper()
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("wait for the close: %v", err)
	}
	if took := time.Since(begun); took != limit {
		t.Errorf("closed after %v, want %v", took, limit)
	}
}

const post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"

// The largest value gets through a line of 1 Mbit/s.
func TestSlowUpload(t *testing.T) {
	visit(t, 1, func(t *testing.T, conn net.Conn) {
		const size, perSecond = 25 << 20, 1_000_000 / 8
		send(t, conn, fmt.Sprintf(post, size))
		second := make([]byte, perSecond)
		for left := size; left > 0; left -= perSecond {
			<-time.After(time.Second)
			send(t, conn, string(second[:min(left, perSecond)]))
		}
		awaitAnswer(t, bufio.NewReader(conn))
	})
}

func TestStalledClientIsCutOff(t *testing.T) {
	tests := []struct {
		name  string
		sent  string
		limit time.Duration
	}{
		{"says nothing", "", headerTimeout},
		{"in the header", "GET / HTTP/1.1\r\nHost:", headerTimeout},
		{"in the body", fmt.Sprintf(post, 10) + "123456789", requestTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			visit(t, 1, func(t *testing.T, conn net.Conn) {
				begun := time.Now()
				send(t, conn, tt.sent)
				wantClosed(t, conn, begun, tt.limit)
			})
		})
	}
}

// A client that trickles is no better off than one that stalls.
func TestTricklingClientIsCutOff(t *testing.T) {
	visit(t, 1, func(t *testing.T, conn net.Conn) {
		begun := time.Now()
		send(t, conn, fmt.Sprintf(post, 1<<20))
		for {
			<-time.After(time.Second)
			if _, err := conn.Write([]byte(".")); err != nil {
				break
			}
		}
		if took, limit := time.Since(begun), requestTimeout+time.Second; took > limit {
			t.Errorf("a byte a second was taken for %v, want %v at the most", took, limit)
		}
	})
}

// Who does not read its answer is cut off too.
func TestUnreadAnswerIsCutOff(t *testing.T) {
	visit(t, 1<<20, func(t *testing.T, conn net.Conn) {
		send(t, conn, fmt.Sprintf(post, 0))
		<-time.After(requestTimeout)
		synctest.Wait()
		if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
			t.Errorf("the answer still comes after %v", requestTimeout)
		}
	})
}

// A connection at rest outlives the 5 s after which the runtime closes it, but
// is not kept for ever.
func TestIdleConnection(t *testing.T) {
	visit(t, 1, func(t *testing.T, conn net.Conn) {
		r := bufio.NewReader(conn)
		for _, rest := range []time.Duration{0, 5 * time.Second, idleTimeout - time.Second} {
			<-time.After(rest)
			send(t, conn, fmt.Sprintf(post, 0))
			awaitAnswer(t, r)
		}
		wantClosed(t, conn, time.Now(), idleTimeout)
	})
}
