package gossip

import "hearsay/store"

// A Path is why a frame came.
type Path string

// The paths of frames.
const (
	PathFresh Path = "fresh" // its writer sent it, unasked
	PathRelay Path = "relay" // another node passed it on, unasked
	PathPull  Path = "pull"  // this node had asked for it
	// PathSnapshot is of an entry that came in no frame, but in a snapshot.
	PathSnapshot Path = "snapshot"
	// PathRepair is of one that came as the replicas were compared.
	PathRepair Path = "repair"
)

// A Via is how a frame came.
type Via struct {
	From store.NodeID
	Path Path
	// Ahead says that it overtook rows of its origin that are still missing.
	Ahead bool
}

// via returns how f came from a node when the watermark was at mark.
func (e *Engine) via(from store.NodeID, f *Frame, mark uint64) Via {
	v := Via{From: from, Path: PathRelay, Ahead: f.From > mark}
	switch l := e.lackOf(f.Origin); {
	case l != nil && l.source == from:
		v.Path = PathPull
	case f.Origin.Node == from:
		v.Path = PathFresh
	}
	return v
}
