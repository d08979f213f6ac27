// Package rest is the REST API v4 of Workers KV under /client/v4/, as wrangler
// and the official client libraries call it.
//
// The account in the path is not looked at: a cluster is one account.
package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"hearsay/node/api"
	"hearsay/node/kv"
)

// Options tune the front end; the zero Options will do.
type Options struct {
	// Bodies bounds the request bodies in memory; nil is a bound of its own.
	Bodies *api.Bodies
	// Uploads reads values; nil is one of its own.
	Uploads *api.Uploads
	// Report is told of each request that failed for no fault of its own. It may
	// be called from any goroutine; nil is allowed.
	Report func(r *http.Request, err error)
}

// New returns the front end of b.
func New(b api.Backend, opt Options) http.Handler {
	h := &handler{backend: b, bodies: opt.Bodies, uploads: opt.Uploads, report: opt.Report}
	if h.uploads == nil {
		h.uploads = api.NewUploads(b.Staging(), api.DefaultUploadBytes, api.DefaultUploadWait)
	}
	if h.bodies == nil {
		h.bodies = api.NewBodies(api.DefaultBodyBytes, api.DefaultBodyWait)
	}
	return api.Identify(b.Identity(), h)
}

type handler struct {
	backend api.Backend
	bodies  *api.Bodies
	uploads *api.Uploads
	report  func(*http.Request, error)
}

// A route is what a request names.
type route struct {
	pattern   string // a key of endpoints, if there is such an endpoint
	namespace string // id
	key       string
}

// An endpoint answers a request, or returns why not. Op, which its refusals
// begin with, is the service's word for it, empty where it has none.
type endpoint struct {
	op    string
	serve func(*handler, http.ResponseWriter, *http.Request, route) error
}

// endpoints holds, by path below the account's namespaces and by method, all
// there is.
var endpoints = map[string]map[string]endpoint{
	"": {
		"GET":  {"list namespaces", (*handler).listNamespaces},
		"POST": {"", (*handler).createNamespace},
	},
	"/{id}": {
		"GET":    {"get namespace", (*handler).getNamespace},
		"PUT":    {"", (*handler).renameNamespace},
		"DELETE": {"", (*handler).deleteNamespace},
	},
	"/{id}/keys": {
		"GET": {"list keys", (*handler).listKeys},
	},
	"/{id}/values/{key}": {
		"GET":    {"get", (*handler).getValue},
		"PUT":    {"put", (*handler).putValue},
		"DELETE": {"remove key", (*handler).deleteValue},
	},
	"/{id}/metadata/{key}": {
		"GET": {"get", (*handler).getMetadata},
	},
	"/{id}/bulk": {
		"PUT":    {"bulk put", (*handler).bulkPut},
		"DELETE": {"bulk delete", (*handler).bulkDelete},
	},
	"/{id}/bulk/delete": {
		"POST": {"bulk delete", (*handler).bulkDelete},
	},
	"/{id}/bulk/get": {
		"POST": {"bulk get keys", (*handler).bulkGet},
	},
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rt, found, err := parseRoute(r.URL.EscapedPath())
	if err != nil {
		h.fail(w, r, "", err)
		return
	}
	methods := endpoints[rt.pattern]
	if !found || methods == nil {
		h.fail(w, r, "", &kv.Error{Status: 404, Code: codeNoRoute, Reason: "No route for that URI"})
		return
	}
	e, ok := methods[r.Method]
	if !ok {
		h.fail(w, r, "", &kv.Error{Status: 405, Code: codeMethod, Reason: "Method not allowed for this URI"})
		return
	}
	if err := e.serve(h, w, r, rt); err != nil {
		h.fail(w, r, e.op, err)
	}
}

// Codes of the REST API for what is no matter of KV.
const (
	codeNoRoute = 7000
	codeMethod  = 10405
)

// parseRoute reads a path as it was sent; found is whether it is below an
// account's namespaces. A key is all that follows, slashes included:
// cloudflare-go sends them bare.
func parseRoute(path string) (rt route, found bool, err error) {
	path, ok := strings.CutPrefix(path, "/client/v4/accounts/")
	if !ok {
		return route{}, false, nil
	}
	_, path, _ = strings.Cut(path, "/")
	path, ok = strings.CutPrefix(path, "storage/kv/namespaces")
	switch {
	case !ok:
		return route{}, false, nil
	case path == "" || path == "/":
		return route{}, true, nil
	case path[0] != '/':
		return route{}, false, nil
	}
	ns, path, more := strings.Cut(path[1:], "/")
	if !more {
		return route{pattern: "/{id}", namespace: ns}, true, nil
	}
	kind, escaped, _ := strings.Cut(path, "/")
	if kind != "values" && kind != "metadata" {
		return route{pattern: "/{id}/" + path, namespace: ns}, true, nil
	}
	key, err := url.PathUnescape(escaped)
	if err != nil {
		return route{}, false, invalid("Could not URL-decode key name")
	}
	return route{pattern: "/{id}/" + kind + "/{key}", namespace: ns, key: key}, true, nil
}

// fail refuses r because of err.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, op string, err error) {
	e := api.Refusal(w, r, h.report, err)
	message := e.Reason
	if op != "" {
		message = fmt.Sprintf("%s: '%s'", op, message)
	}
	api.WriteJSON(w, e.Status, api.Refused(e.Code, message))
}

// ok answers with result and, unless it is nil, info.
func ok(w http.ResponseWriter, result, info any) {
	api.WriteJSON(w, http.StatusOK, api.Envelope{
		Success: true, Errors: []api.Mistake{}, Messages: []struct{}{}, Result: result, ResultInfo: info,
	})
}

func invalid(format string, args ...any) error {
	return &kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: fmt.Sprintf(format, args...)}
}
