package rest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/kv"
	"hearsay/store"
)

const (
	maxBulkWrites = 10_000
	maxBulkBody   = 100_000_000
	maxGetBody    = 1 << 20
	// A bulk write goes to the node in slices of at most so many writes and
	// bytes, a single larger write alone, so that it does not hold up others.
	maxSliceWrites = 1000
	maxSliceBytes  = 1 << 20
)

// An item is a pair of a bulk put.
type item struct {
	Key        string          `json:"key"`
	Value      *string         `json:"value"`
	Base64     bool            `json:"base64"`
	Expiration json.Number     `json:"expiration"`
	TTL        json.Number     `json:"expiration_ttl"`
	Metadata   json.RawMessage `json:"metadata"`
}

func (i item) put(ns string) (kv.Put, error) {
	if i.Value == nil {
		return kv.Put{}, invalid("value is missing")
	}
	p := kv.Put{
		Namespace: ns, Key: i.Key, Value: []byte(*i.Value), Metadata: i.Metadata,
		TTL: i.TTL.String(), Expiration: i.Expiration.String(),
	}
	if !i.Base64 {
		return p, nil
	}
	value, err := base64.StdEncoding.DecodeString(*i.Value)
	if err != nil {
		return kv.Put{}, invalid("value is not base64")
	}
	p.Value = value
	return p, nil
}

func (h *handler) bulkPut(w http.ResponseWriter, r *http.Request, rt route) error {
	return bulkWrite(h, w, r, rt, "key/value pairs", func(v *kv.View, i item) (node.Write, error) {
		p, err := i.put(rt.namespace)
		if err != nil {
			return node.Write{}, err
		}
		return v.Put(p)
	})
}

func (h *handler) bulkDelete(w http.ResponseWriter, r *http.Request, rt route) error {
	return bulkWrite(h, w, r, rt, "keys", func(v *kv.View, key string) (node.Write, error) {
		return v.Delete(rt.namespace, key)
	})
}

// An outcome is the result of a bulk write.
type outcome struct {
	Successful   int      `json:"successful_key_count"`
	Unsuccessful []string `json:"unsuccessful_keys"`
}

// bulkWrite reads a list of T and writes what check makes of each. Nothing is
// written if one of them is refused.
func bulkWrite[T any](h *handler, w http.ResponseWriter, r *http.Request, rt route, what string, check func(*kv.View, T) (node.Write, error)) error {
	if err := api.NoRequestID(r.Header); err != nil {
		return err
	}
	release, err := h.bodies.Reserve(r, maxBulkBody)
	if err != nil {
		return err
	}
	defer release()
	data, excess, err := api.ReadAll(r.Body, r.ContentLength, maxBulkBody)
	if err != nil {
		return err
	}
	if excess > 0 {
		return &kv.Error{Status: 413, Code: kv.CodeInvalid, Reason: fmt.Sprintf("the body must be at most %d bytes", maxBulkBody)}
	}
	items, err := parseList[T](data, what)
	if err != nil {
		return err
	}
	ws, seen, err := checkList(h, r, rt, items, check)
	if err != nil {
		return err
	}
	replies, err := h.writeSlices(r.Context(), ws)
	written := len(replies)
	switch {
	case err != nil && written == 0:
		return err
	case err != nil:
		// The client is told by the keys that are left.
		_ = api.Refusal(w, r, h.report, err)
	}
	out := outcome{Successful: written, Unsuccessful: []string{}}
	for _, rest := range ws[written:] {
		out.Unsuccessful = append(out.Unsuccessful, rest.Key.Name)
	}
	api.Written(w.Header(), replies...)
	api.Wrote(w.Header(), h.backend, seen, replies...)
	ok(w, out, nil)
	return nil
}

// checkList returns the writes that check makes of items, and what their client
// has seen.
func checkList[T any](h *handler, r *http.Request, rt route, items []T, check func(*kv.View, T) (node.Write, error)) (ws []node.Write, seen store.Bookmark, err error) {
	ack, err := api.AckOf(r.Header)
	if err != nil {
		return nil, seen, err
	}
	v, seen, err := api.Follow(r, h.backend)
	if err != nil {
		return nil, seen, err
	}
	defer v.Close()
	if err := v.CheckNamespace(rt.namespace); err != nil {
		return nil, seen, err
	}
	ws = make([]node.Write, len(items))
	for i := range items {
		w, err := check(v, items[i])
		var e *kv.Error
		switch {
		case errors.As(err, &e):
			return nil, seen, &kv.Error{Status: e.Status, Code: e.Code, Reason: fmt.Sprintf("item %d: %s", i, e.Reason)}
		case err != nil:
			return nil, seen, err
		}
		w.Seen, w.Ack = seen, ack
		ws[i] = w
	}
	return ws, seen, nil
}

// writeSlices returns the replies of those of ws, counted from the first, that
// were acknowledged.
func (h *handler) writeSlices(ctx context.Context, ws []node.Write) (replies []node.Reply, err error) {
	for len(replies) < len(ws) {
		n, size := 0, 0
		rest := ws[len(replies):]
		for _, w := range rest[:min(maxSliceWrites, len(rest))] {
			size += len(w.Key.Name) + len(w.Value) + len(w.Metadata)
			if n > 0 && size > maxSliceBytes {
				break
			}
			n++
		}
		done, err := h.backend.Write(ctx, rest[:n])
		if err != nil {
			return replies, err
		}
		replies = append(replies, done...)
	}
	return replies, nil
}

// parseList reads a JSON list item by item. Of one that is too long it only
// counts the rest, for the refusal names its length.
//
// It is given the whole text: json.Decoder looks at white space anew after each
// piece that it reads.
func parseList[T any](data []byte, what string) ([]T, error) {
	items, n, err := decodeList[T](json.NewDecoder(bytes.NewReader(data)))
	switch {
	case err != nil:
		return nil, invalid("could not parse the body: %v", err)
	case n > maxBulkWrites:
		return nil, invalid("received %d %s, but max allowed per request is: %d", n, what, maxBulkWrites)
	}
	return items, nil
}

func decodeList[T any](d *json.Decoder) (items []T, n int, err error) {
	if t, err := d.Token(); err != nil {
		return nil, 0, err
	} else if t != json.Delim('[') {
		return nil, 0, errors.New("it is not a list")
	}
	for d.More() {
		var i T
		if err := d.Decode(&i); err != nil {
			return nil, 0, err
		}
		if n++; n <= maxBulkWrites {
			items = append(items, i)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, 0, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, 0, errors.New("something follows the list")
	}
	return items, n, nil
}

func (h *handler) bulkGet(w http.ResponseWriter, r *http.Request, rt route) error {
	release, err := h.bodies.Reserve(r, maxGetBody)
	if err != nil {
		return err
	}
	defer release()
	data, excess, err := api.ReadAll(r.Body, r.ContentLength, maxGetBody)
	if err != nil {
		return err
	}
	var body struct {
		Keys         []string `json:"keys"`
		Type         string   `json:"type"`
		WithMetadata bool     `json:"withMetadata"`
	}
	if excess > 0 {
		return invalid("the body must be at most %d bytes", maxGetBody)
	}
	if err := json.Unmarshal(data, &body); err != nil {
		return invalid("could not parse the body: %v", err)
	}
	v, err := api.Look(w, r, h.backend)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.CheckNamespace(rt.namespace); err != nil {
		return err
	}
	found, err := v.BulkGet(rt.namespace, kv.BulkGet{Keys: body.Keys, Type: body.Type})
	if err != nil {
		return err
	}
	api.Saw(w.Header(), h.backend, v)
	shape := api.Shape{JSON: body.Type == "json", Metadata: body.WithMetadata, Expiration: body.WithMetadata}
	ok(w, map[string]json.RawMessage{"values": shape.Object(found)}, nil)
	return nil
}
