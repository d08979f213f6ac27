package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"
	"strings"
)

// readBytes is how much is read of what lies below at a time.
const readBytes = 64 << 10

// A Reader reads a backup: for each entry Next and then, by Read, as much of its value
// as is wanted. What does not hold is ErrDamaged, and an error of what lies below is
// that error.
type Reader struct {
	in     *bufio.Reader
	sum    hash.Hash // of the pieces before the present one
	header Header
	totals Totals
	at     int64  // bytes read
	left   int64  // of the present entry's value, not yet in piece
	value  []byte // what is in piece, not yet read
	buf    []byte // the present piece
	err    error  // for ever
}

// NewReader returns a Reader of the backup that in begins with.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, readBytes), sum: sha256.New()}
	first := make([]byte, len(magic))
	if err := r.fill(first); err != nil {
		return nil, err
	}
	switch {
	case string(first) == magic:
	case strings.HasPrefix(string(first), magicPrefix):
		return nil, fmt.Errorf("%w: format %q is not known to this release; use the one that wrote it or a later one",
			ErrDamaged, bytes.TrimSpace(first[len(magicPrefix):]))
	default:
		return nil, fmt.Errorf("%w: it does not begin like one", ErrDamaged)
	}
	r.sum.Write(first)
	return r, r.json(kindHeader, &r.header)
}

// Header returns what the backup is of.
func (r *Reader) Header() Header { return r.header }

// Totals returns what was read. It is all that the backup holds once Next has returned
// io.EOF.
func (r *Reader) Totals() Totals { return r.totals }

// Next passes over what is left of the present value and returns the next entry. At
// the end it returns io.EOF, but only if the backup was whole.
func (r *Reader) Next() (Entry, error) {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return Entry{}, err
	}
	if r.err != nil {
		return Entry{}, r.err
	}
	kind, payload, err := r.piece()
	switch {
	case err != nil:
		return Entry{}, r.fail(err)
	case kind == kindFooter:
		return Entry{}, r.fail(r.end(payload))
	case kind != kindEntry:
		return Entry{}, r.fail(r.damaged("a piece %q where an entry belongs", kind))
	}
	var e Entry
	if err := json.Unmarshal(payload, &e); err != nil {
		return Entry{}, r.fail(r.damaged("entry: %v", err))
	}
	if err := e.validate(); err != nil {
		return Entry{}, r.fail(r.damaged("entry: %v", err))
	}
	r.left = e.Size
	r.totals.add(&e)
	return e, nil
}

// Read reads from the value of the present entry, to its end.
func (r *Reader) Read(p []byte) (int, error) {
	if len(r.value) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		if err := r.more(); err != nil {
			return 0, r.fail(err)
		}
	}
	n := copy(p, r.value)
	r.value = r.value[n:]
	return n, nil
}

// more reads the next piece of the present value.
func (r *Reader) more() error {
	kind, payload, err := r.piece()
	switch {
	case err != nil:
		return err
	case kind != kindValue || len(payload) == 0 || int64(len(payload)) > r.left:
		return r.damaged("a piece %q of %d bytes where %d of a value are left", kind, len(payload), r.left)
	}
	r.value = payload
	r.left -= int64(len(payload))
	return nil
}

// end returns io.EOF if the footer fits and nothing comes after it.
func (r *Reader) end(payload []byte) error {
	var f footer
	if err := json.Unmarshal(payload, &f); err != nil {
		return r.damaged("footer: %v", err)
	}
	if f.Totals != r.totals {
		return r.damaged("it has %+v, and its footer says %+v", r.totals, f.Totals)
	}
	if !bytes.Equal(f.SHA256, r.sum.Sum(nil)) {
		return r.damaged("its pieces are not those that were written, in their order")
	}
	if _, err := r.in.ReadByte(); err != io.EOF {
		if err != nil {
			return err
		}
		return r.damaged("it goes on after its footer")
	}
	return io.EOF
}

// json reads a piece of that kind into v.
func (r *Reader) json(want byte, v any) error {
	kind, payload, err := r.piece()
	if err != nil {
		return err
	}
	if kind != want {
		return r.damaged("a piece %q where %q belongs", kind, want)
	}
	if err := json.Unmarshal(payload, v); err != nil {
		return r.damaged("piece %q: %v", kind, err)
	}
	return nil
}

// piece returns the next piece, which is good until the one after it.
func (r *Reader) piece() (kind byte, payload []byte, err error) {
	r.sum.Write(r.buf) // never fails
	r.buf = slices.Grow(r.buf[:0], prefixBytes)[:prefixBytes]
	if err := r.fill(r.buf); err != nil {
		return 0, nil, err
	}
	kind = r.buf[0]
	n := int64(binary.BigEndian.Uint32(r.buf[1:]))
	if most := int64(longest(kind)); n > most {
		return 0, nil, r.damaged("a piece %q of %d bytes, the most is %d", kind, n, most)
	}
	r.buf = slices.Grow(r.buf, int(n)+sumBytes)[:prefixBytes+int(n)+sumBytes]
	if err := r.fill(r.buf[prefixBytes:]); err != nil {
		return 0, nil, err
	}
	body := len(r.buf) - sumBytes
	if crc32.Checksum(r.buf[:body], castagnoli) != binary.BigEndian.Uint32(r.buf[body:]) {
		return 0, nil, r.damaged("the checksum of a piece %q of %d bytes does not fit", kind, n)
	}
	return kind, r.buf[prefixBytes:body], nil
}

// longest bounds the payload of a piece of a kind, in bytes; 0 for no kind.
func longest(kind byte) int {
	switch kind {
	case kindHeader, kindEntry, kindFooter:
		return maxJSON
	case kindValue:
		return maxValue
	}
	return 0
}

// fill reads all of p.
func (r *Reader) fill(p []byte) error {
	n, err := io.ReadFull(r.in, p)
	r.at += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.damaged("it is cut off")
	}
	return err
}

func (r *Reader) damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s, at byte %d", ErrDamaged, fmt.Sprintf(format, args...), r.at)
}

func (r *Reader) fail(err error) error {
	r.err = err
	return err
}
