// Package admin serves a node's admin port: is it alive, is it ready, what does
// it measure, how far is it, and, where the network is emulated, the rules that
// cut it.
package admin

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hearsay/node/backup"
	"hearsay/node/host/wan"
	"hearsay/store"
)

// A Source is the node that the handler speaks for. Its methods are called from
// many goroutines and do not block, but for Backup
// and Restore.
type Source interface {
	// Alive returns why the node has stopped, or nil while it runs.
	Alive() error
	// Ready returns why clients should not be sent here yet, or nil.
	Ready() error
	// Status returns what the node is and how far it is.
	Status() Status
	// Conflicts returns the updates that the node has seen lose, oldest first.
	Conflicts() []Conflict
	// Why returns what the node holds of a key, in the namespace with that id or
	// title.
	Why(namespace, key string) (Why, error)
	// Restamp has the cluster agree that what the key holds, in the namespace with that id
	// or title, is to be written anew, as its timestamp is too far ahead. It is done when
	// Why tells of another version.
	Restamp(namespace, key string) (Restamping, error)
	// Forget has the node see to it that the cluster drops the members of these
	// names or ids, and returns their ids; up ones only by force. It is done when
	// Status names them no more as members.
	Forget(names []string, force bool) ([]store.NodeID, error)
	// Drain has the node leave in good order. It is done when Status names it no more
	// as a member.
	Drain() error
	// Backup writes all that the node shows to w: a backup if it returns nil.
	Backup(w io.Writer) error
	// Restore brings a backup into the node's cluster. What it returns is also true
	// beside an error.
	Restore(ctx context.Context, r io.Reader, opt backup.Options) (backup.Restored, error)
}

// Options is what a node may have to show besides its status.
type Options struct {
	// Metrics is shown at /metrics. Nil shows none.
	Metrics prometheus.Gatherer
	// WAN is the emulated network that the chaos rules act on. Nil refuses them.
	WAN *wan.Network
}

// New returns the handler of the admin port. It asks nobody who they are, so it
// belongs on an address that only operators reach.
func New(s Source, opt Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		status, body := verdict("alive", s.Alive())
		answer(w, status, body)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status, body := verdict("ready", s.Ready())
		answer(w, status, body)
	})
	mux.HandleFunc("GET /admin/v1/status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.Status())
	})
	mux.HandleFunc("GET /admin/v1/conflicts", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"name": s.Status().Name, "conflicts": s.Conflicts()})
	})
	mux.HandleFunc("GET /admin/v1/why", why(s))
	mux.HandleFunc("POST "+RestampPath, func(w http.ResponseWriter, r *http.Request) { restamp(w, r, s) })
	mux.HandleFunc("POST /admin/v1/forget", func(w http.ResponseWriter, r *http.Request) { forget(w, r, s) })
	mux.HandleFunc("POST /admin/v1/drain", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.Drain(); err != nil {
			refuse(w, http.StatusConflict, err.Error())
			return
		}
		answer(w, http.StatusOK, struct{}{})
	})
	mux.HandleFunc("GET "+BackupPath, func(w http.ResponseWriter, _ *http.Request) { save(w, s) })
	mux.HandleFunc("POST "+RestorePath, func(w http.ResponseWriter, r *http.Request) { restore(w, r, s) })
	if opt.Metrics != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(opt.Metrics, promhttp.HandlerOpts{}))
	}
	chaos(mux, opt.WAN)
	return mux
}

// verdict returns the answer to a question of yes or no.
func verdict(question string, why error) (status int, body any) {
	if why != nil {
		return http.StatusServiceUnavailable, map[string]any{question: false, "why": why.Error()}
	}
	return http.StatusOK, map[string]any{question: true}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // the status is out: a client that went away is told nothing
}

func refuse(w http.ResponseWriter, status int, why string) {
	answer(w, status, map[string]string{"error": why})
}
