package clock_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hearsay/clock"
)

var timestamps = rapid.Custom(func(t *rapid.T) clock.Timestamp {
	return at(rapid.Int64Range(0, math.MaxInt64).Draw(t, "wall"), rapid.Uint32().Draw(t, "logical"))
})

func TestTimestampOrder(t *testing.T) {
	ordered := []clock.Timestamp{
		at(0, 0), at(0, 1), at(0, math.MaxUint32), at(1, 0), at(9, 1), at(10, 0), at(math.MaxInt64, 0), at(math.MaxInt64, math.MaxUint32),
	}
	for i, u := range ordered {
		for j, v := range ordered {
			want := min(max(i-j, -1), 1)
			if got := u.Compare(v); got != want {
				t.Errorf("%v.Compare(%v) = %d, want %d", u, v, got, want)
			}
			if got := strings.Compare(u.String(), v.String()); got != want {
				t.Errorf("text %q and %q compare as %d, want %d", u, v, got, want)
			}
		}
		if got := u.IsZero(); got != (i == 0) {
			t.Errorf("%v.IsZero() = %v", u, got)
		}
	}
}

func TestNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := timestamps.Filter(func(u clock.Timestamp) bool { return u.Wall < math.MaxInt64 }).Draw(t, "u")
		next := u.Next()
		if next.Compare(u) <= 0 {
			t.Fatalf("%v.Next() = %v, want a later one", u, next)
		}
		if v := timestamps.Draw(t, "v"); v.Compare(u) > 0 && v.Compare(next) < 0 {
			t.Fatalf("%v lies between %v and its Next %v", v, u, next)
		}
	})
	if got, want := at(7, math.MaxUint32).Next(), at(8, 0); got != want {
		t.Errorf("Next of a spent logical part = %v, want %v", got, want)
	}
}

func TestTimestampText(t *testing.T) {
	if got, want := at(1_700_000_000_000_000_000, 42).String(), "1700000000000000000.0000000042"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		u, v := timestamps.Draw(t, "u"), timestamps.Draw(t, "v")
		if got, err := clock.ParseTimestamp(u.String()); err != nil || got != u {
			t.Fatalf("ParseTimestamp(%q) = %v, %v", u.String(), got, err)
		}
		if got, want := strings.Compare(u.String(), v.String()), u.Compare(v); got != want {
			t.Fatalf("text %q and %q compare as %d, want %d", u, v, got, want)
		}
	})
}

func TestParseTimestampRefuses(t *testing.T) {
	for _, s := range []string{
		"",
		"1.2",
		"0000000000000000001",
		"0000000000000000001.",
		"0000000000000000001.000000000",
		"0000000000000000001.00000000000",
		"0000000000000000001,0000000000",
		"000000000000000000.00000000001",
		"-000000000000000001.0000000000",
		"+000000000000000001.0000000000",
		"0000000000000000001.+000000000",
		"0000000000000000001.000000000a",
		" 000000000000000001.0000000000",
		"000000000000000_001.0000000000",
		"9223372036854775808.0000000000",
		"9999999999999999999.0000000000",
		"0000000000000000001.4294967296",
		"0000000000000000001.0000000000\n",
		"000000000000000000\xd9\xa1.000000000",
	} {
		if got, err := clock.ParseTimestamp(s); !errors.Is(err, clock.ErrTimestamp) || got != (clock.Timestamp{}) {
			t.Errorf("ParseTimestamp(%q) = %v, %v, want ErrTimestamp", s, got, err)
		}
	}
}
