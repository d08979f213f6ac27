package host

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hearsay/clock"
)

var errLate, errShut = errors.New("late"), errors.New("shut")

// named is an input that does nothing.
type named string

func (named) apply(*loop, clock.Reading) {}

func (q *inbox) client(name string, size int64) item {
	return item{input: named(name), size: size, lane: &q.clients}
}

func (q *inbox) peer(name string, size int64) item {
	return item{input: named(name), size: size, lane: &q.peers}
}

func smallInbox() *inbox {
	return newInbox(Limit{Count: 3, Bytes: 100}, Limit{Count: 3, Bytes: 100})
}

// mustPut puts items that have room.
func mustPut(t *testing.T, q *inbox, items ...item) {
	t.Helper()
	for _, it := range items {
		w, err := q.enter(it)
		if w != nil || err != nil {
			t.Fatalf("%v of %d bytes was not let in at once (%v), want it to be", it.input, it.size, err)
		}
	}
}

func names(items []item) string {
	var s string
	for _, it := range items {
		s += string(it.input.(named))
	}
	return s
}

func TestInboxTake(t *testing.T) {
	tests := []struct {
		name  string
		sizes []int64
		want  []string // a turn each, of at most 50 bytes
	}{
		{"nothing", nil, []string{""}},
		{"everything that waits", []int64{10, 10, 10}, []string{"abc", ""}},
		{"to the brim", []int64{25, 25}, []string{"ab", ""}},
		{"one byte over", []int64{25, 26}, []string{"a", "b", ""}},
		{"a larger one goes alone", []int64{10, 60, 10}, []string{"a", "b", "c", ""}},
		{"nothing overtakes", []int64{40, 20, 5}, []string{"a", "bc", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := smallInbox()
			for i, size := range tt.sizes {
				mustPut(t, q, q.peer(string(rune('a'+i)), size))
			}
			for i, want := range tt.want {
				if got := names(q.take(nil, 50)); got != want {
					t.Errorf("turn %d took %q, want %q", i, got, want)
				}
			}
		})
	}
}

func TestInboxWakesForWhatItKept(t *testing.T) {
	q := smallInbox()
	mustPut(t, q, q.peer("a", 40), q.peer("b", 40))
	<-q.wake
	q.take(nil, 50)
	select {
	case <-q.wake:
	default:
		t.Error("no token for the input that take left behind")
	}
}

func TestInboxBounds(t *testing.T) {
	tests := []struct {
		name  string
		sizes []int64
		next  int64
		fits  bool
	}{
		{"below the count", []int64{1, 1}, 1, true},
		{"at the count", []int64{1, 1, 1}, 1, false},
		{"to the last byte", []int64{60}, 40, true},
		{"one byte over", []int64{60}, 41, false},
		{"too large but alone", nil, 1000, true},
		{"behind one too large", []int64{1000}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := smallInbox()
			for _, size := range tt.sizes {
				mustPut(t, q, q.client("x", size))
			}
			w, err := q.enter(q.client("y", tt.next))
			if err != nil || (w == nil) != tt.fits {
				t.Errorf("with %v waiting, %d bytes let in = %v (%v), want %v", tt.sizes, tt.next, w == nil, err, tt.fits)
			}
			mustPut(t, q, q.peer("z", 1)) // the other lane has its own room
		})
	}
}

func TestInboxWaitsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := smallInbox()
		mustPut(t, q, q.client("a", 50), q.client("b", 50))
		for _, late := range []item{q.client("c", 80), q.client("d", 10)} {
			go func() {
				if err := q.put(t.Context(), late, time.Minute, errLate); err != nil {
					t.Errorf("put %v: %v", late.input, err)
				}
			}()
			synctest.Wait()
		}
		got := q.take(nil, 1000)
		q.release(got[0])
		// There is room for d but not for c, who came before.
		if held := q.load(&q.clients); held.waiting != 2 {
			t.Errorf("%d wait with 50 bytes free, want 2: nobody passes by", held.waiting)
		}
		if w, _ := q.enter(q.client("e", 1)); w == nil {
			t.Error("a newcomer passed by those who wait")
		}
		q.release(got[1])
		synctest.Wait()
		if got := names(q.take(nil, 1000)); got != "cde" {
			t.Errorf("let in %q, want %q", got, "cde")
		}
	})
}

func TestInboxPatience(t *testing.T) {
	full := func(t *testing.T) *inbox {
		q := smallInbox()
		mustPut(t, q, q.client("full", 100))
		return q
	}
	t.Run("ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q, begun := full(t), time.Now()
			err := q.put(t.Context(), q.client("x", 1), 2*time.Second, errLate)
			if waited := time.Since(begun); !errors.Is(err, errLate) || waited != 2*time.Second {
				t.Errorf("put = %v after %v, want %v after 2s", err, waited, errLate)
			}
			if held := q.load(&q.clients); held.waiting != 0 || held.count != 1 {
				t.Errorf("%+v after a put that gave up, want nothing of it", held)
			}
		})
	})
	t.Run("ends with the context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := full(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := q.put(ctx, q.client("x", 1), time.Minute, errLate); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("put = %v, want %v", err, context.DeadlineExceeded)
			}
		})
	})
	t.Run("of one who stood before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := smallInbox()
			mustPut(t, q, q.client("a", 50))
			go func() { _ = q.put(t.Context(), q.client("large", 60), time.Second, errLate) }()
			synctest.Wait()
			if err := q.put(t.Context(), q.client("small", 10), time.Minute, errLate); err != nil {
				t.Errorf("put = %v, want to be let in when the larger one before gave up", err)
			}
		})
	})
}

func TestInboxShut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := smallInbox()
		mustPut(t, q, q.client("a", 100))
		waiting := make(chan error)
		go func() { waiting <- q.put(t.Context(), q.client("b", 1), 0, nil) }()
		synctest.Wait()
		q.shut(&q.clients, errShut)
		q.shut(&q.clients, errLate) // the first reason stays
		if err := <-waiting; !errors.Is(err, errShut) {
			t.Errorf("who waited got %v, want %v", err, errShut)
		}
		if err := q.put(t.Context(), q.client("c", 1), 0, nil); !errors.Is(err, errShut) {
			t.Errorf("put after shut = %v, want %v", err, errShut)
		}
		mustPut(t, q, q.peer("p", 1))
		select {
		case <-q.clients.drained:
			t.Error("drained with an input still there")
		default:
		}
		q.release(q.take(nil, 1000)[0])
		<-q.clients.drained
	})
}
