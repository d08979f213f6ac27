package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"hearsay/node"
	"hearsay/node/host"
	"hearsay/node/kv"
	"hearsay/store"
)

// A putRequest asks for a key to be written at the first node of a region that is
// ready.
type putRequest struct {
	Region string `json:"region"`
	Key    string `json:"key"`
	Value  string `json:"value"`
}

// A putEvent is one line of the answer: "asked" names the nodes, the writing one
// first; "acknowledged" and "shown" say when a node had the write; then "end",
// or "error".
type putEvent struct {
	Event   string   `json:"event"`
	Nodes   []string `json:"nodes,omitempty"`
	Node    string   `json:"node,omitempty"`
	MS      float64  `json:"ms"` // since the node was asked
	Message string   `json:"message,omitempty"`
}

// servePut writes a key and tells, line by line, when each node shows it.
func (c *cluster) servePut(w http.ResponseWriter, r *http.Request) {
	var p putRequest
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPageBody))
	if err := dec.Decode(&p); err != nil {
		http.Error(w, fmt.Sprintf(`body is not {"region": "…", "key": "…", "value": "…"}: %v`, err), http.StatusBadRequest)
		return
	}
	i := slices.IndexFunc(c.regions, func(r region) bool { return r.name == p.Region })
	if i < 0 {
		http.Error(w, fmt.Sprintf("there is no region %q", p.Region), http.StatusBadRequest)
		return
	}
	ctx, stop := context.WithTimeout(r.Context(), followWait)
	defer stop()
	w.Header().Set("Content-Type", "application/jsonl")
	enc, flush := json.NewEncoder(w), http.NewResponseController(w).Flush
	tell := func(e putEvent) {
		_ = enc.Encode(e) // a browser that went away ends ctx
		_ = flush()
	}
	if err := c.follow(ctx, c.regions[i].writer(), p.Key, []byte(p.Value), tell); err != nil {
		tell(putEvent{Event: "error", Message: err.Error()})
	}
}

// writer returns the node that a client of r is best sent to.
func (r region) writer() *host.Host {
	i := slices.IndexFunc(r.nodes, func(h *host.Host) bool { return h.Ready() == nil })
	return r.nodes[max(i, 0)]
}

// follow writes key at writer, and tells when each node shows that write or one
// that supersedes it, until all do or ctx ends.
func (c *cluster) follow(ctx context.Context, writer *host.Host, key string, value []byte, tell func(putEvent)) error {
	ns, err := ensureNamespace(ctx, writer, pageNamespace)
	if err != nil {
		return err
	}
	write, err := newPut(writer, kv.Put{Namespace: ns.ID, Key: key, Value: value})
	if err != nil {
		return err
	}
	waiting := slices.DeleteFunc(c.nodes(), func(h *host.Host) bool { return h == writer })
	asked := putEvent{Event: "asked", Nodes: []string{writer.Identity().Name}}
	for _, h := range waiting {
		asked.Nodes = append(asked.Nodes, h.Identity().Name)
	}
	tell(asked)

	start := time.Now()
	replies, err := writer.Write(ctx, []node.Write{write})
	if err != nil {
		return err
	}
	tell(putEvent{Event: "acknowledged", Node: writer.Identity().Name, MS: milliseconds(time.Since(start))})
	version := replies[0].Version
	tick := time.NewTicker(followPoll)
	defer tick.Stop()
	for len(waiting) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tell(putEvent{Event: "end"})
			return nil
		}
		waiting = slices.DeleteFunc(waiting, func(h *host.Host) bool {
			if !shows(h, write.Key, version) {
				return false
			}
			tell(putEvent{Event: "shown", Node: h.Identity().Name, MS: milliseconds(time.Since(start))})
			return true
		})
	}
	tell(putEvent{Event: "end"})
	return nil
}

func newPut(h *host.Host, p kv.Put) (node.Write, error) {
	v := h.View()
	defer v.Close()
	return v.Put(p)
}

// shows reports whether h holds version of key or one that supersedes it.
func shows(h *host.Host, key store.Key, version store.Version) bool {
	v := h.View()
	defer v.Close()
	e, err := v.Front.Entries.Get(key)
	return err == nil && e.Version.Compare(version) >= 0
}
