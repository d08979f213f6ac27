package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/netutil"

	"hearsay/node/admin"
	"hearsay/node/api"
	"hearsay/node/binding"
	"hearsay/node/rest"
)

// What a connection may take. The runtime closes connections that were idle for
// 5.0 s; a server must not be the first, or requests meet a closed connection.
const (
	headerTimeout = 10 * time.Second
	// requestTimeout bounds reading a request, and answering it. The largest value,
	// 25 MiB, takes 3.5 min at 1 Mbit/s; the largest body, 100 MiB, needs 3 Mbit/s.
	requestTimeout = 5 * time.Minute
	idleTimeout    = 2 * time.Minute
	maxHeader      = 1 << 20 // bytes
	maxAdminConns  = 64
)

// APIAddr returns where the client port listens.
func (h *Host) APIAddr() string { return h.api.Addr().String() }

// AdminAddr returns where the admin port listens, "" if there is none.
func (h *Host) AdminAddr() string {
	if h.admin == nil {
		return ""
	}
	return h.admin.Addr().String()
}

// PeerAddr returns where peers reach the node.
func (h *Host) PeerAddr() string { return h.links.Addr() }

// Join has the node join the cluster through the peer port at seed too.
func (h *Host) Join(seed string) error { return h.links.Join(seed) }

// ClientHandler answers the client port. It may serve another listener too.
func (h *Host) ClientHandler() http.Handler {
	bodies := api.NewBodies(h.cfg.BodyBytes, api.DefaultBodyWait)
	report := func(r *http.Request, err error) {
		h.log.Warn("request failed", zap.String("method", r.Method), zap.String("path", r.URL.EscapedPath()), zap.Error(err))
	}
	return api.ClientPort(
		rest.New(h, rest.Options{Bodies: bodies, Uploads: h.uploads, Report: report}),
		binding.New(h, binding.Options{Bodies: bodies, Uploads: h.uploads, Report: report, CreateNamespaces: h.cfg.CreateNamespaces}),
	)
}

// Gateway answers what the client port answers, and leaves the rest to other.
func (h *Host) Gateway(other http.Handler) http.Handler {
	client := h.ClientHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if api.ForClientPort(r) {
			client.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
}

// AdminHandler answers the admin port. It may serve another listener too.
func (h *Host) AdminHandler() http.Handler {
	return admin.New(h, admin.Options{Metrics: h.metrics.registry, WAN: h.cfg.Link.WAN})
}

// Serve answers the client port and the admin port until ctx ends, the node
// stops, or a port fails; it returns the error of the latter two. It lets the
// requests that are under way finish, for up to StopWait. It is called once;
// Leave or Close come after it.
func (h *Host) Serve(ctx context.Context) error {
	failed := make(chan error, 2)
	client := h.server(h.ClientHandler())
	ended := []<-chan struct{}{listen(client, netutil.LimitListener(h.api, h.cfg.MaxConns), "client port", failed)}
	servers := []*http.Server{client}
	if h.admin != nil {
		s := h.server(h.AdminHandler())
		ended = append(ended, listen(s, netutil.LimitListener(h.admin, maxAdminConns), "admin port", failed))
		servers = append(servers, s)
	}

	var err error
	select {
	case <-ctx.Done():
	case <-h.Done():
		err = h.Err()
	case err = <-failed:
	}
	h.leaving.Store(true)
	// The admin port goes last: it tells why the node is not ready.
	for i, s := range servers {
		h.shutdown(s)
		<-ended[i]
	}
	return err
}

func (h *Host) server(handler http.Handler) *http.Server {
	errorLog, err := zap.NewStdLogAt(h.log, zap.DebugLevel)
	if err != nil {
		panic(err) // there is such a level
	}
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          errorLog, // what clients do wrong
	}
}

// listen has s answer l until it is shut down, which closes the channel that is
// returned.
func listen(s *http.Server, l net.Listener, what string, failed chan<- error) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("%s: %w", what, err)
		}
	}()
	return ended
}

// shutdown lets the requests under way finish, and cuts off those that do not.
func (h *Host) shutdown(s *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), h.cfg.StopWait)
	defer cancel()
	if s.Shutdown(ctx) != nil {
		h.log.Warn("requests were cut off", zap.Duration("after", h.cfg.StopWait))
		_ = s.Close() // its listener is closed already
	}
}
