package roster_test

import (
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/store"
)

// Who rejoins is dropped and admitted again, and what nobody else took of its streams has
// ended: of one that began far ahead too, though its return is stamped before that.
func TestRejoinerEndsItsStreamsAndReturns(t *testing.T) {
	for seed := range uint64(10) {
		w := grown(t, seed, 4)
		w.loss, w.behind = 0.1, true
		back := w.sites[2]
		stray := streamOf(back.id)
		stray.Incarnation.Start.Wall = int64(24 * time.Hour)
		back.marks.Set(stray, 7)
		back.roster.Rejoin(w.now, []store.Origin{stray})
		if !w.until(30*time.Second, func() bool { return w.has(back.id, false) }) {
			t.Fatalf("seed %d: it was not dropped", seed)
		}
		if !w.until(30*time.Second, func() bool { return w.has(back.id, true) }) {
			t.Fatalf("seed %d: it was not admitted again", seed)
		}
		e := &w.sites[0].disk.Epoch
		m, _ := e.Member(back.id)
		fresh := stray
		fresh.Incarnation.Start = clock.Timestamp{Wall: m.Since.Wall + 1}
		for _, tt := range []struct {
			stream store.Origin
			last   uint64
			ended  bool
		}{{streamOf(back.id), 4, true}, {stray, 0, true}, {fresh, 0, false}} {
			if last, ended := e.Ended(tt.stream); last != tt.last || ended != tt.ended {
				t.Errorf("seed %d: Ended(%v) = %d, %v, want %d, %v", seed, tt.stream, last, ended, tt.last, tt.ended)
			}
		}
		if !e.Excludes(store.Version{Timestamp: stray.Incarnation.Start, Origin: stray}, 1) {
			t.Errorf("seed %d: what it wrote far ahead counts once its time has come", seed)
		}
		if w.failure != "" {
			t.Fatalf("seed %d: %s", seed, w.failure)
		}
	}
}

// Who would stamp so far ahead that others refuse it is not admitted before it does not.
func TestUnfitIsNotAdmitted(t *testing.T) {
	w := grown(t, 1, 3)
	late := w.add("late", "", "r")
	w.unfit = late.id
	w.boot(late)
	if w.until(20*time.Second, func() bool { return w.has(late.id, true) }) {
		t.Fatal("it was admitted")
	}
	w.unfit = ""
	if !w.until(20*time.Second, func() bool { return w.has(late.id, true) }) {
		t.Error("it was not admitted once it was fit")
	}
}
