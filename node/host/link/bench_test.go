package link_test

import (
	"fmt"
	"testing"

	"hearsay/gossip"
)

// BenchmarkSend measures frames of one small entry from Send to Receive.
func BenchmarkSend(b *testing.B) {
	for _, size := range []int{256, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			from, to := pair(b, silent)
			envelopes := []gossip.Envelope{{To: "b"}}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			b.ResetTimer()
			const window = 32 // in flight, below the queue's bound
			received := 0
			through := func(n int) func() bool {
				return func() bool {
					received += len(to.got["a"])
					clear(to.got["a"])
					to.got["a"] = to.got["a"][:0]
					return received >= n
				}
			}
			for i := range b.N {
				envelopes[0].Message = frame(size)
				from.Send(envelopes)
				if i%window == window-1 {
					to.await(b, "a window of frames", through(i+1))
				}
			}
			to.await(b, "all frames", through(b.N))
		})
	}
}
