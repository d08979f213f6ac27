package api_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/api/apitest"
	"hearsay/node/kv"
	"hearsay/store"
)

// holder is a backend that holds so many writes of another node.
type holder struct {
	*apitest.Backend
	writes atomic.Uint64
}

var elsewhere = store.Origin{Node: "n2", Incarnation: store.Incarnation{Start: clock.Timestamp{Wall: apitest.Epoch * int64(time.Second)}}}

func (h *holder) View() *kv.View {
	v := h.Backend.View()
	front := *v.Front
	front.Marks = front.Marks.Clone()
	front.Marks.Set(elsewhere, h.writes.Load())
	v.Front = &front
	return v
}

// seen returns the bookmark of who has seen a write of the other node, made so
// long after the epoch.
func seen(b api.Backend, seq uint64, after time.Duration) string {
	v := store.Version{Origin: elsewhere, Timestamp: clock.Timestamp{Wall: apitest.Epoch*int64(time.Second) + int64(after)}}
	return b.Bookmarks().Seal(store.Bookmark{}.Note(v, seq))
}

func newHolder(t *testing.T, writes uint64) *holder {
	h := &holder{Backend: apitest.New(t)}
	h.writes.Store(writes)
	return h
}

func TestLookWaitsForWhatTheBookmarkNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolder(t, 1)
		h.Advance(time.Second)
		token := seen(h, 2, 1400*time.Millisecond) // past W, whatever comes
		found := make(chan error)
		go func() {
			_, _, took, err := look(t.Context(), h, "Hearsay-Bookmark", token)
			if took != 30*time.Millisecond {
				t.Errorf("Look took %v, want the 30ms until the write came", took)
			}
			found <- err
		}()
		<-time.After(10 * time.Millisecond)
		h.put(t) // another front, without the write
		<-time.After(20 * time.Millisecond)
		h.writes.Store(2)
		h.put(t)
		if err := <-found; err != nil {
			t.Errorf("Look = %v, want the view that holds the write", err)
		}
	})
}

// put has the node make a front.
func (h *holder) put(t *testing.T) {
	t.Helper()
	if _, err := h.Write(t.Context(), []node.Write{{Key: store.Key{Namespace: "ns", Name: "k"}}}); err != nil {
		t.Error(err)
	}
}

func TestBookmarkIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		header []string
		token  func(*holder) string
		took   time.Duration
		status int
		want   string
	}{
		{"behind", nil, func(h *holder) string { return seen(h, 2, time.Second) }, 2 * time.Second, 503,
			"The node does not hold yet all that the bookmark names; it waited 2s for it. Please try again, ask another node, or allow a longer Hearsay-Wait."},
		{"behind, without patience", []string{"Hearsay-Wait", "0"}, func(h *holder) string { return seen(h, 2, time.Second) }, 0, 503, "it waited 0s for it."},
		{"lost, at once", nil, func(h *holder) string { return seen(h, 2, -time.Second) }, 0, 412, "The bookmark is lost: it names a write that is gone with the node that took it. Please begin anew"},
		{"ahead, at once", nil, func(h *holder) string { return seen(h, 1, 1501*time.Millisecond) }, 0, 503, "ahead of this node's clock by more than the maximum skew"},
		{"not one of this cluster", nil, func(*holder) string { return "aGVsbG8" }, 0, 400, "Invalid Hearsay-Bookmark: bookmark: not a bookmark of this cluster"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHolder(t, 1)
				h.Advance(time.Second)
				header := append([]string{"Hearsay-Bookmark", tt.token(h)}, tt.header...)
				_, _, took, err := look(t.Context(), h, header...)
				check := func(what string, took time.Duration, err error) {
					t.Helper()
					var e *kv.Error
					if !errors.As(err, &e) || e.Status != tt.status || !strings.Contains(e.Reason, tt.want) || took != tt.took {
						t.Errorf("%s = %v after %v, want a %d after %v: %s", what, err, took, tt.status, tt.took, tt.want)
					}
				}
				check("Look", took, err)

				r := httptest.NewRequest("PUT", "/", nil)
				for i := 0; i < len(header); i += 2 {
					r.Header.Set(header[i], header[i+1])
				}
				start := time.Now()
				_, _, err = api.Follow(r, h)
				check("Follow", time.Since(start), err)
			})
		})
	}
}

func TestFollowTellsWhatTheClientHasSeen(t *testing.T) {
	h := newHolder(t, 3)
	r := httptest.NewRequest("PUT", "/", nil)
	r.Header.Set("Hearsay-Bookmark", seen(h, 3, 0))
	v, got, err := api.Follow(r, h)
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	if h.Bookmarks().Seal(got) != seen(h, 3, 0) {
		t.Errorf("Follow = %+v, want the bookmark that came", got)
	}
}
