package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
	"testing/iotest"

	"hearsay/gossip/wire"
)

// stream returns the samples and a large frame, one after the other, and each.
func stream(t *testing.T) ([]byte, [][]byte) {
	t.Helper()
	samples := samples()
	samples["run"] = run(1000)
	enc := wire.NewEncoder()
	var all []byte
	var frames [][]byte
	for _, name := range slices.Sorted(maps.Keys(samples)) {
		start := len(all)
		var err error
		if all, err = enc.Append(all, samples[name]); err != nil {
			t.Fatalf("Append(%s): %v", name, err)
		}
		frames = append(frames, all[start+4:])
	}
	return all, frames
}

func TestReader(t *testing.T) {
	all, frames := stream(t)
	tests := []struct {
		name string
		in   func(io.Reader) io.Reader
	}{
		{"as much as is asked for", func(r io.Reader) io.Reader { return r }},
		{"one byte at a time", iotest.OneByteReader},
		{"half of what is asked for", iotest.HalfReader},
		{"the last bytes come with the end", iotest.DataErrReader},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := wire.NewReader(tt.in(bytes.NewReader(all)))
			for i, want := range frames {
				got, err := r.Next()
				if err != nil {
					t.Fatalf("Next %d: %v", i, err)
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("Next %d = %d bytes that differ from the %d sent", i, len(got), len(want))
				}
			}
			if _, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("Next at the end = %v, want io.EOF", err)
			}
		})
	}
}

func TestReaderCutShort(t *testing.T) {
	all, err := wire.NewEncoder().Append(nil, put())
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(all); n++ {
		if _, err := wire.NewReader(bytes.NewReader(all[:n])).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Next after %d of %d bytes = %v, want io.ErrUnexpectedEOF", n, len(all), err)
		}
	}
	broken := errors.New("connection reset")
	for n := range all {
		in := io.MultiReader(bytes.NewReader(all[:n]), iotest.ErrReader(broken))
		if _, err := wire.NewReader(in).Next(); !errors.Is(err, broken) {
			t.Errorf("Next after %d bytes and an error = %v, want that error", n, err)
		}
	}
}

func TestReaderLength(t *testing.T) {
	tests := []struct {
		name   string
		length uint32
		want   error
	}{
		{"no room for version and kind", 0, wire.ErrMalformed},
		{"no room for the kind", 1, wire.ErrMalformed},
		{"the least", 2, io.ErrUnexpectedEOF},
		{"the most", wire.MaxFrame, io.ErrUnexpectedEOF},
		{"one more", wire.MaxFrame + 1, wire.ErrTooLarge},
		{"negative where int has 32 bits", 1 << 31, wire.ErrTooLarge},
		{"all ones", 1<<32 - 1, wire.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := append(binary.BigEndian.AppendUint32(nil, tt.length), wire.Version)
			var err error
			got := allocated(func() { _, err = wire.NewReader(bytes.NewReader(in)).Next() })
			if !errors.Is(err, tt.want) {
				t.Errorf("Next of %d bytes = %v, want %v", tt.length, err, tt.want)
			}
			if got > 256<<10 {
				t.Errorf("Next of an announced %d bytes allocates %d, want less than 256 KiB", tt.length, got)
			}
		})
	}
}

func TestReaderLargestFrame(t *testing.T) {
	small, err := wire.NewEncoder().Append(nil, put())
	if err != nil {
		t.Fatal(err)
	}
	in := binary.BigEndian.AppendUint32(nil, wire.MaxFrame)
	in = append(in, bytes.Repeat([]byte{0xab}, wire.MaxFrame)...)
	in = append(in, small...)
	in = append(in, small...)
	r := wire.NewReader(bytes.NewReader(in))
	largest, err := r.Next()
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	if !bytes.Equal(largest, in[4:4+wire.MaxFrame]) {
		t.Error("Next of the largest frame differs from what was sent")
	}
	first, err := r.Next()
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	if cap(first) > 1<<20 {
		t.Errorf("after the largest frame the buffer holds %d bytes, want at most 1 MiB", cap(first))
	}
	second, err := r.Next()
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	if &first[0] != &second[0] {
		t.Error("two small frames got two buffers, want one")
	}
}
