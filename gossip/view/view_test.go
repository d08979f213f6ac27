package view_test

import (
	"testing"
	"time"
)

const seeds = 500

// harm runs a region with everything that can go wrong.
func harm(seed uint64, sh shape, b breach) *net {
	w := newNet(seed, sh, 5*time.Millisecond)
	w.breach, w.loss, w.lazy = b, 50, 30
	w.writes = []int{30, 100, 300, 1000}[seed/uint64(len(shapes))%4] // rare ones hide less of what is lost
	if b == reportUnsynced {
		w.lazy = 400 // what is at stake is more, then
	}
	for w.failure == "" && w.elapsed() < 15*time.Second {
		w.fault()
		w.step()
	}
	return w
}

func TestRegionReadsItsWrites(t *testing.T) {
	var acks, reads, fresh int
	for seed := range uint64(seeds) {
		sh := shapes[seed%uint64(len(shapes))]
		w := harm(seed, sh, "")
		acks, reads, fresh = acks+w.acks, reads+w.reads, fresh+w.fresh
		w.heal()
		took, ok := w.until(5*time.Second, func() bool { return whole(w.nodes()) })
		if w.failure != "" {
			t.Fatalf("seed %d, %v: %s", seed, sh, w.failure)
		}
		if !ok {
			t.Fatalf("seed %d, %v: no view of all nodes %v after all was healed", seed, sh, took)
		}
	}
	t.Logf("%d writes acknowledged region, %d of %d reads say it", acks, fresh, reads)
	if acks == 0 || fresh < reads/4 {
		t.Errorf("%d writes acknowledged region, %d of %d reads say it: too few to mean anything", acks, fresh, reads)
	}
}

func TestOwnerHasDuties(t *testing.T) {
	for _, b := range []breach{reportUnsynced, storeFirst, frontLate, forgetLedger, forgetAsked} {
		t.Run(string(b), func(t *testing.T) {
			for seed := range uint64(seeds) {
				sh := shapes[seed%uint64(len(shapes))]
				if w := harm(seed, sh, b); w.failure != "" {
					t.Logf("seed %d, %v: %s", seed, sh, w.failure)
					return
				}
			}
			t.Error("no seed notices")
		})
	}
}
