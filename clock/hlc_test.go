package clock_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hearsay/clock"
)

const maxSkew = 500 * time.Millisecond

func at(wall int64, logical uint32) clock.Timestamp {
	return clock.Timestamp{Wall: wall, Logical: logical}
}

func TestNow(t *testing.T) {
	tests := []struct {
		name  string
		last  clock.Timestamp
		wall  int64
		above clock.Timestamp
		want  clock.Timestamp
	}{
		{"the wall clock leads", at(10, 3), 11, at(0, 0), at(11, 0)},
		{"the wall clock stands still", at(10, 3), 10, at(0, 0), at(10, 4)},
		{"the wall clock stepped back", at(10, 3), 2, at(0, 0), at(10, 4)},
		{"what is replaced is ahead", at(10, 3), 10, at(12, 7), at(12, 8)},
		{"what is replaced is behind", at(10, 3), 10, at(9, 9), at(10, 4)},
		{"the wall clock is ahead of both", at(10, 3), 20, at(12, 7), at(20, 0)},
		{"the logical part carries", at(10, math.MaxUint32), 10, at(0, 0), at(11, 0)},
		{"the logical part of what is replaced carries", at(10, 3), 10, at(10, math.MaxUint32), at(11, 0)},
		{"a carry meets the wall clock", at(10, math.MaxUint32), 11, at(0, 0), at(11, 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := clock.NewHLC(maxSkew)
			c.Restore(tt.last)
			if got := c.Now(tt.wall, tt.above); got != tt.want {
				t.Errorf("Now(%d, %v) after %v = %v, want %v", tt.wall, tt.above, tt.last, got, tt.want)
			}
			if c.Last() != tt.want {
				t.Errorf("Last() = %v, want %v", c.Last(), tt.want)
			}
		})
	}
}

func TestObserve(t *testing.T) {
	const wall = int64(time.Hour)
	limit := wall + int64(maxSkew)
	tests := []struct {
		name   string
		remote clock.Timestamp
		want   clock.Timestamp // Last afterwards, from at(wall, 1) before
		err    error
	}{
		{"behind", at(wall-1, 9), at(wall, 1), nil},
		{"ahead within the skew", at(wall+1, 9), at(wall+1, 9), nil},
		{"at the skew", at(limit, math.MaxUint32), at(limit, math.MaxUint32), nil},
		{"past the skew", at(limit+1, 0), at(wall, 1), clock.ErrAhead},
		{"at the end of time", at(math.MaxInt64, 0), at(wall, 1), clock.ErrAhead},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := clock.NewHLC(maxSkew)
			c.Restore(at(wall, 1))
			if err := c.Observe(tt.remote, wall); !errors.Is(err, tt.err) {
				t.Errorf("Observe(%v) = %v, want %v", tt.remote, err, tt.err)
			}
			if c.Last() != tt.want {
				t.Errorf("Last() = %v, want %v", c.Last(), tt.want)
			}
		})
	}
}

// A hybrid clock that ran ahead must not vouch for timestamps still further
// ahead: each node would lift the next.
func TestObserveJudgesByThePhysicalClock(t *testing.T) {
	c := clock.NewHLC(maxSkew)
	c.Restore(at(int64(time.Hour), 0))
	if err := c.Observe(at(int64(time.Hour)+1, 0), 0); !errors.Is(err, clock.ErrAhead) {
		t.Errorf("Observe = %v, want ErrAhead", err)
	}
}

func TestObserveWithAClockBefore1970(t *testing.T) {
	c := clock.NewHLC(maxSkew)
	if err := c.Observe(at(math.MaxInt64, 0), -1); !errors.Is(err, clock.ErrAhead) {
		t.Errorf("Observe of the end of time = %v, want ErrAhead", err)
	}
}

func TestAhead(t *testing.T) {
	c := clock.NewHLC(maxSkew)
	if got := c.Ahead(at(30, 9), 10); got != 20 {
		t.Errorf("Ahead = %d, want 20", got)
	}
	if got := c.Ahead(at(10, 9), 30); got != -20 {
		t.Errorf("Ahead = %d, want -20", got)
	}
}

func TestRestoreAfterTheClockSteppedBack(t *testing.T) {
	c := clock.NewHLC(maxSkew)
	held := at(int64(time.Hour), 4)
	c.Restore(held)
	if got, want := c.Now(1, clock.Timestamp{}), held.Next(); got != want {
		t.Errorf("Now after Restore(%v) = %v, want %v", held, got, want)
	}
	c.Restore(held)
	if got, want := c.Last(), held.Next(); got != want {
		t.Errorf("a second Restore moved the clock back to %v, want %v", got, want)
	}
}

// Whatever the wall clock does, a clock never goes back, gives no timestamp
// twice, and is above all it was told of and accepted.
func TestClockNeverGoesBack(t *testing.T) {
	walls := rapid.Int64Range(0, 1<<40)
	stamps := rapid.Custom(func(t *rapid.T) clock.Timestamp {
		logical := rapid.OneOf(rapid.Uint32(), rapid.Just(uint32(math.MaxUint32)))
		return at(walls.Draw(t, "wall"), logical.Draw(t, "logical"))
	})
	rapid.Check(t, func(t *rapid.T) {
		c := clock.NewHLC(maxSkew)
		var highest clock.Timestamp // given or accepted so far
		t.Repeat(map[string]func(*rapid.T){
			"now": func(t *rapid.T) {
				wall, above := walls.Draw(t, "wall"), stamps.Draw(t, "above")
				got := c.Now(wall, above)
				if got.Compare(highest) <= 0 || got.Compare(above) <= 0 || got.Wall < wall {
					t.Fatalf("Now(%d, %v) = %v after %v", wall, above, got, highest)
				}
				highest = got
			},
			"observe": func(t *rapid.T) {
				remote, wall := stamps.Draw(t, "remote"), walls.Draw(t, "wall")
				err := c.Observe(remote, wall)
				if refused := remote.Wall-wall > int64(maxSkew); refused != (err != nil) {
					t.Fatalf("Observe(%v, %d) = %v, want an error: %v", remote, wall, err, refused)
				}
				if err == nil && remote.Compare(highest) > 0 {
					highest = remote
				}
			},
			"restore": func(t *rapid.T) {
				last := stamps.Draw(t, "last")
				c.Restore(last)
				if last.Compare(highest) > 0 {
					highest = last
				}
			},
			"": func(t *rapid.T) {
				if c.Last() != highest {
					t.Fatalf("Last() = %v, want %v", c.Last(), highest)
				}
			},
		})
	})
}
