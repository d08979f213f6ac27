package host

import (
	"cmp"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"hearsay/node/admin"
	"hearsay/node/api"
	"hearsay/node/kv"
	"hearsay/store"
)

// maxBegin bounds what is shown of a value, in bytes.
const maxBegin = 64

// Why returns what the node holds of key in the namespace with the id or title ns,
// and how it came here.
func (h *Host) Why(ns, key string) (admin.Why, error) {
	v := h.View()
	defer v.Close()
	why := admin.Why{Node: h.identity.Node, Name: h.identity.Name, Region: h.identity.Region, Namespace: ns, Key: key}
	id, err := v.Resolve(ns)
	var unknown *kv.Error
	switch {
	case errors.As(err, &unknown):
		return why, nil // nor anything in it
	case err != nil:
		return why, err
	}
	e, err := v.Front.Entries.Get(store.Key{Namespace: id, Name: key})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return why, nil
	case err != nil:
		return why, fmt.Errorf("get %q: %w", key, err)
	}
	why.Holds = h.show(v, e)
	return why, nil
}

func (h *Host) show(v *kv.View, e *store.Entry) *admin.Held {
	crowd := h.crowd()
	held := &admin.Held{
		Write:    crowd.show(e.Version),
		State:    "live",
		Bytes:    e.ValueSize(),
		Begins:   begin(e.Value),
		Request:  e.Request,
		Replaced: make([]admin.Write, len(e.Known.Versions)),
		Through:  showTimestamp(e.Known.Through),
		Doubtful: !e.Known.Maybe.IsZero(),
	}
	if e.Expires != 0 {
		held.Expires = time.Unix(e.Expires, 0).UTC()
	}
	switch {
	case e.Tombstone:
		held.State = "deleted"
	case !e.Live(max(v.Now.Wall, v.Front.Wall)):
		held.State = "expired"
	}
	for i, r := range e.Known.Versions {
		held.Replaced[i] = crowd.show(r)
	}
	if e.Version.Origin.Node == h.identity.Node {
		held.Path, held.At = admin.WrittenHere, held.Write.At
		return held
	}
	if a, known := h.arrivals.of(e.Key, e.Version); known {
		held.Path, held.Ahead, held.From = string(a.Via.Path), a.Via.Ahead, cmp.Or(crowd[a.Via.From].Name, string(a.Via.From))
		held.At = time.Unix(0, a.Wall).UTC()
	}
	return held
}

// begin returns the first bytes of a value, cut between characters if it is text.
func begin(value []byte) string {
	text := value[:min(len(value), maxBegin)]
	for i := range min(len(text), utf8.UTFMax) {
		if utf8.Valid(text[:len(text)-i]) {
			return string(text[:len(text)-i])
		}
	}
	return string(text)
}

// A crowd is who the nodes are that are here now.
type crowd map[store.NodeID]api.Identity

func (h *Host) crowd() crowd {
	known := crowd{h.identity.Node: h.identity}
	for _, m := range h.links.Members() {
		known[m.ID] = api.Identity{Name: m.Name, Region: m.Region}
	}
	return known
}

func (c crowd) show(v store.Version) admin.Write {
	id := v.Origin.Node
	return admin.Write{
		Version: v.String(), Node: id, Name: c[id].Name, Region: c[id].Region,
		At: time.Unix(0, v.Timestamp.Wall).UTC(),
	}
}
