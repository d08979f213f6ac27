package wire_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hearsay/gossip/wire"
)

var update = flag.Bool("update", false, "write the golden frames anew: the format has changed, and so must wire.Version")

// A golden frame is a text file: hexadecimal, 16 bytes a line.
func writeGolden(t *testing.T, name string, frame []byte) {
	t.Helper()
	var text strings.Builder
	for line := range slices.Chunk(frame, 16) {
		text.WriteString(hex.EncodeToString(line) + "\n")
	}
	if err := os.WriteFile(goldenPath(name), []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readGolden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(goldenPath(name))
	if err != nil {
		t.Fatal(err)
	}
	frame, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return frame
}

func goldenPath(name string) string { return filepath.Join("testdata", name+".hex") }

// TestGolden pins the bytes of every kind of frame, length prefix included.
func TestGolden(t *testing.T) {
	samples := samples()
	for _, name := range slices.Sorted(maps.Keys(samples)) {
		t.Run(name, func(t *testing.T) {
			m := samples[name]
			got, err := wire.NewEncoder().Append(nil, m)
			if err != nil {
				t.Fatalf("Append: %v", err)
			}
			if *update {
				writeGolden(t, name, got)
			}
			want := readGolden(t, name)
			if !bytes.Equal(got, want) {
				t.Errorf("Append:\n%s, want\n%s", hex.Dump(got), hex.Dump(want))
			}
			if n := binary.BigEndian.Uint32(want); int(n) != len(want)-4 {
				t.Errorf("length prefix = %d, want %d", n, len(want)-4)
			}
			back, err := wire.Decode(want[4:])
			if err != nil {
				t.Fatalf("Decode: %v", err)
			}
			if !reflect.DeepEqual(back, m) {
				t.Errorf("Decode = %+v, want %+v", back, m)
			}
		})
	}
}

func TestGoldenHello(t *testing.T) {
	got, err := wire.NewEncoder().AppendHello(nil, hello)
	if err != nil {
		t.Fatalf("AppendHello: %v", err)
	}
	if *update {
		writeGolden(t, "hello", got)
	}
	want := readGolden(t, "hello")
	if !bytes.Equal(got, want) {
		t.Errorf("AppendHello:\n%s, want\n%s", hex.Dump(got), hex.Dump(want))
	}
	back, err := wire.DecodeHello(want[4:])
	if err != nil {
		t.Fatalf("DecodeHello: %v", err)
	}
	if back != hello {
		t.Errorf("DecodeHello = %+v, want %+v", back, hello)
	}
}
