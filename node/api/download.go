package api

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"

	"hearsay/store"
)

// WriteValue answers with the value of e. A large one is read from s piece by piece
// while it is sent; where its bytes are not what was written the connection is
// broken before its end.
func WriteValue(w http.ResponseWriter, s store.Staging, e *store.Entry) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(e.ValueSize(), 10))
	if e.Manifest == nil {
		_, _ = w.Write(e.Value) // what can fail is the connection
		return
	}
	if err := writeChunks(w, s, e.Manifest); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func writeChunks(w http.ResponseWriter, s store.Staging, m *store.Manifest) error {
	buf := make([]byte, pieceBytes)
	hash := sha256.New()
	for i, want := range m.Hashes {
		offset, size := m.Chunk(i)
		hash.Reset()
		for size > 0 {
			piece := buf[:min(size, pieceBytes)]
			if err := s.ReadStaged(m.Upload, offset, piece); err != nil {
				return err
			}
			hash.Write(piece) // never fails
			offset, size = offset+int64(len(piece)), size-int64(len(piece))
			// The last piece goes out when the chunk is known to be right.
			if size == 0 && store.Hash(hash.Sum(nil)) != want {
				return fmt.Errorf("chunk %d of %v is corrupt", i, m.Upload)
			}
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
	}
	return nil
}
