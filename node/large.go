package node

import (
	"fmt"
	"slices"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// This file is what a large value needs of a node beside a manifest in its entry:
// its region has the chunks before the write is stamped, and chunks that no entry
// names any more are dropped.

// maxRetired bounds the superseded uploads that are kept for a while.
const maxRetired = 1 << 14

// offered is a write whose upload the region is fetching.
type offered struct {
	ticket Ticket
	write  Write
}

// retired is an upload that was superseded.
type retired struct {
	upload store.Upload
	until  time.Duration // Reading.Mono
}

func (n *Node) offerLarge(now clock.Reading, t Ticket, w Write) {
	n.engine.Offer(now, w.Manifest)
	n.offered = append(n.offered, offered{t, w})
}

// acceptOffered accepts the writes whose chunks the region holds.
func (n *Node) acceptOffered(now clock.Reading) error {
	if len(n.offered) == 0 || n.draining || n.stamps(now) != nil {
		return nil
	}
	var err error
	n.offered = slices.DeleteFunc(n.offered, func(o offered) bool {
		if err != nil || !n.engine.Offered(o.write.Manifest.Upload) {
			return false
		}
		var old *store.Entry
		if old, err = n.current(o.write.Key); err == nil {
			err = n.accept(now, o.ticket, o.write, old)
		}
		return true
	})
	return err
}

// put makes e the entry of its key, which holds old, nil for nothing.
func (n *Node) put(old, e *store.Entry) error {
	batch := n.open()
	if err := batch.Put(e); err != nil {
		return fmt.Errorf("put %v: %w", e.Key, err)
	}
	n.engine.Showed(e)
	if old == nil || sameUpload(old, e) {
		return nil
	}
	return n.giveUp(old)
}

// giveUp lets go of the large value of old, which its key holds no more.
func (n *Node) giveUp(old *store.Entry) error {
	if old.Manifest == nil {
		return nil
	}
	if err := n.open().Release(old.Manifest.Upload); err != nil {
		return fmt.Errorf("release %v: %w", old.Key, err)
	}
	if len(n.retired) == maxRetired {
		n.drops = append(n.drops, n.retired[0].upload)
		n.retired = slices.Delete(n.retired, 0, 1)
	}
	n.retired = append(n.retired, retired{old.Manifest.Upload, n.now.Mono + n.cfg.KeepSuperseded})
	return nil
}

// sameUpload reports whether e was written anew with old's large value.
func sameUpload(old, e *store.Entry) bool {
	return old != nil && old.Manifest != nil && e.Manifest != nil && old.Manifest.Upload == e.Manifest.Upload
}

// dropped returns what nobody needs any more, as of what is committed.
func (n *Node) dropped() []store.Upload {
	i := 0
	for i < len(n.retired) && n.retired[i].until <= n.now.Mono {
		n.drops = append(n.drops, n.retired[i].upload)
		i++
	}
	n.retired = slices.Delete(n.retired, 0, i)
	drops := append(n.drops, n.engine.Drops()...)
	n.drops = nil
	return slices.DeleteFunc(drops, n.engine.Wants)
}
