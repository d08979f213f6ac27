package backup

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"

	"hearsay/node/api"
	"hearsay/node/kv"
	"hearsay/store"
)

// scanStep is how many entries are in memory at a time.
const scanStep = 64

// Save writes all that v shows: the namespaces first, then what is in each that is
// living, tombstones above the floor included. It is as of one moment, that of v, and
// holds every write that v's watermarks and W cover; of other origins than the node's
// own some later ones may be there too. Who calls it has made sure that no large value
// is dropped that v names. After an error what was written is no backup.
func Save(out io.Writer, v *kv.View, id api.Identity) (Totals, error) {
	w, err := NewWriter(out, Header{
		Cluster: id.Cluster, Node: id.Node, Name: id.Name,
		Taken: time.Unix(0, v.Now.Wall).UTC(), W: v.Front.W, Marks: v.Front.Marks,
	})
	if err != nil {
		return Totals{}, err
	}
	s := saver{v: v, out: w, chunk: make([]byte, store.MaxChunk)}
	system, beyond := store.Key{Namespace: store.SystemPrefix}, store.Key{Namespace: store.SystemPrefix + "\xff"}
	for _, part := range []struct{ start, end store.Key }{{system, beyond}, {store.Key{}, system}, {beyond, store.Key{}}} {
		if err := s.scan(part.start, part.end); err != nil {
			return Totals{}, err
		}
	}
	return w.totals, w.Close()
}

type saver struct {
	v     *kv.View
	out   *Writer
	chunk []byte
	// namespace is that of the last entry, and living says whether it is: nobody reads
	// what a deleted one still has.
	namespace string
	living    bool
}

func (s *saver) scan(next, end store.Key) error {
	for {
		entries, err := s.v.Front.Entries.Scan(next, end, scanStep)
		if err != nil {
			return fmt.Errorf("scan from %v: %w", next, err)
		}
		for _, e := range entries {
			if err := s.add(e); err != nil {
				return fmt.Errorf("save %v: %w", e.Key, err)
			}
		}
		if len(entries) < scanStep {
			return nil
		}
		next = entries[scanStep-1].Key
		next.Name += "\x00"
	}
}

func (s *saver) add(e *store.Entry) error {
	if !e.Tombstone && !e.Live(s.v.Wall()) || e.DueAt(s.v.Front.Floor) {
		return nil
	}
	if ns := e.Key.Namespace; ns != s.namespace {
		s.namespace = ns
		s.living = strings.HasPrefix(ns, store.SystemPrefix) || s.v.CheckNamespace(ns) == nil
	}
	if !s.living {
		return nil
	}
	err := s.out.Add(Entry{
		Namespace: e.Key.Namespace, Name: []byte(e.Key.Name), Metadata: e.Metadata, Expires: e.Expires,
		Tombstone: e.Tombstone, Version: e.Version, Seq: e.Seq, Size: e.ValueSize(),
	})
	if err != nil {
		return err
	}
	if e.Manifest != nil {
		return s.large(e.Manifest)
	}
	_, err = s.out.Write(e.Value)
	return err
}

// large adds what m stands for, chunk by chunk.
func (s *saver) large(m *store.Manifest) error {
	for i, want := range m.Hashes {
		offset, size := m.Chunk(i)
		chunk := s.chunk[:size]
		if err := s.v.Staging.ReadStaged(m.Upload, offset, chunk); err != nil {
			return fmt.Errorf("chunk %d of %v: %w", i, m.Upload, err)
		}
		if sha256.Sum256(chunk) != want {
			return fmt.Errorf("chunk %d of %v is corrupt; take the backup from another node", i, m.Upload)
		}
		if _, err := s.out.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}
