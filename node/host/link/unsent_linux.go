package link

import "syscall"

const (
	tcpNotSentLowat = 25 // TCP_NOTSENT_LOWAT, which package syscall lacks
	// maxUnsent is how many bytes the kernel takes of a stream beyond those that it has
	// sent. What is fresh cannot overtake them any more.
	maxUnsent = 128 << 10
)

// keepBack leaves what cannot be sent yet to this process.
func keepBack(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, maxUnsent)
	})
	if err != nil {
		return err
	}
	return failed
}
