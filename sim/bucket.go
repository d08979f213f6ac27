package sim

import (
	"time"

	"hearsay/store"
)

// Machines compare their content and look through their disks far more often than
// in the world, so that runs of seconds see it. Runs without faults do not, as what
// they send is measured.
const (
	repairInterval = time.Second
	scrub          = 8
)

// buckets checks I4 for what machines say of their content: a bucket of which
// nothing is newer than the W of two machines with equal floors is equal on both, what
// the floor has passed aside: the one may be done with that sooner. It holds until a
// disk is spoilt.
func (c *checker) buckets() {
	var last *machine
	for _, m := range c.w.present {
		if m.node == nil || m.front == nil || m.front.Fenced || c.rotten {
			continue
		}
		if last != nil && last.front.Floor == m.front.Floor {
			c.sameBuckets(last, m)
		}
		last = m
	}
}

func (c *checker) sameBuckets(a, b *machine) {
	x, err := a.disk.Digest()
	if err != nil {
		c.w.violated("I4", a, "has no digest: %v", err)
		return
	}
	y, err := b.disk.Digest()
	if err != nil {
		c.w.violated("I4", b, "has no digest: %v", err)
		return
	}
	through := a.front.W
	if b.front.W.Compare(through) < 0 {
		through = b.front.W
	}
	for i := range x {
		if x[i].Newest.Compare(through) > 0 || y[i].Newest.Compare(through) > 0 || x[i].Equal(y[i]) {
			continue
		}
		m, ok := c.lasting(a, i, x[i])
		n, also := c.lasting(b, i, y[i])
		if !ok || !also || m.Equal(n) {
			continue
		}
		c.w.violated("I4", a, "counts %+v in bucket %d, where %s counts %+v, and neither misses anything up to %v", m, i, b.peer.ID, n, through)
		return
	}
	c.w.stats.Buckets++
}

// lasting returns what m counts in bucket i, all, without what its floor has passed. It
// reports false if some of it lies beyond an end, and is to be written anew.
func (c *checker) lasting(m *machine, i int, all store.Bucket) (store.Bucket, bool) {
	entries, err := m.disk.Bucket(i)
	if err != nil {
		c.w.violated("I4", m, "has no bucket %d: %v", i, err)
		return all, false
	}
	for _, e := range entries {
		if c.excluded(e.Version, e.Seq) {
			return all, false
		}
		if e.DueAt(m.front.Floor) {
			all.Replace(e, nil)
		}
	}
	return all, true
}
