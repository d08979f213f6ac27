package backup

import (
	"errors"
	"io"
)

// Check reads all of the backup that in begins with, and returns what it is of and what
// it holds; or ErrDamaged.
func Check(in io.Reader) (Header, Totals, error) {
	r, err := NewReader(in)
	if err != nil {
		return Header{}, Totals{}, err
	}
	for {
		if _, err := r.Next(); errors.Is(err, io.EOF) {
			return r.Header(), r.Totals(), nil
		} else if err != nil {
			return Header{}, Totals{}, err
		}
	}
}
