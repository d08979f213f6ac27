package backup

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"
)

// A Writer writes a backup: for each entry Add and then, by Write, its value. After an
// error it is of no use, and what was written is no backup.
type Writer struct {
	out    io.Writer
	sum    hash.Hash // of all that went to out
	totals Totals
	left   int64  // of the present entry's value
	buf    []byte // a piece
}

// NewWriter begins a backup on out.
func NewWriter(out io.Writer, h Header) (*Writer, error) {
	w := &Writer{sum: sha256.New()}
	w.out = io.MultiWriter(out, w.sum)
	if _, err := io.WriteString(w.out, magic); err != nil {
		return nil, err
	}
	return w, w.json(kindHeader, h)
}

// Add begins the entry e, whose value is written next.
func (w *Writer) Add(e Entry) error {
	if w.left > 0 {
		return w.short()
	}
	if err := e.validate(); err != nil {
		return fmt.Errorf("entry %v: %w", e.Key(), err)
	}
	w.left = e.Size
	w.totals.add(&e)
	return w.json(kindEntry, e)
}

// Write adds p to the value of the present entry.
func (w *Writer) Write(p []byte) (n int, err error) {
	if int64(len(p)) > w.left {
		return 0, fmt.Errorf("a value goes %d bytes beyond its size", int64(len(p))-w.left)
	}
	for n < len(p) {
		part := p[n:min(len(p), n+maxValue)]
		if err := w.piece(kindValue, part); err != nil {
			return n, err
		}
		n += len(part)
		w.left -= int64(len(part))
	}
	return n, nil
}

// Close ends the backup, which is whole if it returns nil. It does not close what
// lies below.
func (w *Writer) Close() error {
	if w.left > 0 {
		return w.short()
	}
	return w.json(kindFooter, footer{w.totals, w.sum.Sum(nil)})
}

func (w *Writer) short() error { return fmt.Errorf("a value lacks %d bytes", w.left) }

func (w *Writer) json(kind byte, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(payload) > maxJSON {
		return fmt.Errorf("piece %q of %d bytes, the most is %d", kind, len(payload), maxJSON)
	}
	return w.piece(kind, payload)
}

func (w *Writer) piece(kind byte, payload []byte) error {
	b := append(slices.Grow(w.buf[:0], prefixBytes+len(payload)+sumBytes), kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, payload...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	w.buf = b
	_, err := w.out.Write(b)
	return err
}
