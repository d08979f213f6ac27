package link

import (
	"context"
	"net"
	"os"
	"time"

	"hearsay/node/host/wan"
)

// A way is one direction through the emulated wide area. The nil way takes no
// time and is always open.
type way struct {
	net      *wan.Network
	from, to string
}

// wayTo returns the way from this node to region.
func (l *Links) wayTo(region string) *way {
	if l.cfg.WAN == nil || region == l.cfg.Region {
		return nil
	}
	return &way{l.cfg.WAN, l.cfg.Region, region}
}

// wayToAddr returns the way from this node to where addr stands.
func (l *Links) wayToAddr(addr string) *way {
	if l.cfg.WAN == nil {
		return nil
	}
	region, ok := l.cfg.WAN.RegionOf(addr)
	if !ok {
		return nil
	}
	return l.wayTo(region)
}

func (w *way) back() *way {
	if w == nil {
		return nil
	}
	return &way{w.net, w.to, w.from}
}

// delay draws how long so many bytes, sent now, travel.
func (w *way) delay(bytes int) time.Duration {
	if w == nil {
		return 0
	}
	return w.net.Delay(w.from, w.to, bytes)
}

func (w *way) cut() bool { return w != nil && w.net.IsCut(w.from, w.to) }

// await returns nil once the way is open.
func (w *way) await(ctx context.Context) error {
	if w == nil {
		return nil
	}
	return w.net.Await(ctx, w.from, w.to)
}

// travel waits until a packet that arrives at release has arrived: until then,
// and on until the way is open.
func (w *way) travel(ctx context.Context, release time.Time) error {
	if w == nil {
		return nil
	}
	if d := time.Until(release); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return w.await(ctx)
}

// A farConn is a connection of memberlist's through the wide area: each Write
// returns when its bytes would have arrived.
//
// Bytes that are written one after the other travel side by side. So a Write
// counts as begun earlier by what the writes before it slept, back to the last
// Read: without the sleep it would have been called then.
//
// memberlist uses a connection from one goroutine, and so does a farConn.
type farConn struct {
	net.Conn
	ctx context.Context // ends with the Links
	way func() *way     // asked at each Write: an accepted far end is placed by its first

	deadline time.Time
	slept    time.Duration
	arrived  time.Time // release of the last Write: order is kept
}

func (c *farConn) Read(p []byte) (int, error) {
	c.slept = 0
	return c.Conn.Read(p)
}

func (c *farConn) Write(p []byte) (int, error) {
	if err := c.travel(len(p)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *farConn) travel(bytes int) error {
	w := c.way()
	begun := time.Now()
	release := begun.Add(w.delay(bytes) - c.slept)
	if release.Before(c.arrived) {
		release = c.arrived
	}
	ctx := c.ctx
	if !c.deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, c.deadline, os.ErrDeadlineExceeded)
		defer cancel()
	}
	if err := w.travel(ctx, release); err != nil {
		return err
	}
	c.slept += time.Since(begun)
	c.arrived = release
	return nil
}

func (c *farConn) SetDeadline(t time.Time) error {
	c.deadline = t
	return c.Conn.SetDeadline(t)
}

func (c *farConn) SetWriteDeadline(t time.Time) error {
	c.deadline = t
	return c.Conn.SetWriteDeadline(t)
}
