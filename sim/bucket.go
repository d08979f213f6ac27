package sim

import "time"

// Machines compare their content and look through their disks far more often than
// in the world, so that runs of seconds see it. Runs without faults do not, as what
// they send is measured.
const (
	repairInterval = time.Second
	scrub          = 8
)

// buckets checks I4 for what machines say of their content: a bucket of which
// nothing is newer than the W of two machines with equal floors is equal on both. It
// holds until a disk is spoilt, or a member dropped: what was shown of it from beyond
// its end is written anew. Where entries are collected, the one may be done sooner.
func (c *checker) buckets() {
	if len(c.epoch.Ends) > 0 || c.w.cfg.Collection == Collect {
		return
	}
	var last *machine
	for _, m := range c.w.machines {
		if m.node == nil || m.front == nil || c.rotten {
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
		c.w.violated("I4", a, "counts %+v in bucket %d, where %s counts %+v, and neither misses anything up to %v", x[i], i, b.peer.ID, y[i], through)
		return
	}
	c.w.stats.Buckets++
}
