package memstore_test

import (
	"errors"
	"testing"

	"hearsay/store/memstore"
)

// After a commit that failed nothing goes through until a crash, and what it wrote is
// there or not, as was asked.
func TestFail(t *testing.T) {
	broken := errors.New("broken")
	for _, kept := range []bool{false, true} {
		s := memstore.New()
		s.Fail(broken, kept)
		b := s.NewBatch()
		if err := b.SetMemo("m", []byte("v")); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(true); !errors.Is(err, broken) {
			t.Errorf("Commit = %v, want %v", err, broken)
		}
		if err := s.NewBatch().SetMemo("m", nil); !errors.Is(err, broken) {
			t.Errorf("SetMemo after a failed commit = %v, want %v", err, broken)
		}
		s.Crash()
		m, err := s.Memo("m")
		if err != nil || (m != nil) != kept {
			t.Errorf("kept %v: after the crash the memo is %q (%v)", kept, m, err)
		}
		if err := s.NewBatch().SetMemo("m", nil); err != nil {
			t.Errorf("SetMemo after the crash = %v", err)
		}
	}
}
