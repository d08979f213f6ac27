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
			for i := range b.N {
				envelopes[0].Message = frame(size)
				from.Send(envelopes)
				if i%window == window-1 {
					to.await(b, "a window of frames", func() bool { return len(to.got["a"]) > i })
				}
			}
			to.await(b, "all frames", func() bool { return len(to.got["a"]) == b.N })
		})
	}
}
