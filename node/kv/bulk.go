package kv

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"hearsay/store"
)

// A BulkGet is a request for several keys of one namespace.
type BulkGet struct {
	Keys     []string
	Type     string // "text" or "json"; empty is text
	CacheTTL string // seconds as the client wrote them, empty for none
}

// Found is what a bulk read found under a key.
type Found struct {
	Key   string
	Entry *store.Entry // nil if absent
}

// BulkGet returns each key that q names, once, in the order of q, or an *Error.
func (v *View) BulkGet(ns string, q BulkGet) ([]Found, error) {
	switch {
	case q.Type != "" && q.Type != "text" && q.Type != "json":
		return nil, refuse(400, CodeInvalid, `"%s" is not a valid type. Use "json" or "text"`, q.Type)
	case len(q.Keys) > MaxBulkKeys:
		return nil, refuse(400, CodeInvalid, "You can request a maximum of %d keys", MaxBulkKeys)
	case len(q.Keys) == 0:
		return nil, refuse(400, CodeNoKeys, "You must request a minimum of 1 key")
	}
	found := make([]Found, 0, len(q.Keys))
	seen := make(map[string]bool, len(q.Keys))
	var total int64
	for _, key := range q.Keys {
		if seen[key] {
			continue
		}
		seen[key] = true
		e, err := v.bulkEntry(ns, key, q)
		if err != nil {
			return nil, err
		}
		if e != nil {
			total += e.ValueSize()
		}
		if total > MaxBulkBytes {
			e = nil // the rest is only checked: its bytes need not be kept
		}
		if e, err = v.whole(e, q); err != nil {
			return nil, err
		}
		found = append(found, Found{Key: key, Entry: e})
	}
	if total > MaxBulkBytes {
		return nil, refuse(413, CodeInvalid, "Total size of request exceeds the limit of %dMB", MaxBulkBytes>>20)
	}
	return found, nil
}

func (v *View) bulkEntry(ns, key string, q BulkGet) (*store.Entry, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := CheckCacheTTL(q.CacheTTL); err != nil {
		return nil, err
	}
	e, err := v.Get(ns, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	}
	return e, err
}

// whole returns e, nil for nothing, with its value in memory.
func (v *View) whole(e *store.Entry, q BulkGet) (*store.Entry, error) {
	if e == nil {
		return nil, nil
	}
	if e.Manifest != nil {
		large := *e
		large.Value = make([]byte, e.Manifest.Size)
		if err := readLarge(v.Staging, e.Manifest, large.Value); err != nil {
			return nil, err
		}
		e = &large
	}
	if q.Type == "json" && !json.Valid(e.Value) {
		return nil, refuse(400, CodeInvalid, "At least one of the requested keys corresponds to a non-json value")
	}
	return e, nil
}

// readLarge fills value with what m stands for.
func readLarge(s store.Staging, m *store.Manifest, value []byte) error {
	for i, want := range m.Hashes {
		offset, size := m.Chunk(i)
		chunk := value[offset : offset+size]
		if err := s.ReadStaged(m.Upload, offset, chunk); err != nil {
			return fmt.Errorf("read chunk %d of %v: %w", i, m.Upload, err)
		}
		if sha256.Sum256(chunk) != want {
			return fmt.Errorf("chunk %d of %v is corrupt", i, m.Upload)
		}
	}
	return nil
}
