package rest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/kv"
)

// maxTitleBody bounds the body that names a title, every character of it escaped.
const maxTitleBody = 64 << 10

// A namespace is a kv.Namespace as the API shows it.
type namespace struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// SupportsURLEncoding says that keys are unescaped, which they always are.
	SupportsURLEncoding bool `json:"supports_url_encoding"`
}

func show(n kv.Namespace) namespace {
	return namespace{ID: n.ID, Title: n.Title, SupportsURLEncoding: true}
}

// pages is the result_info of the listing of namespaces.
type pages struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	Count      int `json:"count"`
	TotalCount int `json:"total_count"`
	TotalPages int `json:"total_pages"`
}

// listNamespaces answers with an empty page beyond the last one: it is what
// clients stop at.
func (h *handler) listNamespaces(w http.ResponseWriter, r *http.Request, _ route) error {
	q := r.URL.Query()
	page, err := count(q, "page", 1, 1<<30)
	if err != nil {
		return err
	}
	perPage, err := count(q, "per_page", 20, 1000)
	if err != nil {
		return err
	}
	v, err := api.Look(w, r, h.backend)
	if err != nil {
		return err
	}
	defer v.Close()
	all, err := v.Namespaces()
	if err != nil {
		return err
	}
	api.Saw(w.Header(), h.backend, v)
	switch q.Get("order") {
	case "", "id": // as they are
	case "title":
		slices.SortStableFunc(all, func(a, b kv.Namespace) int { return cmp.Compare(a.Title, b.Title) })
	default:
		return invalid("order must be id or title")
	}
	switch q.Get("direction") {
	case "", "asc": // as they are
	case "desc":
		slices.Reverse(all)
	default:
		return invalid("direction must be asc or desc")
	}
	info := pages{Page: page, PerPage: perPage, TotalCount: len(all), TotalPages: (len(all) + perPage - 1) / perPage}
	result := []namespace{}
	if page <= info.TotalPages {
		first := (page - 1) * perPage
		for _, n := range all[first:min(first+perPage, len(all))] {
			result = append(result, show(n))
		}
	}
	info.Count = len(result)
	ok(w, result, info)
	return nil
}

func (h *handler) createNamespace(w http.ResponseWriter, r *http.Request, _ route) error {
	title, err := h.title(r)
	if err != nil {
		return err
	}
	return h.change(w, r, func(v *kv.View) ([]node.Write, any, error) {
		n, ws, err := v.CreateNamespace(title)
		return ws, show(n), err
	})
}

func (h *handler) getNamespace(w http.ResponseWriter, r *http.Request, rt route) error {
	v, err := api.Look(w, r, h.backend)
	if err != nil {
		return err
	}
	defer v.Close()
	n, err := v.Namespace(rt.namespace)
	api.Saw(w.Header(), h.backend, v)
	if err != nil {
		return err
	}
	ok(w, show(n), nil)
	return nil
}

func (h *handler) renameNamespace(w http.ResponseWriter, r *http.Request, rt route) error {
	title, err := h.title(r)
	if err != nil {
		return err
	}
	return h.change(w, r, func(v *kv.View) ([]node.Write, any, error) {
		n, ws, err := v.RenameNamespace(rt.namespace, title)
		return ws, show(n), err
	})
}

func (h *handler) deleteNamespace(w http.ResponseWriter, r *http.Request, rt route) error {
	return h.change(w, r, func(v *kv.View) ([]node.Write, any, error) {
		ws, err := v.DeleteNamespace(rt.namespace)
		return ws, nil, err
	})
}

// change has the node accept what plan changes about a namespace, and answers with
// what it returns beside.
func (h *handler) change(w http.ResponseWriter, r *http.Request, plan func(*kv.View) ([]node.Write, any, error)) error {
	v, seen, err := api.Follow(r, h.backend)
	if err != nil {
		return err
	}
	ws, result, err := plan(v)
	v.Close()
	if err != nil {
		return err
	}
	for i := range ws {
		ws[i].Seen = seen
	}
	ack, err := api.AckOf(r.Header)
	if err != nil {
		return err
	}
	for i := range ws {
		ws[i].Ack = ack
	}
	replies, err := h.backend.Write(r.Context(), ws)
	if err != nil {
		return err
	}
	api.Versioned(w.Header(), replies[len(replies)-1].Version)
	api.Written(w.Header(), replies...)
	api.Wrote(w.Header(), h.backend, seen, replies...)
	ok(w, result, nil)
	return nil
}

// title reads the body of a create or rename.
func (h *handler) title(r *http.Request) (string, error) {
	release, err := h.bodies.Reserve(r, maxTitleBody)
	if err != nil {
		return "", err
	}
	defer release()
	data, excess, err := api.ReadAll(r.Body, r.ContentLength, maxTitleBody)
	if err != nil {
		return "", err
	}
	var body struct {
		Title        string `json:"title"`
		Jurisdiction string `json:"jurisdiction"`
	}
	switch {
	case excess > 0:
		return "", invalid("the body must be at most %d bytes", maxTitleBody)
	case json.Unmarshal(data, &body) != nil:
		return "", invalid(`the body must be JSON: {"title": "..."}`)
	case body.Jurisdiction != "":
		return "", invalid("jurisdictions are not supported: every node holds every namespace")
	}
	return body.Title, nil
}

// count reads a whole number from 1 to most.
func count(q url.Values, name string, otherwise, most int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, invalid("%s must be a number from 1 to %d", name, most)
	}
	return n, nil
}
