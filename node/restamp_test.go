package node_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/store"
	"hearsay/store/memstore"
)

// poisonedStore returns a store that holds k as z stamped it at second 3600, which its
// node does not stamp above.
func poisonedStore(t *testing.T) *memstore.Store {
	t.Helper()
	st := memstore.New()
	stamp := clock.Timestamp{Wall: 3600 * second}
	z := store.Origin{Node: "z", Incarnation: store.Incarnation{Start: stamp}}
	e := &store.Entry{Key: key("k"), Version: store.Version{Timestamp: stamp, Origin: z}, Seq: 1, Value: []byte("v")}
	stray, err := json.Marshal(stamp)
	if err != nil {
		t.Fatal(err)
	}
	b := st.NewBatch()
	if err := errors.Join(b.Put(e), b.Log(z, store.Row{Seq: 1, Key: e.Key, Timestamp: stamp}), b.SetMark(z, 1), b.SetMemo("stray", stray), b.Commit(true), b.Close()); err != nil {
		t.Fatal(err)
	}
	return st
}

// Nobody writes above a timestamp that is far ahead: his own would be refused, and all
// that follows. Other keys are written as ever.
func TestNoWriteAboveWhatIsFarAhead(t *testing.T) {
	w := watchOn(t, true, poisonedStore(t))
	w.Tick(at(9))
	flush(t, w.Node)
	w.admit(t, 10)
	w.Tick(at(20))
	flush(t, w.Node)
	if _, err := w.Write(at(20), put("k", "new")); !errors.Is(err, node.ErrNotReady) || !strings.Contains(err.Error(), "hearsay kv key restamp") {
		t.Errorf("Write of what is stamped an hour ahead = %v, want ErrNotReady that says what to do", err)
	}
	if _, err := w.Write(at(20), put("other", "new")); err != nil {
		t.Errorf("Write of another key = %v", err)
	}
}

func TestRestampRefuses(t *testing.T) {
	w := watchOn(t, true, poisonedStore(t))
	for name, want := range map[string]string{"never": "holds nothing", "k": "no member itself"} {
		if _, err := w.Restamp(at(8), key(name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Restamp(%s) before the node is a member = %v, want %q", name, err, want)
		}
	}
	w.Tick(at(9))
	flush(t, w.Node)
	w.admit(t, 10)
	write(t, w.Node, at(20), put("sound", "v"))
	for name, want := range map[string]string{"never": "holds nothing", "sound": "the next write replaces it", "k": "z is no member"} {
		if _, err := w.Restamp(at(20), key(name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Restamp(%s) = %v, want %q", name, err, want)
		}
	}
	if got, err := w.Restamp(at(3599), key("k")); !errors.Is(err, node.ErrRestamp) {
		t.Errorf("Restamp of what is a second ahead = %v, %v, want ErrRestamp", got, err)
	}
}
