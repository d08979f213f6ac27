package clock

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// A Timestamp is a hybrid logical time (Kulkarni et al., "Logical Physical
// Clocks", 2014): 96 bits, kept apart so that neither part steals from the
// other. The zero Timestamp is before all others.
type Timestamp struct {
	// Wall is in nanoseconds since the Unix epoch, never negative.
	Wall int64
	// Logical orders timestamps that share a Wall.
	Logical uint32
}

// ErrTimestamp is returned by ParseTimestamp for text that String cannot have
// written.
var ErrTimestamp = errors.New("clock: not a timestamp")

const (
	wallDigits    = 19 // math.MaxInt64
	logicalDigits = 10 // math.MaxUint32
	textLen       = wallDigits + 1 + logicalDigits
)

// Compare returns -1, 0 or +1 as t is before, equal to or after u.
func (t Timestamp) Compare(u Timestamp) int {
	if c := cmp.Compare(t.Wall, u.Wall); c != 0 {
		return c
	}
	return cmp.Compare(t.Logical, u.Logical)
}

// Next returns the least timestamp after t. When the logical part is spent it
// carries into the wall part, so a stuck physical clock cannot stop a node.
func (t Timestamp) Next() Timestamp {
	if t.Logical < math.MaxUint32 {
		return Timestamp{Wall: t.Wall, Logical: t.Logical + 1}
	}
	return Timestamp{Wall: t.Wall + 1}
}

// IsZero reports whether t is the zero Timestamp.
func (t Timestamp) IsZero() bool { return t == Timestamp{} }

// String returns t as fixed-width decimal text, nanoseconds and logical part,
// that sorts as timestamps order.
func (t Timestamp) String() string {
	return fmt.Sprintf("%0*d.%0*d", wallDigits, t.Wall, logicalDigits, t.Logical)
}

// ParseTimestamp reads what String writes. It returns ErrTimestamp otherwise.
func ParseTimestamp(s string) (Timestamp, error) {
	if len(s) != textLen || s[wallDigits] != '.' || !digits(s[:wallDigits]) || !digits(s[wallDigits+1:]) {
		return Timestamp{}, fmt.Errorf("%w: %q", ErrTimestamp, s)
	}
	wall, err := strconv.ParseInt(s[:wallDigits], 10, 64)
	if err != nil {
		return Timestamp{}, fmt.Errorf("%w: %q", ErrTimestamp, s)
	}
	logical, err := strconv.ParseUint(s[wallDigits+1:], 10, 32)
	if err != nil {
		return Timestamp{}, fmt.Errorf("%w: %q", ErrTimestamp, s)
	}
	return Timestamp{Wall: wall, Logical: uint32(logical)}, nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
