package main

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"

	"hearsay/node/admin"
)

//go:embed page
var pageFiles embed.FS

const (
	pageHeaderTimeout = 10 * time.Second
	maxPageHeader     = 64 << 10 // bytes
	maxPageBody       = 16 << 10 // bytes
	// followWait bounds how long a key is followed to the other nodes: long enough
	// to cut, look around and heal. followPoll is how often they are looked at.
	followWait = 2 * time.Minute
	followPoll = time.Millisecond
	// clusterPath shows the cluster, below nodesPath are the admin ports of its nodes
	// by their names.
	clusterPath = "/v1/cluster"
	nodesPath   = "/nodes/"
	// pageNamespace is the title of the namespace that the page writes to.
	pageNamespace = "page"
)

// A page is what a person sees of a cluster in the browser, and the gateway to
// its nodes' admin ports.
type page struct {
	ln     net.Listener
	server *http.Server // nil until serve
}

// openPage opens the page's port. Browsers wait until serve.
func openPage(addr string) (*page, error) {
	ln, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the page: %w; stop what listens there (another 'hearsay dev'?), or choose another address with --listen", err)
	}
	if err != nil {
		return nil, fmt.Errorf("the page: %w", err)
	}
	return &page{ln: ln}, nil
}

func (p *page) url() string { return "http://" + p.ln.Addr().String() }

// serve answers with what c is until close.
func (p *page) serve(c *cluster) {
	p.server = &http.Server{
		Handler:           c.pageHandler(),
		ReadHeaderTimeout: pageHeaderTimeout,
		MaxHeaderBytes:    maxPageHeader,
	}
	// Until close, with no other error while the listener is open.
	go func() { _ = p.server.Serve(p.ln) }()
}

// close cuts off whoever is looking: there is nothing more to see.
func (p *page) close() error {
	if p.server == nil {
		return p.ln.Close()
	}
	return p.server.Close()
}

// pageHandler answers with the page and what it needs, and as a gateway to the
// first node what a client port answers.
func (c *cluster) pageHandler() http.Handler {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	mux.HandleFunc("GET "+clusterPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.look()) // a browser that went away is told nothing
	})
	mux.HandleFunc("POST /v1/put", c.servePut)
	for _, h := range c.nodes() {
		at := nodesPath + h.Identity().Name
		mux.Handle(at+"/", http.StripPrefix(at, h.AdminHandler()))
	}
	first := c.nodes()[0].AdminHandler()
	mux.Handle("/admin/v1/chaos/", first) // all nodes share one network
	mux.Handle(statusPath, first)
	mux.Handle(conflictsPath, first)
	mux.Handle(forgetPath, first)
	mux.Handle(admin.BackupPath, first)
	mux.Handle(admin.RestorePath, first)
	// Another site that is open in the same browser may read and do nothing here.
	page := http.NewCrossOriginProtection().Handler(secured(mux))
	return c.nodes()[0].Gateway(page)
}

func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src data:; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}
