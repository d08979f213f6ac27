package link

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// The kernel takes no more of a stream than is under way and a little. How much that is
// shows once nobody reads.
func TestWhatCannotBeSentIsKeptBack(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := connect(t.Context(), listener.Addr().String(), nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	deaf, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if err := deaf.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	taken := 0
	for {
		n, err := conn.Write(make([]byte, 16<<10))
		taken += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if most := maxUnsent + 256<<10; taken > most {
		t.Errorf("%d bytes were taken of a stream that nobody reads, want at most %d", taken, most)
	}
}
