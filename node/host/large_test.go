package host

import (
	"errors"
	"testing"

	"go.uber.org/zap"

	"hearsay/store"
	"hearsay/store/memstore"
)

// TestHeldUploadsAreNotDropped has a value superseded while a backup reads it.
func TestHeldUploadsAreNotDropped(t *testing.T) {
	st := memstore.New()
	defer st.Close()
	l, err := newLarge(st, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	u := l.NewUpload()
	if err := l.Stage(u, 0, []byte("value")); err != nil {
		t.Fatal(err)
	}
	l.hold()
	l.drop([]store.Upload{u})
	l.close() // waits for what is being dropped
	if err := l.ReadStaged(u, 0, make([]byte, 5)); err != nil {
		t.Errorf("ReadStaged while it is held: %v", err)
	}
	l.letGo()
	l.close()
	if err := l.ReadStaged(u, 0, make([]byte, 5)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("ReadStaged afterwards: %v, want ErrNotFound", err)
	}
}
