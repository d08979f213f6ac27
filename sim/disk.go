package sim

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
)

// This file is what goes wrong with disks: they fill up, fail, and grow slow.

// errSync is what a disk says that could not sync.
var errSync = errors.New("sim: the disk did not sync")

// spoilDisk has m's next commit fail. Whether the disk has it all the same is drawn.
func (w *World) spoilDisk(m *machine, f *Fault) {
	m.spoilt = append(m.spoilt, f)
	m.disk.Fail(errSync, happens(w.draw("failed sync kept", f.ID, uint64(m.index)), 500))
}

// failed reports whether err, of m's Flush, is what its disk was spoilt for, and
// then ends m's life.
func (w *World) failed(m *machine, err error) bool {
	if len(m.spoilt) == 0 || !errors.Is(err, errSync) {
		return false
	}
	w.stats.FailedSyncs++
	m.crashes++
	m.stopped = m.spoilt[0]
	w.stop(m, m.stopped)
	return true
}

// replaceDisk ends a FailedSync. Whose node it stopped starts again, on what the disk
// holds; the operator has had the machine mended.
func (w *World) replaceDisk(m *machine, f *Fault) {
	m.spoilt = slices.DeleteFunc(m.spoilt, func(g *Fault) bool { return g == f })
	if len(m.spoilt) == 0 {
		m.disk.Fail(nil, false)
	}
	if m.stopped == f {
		m.stopped = nil
		w.restart(m, f.ID)
	}
}

// measure tells m's node whether its disk is full, as a host does.
func (m *machine) measure(now clock.Reading) {
	m.full = m.fulls > 0
	m.node.Full(now, m.full)
}

// applied checks that a machine whose disk is full takes nothing in.
func (c *checker) applied(m *machine, f gossip.FrameApplied) {
	if m.full {
		c.w.violated("C6", m, "takes in %d rows of %v, though its disk is full", f.Rows, f.Origin)
	}
}

// keptFloor returns the floor that m's disk has, which may be above that of its last
// front: a commit that failed may be there all the same.
func (c *checker) keptFloor(m *machine) clock.Timestamp {
	var kept gossip.Kept
	text, err := m.disk.Memo("kept")
	if err == nil && text != nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		c.w.violated("store", m, "read the floor of %s: %v", m.peer.ID, err)
	}
	return kept.Floor
}

// commitTime returns how long the commit of m's turn takes.
func (w *World) commitTime(m *machine) time.Duration {
	return w.cfg.commitTime(m.index, w.now) + m.slow
}
