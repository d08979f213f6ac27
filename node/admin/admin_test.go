package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hearsay/node/admin"
	"hearsay/node/backup"
	"hearsay/node/host/wan"
	"hearsay/store"
)

// node is a Source that says what it is told to.
type node struct {
	alive, ready error
	status       admin.Status
	conflicts    []admin.Conflict
	held         *admin.Held
	refusal      error // of all that may be refused
	broken       error // of a backup that has begun
}

func (n node) Alive() error         { return n.alive }
func (n node) Ready() error         { return n.ready }
func (n node) Status() admin.Status { return n.status }

func (n node) Conflicts() []admin.Conflict { return n.conflicts }

func (n node) Why(ns, key string) (admin.Why, error) {
	if n.alive != nil {
		return admin.Why{}, n.alive
	}
	return admin.Why{Node: "0011", Namespace: ns, Key: key, Holds: n.held}, nil
}

func (n node) Forget(names []string, force bool) ([]store.NodeID, error) {
	return []store.NodeID{store.NodeID(fmt.Sprint(names, force))}, n.refusal
}

func (n node) Drain() error { return n.refusal }

func (n node) Restamp(ns, key string) (admin.Restamping, error) {
	return admin.Restamping{Version: ns + "/" + key, Ahead: 3600}, n.refusal
}

func (n node) Backup(w io.Writer) error {
	if n.refusal != nil {
		return n.refusal
	}
	_, err := io.WriteString(w, "a backup")
	return errors.Join(err, n.broken)
}

func (n node) Restore(_ context.Context, r io.Reader, opt backup.Options) (backup.Restored, error) {
	b, err := io.ReadAll(r)
	if opt.Overwrite {
		return backup.Restored{Written: uint64(len(b))}, err
	}
	return backup.Restored{Kept: uint64(len(b))}, errors.Join(err, n.refusal)
}

func ask(h http.Handler, method, path, body string) (status int, text string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func TestHealth(t *testing.T) {
	tests := []struct {
		name       string
		node       node
		path       string
		wantStatus int
		wantText   string
	}{
		{"alive", node{}, "/healthz", http.StatusOK, `"alive": true`},
		{"stopped", node{alive: errors.New("disk full")}, "/healthz", http.StatusServiceUnavailable, "disk full"},
		{"ready", node{}, "/readyz", http.StatusOK, `"ready": true`},
		{"not ready", node{ready: errors.New("no seed reached")}, "/readyz", http.StatusServiceUnavailable, "no seed reached"},
		{"not ready but alive", node{ready: errors.New("no seed reached")}, "/healthz", http.StatusOK, `"alive": true`},
		{"no metrics to show", node{}, "/metrics", http.StatusNotFound, ""},
		{"nothing there", node{}, "/", http.StatusNotFound, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, text := ask(admin.New(tt.node, admin.Options{}), "GET", tt.path, "")
			if status != tt.wantStatus || !strings.Contains(text, tt.wantText) {
				t.Errorf("GET %s = %d %q, want %d with %q", tt.path, status, text, tt.wantStatus, tt.wantText)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "hearsay_test_total"}))
	status, text := ask(admin.New(node{}, admin.Options{Metrics: reg}), "GET", "/metrics", "")
	if want := "hearsay_test_total 0"; status != http.StatusOK || !strings.Contains(text, want) {
		t.Errorf("GET /metrics = %d %q, want 200 with %q", status, text, want)
	}
}

func TestStatus(t *testing.T) {
	want := admin.Status{
		ID:     "0011",
		Region: "us-east-1",
		Marks:  []admin.Mark{{Node: "0011", Incarnation: "1.0/2", Seq: 7}},
		Peers:  []admin.Peer{{ID: "0022", Connected: true, Ahead: new(uint64(3))}},
		Events: map[string]uint64{"peer_up": 1},
	}
	status, text := ask(admin.New(node{status: want}, admin.Options{}), "GET", "/admin/v1/status", "")
	if status != http.StatusOK {
		t.Fatalf("status = %d %q, want 200", status, text)
	}
	var got admin.Status
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&got); err != nil {
		t.Fatalf("decode %q: %v", text, err)
	}
	if got.ID != want.ID || got.Marks[0] != want.Marks[0] || got.Peers[0].Behind != nil || *got.Peers[0].Ahead != 3 || got.Events["peer_up"] != 1 {
		t.Errorf("status = %+v, want %+v", got, want)
	}
}

func TestConflicts(t *testing.T) {
	want := admin.Conflict{
		Namespace: "ns", Key: "k", Doubtful: true,
		Loser:  admin.Write{Version: "1.0@a", Node: "0011", Name: "a", Region: "eu", At: time.Unix(1, 0).UTC()},
		Winner: admin.Write{Version: "2.0@b", Node: "0022", At: time.Unix(2, 0).UTC()},
	}
	for _, conflicts := range [][]admin.Conflict{{}, {want}} {
		status, text := ask(admin.New(node{status: admin.Status{Name: "c"}, conflicts: conflicts}, admin.Options{}), "GET", "/admin/v1/conflicts", "")
		var got struct {
			Name      string
			Conflicts []admin.Conflict
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK {
			t.Fatalf("GET = %d %q (%v), want 200", status, text, err)
		}
		if !slices.Equal(got.Conflicts, conflicts) || got.Conflicts == nil || got.Name != "c" {
			t.Errorf("conflicts = %+v, want %+v at c", got, conflicts)
		}
	}
}

func TestWhy(t *testing.T) {
	held := &admin.Held{Write: admin.Write{Version: "1.0@a"}, State: "live", Path: "relay", From: "b", At: time.Unix(3, 0).UTC()}
	status, text := ask(admin.New(node{held: held}, admin.Options{}), "GET", "/admin/v1/why?namespace=n+s&key=k%2F1", "")
	var got admin.Why
	if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK {
		t.Fatalf("GET = %d %q (%v), want 200", status, text, err)
	}
	if got.Namespace != "n s" || got.Key != "k/1" || got.Holds.Path != "relay" || !got.Holds.At.Equal(held.At) {
		t.Errorf("why = %+v holds %+v, want %+v", got, got.Holds, held)
	}
	for _, tt := range []struct {
		node node
		path string
		want int
		says string
	}{
		{node{}, "?namespace=ns&key=k", http.StatusOK, `"holds": null`},
		{node{}, "?namespace=ns", http.StatusBadRequest, "which key?"},
		{node{}, "?key=k", http.StatusBadRequest, "which key?"},
		{node{alive: errors.New("disk full")}, "?namespace=ns&key=k", http.StatusServiceUnavailable, "disk full"},
	} {
		if status, text := ask(admin.New(tt.node, admin.Options{}), "GET", "/admin/v1/why"+tt.path, ""); status != tt.want || !strings.Contains(text, tt.says) {
			t.Errorf("GET %s = %d %q, want %d with %q", tt.path, status, text, tt.want, tt.says)
		}
	}
}

func TestChaosIsOff(t *testing.T) {
	h := admin.New(node{}, admin.Options{})
	for _, method := range []string{"GET", "POST", "DELETE"} {
		status, text := ask(h, method, "/admin/v1/chaos/rules", "")
		if status != http.StatusNotFound || !strings.Contains(text, "hearsay dev") {
			t.Errorf("%s without a network = %d %q, want 404 that says how to have one", method, status, text)
		}
	}
}

func TestChaos(t *testing.T) {
	net := wan.New(wan.AWS(), func(string, uint64, uint64) uint64 { return 0 })
	net.Place("127.0.0.1:1", "us-east-1")
	net.Place("127.0.0.1:2", "eu-west-1")
	h := admin.New(node{}, admin.Options{WAN: net})

	steps := []struct {
		name, method, body string
		wantStatus         int
		wantText           string
		wantCut            bool
	}{
		{"cut", "POST", `{"from":"us-east-1","to":"eu-west-1","action":"cut"}`, http.StatusOK, `"cut": true`, true},
		{"listed", "GET", "", http.StatusOK, `"to": "eu-west-1"`, true},
		{"healed", "POST", `{"from":"us-east-1","to":"eu-west-1","action":"heal"}`, http.StatusOK, `"rules"`, false},
		{"cut again", "POST", `{"from":"us-east-1","to":"eu-west-1","action":"cut"}`, http.StatusOK, `"cut": true`, true},
		{"no such region", "POST", `{"from":"us-east-1","to":"atlantis","action":"cut"}`, http.StatusBadRequest, "atlantis", true},
		{"no such action", "POST", `{"from":"us-east-1","to":"eu-west-1","action":"burn"}`, http.StatusBadRequest, "must be cut or heal", true},
		{"unknown field", "POST", `{"form":"us-east-1"}`, http.StatusBadRequest, `unknown field`, true},
		{"no JSON", "POST", `cut`, http.StatusBadRequest, `"error"`, true},
		{"too large", "POST", `{"from":"` + strings.Repeat("x", 5<<10) + `"}`, http.StatusBadRequest, "too large", true},
		{"method", "PUT", "", http.StatusMethodNotAllowed, "", true},
		{"all healed", "DELETE", "", http.StatusOK, `"cut": false`, false},
	}
	for _, s := range steps {
		status, text := ask(h, s.method, "/admin/v1/chaos/rules", s.body)
		if status != s.wantStatus || !strings.Contains(text, s.wantText) {
			t.Errorf("%s: %s %q = %d %q, want %d with %q", s.name, s.method, s.body, status, text, s.wantStatus, s.wantText)
		}
		if got := net.IsCut("us-east-1", "eu-west-1"); got != s.wantCut {
			t.Errorf("%s: cut = %v, want %v", s.name, got, s.wantCut)
		}
	}
}
