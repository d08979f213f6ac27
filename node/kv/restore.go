package kv

import (
	"hearsay/node"
	"hearsay/store"
)

// IsNamespace reports whether key holds the record of a namespace, under its id.
func IsNamespace(key store.Key) bool { return key.Namespace == systemNamespaces }

// RestoreNamespace returns the id under which the namespace that had the id, and is
// described by record, goes on here, and the writes that make it so: its own if it is
// living or was never here, and that of who has its title now if another has. One that
// was deleted here comes back if undelete says so, with all keys that it had; else
// it has no id.
func (v *View) RestoreNamespace(id string, text []byte, undelete bool) (here string, ws []node.Write, err error) {
	key := namespaceKey(id)
	if len(id) != idLen {
		return "", nil, errNamespaceNotFound()
	}
	held, err := v.entry(key)
	if err != nil {
		return "", nil, err
	}
	if held != nil && held.Live(v.Wall()) {
		return id, nil, nil
	}
	n, err := parseNamespace(&store.Entry{Key: key, Value: text})
	if err != nil {
		return "", nil, err
	}
	if held != nil && !undelete {
		return "", nil, nil
	}
	if other, err := v.ByTitle(n.Title); err == nil {
		return other.ID, nil, nil
	}
	if err := v.checkTitle(n.Title, id); err != nil {
		return "", nil, err
	}
	// Where the id is not made from this cluster's own, only the mark has it found.
	return id, []node.Write{{Key: renamedKey(n.Title)}, n.write()}, nil
}
