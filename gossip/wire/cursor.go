package wire

import (
	"encoding/binary"
	"fmt"
)

// codeNil is nil, the one value that is looked for before it is read.
const codeNil = 0xc0

// A cursor reads MessagePack from a frame. Its first error stays, and from then
// on it reads zeros and empty lists: callers look at err where they are done, and
// before they act on what they read. What it returns is checked against what the
// frame still holds, so nothing is allocated on a frame's mere word.
type cursor struct {
	in  []byte
	at  int
	err error
}

// A family is what the first byte of a MessagePack value says that it is.
type family byte

const (
	none family = iota
	nils
	bools
	uints
	numbers // signed and floating; no field is one
	texts
	bins
	arrays
	maps
	exts
)

func (f family) String() string {
	return [...]string{
		"nothing", "nil", "a bool", "an unsigned number", "a signed or floating number",
		"text", "bytes", "an array", "a map", "an extension",
	}[f]
}

func (c *cursor) left() int { return len(c.in) - c.at }

// fail makes the error of c, unless it has one, say what is wrong and where.
func (c *cursor) fail(what, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s before byte %d: %s", ErrMalformed, what, c.at, fmt.Sprintf(format, args...))
	}
}

// big reads an unsigned number of n bytes, 1, 2, 4 or 8, big endian.
func (c *cursor) big(what string, n int) uint64 {
	if c.err != nil {
		return 0
	}
	if c.left() < n {
		c.fail(what, "the frame ends early")
		return 0
	}
	b := c.in[c.at : c.at+n]
	c.at += n
	switch n {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	default:
		return binary.BigEndian.Uint64(b)
	}
}

// head reads the head of a value: its family, and its number, the bytes that
// follow it, or the elements that do. An extension's type counts to its bytes.
// The codes are those of the MessagePack specification; within a family each
// doubles the width of the one before.
func (c *cursor) head(what string) (family, uint64) {
	b := byte(c.big(what, 1))
	switch {
	case c.err != nil:
		return none, 0
	case b <= 0x7f:
		return uints, uint64(b)
	case b <= 0x8f:
		return maps, uint64(b & 0x0f)
	case b <= 0x9f:
		return arrays, uint64(b & 0x0f)
	case b <= 0xbf:
		return texts, uint64(b & 0x1f)
	case b == codeNil:
		return nils, 0
	case b == 0xc2 || b == 0xc3:
		return bools, uint64(b & 1)
	case b >= 0xc4 && b <= 0xc6:
		return bins, c.big(what, 1<<(b-0xc4))
	case b >= 0xc7 && b <= 0xc9:
		return exts, 1 + c.big(what, 1<<(b-0xc7))
	case b >= 0xca && b <= 0xcb: // floats
		return numbers, c.big(what, 4<<(b-0xca))
	case b >= 0xcc && b <= 0xcf:
		return uints, c.big(what, 1<<(b-0xcc))
	case b >= 0xd0 && b <= 0xd3:
		return numbers, c.big(what, 1<<(b-0xd0))
	case b >= 0xd4 && b <= 0xd8: // of fixed length
		return exts, 1 + 1<<(b-0xd4)
	case b >= 0xd9 && b <= 0xdb:
		return texts, c.big(what, 1<<(b-0xd9))
	case b >= 0xdc && b <= 0xdd:
		return arrays, c.big(what, 2<<(b-0xdc))
	case b >= 0xde && b <= 0xdf:
		return maps, c.big(what, 2<<(b-0xde))
	case b >= 0xe0: // the negative ones that fit a byte
		return numbers, 0
	}
	c.fail(what, "byte %#x begins no value", b)
	return none, 0
}

// want reads a head of the given family and returns its number.
func (c *cursor) want(what string, f family) uint64 {
	got, n := c.head(what)
	if got != f {
		c.fail(what, "%s where %s belongs", got, f)
		return 0
	}
	return n
}

func (c *cursor) bool(what string) bool { return c.want(what, bools) == 1 }

func (c *cursor) uint(what string, limit uint64) uint64 {
	n := c.want(what, uints)
	if n > limit {
		c.fail(what, "%d, the most is %d", n, limit)
		return 0
	}
	return n
}

// null reads a nil if one is next.
func (c *cursor) null() bool {
	if c.err != nil || c.left() == 0 || c.in[c.at] != codeNil {
		return false
	}
	c.at++
	return true
}

func (c *cursor) text(what string, limit int) string { return string(c.view(what, texts, limit)) }

// bytes returns a copy, never nil.
func (c *cursor) bytes(what string, limit int) []byte {
	b := c.view(what, bins, limit)
	return append(make([]byte, 0, len(b)), b...)
}

// view reads text or bytes in place.
func (c *cursor) view(what string, f family, limit int) []byte {
	n := c.want(what, f)
	switch {
	case n > uint64(limit):
		c.fail(what, "%d bytes, the most is %d", n, limit)
		return nil
	case n > uint64(c.left()):
		c.fail(what, "%d bytes, the frame has %d left", n, c.left())
		return nil
	}
	b := c.in[c.at : c.at+int(n)]
	c.at += int(n)
	return b
}

// list opens an array of any length and returns the number of its elements, each
// of which takes at least size bytes.
func (c *cursor) list(what string, size int) int {
	n := c.want(what, arrays)
	if n > uint64(c.left()/size) {
		c.fail(what, "%d elements of at least %d bytes, the frame has %d left", n, size, c.left())
		return 0
	}
	return int(n)
}

// open opens an array of known fields and returns how many unknown ones follow
// these. The caller reads the known and then skips the others.
func (c *cursor) open(what string, fields int) (unknown int) {
	n := c.list(what, 1)
	if n < fields {
		c.fail(what, "%d fields, the least is %d", n, fields)
		return 0
	}
	return n - fields
}

// skip passes over n values with all that they contain. It does not recurse: how
// deep they nest is the sender's choice.
func (c *cursor) skip(what string, n int) {
	for todo := uint64(n); todo > 0 && c.err == nil; todo-- {
		f, n := c.head(what)
		switch f {
		case arrays:
			todo += n
		case maps:
			todo += 2 * n
		case texts, bins, exts:
			if n > uint64(c.left()) {
				c.fail(what, "%d bytes, the frame has %d left", n, c.left())
				return
			}
			c.at += int(n)
		}
	}
}
