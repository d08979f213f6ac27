package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

const (
	// readAhead is how much is asked of the connection at once: several small
	// frames for one call.
	readAhead = 16 << 10
	// growStep is the least room made for a frame that does not fit.
	growStep = 64 << 10
	// keepRoom is the largest buffer kept for the next frame: a chunk's worth, as it
	// grew.
	keepRoom = 2 << 20
)

// A Reader splits a stream of bytes into frames.
type Reader struct {
	in     *bufio.Reader
	prefix [prefixLen]byte
	buf    []byte
}

// NewReader returns a reader of the frames in r. It may read ahead.
func NewReader(r io.Reader) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, readAhead)}
}

// Next returns the next frame without its length prefix, valid until the next
// call. It returns io.EOF where the stream ends between frames,
// io.ErrUnexpectedEOF where it ends within one, ErrTooLarge or ErrMalformed for a
// length that no frame has, and the stream's own errors. After an error the place
// in the stream is lost.
func (r *Reader) Next() ([]byte, error) {
	if _, err := io.ReadFull(r.in, r.prefix[:]); err == io.EOF {
		return nil, io.EOF
	} else if err != nil {
		return nil, fmt.Errorf("read length of frame: %w", err)
	}
	length := binary.BigEndian.Uint32(r.prefix[:])
	if length > MaxFrame {
		return nil, fmt.Errorf("%w: %d bytes, the most is %d", ErrTooLarge, length, MaxFrame)
	}
	if length < headLen {
		return nil, fmt.Errorf("%w: %d bytes are too few for a frame", ErrMalformed, length)
	}
	if cap(r.buf) > keepRoom {
		r.buf = nil
	}
	if err := r.fill(int(length)); err != nil {
		return nil, fmt.Errorf("read frame of %d bytes: %w", length, err)
	}
	return r.buf, nil
}

// fill reads n bytes into the buffer. Room is made as they arrive and at most
// doubles, so a peer that only announces a large frame takes up no memory.
func (r *Reader) fill(n int) error {
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		have := len(r.buf)
		room := max(cap(r.buf), growStep)
		if have == room {
			room *= 2
		}
		next := min(n, room)
		r.buf = slices.Grow(r.buf, next-have)[:next]
		if _, err := io.ReadFull(r.in, r.buf[have:]); err == io.EOF {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
	return nil
}
