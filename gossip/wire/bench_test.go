package wire_test

import (
	"testing"

	"hearsay/gossip"
	"hearsay/gossip/wire"
)

var benchmarks = []struct {
	name    string
	parts   int // what bytes are counted per
	message gossip.Message
}{
	{"frame of 1 entry", 1, run(1)},
	{"frame of 100 entries", 100, run(100)},
	{"status without marks", 1, &gossip.Status{Hash: 1 << 63, Facts: put().Facts}},
	{"status of 10 marks", 10, &gossip.Status{Marks: marks(10), Hash: 1 << 63, Facts: put().Facts}},
	{"status of 1000 marks", 1000, &gossip.Status{Marks: marks(1000), Hash: 1 << 63, Facts: put().Facts}},
	{"closed timestamp", 1, samples()["status-closed"]},
	{"epoch of 10 members", 10, decided(10)},
	{"pull of 1 mark", 1, &gossip.Pull{From: marks(1), Credit: 3 << 20}},
}

// BenchmarkAppend also reports how many bytes an entry of 256 bytes under a name
// of 16, or a mark, takes on the wire.
func BenchmarkAppend(b *testing.B) {
	for _, bm := range benchmarks {
		b.Run(bm.name, func(b *testing.B) {
			enc := wire.NewEncoder()
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if dst, err = enc.Append(dst[:0], bm.message); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(dst)), "B/message")
			b.ReportMetric(float64(len(dst))/float64(bm.parts), "B/part")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, bm := range benchmarks {
		b.Run(bm.name, func(b *testing.B) {
			frame := encode(b, bm.message)
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wire.Decode(frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
