package binding_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"hearsay/node/kv"
)

// raw sends text and body as they are and returns the first line of the answer.
func (r rig) raw(text string, body io.Reader) string {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatalf("dial: %v", err)
	}
	defer conn.Close()
	// Like workerd, the client reads nothing until all is sent.
	if _, err := io.Copy(conn, io.MultiReader(strings.NewReader(text), body)); err != nil {
		r.t.Fatalf("send: %v", err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		r.t.Fatalf("close: %v", err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		r.t.Fatalf("read the answer: %v", err)
	}
	return strings.TrimRight(line, "\r\n")
}

// zeros is a body of n bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestTooLongAValueIsReadBeforeItsRefusal(t *testing.T) {
	r := dev(t)
	const n = 30 << 20
	want := fmt.Sprintf("HTTP/1.1 413 Value length of %d exceeds limit of %d.", n, kv.MaxValue)
	head := "PUT /k?urlencoded=true HTTP/1.1\r\nHost: fake-host\r\nX-KV-Namespace: demo\r\n"
	if got := r.raw(head+fmt.Sprintf("Content-Length: %d\r\n\r\n", n), zeros(n)); got != want {
		t.Errorf("put of %d bytes: %q, want %q", n, got, want)
	}
	chunked := head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", n)
	if got := r.raw(chunked, io.MultiReader(zeros(n), strings.NewReader("\r\n0\r\n\r\n"))); got != want {
		t.Errorf("put of %d bytes in a chunk: %q, want %q", n, got, want)
	}
	if got := r.raw(head+fmt.Sprintf("Content-Length: %d\r\n\r\n", kv.MaxValue), zeros(kv.MaxValue)); got != "HTTP/1.1 200 OK" {
		t.Errorf("put of %d bytes: %q, want 200 OK", kv.MaxValue, got)
	}
}

// A connection that breaks off must not leave half a value.
func TestHalfABodyIsNotStored(t *testing.T) {
	r := dev(t)
	head := "PUT /k HTTP/1.1\r\nHost: fake-host\r\nX-KV-Namespace: demo\r\n"
	for _, text := range []string{
		head + "Content-Length: 10\r\n\r\nhalf",
		head + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		head + "Transfer-Encoding: chunked\r\n\r\n9\r\nhalf",
	} {
		if got := r.raw(text, http.NoBody); !strings.HasPrefix(got, "HTTP/1.1 400 The request body could not be read") {
			t.Errorf("%q: %q, want 400", text, got)
		}
	}
	r.want("404 Not Found", "", "GET", "/k", "")
}

// What a client writes into a refusal stays in its status line.
func TestRefusalsSplitNoAnswer(t *testing.T) {
	r := dev(t)
	got := r.raw("PUT /k?expiration_ttl=1%0d%0aX:%20y HTTP/1.1\r\nHost: h\r\nX-KV-Namespace: demo\r\nContent-Length: 1\r\n\r\nv", http.NoBody)
	if want := "HTTP/1.1 400 Invalid expiration_ttl of 1??X: y. Expiration TTL must be at least 60."; got != want {
		t.Errorf("status line is %q, want %q", got, want)
	}
}

func TestMalformedRequests(t *testing.T) {
	r := dev(t)
	for _, text := range []string{
		"GET /%zz HTTP/1.1\r\nHost: h\r\nX-KV-Namespace: demo\r\n\r\n",
		"GET /% HTTP/1.1\r\nHost: h\r\nX-KV-Namespace: demo\r\n\r\n",
		"GET https://fake-host/%FF HTTP/1.1\r\nHost: h\r\nX-KV-Namespace: demo\r\n\r\n",
		"GET /mf/%FF HTTP/1.1\r\nHost: h\r\nMF-URL: https://fake-host/k\r\n\r\n",
		"GET /mf/demo HTTP/1.1\r\nHost: h\r\nMF-URL: https://fake-host/%zz\r\n\r\n",
		"GET /mf/demo HTTP/1.1\r\nHost: h\r\nMF-URL: ://\r\n\r\n",
		"GET /mf/demo HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /mf/ HTTP/1.1\r\nHost: h\r\nMF-URL: https://fake-host/k\r\n\r\n",
		"POST /bulk/get HTTP/1.1\r\nHost: h\r\nX-KV-Namespace: demo\r\nContent-Length: 4\r\n\r\n[[[[",
		"PUT /k?%zz=1&expiration_ttl=;= HTTP/1.1\r\nHost: h\r\nX-KV-Namespace: demo\r\nCF-KV-Metadata: {\r\nContent-Length: 0\r\n\r\n",
	} {
		if got := r.raw(text, http.NoBody); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
			t.Errorf("%q: %q, want 400", text, got)
		}
	}
}
