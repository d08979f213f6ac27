package host

import "hearsay/node/admin"

// Conflicts returns the updates that the node has seen lose since it started,
// oldest first, the last node.MaxLost of them.
func (h *Host) Conflicts() []admin.Conflict {
	v := h.View()
	defer v.Close()
	crowd := h.crowd()
	conflicts := make([]admin.Conflict, len(v.Front.Lost))
	for i, l := range v.Front.Lost {
		conflicts[i] = admin.Conflict{
			Namespace: l.Key.Namespace, Key: l.Key.Name,
			Loser: crowd.show(l.Loser), Winner: crowd.show(l.Winner), Doubtful: l.Doubtful,
		}
	}
	return conflicts
}
