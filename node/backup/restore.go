package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/kv"
	"hearsay/store"
)

const (
	// batchBytes and batchWrites bound what a restore has accepted at a time.
	batchBytes  = 512 << 10
	batchWrites = 512
	// maxMoved bounds the namespaces whose content goes elsewhere.
	maxMoved = 1 << 12
)

// A Target is the node through which a backup comes into its cluster.
type Target interface {
	View() *kv.View
	Write(ctx context.Context, ws []node.Write) ([]node.Reply, error)
	Identity() api.Identity
}

// Options says what a restore may do beyond bringing back what is not there.
type Options struct {
	// Overwrite has the backup's state of a key replace a later one that the cluster
	// holds, a deletion too.
	Overwrite bool
	// OtherCluster allows a backup of another cluster than the target's.
	OtherCluster bool
}

// Restored says what became of the entries of a backup.
type Restored struct {
	Written    uint64 `json:"written"`
	Deleted    uint64 `json:"deleted"`
	Kept       uint64 `json:"kept"`       // the cluster holds something later, or the very same
	Expired    uint64 `json:"expired"`    // meanwhile
	Homeless   uint64 `json:"homeless"`   // their namespace is deleted here
	Namespaces uint64 `json:"namespaces"` // that were not there
	// Merged is how many namespaces went into one of the same title, of another id.
	Merged uint64 `json:"merged"`
}

// Restore brings the backup that in begins with into a cluster. Every entry becomes a
// new write, with a version and number of its own, stamped now: so no old timestamp
// comes back to be collected, resurrected or lost, and who replicates it sees a
// write like any other. Each is durable and acknowledged like a client's before Restore
// returns. Expirations stay the moments that they were.
//
// In is to be checked before. After an error the entries so far are restored; doing it
// again is harmless, for what is there is later than what the backup has.
func Restore(ctx context.Context, in io.Reader, to Target, uploads *api.Uploads, opt Options) (Restored, error) {
	r, err := NewReader(in)
	if err != nil {
		return Restored{}, err
	}
	if of, here := r.Header().Cluster, to.Identity().Cluster; of != here && !opt.OtherCluster {
		return Restored{}, fmt.Errorf("the backup is of cluster %q and this is %q; say that it may come from another", of, here)
	}
	s := restorer{ctx: ctx, in: r, to: to, uploads: uploads, overwrite: opt.Overwrite, moved: make(map[string]string)}
	if err := s.all(); err != nil {
		return s.done, fmt.Errorf("after %d entries of the backup: %w", s.done.sum(), err)
	}
	return s.done, nil
}

func (r Restored) sum() uint64 { return r.Written + r.Deleted + r.Kept + r.Expired + r.Homeless }

type restorer struct {
	ctx       context.Context
	in        *Reader
	to        Target
	uploads   *api.Uploads
	overwrite bool
	done      Restored
	// moved says where the content of a namespace goes that is not here under its id.
	moved map[string]string
	batch []node.Write
	bytes int
}

func (s *restorer) all() error {
	for {
		e, err := s.in.Next()
		if errors.Is(err, io.EOF) {
			return s.flush()
		}
		if err != nil {
			return err
		}
		if err := s.entry(e); err != nil {
			return fmt.Errorf("%v: %w", e.Key(), err)
		}
	}
}

func (s *restorer) entry(e Entry) error {
	key := e.Key()
	if kv.IsNamespace(key) {
		return s.namespace(e)
	}
	if strings.HasPrefix(key.Namespace, store.SystemPrefix) {
		return nil // all of it follows from the namespaces
	}
	if to, ok := s.moved[key.Namespace]; ok {
		key.Namespace = to
	}
	v := s.to.View()
	count, err := s.judge(v, key, e)
	v.Close()
	if err != nil {
		return err
	}
	if count != nil {
		*count++
		return nil
	}
	w := node.Write{Key: key, Delete: e.Tombstone, Metadata: e.Metadata, Expires: e.Expires}
	if e.Tombstone {
		return s.add(w)
	}
	if e.Size <= store.MaxInline {
		w.Value = make([]byte, e.Size)
		if _, err := io.ReadFull(s.in, w.Value); err != nil {
			return err
		}
		return s.add(w)
	}
	value, err := s.uploads.Read(s.ctx, s.in, e.Size)
	if err != nil {
		return err
	}
	w.Value, w.Manifest = value.Value, value.Manifest
	return s.add(w)
}

// judge returns what e counts as if there is nothing to write for it under key, and
// else nil.
func (s *restorer) judge(v *kv.View, key store.Key, e Entry) (count *uint64, err error) {
	if v.CheckNamespace(key.Namespace) != nil {
		return &s.done.Homeless, nil
	}
	if e.Expires != 0 && e.Expires <= v.Wall()/int64(time.Second) {
		return &s.done.Expired, nil
	}
	held, err := v.Front.Entries.Get(key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	switch {
	case held == nil && e.Tombstone,
		held != nil && held.Version == e.Version,
		held != nil && held.Tombstone && e.Tombstone,
		held != nil && !s.overwrite && held.Version.Compare(e.Version) > 0:
		return &s.done.Kept, nil
	}
	return nil, nil
}

// namespace has the namespace e be there, or settles where its content goes. One that
// was deleted here comes back only where later deletions are overwritten; what was
// deleted when the backup was taken is left alone.
func (s *restorer) namespace(e Entry) error {
	if e.Tombstone {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(s.in, store.MaxInline))
	if err != nil {
		return err
	}
	id := string(e.Name)
	v := s.to.View()
	here, ws, err := v.RestoreNamespace(id, text, s.overwrite)
	v.Close()
	if err != nil {
		return err
	}
	if here != "" && here != id {
		if len(s.moved) == maxMoved {
			return fmt.Errorf("more than %d namespaces have another's title here; rename some", maxMoved)
		}
		s.moved[id] = here
		s.done.Merged++
	}
	if len(ws) == 0 {
		return nil
	}
	s.done.Namespaces++
	_, err = s.to.Write(s.ctx, ws)
	return err
}

// add has w accepted, with others. A large value is not kept waiting: it is staged.
func (s *restorer) add(w node.Write) error {
	s.batch = append(s.batch, w)
	s.bytes += len(w.Value)
	if len(s.batch) < batchWrites && s.bytes < batchBytes && w.Manifest == nil {
		return nil
	}
	return s.flush()
}

func (s *restorer) flush() error {
	if len(s.batch) == 0 {
		return nil
	}
	replies, err := s.to.Write(s.ctx, s.batch)
	for i := range replies {
		if s.batch[i].Delete {
			s.done.Deleted++
		} else {
			s.done.Written++
		}
	}
	s.batch, s.bytes = nil, 0 // the node keeps what it took
	return err
}
