package wire_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"hearsay/gossip/wire"
)

// FuzzDecode decodes anything without a panic, and what decodes encodes to a
// frame that decodes to the same.
func FuzzDecode(f *testing.F) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if name, ok := strings.CutSuffix(file.Name(), ".hex"); ok {
			f.Add(readGolden(f, name)[4:])
		}
	}
	for _, frame := range valid() {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if h, err := wire.DecodeHello(frame); err == nil {
			if back, err := wire.DecodeHello(encodeHello(t, h)); err != nil || back != h {
				t.Errorf("DecodeHello(AppendHello(%+v)) = %+v, %v", h, back, err)
			}
		}
		m, err := wire.Decode(frame)
		if err != nil {
			return
		}
		back, err := wire.Decode(encode(t, m))
		if err != nil {
			t.Fatalf("Decode(Append(%+v)): %v", m, err)
		}
		if !reflect.DeepEqual(back, m) {
			t.Errorf("Decode(Append(%+v)) = %+v", m, back)
		}
	})
}
