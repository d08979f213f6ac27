package host

import (
	"time"

	"hearsay/node/admin"
	"hearsay/node/api"
	"hearsay/store"
)

// Conflicts returns the updates that the node has seen lose since it started,
// oldest first, the last node.MaxLost of them.
func (h *Host) Conflicts() []admin.Conflict {
	v := h.View()
	defer v.Close()
	known := map[store.NodeID]api.Identity{h.identity.Node: h.identity}
	for _, m := range h.links.Members() {
		known[m.ID] = api.Identity{Name: m.Name, Region: m.Region}
	}
	show := func(v store.Version) admin.Write {
		id := v.Origin.Node
		return admin.Write{
			Version: v.String(), Node: id, Name: known[id].Name, Region: known[id].Region,
			At: time.Unix(0, v.Timestamp.Wall).UTC(),
		}
	}
	conflicts := make([]admin.Conflict, len(v.Front.Lost))
	for i, l := range v.Front.Lost {
		conflicts[i] = admin.Conflict{
			Namespace: l.Key.Namespace, Key: l.Key.Name,
			Loser: show(l.Loser), Winner: show(l.Winner), Doubtful: l.Doubtful,
		}
	}
	return conflicts
}
