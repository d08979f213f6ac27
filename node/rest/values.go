package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/kv"
	"hearsay/store"
)

// A listed is a kv.Listed as the API shows it.
type listed struct {
	Name       string          `json:"name"`
	Expiration int64           `json:"expiration,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
}

// cursors is the result_info of the listing of keys. Most clients follow
// Cursor, cloudflare-go v6.6 follows Cursors.After.
type cursors struct {
	Count   int    `json:"count"`
	Cursor  string `json:"cursor"`
	Cursors struct {
		After string `json:"after"`
	} `json:"cursors"`
}

func (h *handler) listKeys(w http.ResponseWriter, r *http.Request, rt route) error {
	q := r.URL.Query()
	limit, err := kv.ParseLimit("limit", q.Get("limit"))
	if err != nil {
		return err
	}
	v, err := api.Look(w, r, h.backend)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.CheckNamespace(rt.namespace); err != nil {
		return err
	}
	page, err := v.List(rt.namespace, q.Get("prefix"), limit, q.Get("cursor"))
	if err != nil {
		return err
	}
	api.Saw(w.Header(), h.backend, v)
	result := make([]listed, len(page.Keys))
	for i, k := range page.Keys {
		result[i] = listed{Name: k.Name, Expiration: k.Expires, Metadata: k.Metadata}
	}
	info := cursors{Count: len(result), Cursor: page.Cursor}
	info.Cursors.After = page.Cursor
	ok(w, result, info)
	return nil
}

// entry returns what the route's key holds.
func (h *handler) entry(w http.ResponseWriter, r *http.Request, rt route) (*store.Entry, error) {
	v, err := api.Look(w, r, h.backend)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	if err := v.CheckNamespace(rt.namespace); err != nil {
		return nil, err
	}
	e, err := v.Get(rt.namespace, rt.key)
	api.Saw(w.Header(), h.backend, v) // absent or not
	if errors.Is(err, store.ErrNotFound) {
		return nil, &kv.Error{Status: 404, Code: kv.CodeKeyNotFound, Reason: "key not found"}
	}
	return e, err
}

func (h *handler) getValue(w http.ResponseWriter, r *http.Request, rt route) error {
	e, err := h.entry(w, r, rt)
	if err != nil {
		return err
	}
	api.Versioned(w.Header(), e.Version)
	if e.Expires != 0 {
		w.Header().Set("Expiration", strconv.FormatInt(e.Expires, 10))
	}
	api.WriteValue(w, h.backend.Staging(), e)
	return nil
}

func (h *handler) getMetadata(w http.ResponseWriter, r *http.Request, rt route) error {
	e, err := h.entry(w, r, rt)
	if err != nil {
		return err
	}
	api.Versioned(w.Header(), e.Version)
	ok(w, json.RawMessage(e.Metadata), nil)
	return nil
}

func (h *handler) putValue(w http.ResponseWriter, r *http.Request, rt route) error {
	p, err := h.parsePut(r)
	if err != nil {
		return err
	}
	p.Namespace, p.Key = rt.namespace, rt.key
	q := r.URL.Query()
	p.TTL, p.Expiration = q.Get("expiration_ttl"), q.Get("expiration")
	taken := false
	defer func() {
		if !taken {
			h.uploads.Discard(p.Manifest)
		}
	}()
	return h.write(w, r, rt, func(v *kv.View) (node.Write, error) {
		put, err := v.Put(p)
		taken = err == nil
		return put, err
	})
}

func (h *handler) deleteValue(w http.ResponseWriter, r *http.Request, rt route) error {
	return h.write(w, r, rt, func(v *kv.View) (node.Write, error) { return v.Delete(rt.namespace, rt.key) })
}

// write has the node accept the write that check makes of the request.
func (h *handler) write(w http.ResponseWriter, r *http.Request, rt route, check func(*kv.View) (node.Write, error)) error {
	id, err := api.RequestID(r.Header)
	if err != nil {
		return err
	}
	write, err := h.checked(r, rt, check)
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
	ok(w, nil, nil)
	return nil
}

func (h *handler) checked(r *http.Request, rt route, check func(*kv.View) (node.Write, error)) (node.Write, error) {
	v, seen, err := api.Follow(r, h.backend)
	if err != nil {
		return node.Write{}, err
	}
	defer v.Close()
	if err := v.CheckNamespace(rt.namespace); err != nil {
		return node.Write{}, err
	}
	write, err := check(v)
	write.Seen = seen
	return write, err
}
