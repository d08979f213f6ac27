package api_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearsay/clock"
	"hearsay/node/api"
	"hearsay/node/api/apitest"
	"hearsay/node/kv"
)

// look looks at b for a read with the given headers. It returns the staleness
// that the view shows, what the answer's header states, and how long it took.
func look(ctx context.Context, b api.Backend, header ...string) (stale time.Duration, stated string, took time.Duration, err error) {
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	start := time.Now()
	w := httptest.NewRecorder()
	v, err := api.Look(w, r, b)
	took = time.Since(start)
	if err == nil {
		stale, _ = v.Front.Staleness(v.Now)
		v.Close()
	}
	return stale, w.Header().Get("Hearsay-Staleness"), took, err
}

// newStale returns a backend that shows what it held so long ago.
func newStale(t *testing.T, d time.Duration) *apitest.Backend {
	b := apitest.New(t)
	b.Turn()
	b.Advance(d)
	return b
}

func TestLookStatesStaleness(t *testing.T) {
	b := newStale(t, 1250*time.Millisecond)
	if _, stated, _, err := look(t.Context(), b); err != nil || stated != "1.750" {
		t.Errorf("Look states %q, %v, want 1.750: the clocks may be half a second apart", stated, err)
	}
	if _, stated, _, err := look(t.Context(), b, "Hearsay-Max-Staleness", "1.75", "Hearsay-Wait", "0"); err != nil || stated != "1.750" {
		t.Errorf("Look at its limit states %q, %v, want 1.750", stated, err)
	}
	b.Stop()
	if _, stated, _, err := look(t.Context(), b); err != nil || stated != "unknown" {
		t.Errorf("Look at a front without W states %q, %v, want unknown", stated, err)
	}
}

func TestLookWaitsForAFreshView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStale(t, time.Minute)
		found := make(chan time.Duration)
		go func() {
			stale, stated, _, err := look(t.Context(), b, "Hearsay-Max-Staleness", "3", "Hearsay-Wait", "30")
			if err != nil || stated != "2.500" {
				t.Errorf("Look states %q, %v, want 2.500: the staleness of what it shows", stated, err)
			}
			found <- stale
		}()
		synctest.Wait()
		b.TurnLate(2 * time.Second)
		if got := <-found; got != 2500*time.Millisecond {
			t.Errorf("the view is %v stale, want 2.5s", got)
		}
	})
}

// hasty is a backend that has become fresh by the time that a view is taken of
// it.
type hasty struct{ *apitest.Backend }

func (h hasty) View() *kv.View {
	defer h.Turn()
	return h.Backend.View()
}

func TestLookMissesNoFreshView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, took, err := look(t.Context(), hasty{newStale(t, time.Minute)}, "Hearsay-Max-Staleness", "1")
		if err != nil || took != 0 {
			t.Errorf("Look = %v after %v, want the second view at once", err, took)
		}
	})
}

func TestLookGivesUp(t *testing.T) {
	const more = " Please try again, ask another node, or allow more."
	tests := []struct {
		name   string
		header []string
		took   time.Duration
		want   string
	}{
		{"after 2 s", []string{"Hearsay-Max-Staleness", "5"}, 2 * time.Second,
			"The node may lack writes of the last 1m0.5s, and Hearsay-Max-Staleness allows 5s; it waited 2s for better." + more},
		{"after what is asked", []string{"Hearsay-Max-Staleness", "60.499", "Hearsay-Wait", ".25"}, 250 * time.Millisecond,
			"The node may lack writes of the last 1m0.5s, and Hearsay-Max-Staleness allows 1m0.499s; it waited 250ms for better." + more},
		{"at once", []string{"Hearsay-Max-Staleness", "0", "Hearsay-Wait", "0"}, 0,
			"The node may lack writes of the last 1m0.5s, and Hearsay-Max-Staleness allows 0s; it waited 0s for better." + more},
		{"after the most there is", []string{"Hearsay-Max-Staleness", "1", "Hearsay-Wait", "60"}, time.Minute,
			"The node may lack writes of the last 1m0.5s, and Hearsay-Max-Staleness allows 1s; it waited 1m0s for better." + more},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, stated, took, err := look(t.Context(), newStale(t, time.Minute), tt.header...)
				var e *kv.Error
				if !errors.As(err, &e) || e.Status != 503 || e.Reason != tt.want {
					t.Errorf("Look = %v, want a 503: %s", err, tt.want)
				}
				if took != tt.took || stated != "60.500" {
					t.Errorf("Look took %v and states %q, want %v and 60.500", took, stated, tt.took)
				}
			})
		})
	}
}

func TestLookTellsHowStaleItIsInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStale(t, time.Minute)
		refused := make(chan error)
		go func() {
			_, stated, _, err := look(t.Context(), b, "Hearsay-Max-Staleness", "1")
			if stated != "62.500" {
				t.Errorf("Look states %q, want 62.500", stated)
			}
			refused <- err
		}()
		synctest.Wait()
		b.Advance(2 * time.Second)
		if err := <-refused; err == nil || !strings.Contains(err.Error(), "the last 1m2.5s,") {
			t.Errorf("Look = %v, want 1m2.5s: two seconds went by", err)
		}
	})
}

// unaware is a backend that does not know how stale it is.
type unaware struct{ *apitest.Backend }

func (u unaware) View() *kv.View {
	v := u.Backend.View()
	front := *v.Front
	front.Acked = clock.Timestamp{}
	v.Front = &front
	return v
}

func TestLookDoesNotTakeUnknownForFresh(t *testing.T) {
	_, stated, _, err := look(t.Context(), unaware{apitest.New(t)}, "Hearsay-Max-Staleness", "999999", "Hearsay-Wait", "0")
	if err == nil || !strings.Contains(err.Error(), "cannot tell how stale it is") || stated != "unknown" {
		t.Errorf("Look = %v and states %q, want that it is unknown", err, stated)
	}
}

func TestLookEndsWithItsRequestAndItsNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStale(t, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		wait := func(ctx context.Context) {
			_, _, _, err := look(ctx, b, "Hearsay-Max-Staleness", "1", "Hearsay-Wait", "60")
			ended <- err
		}
		go wait(ctx)
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Look after the end of its request = %v, want %v", err, context.Canceled)
		}
		start := time.Now()
		go wait(t.Context())
		synctest.Wait()
		b.Stop()
		if err := <-ended; !errors.Is(err, api.ErrStopped) || time.Since(start) != 0 {
			t.Errorf("Look at a node that stopped = %v after %v, want %v at once", err, time.Since(start), api.ErrStopped)
		}
	})
}

func TestLookRefusesBadHeaders(t *testing.T) {
	b := apitest.New(t)
	const number = " It must be a number of seconds, such as 2 or 0.5."
	for _, tt := range []struct{ name, value, want string }{
		{"Hearsay-Max-Staleness", "", "Invalid Hearsay-Max-Staleness of ." + number},
		{"Hearsay-Max-Staleness", "2s", "Invalid Hearsay-Max-Staleness of 2s." + number},
		{"Hearsay-Max-Staleness", "1m", "Invalid Hearsay-Max-Staleness of 1m." + number},
		{"Hearsay-Max-Staleness", "-1", "Invalid Hearsay-Max-Staleness of -1." + number},
		{"Hearsay-Max-Staleness", "+1", "Invalid Hearsay-Max-Staleness of +1." + number},
		{"Hearsay-Max-Staleness", "1e3", "Invalid Hearsay-Max-Staleness of 1e3." + number},
		{"Hearsay-Max-Staleness", "NaN", "Invalid Hearsay-Max-Staleness of NaN." + number},
		{"Hearsay-Max-Staleness", ".", "Invalid Hearsay-Max-Staleness of .." + number},
		{"Hearsay-Max-Staleness", "1.5.2", "Invalid Hearsay-Max-Staleness of 1.5.2." + number},
		{"Hearsay-Max-Staleness", "99999999999999999999", "Invalid Hearsay-Max-Staleness of 99999999999999999999." + number},
		{"Hearsay-Wait", "soon", "Invalid Hearsay-Wait of soon." + number},
		{"Hearsay-Wait", "60.001", "Invalid Hearsay-Wait of 60.001. It must be at most 60 seconds."},
	} {
		_, _, _, err := look(t.Context(), b, tt.name, tt.value)
		var e *kv.Error
		if !errors.As(err, &e) || e.Status != 400 || e.Reason != tt.want {
			t.Errorf("%s %q: %v, want a 400: %s", tt.name, tt.value, err, tt.want)
		}
	}
	if _, _, _, err := look(t.Context(), b, "Hearsay-Max-Staleness", "9", "Hearsay-Max-Staleness", "1"); err == nil {
		t.Error("two limits are taken for one, want a refusal")
	}
}
