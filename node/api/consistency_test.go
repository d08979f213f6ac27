package api_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/api/apitest"
	"hearsay/node/kv"
)

func TestAckOf(t *testing.T) {
	for _, tt := range []struct {
		sent []string
		want node.Ack
		ok   bool
	}{
		{nil, node.AckRegion, true},
		{[]string{"region"}, node.AckRegion, true},
		{[]string{"local"}, node.AckLocal, true},
		{[]string{"all"}, node.AckAll, true},
		{[]string{"ALL"}, 0, false},
		{[]string{"local", "all"}, 0, false},
	} {
		h := http.Header{"Hearsay-Write": tt.sent}
		got, err := api.AckOf(h)
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("AckOf(%q) = %v, %v, want %v, accepted: %v", tt.sent, got, err, tt.want, tt.ok)
		}
	}
}

func TestWrittenSaysTheLeast(t *testing.T) {
	for _, tt := range []struct {
		acks []node.Ack
		want string
	}{
		{[]node.Ack{node.AckRegion}, "region"},
		{[]node.Ack{node.AckAll, node.AckAll}, "all"},
		{[]node.Ack{node.AckAll, node.AckRegion}, "region"},
		{[]node.Ack{node.AckLocal, node.AckRegion}, "local"},
	} {
		var replies []node.Reply
		for _, a := range tt.acks {
			replies = append(replies, node.Reply{Ack: a})
		}
		h := http.Header{}
		api.Written(h, replies...)
		if got := h.Get("Hearsay-Consistency"); got != tt.want {
			t.Errorf("writes acknowledged %v are said to be %s, want %s", tt.acks, got, tt.want)
		}
	}
}

// lookAt returns what a read with that Hearsay-On-Stale is told.
func lookAt(t *testing.T, b api.Backend, onStale string) (consistency string, err error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.Header.Set("Hearsay-On-Stale", onStale)
	w := httptest.NewRecorder()
	v, err := api.Look(w, r, b)
	if err == nil {
		v.Close()
	}
	return w.Header().Get("Hearsay-Consistency"), err
}

func TestLookSaysWhetherItIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := apitest.New(t)
		if got, err := lookAt(t, b, "flag"); got != "stale" || err != nil {
			t.Errorf("a node that is in no view says %q, %v, want stale", got, err)
		}
		start := time.Now()
		_, err := lookAt(t, b, "refuse")
		var refusal *kv.Error
		if !errors.As(err, &refusal) || refusal.Status != 503 || time.Since(start) != 2*time.Second {
			t.Errorf("to a read that refuses stale answers it says %v after %v, want a refusal after 2s", err, time.Since(start))
		}
		go func() {
			<-time.After(time.Second)
			b.AnswerRegion()
		}()
		if got, err := lookAt(t, b, "refuse"); got != "region" || err != nil {
			t.Errorf("once the node is in a view it says %q, %v, want region", got, err)
		}
		if _, err := lookAt(t, b, "sometimes"); err == nil {
			t.Error("Hearsay-On-Stale: sometimes is accepted")
		}
		b.Advance(time.Minute)
		if got, err := lookAt(t, b, "flag"); got != "stale" || err != nil {
			t.Errorf("a node whose lease has run out says %q, %v, want stale", got, err)
		}
	})
}
