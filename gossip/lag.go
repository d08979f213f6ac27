package gossip

import (
	"time"

	"hearsay/clock"
)

// This file is how a status says in half a byte how far behind its sender's closed
// timestamp a member is.

// lagUnit is the grain of what is passed on of closed timestamps, in nanoseconds:
// it is how much W may fall behind by being told through others. It counts from
// the Unix epoch, so that nothing is lost at a second hop.
const lagUnit = int64(125 * time.Millisecond)

// lagSteps are the lags that can be told, in units. A greater one is told as
// lagUnknown. Fine steps are for what is a few hops old, the coarse ones for large
// clusters and slow ways.
var lagSteps = [...]int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 17, 23, 32, 64}

const lagUnknown = byte(len(lagSteps))

// lagBytes returns the bytes that the lags of so many members take.
func lagBytes(members int) int { return (members + 1) / 2 }

// A lag is which step tells of the member at i.
func lag(lags []byte, i int) byte { return lags[i/2] >> (i % 2 * 4) & 15 }

// told returns the wall time that each lag stands for, 0 for the unknown one.
func (c *Closed) told() (walls [16]int64) {
	for step, lag := range lagSteps {
		walls[step] = (c.C.Wall/lagUnit - lag) * lagUnit
	}
	return walls
}

// word returns what this node says of the members, nil before it belongs to them.
func (e *Engine) word() *Closed {
	if e.base.IsZero() || len(e.standings) == 0 {
		return nil
	}
	c := &Closed{C: e.base, Lags: e.lags(func(s *standing) clock.Timestamp { return s.best })}
	if i := e.seat(e.self.ID); i >= 0 && e.standings[i].best.Compare(c.C) < 0 {
		c.Lags[i/2] |= lagUnknown << (i % 2 * 4)
	}
	if e.apart {
		c.Acked = e.lags((*standing).ackedTo)
	}
	return c
}

func (e *Engine) lags(of func(*standing) clock.Timestamp) []byte {
	lags := make([]byte, lagBytes(len(e.standings)))
	base := e.base.Wall / lagUnit
	for i := range e.standings {
		behind := base - of(&e.standings[i]).Wall/lagUnit
		step := byte(0)
		for step < lagUnknown && lagSteps[step] < behind {
			step++
		}
		lags[i/2] |= step << (i % 2 * 4)
	}
	return lags
}
