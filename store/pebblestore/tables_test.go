package pebblestore

import (
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Left to itself Pebble writes its oldest format, and tables without filters, in
// which each key that is not there costs a read.
func TestFormatAndFilters(t *testing.T) {
	opt := DefaultOptions()
	opt.FS = vfs.NewMem()
	s, err := Open("data", opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	desc, err := pebble.Peek("data", opt.FS)
	if err != nil {
		t.Fatal(err)
	}
	if want := pebble.FormatValueSeparation; desc.FormatMajorVersion != want {
		t.Errorf("the store has format %v, want %v", desc.FormatMajorVersion, want)
	}
	p := opt.pebble(nil)
	p.EnsureDefaults()
	for i := range len(p.Levels) - 1 { // the last one has none on purpose
		if got := p.Levels[i].FilterPolicy.Name(); !strings.Contains(strings.ToLower(got), "bloom") {
			t.Errorf("tables of level %d have the filter %q, want a bloom filter", i, got)
		}
	}
}
