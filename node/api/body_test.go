package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"hearsay/node/api"
	"hearsay/node/kv"
)

func request(ctx context.Context, length int64) *http.Request {
	r := httptest.NewRequest("PUT", "/", nil).WithContext(ctx)
	r.ContentLength = length
	return r
}

// reserve makes room, and fails t if there is none at once.
func reserve(t *testing.T, b *api.Bodies, length, keep int64) (release func()) {
	t.Helper()
	start := time.Now()
	release, err := b.Reserve(request(t.Context(), length), keep)
	if err != nil || time.Since(start) != 0 {
		t.Fatalf("Reserve(%d, %d): %v after %v, want room at once", length, keep, err, time.Since(start))
	}
	return release
}

// wantWait checks that there is no room for so many bytes.
func wantWait(t *testing.T, b *api.Bodies, length int64) {
	t.Helper()
	start := time.Now()
	_, err := b.Reserve(request(t.Context(), length), 1<<40)
	if !errors.Is(err, api.ErrOverloaded) || time.Since(start) != time.Second {
		t.Fatalf("Reserve(%d): %v after %v, want ErrOverloaded after 1s", length, err, time.Since(start))
	}
}

func TestBodiesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := api.NewBodies(100, time.Second)
		r60 := reserve(t, b, 60, 1000)
		r40 := reserve(t, b, -1, 40) // of unknown length: all it may keep
		wantWait(t, b, 1)
		reserve(t, b, 0, 1000)() // nothing needs no room
		r40()
		wantWait(t, b, 41)
		reserve(t, b, 40, 1000)()
		r60()
		reserve(t, b, 1<<40, 1<<40)() // larger than the bound: alone
		reserve(t, b, 100, 100)()
	})
}

func TestBodiesWaitTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := api.NewBodies(100, time.Second)
		first := reserve(t, b, 100, 100)
		type grant struct {
			bytes   int64
			release func()
		}
		grants := make(chan grant, 3)
		ask := func(n int64) {
			go func() {
				release, err := b.Reserve(request(t.Context(), n), 100)
				if err != nil {
					t.Errorf("Reserve(%d): %v", n, err)
				}
				grants <- grant{n, release}
			}()
			synctest.Wait()
		}
		ask(90)
		ask(20)
		first()
		ask(10) // would fit beside 90, but 20 came before it
		if len(grants) != 1 {
			t.Errorf("%d got room, want 90 alone", len(grants))
		}
		g := <-grants
		if g.bytes != 90 {
			t.Errorf("room went to %d first, want 90", g.bytes)
		}
		g.release()
		for range 2 {
			(<-grants).release()
		}
		reserve(t, b, 100, 100)()
	})
}

func TestWhoGivesUpWaitingLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := api.NewBodies(100, time.Minute)
		first := reserve(t, b, 60, 100)
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error)
		go func() {
			_, err := b.Reserve(request(ctx, 100), 100)
			gaveUp <- err
		}()
		synctest.Wait()
		behind := make(chan func())
		go func() {
			release, err := b.Reserve(request(t.Context(), 40), 100)
			if err != nil {
				t.Errorf("Reserve behind one that gave up: %v", err)
			}
			behind <- release
		}()
		synctest.Wait()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("Reserve after its request ended: %v, want context.Canceled", err)
		}
		(<-behind)()
		first()
		reserve(t, b, 100, 100)()
	})
}

func TestBodiesQueueIsBounded(t *testing.T) {
	const queue = 1024
	synctest.Test(t, func(t *testing.T) {
		b := api.NewBodies(1, time.Minute)
		release := reserve(t, b, 1, 1)
		for range queue {
			go func() {
				release, err := b.Reserve(request(t.Context(), 1), 1)
				if err != nil {
					t.Errorf("Reserve in the queue: %v", err)
					return
				}
				release()
			}()
		}
		synctest.Wait()
		start := time.Now()
		_, err := b.Reserve(request(t.Context(), 1), 1)
		if !errors.Is(err, api.ErrOverloaded) || time.Since(start) != 0 {
			t.Errorf("Reserve behind %d others: %v after %v, want ErrOverloaded at once", queue, err, time.Since(start))
		}
		release()
		synctest.Wait()
		reserve(t, b, 1, 1)()
	})
}

func TestReadAll(t *testing.T) {
	const keep = 1 << 20
	for _, n := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, keep - 1, keep, keep + 1, 3 * keep} {
		sent := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		for _, size := range []int64{int64(n), int64(n) + 10, -1} {
			data, excess, err := api.ReadAll(iotest.HalfReader(bytes.NewReader(sent)), size, keep)
			if err != nil || !bytes.Equal(data, sent[:min(n, keep)]) || excess != int64(n-min(n, keep)) {
				t.Errorf("ReadAll of %d bytes said to be %d: %d bytes and %d excess, %v", n, size, len(data), excess, err)
			}
			if cap(data) > 2*len(data)+16 {
				t.Errorf("ReadAll of %d bytes said to be %d keeps %d", n, size, cap(data))
			}
		}
	}
}

func TestReadAllRefusesWhatBreaksOff(t *testing.T) {
	for _, sent := range []string{"", "some"} {
		for _, broken := range []error{io.ErrUnexpectedEOF, errors.New("connection reset")} {
			_, _, err := api.ReadAll(io.MultiReader(strings.NewReader(sent), iotest.ErrReader(broken)), 10, 100)
			var e *kv.Error
			if !errors.As(err, &e) || e.Status != 400 {
				t.Errorf("ReadAll of %q and then %v: %v, want a refusal", sent, broken, err)
			}
		}
	}
}

// endless never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestReadAllEnds(t *testing.T) {
	_, _, err := api.ReadAll(endless{}, -1, 10)
	var e *kv.Error
	if !errors.As(err, &e) || e.Status != 400 {
		t.Errorf("ReadAll of an endless body: %v, want a refusal", err)
	}
}
