// Package binding is the protocol in which workerd speaks for a KV binding of a
// Worker, and the form in which Miniflare wraps it.
//
// The namespace comes from the header X-KV-Namespace, as the runtime never names
// it, or from the path /mf/{namespace}. Either is an id or a title.
package binding

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/kv"
	"hearsay/store"
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
	// CreateNamespaces has a namespace that is asked for by an unknown title
	// created, where it would otherwise be a 404.
	CreateNamespaces bool
}

// New returns the front end of b.
func New(b api.Backend, opt Options) http.Handler {
	h := &handler{backend: b, bodies: opt.Bodies, uploads: opt.Uploads, report: opt.Report, create: opt.CreateNamespaces}
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
	create  bool
}

const (
	headerMetadata = "CF-KV-Metadata"
	// maxBulkBody bounds the body of a bulk get: a hundred keys, escaped.
	maxBulkBody = 1 << 20
)

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ns := r.Header.Get(api.HeaderNamespace)
	if title, ok := strings.CutPrefix(r.URL.EscapedPath(), "/mf/"); ok && ns == "" {
		inner, err := unwrap(r)
		if err == nil {
			ns, err = url.PathUnescape(title)
		}
		if err != nil {
			h.fail(w, r, err)
			return
		}
		r = inner
	}
	if err := h.serve(w, r, ns); err != nil {
		h.fail(w, r, err)
	}
}

func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	api.Refuse(w, api.Refusal(w, r, h.report, err))
}

// serve answers r in the namespace that ref names, or returns why not.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, ref string) error {
	// The path as it was sent: /%2F is the key "/" and not the listing.
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	q := r.URL.Query()
	if r.Method == http.MethodPost && path == "bulk/get" {
		return h.bulkGet(w, r, ref)
	}
	if r.Method == http.MethodGet && path == "" {
		return h.list(w, r, ref, q)
	}
	key, err := url.PathUnescape(path)
	if err != nil {
		return refuse(400, "Could not URL-decode key name")
	}
	switch r.Method {
	case http.MethodGet:
		return h.get(w, r, ref, key, q)
	case http.MethodPut:
		return h.put(w, r, ref, key, q)
	case http.MethodDelete:
		return h.delete(w, r, ref, key)
	}
	return refuse(405, http.StatusText(405))
}

func (h *handler) get(w http.ResponseWriter, r *http.Request, ref, key string, q url.Values) error {
	e, err := h.entry(w, r, ref, key, q)
	if errors.Is(err, store.ErrNotFound) {
		return &kv.Error{Status: 404, Code: kv.CodeKeyNotFound, Reason: http.StatusText(404)}
	}
	if err != nil {
		return err
	}
	api.Versioned(w.Header(), e.Version)
	if e.Metadata != nil {
		w.Header().Set(headerMetadata, string(e.Metadata))
	}
	api.WriteValue(w, h.backend.Staging(), e)
	return nil
}

func (h *handler) entry(w http.ResponseWriter, r *http.Request, ref, key string, q url.Values) (*store.Entry, error) {
	v, ns, err := h.open(w, r, ref)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	if err := kv.CheckCacheTTL(q.Get("cache_ttl")); err != nil {
		return nil, err
	}
	e, err := v.Get(ns, key)
	api.Saw(w.Header(), h.backend, v) // absent or not
	return e, err
}

func (h *handler) put(w http.ResponseWriter, r *http.Request, ref, key string, q url.Values) error {
	value, err := h.uploads.Read(r.Context(), r.Body, r.ContentLength)
	if err != nil {
		return err
	}
	taken := false
	defer func() {
		if !taken {
			h.uploads.Discard(value.Manifest)
		}
	}()
	p := kv.Put{
		Key: key, Value: value.Value, Manifest: value.Manifest, Excess: value.Excess,
		Metadata:   []byte(strings.Join(r.Header.Values(headerMetadata), ",")),
		TTL:        q.Get("expiration_ttl"),
		Expiration: q.Get("expiration"),
	}
	return h.write(w, r, ref, func(v *kv.View, ns string) (node.Write, error) {
		p.Namespace = ns
		put, err := v.Put(p)
		taken = err == nil
		return put, err
	})
}

func (h *handler) delete(w http.ResponseWriter, r *http.Request, ref, key string) error {
	return h.write(w, r, ref, func(v *kv.View, ns string) (node.Write, error) { return v.Delete(ns, key) })
}

// write has the node accept the write that check makes of the request.
func (h *handler) write(w http.ResponseWriter, r *http.Request, ref string, check func(v *kv.View, ns string) (node.Write, error)) error {
	id, err := api.RequestID(r.Header)
	if err != nil {
		return err
	}
	write, err := h.checked(r, ref, check)
	if err != nil {
		return err
	}
	write.Request = id
	if write.Ack, err = api.AckOf(r.Header); err != nil {
		return err
	}
	replies, err := h.backend.Write(r.Context(), []node.Write{write})
	if err != nil {
		return err
	}
	api.Versioned(w.Header(), replies[0].Version)
	api.Written(w.Header(), replies...)
	api.Wrote(w.Header(), h.backend, write.Seen, replies...)
	w.WriteHeader(http.StatusOK)
	return nil
}

func (h *handler) checked(r *http.Request, ref string, check func(v *kv.View, ns string) (node.Write, error)) (node.Write, error) {
	v, seen, err := api.Follow(r, h.backend)
	if err != nil {
		return node.Write{}, err
	}
	defer v.Close()
	ns, err := h.resolve(r, v, ref)
	if err != nil {
		return node.Write{}, err
	}
	write, err := check(v, ns)
	write.Seen = seen
	return write, err
}

// A listed is a kv.Listed as the runtime reads it: metadata is a string of JSON.
type listed struct {
	Name       string `json:"name"`
	Expiration int64  `json:"expiration,omitempty"`
	Metadata   string `json:"metadata,omitempty"`
}

type page struct {
	Keys     []listed `json:"keys"`
	Complete bool     `json:"list_complete"`
	Cursor   string   `json:"cursor,omitempty"`
}

func (h *handler) list(w http.ResponseWriter, r *http.Request, ref string, q url.Values) error {
	limit, err := kv.ParseLimit("key_count_limit", q.Get("key_count_limit"))
	if err != nil {
		return err
	}
	v, ns, err := h.open(w, r, ref)
	if err != nil {
		return err
	}
	defer v.Close()
	keys, err := v.List(ns, q.Get("prefix"), limit, q.Get("cursor"))
	if err != nil {
		return err
	}
	api.Saw(w.Header(), h.backend, v)
	p := page{Keys: make([]listed, len(keys.Keys)), Complete: keys.Cursor == "", Cursor: keys.Cursor}
	for i, k := range keys.Keys {
		p.Keys[i] = listed{Name: k.Name, Expiration: k.Expires, Metadata: string(k.Metadata)}
	}
	api.WriteJSON(w, http.StatusOK, p)
	return nil
}

func (h *handler) bulkGet(w http.ResponseWriter, r *http.Request, ref string) error {
	release, err := h.bodies.Reserve(r, maxBulkBody)
	if err != nil {
		return err
	}
	defer release()
	data, excess, err := api.ReadAll(r.Body, r.ContentLength, maxBulkBody)
	if err != nil {
		return err
	}
	var body struct {
		Keys         []string `json:"keys"`
		Type         string   `json:"type"`
		WithMetadata bool     `json:"withMetadata"`
		// CacheTTL is sent as a string.
		CacheTTL json.RawMessage `json:"cacheTtl"`
	}
	if excess > 0 || json.Unmarshal(data, &body) != nil {
		return refuse(400, `The body must be JSON: {"keys": [...]}`)
	}
	v, ns, err := h.open(w, r, ref)
	if err != nil {
		return err
	}
	defer v.Close()
	found, err := v.BulkGet(ns, kv.BulkGet{
		Keys: body.Keys, Type: body.Type, CacheTTL: strings.Trim(string(body.CacheTTL), `"`),
	})
	if err != nil {
		return err
	}
	api.Saw(w.Header(), h.backend, v)
	shape := api.Shape{JSON: body.Type == "json", Metadata: body.WithMetadata}
	api.WriteJSON(w, http.StatusOK, shape.Object(found))
	return nil
}

// open returns a view for a read and the id of the namespace that ref names. The caller
// closes the view.
func (h *handler) open(w http.ResponseWriter, r *http.Request, ref string) (v *kv.View, ns string, err error) {
	if v, err = api.Look(w, r, h.backend); err != nil {
		return nil, "", err
	}
	if ns, err = h.resolve(r, v, ref); err != nil {
		v.Close()
		return nil, "", err
	}
	return v, ns, nil
}

// resolve returns the id of the namespace that ref names in v, or will name.
func (h *handler) resolve(r *http.Request, v *kv.View, ref string) (ns string, err error) {
	ns, err = v.Resolve(ref)
	var e *kv.Error
	if h.create && errors.As(err, &e) && e.Code == kv.CodeNamespaceNotFound {
		return h.createNamespace(r, v, ref)
	}
	return ns, err
}

func (h *handler) createNamespace(r *http.Request, v *kv.View, title string) (ns string, err error) {
	n, ws, err := v.CreateNamespace(title)
	if err != nil {
		return "", err
	}
	_, err = h.backend.Write(r.Context(), ws)
	return n.ID, err
}

func refuse(status int, reason string) error {
	return &kv.Error{Status: status, Code: kv.CodeInvalid, Reason: reason}
}
