package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"hearsay/node"
	"hearsay/node/kv"
	"hearsay/store"
)

const (
	headerStaleness    = "Hearsay-Staleness"     // of an answer
	headerMaxStaleness = "Hearsay-Max-Staleness" // of a request
	headerWait         = "Hearsay-Wait"          // of a request
)

const (
	defaultWait = 2 * time.Second
	// maxWait bounds how long a read holds its connection.
	maxWait = 60 * time.Second
)

// Look returns a view for the read r, and has the answer state its staleness:
// how many seconds old the newest write may be that it does not show, and whether
// it shows all that its region has acknowledged. If r says how stale it may be at
// most, what its client has seen, or that it refuses what may lack a write of the
// region, Look waits for such a view, and refuses if none comes in time. The view notes what is read through
// it, for Saw. The caller closes it.
func Look(w http.ResponseWriter, r *http.Request, b Backend) (*kv.View, error) {
	d, err := demanded(r, b)
	if err != nil {
		return nil, err
	}
	if d.limit, d.limited, err = seconds(r.Header, headerMaxStaleness); err != nil {
		return nil, err
	}
	if d.region, err = refusesStale(r.Header); err != nil {
		return nil, err
	}
	v, err := d.await(r, b, func(v *kv.View) { state(w.Header(), v) })
	if err != nil {
		return nil, err
	}
	v.Watch(d.seen)
	return v, nil
}

// Follow returns a view for the write r that shows what its client has seen, and
// what that is beyond what is everywhere. It waits for one as Look does. The caller closes the view.
func Follow(r *http.Request, b Backend) (*kv.View, store.Bookmark, error) {
	d, err := demanded(r, b)
	if err != nil {
		return nil, store.Bookmark{}, err
	}
	v, err := d.await(r, b, func(*kv.View) {})
	if err != nil {
		return nil, store.Bookmark{}, err
	}
	return v, v.Front.Shorten(d.seen), nil
}

// A demand is what a request asks of the view that it is answered from.
type demand struct {
	seen    store.Bookmark
	limited bool
	limit   time.Duration // of the staleness, if limited
	region  bool          // it shows all that its region has acknowledged
	wait    time.Duration
}

// demanded returns what any request may ask.
func demanded(r *http.Request, b Backend) (d demand, err error) {
	if d.seen, err = seenBy(r.Header, b.Bookmarks()); err != nil {
		return d, err
	}
	wait, given, err := seconds(r.Header, headerWait)
	switch {
	case err != nil:
		return d, err
	case !given:
		wait = defaultWait
	case wait > maxWait:
		return d, invalid("Invalid %s of %s. It must be at most %.0f seconds.", headerWait, r.Header.Get(headerWait), maxWait.Seconds())
	}
	d.wait = wait
	return d, nil
}

// unmet returns why v will not do, nil if it will. No later view will do either
// if final.
func (d *demand) unmet(v *kv.View) (final bool, err error) {
	if err := v.Front.Serve(v.Now, d.seen); err != nil {
		return !errors.Is(err, node.ErrBehind), unserved(err, d.wait)
	}
	stale, known := v.Front.Staleness(v.Now)
	if d.limited && (!known || stale > d.limit) {
		return false, tooStale(stale, known, d.limit, d.wait)
	}
	if d.region && !v.Front.Region(v.Now) {
		return false, notRegion(d.wait)
	}
	return false, nil
}

// await returns a view that d is met by. It shows each that it looks at to shown.
func (d *demand) await(r *http.Request, b Backend, shown func(*kv.View)) (*kv.View, error) {
	next := b.Fresher
	if len(d.seen.Marks) > 0 {
		next = b.Newer
	}
	var timer *time.Timer
	for over := false; ; {
		wake := next()
		v := b.View()
		shown(v)
		final, unmet := d.unmet(v)
		if unmet == nil {
			return v, nil
		}
		v.Close()
		switch {
		case wake == nil:
			return nil, ErrStopped
		case over, final:
			return nil, unmet
		case timer == nil:
			timer = time.NewTimer(d.wait)
			defer timer.Stop()
		}
		select {
		case <-wake:
		case <-timer.C:
			over = true // but look once more, to say how things are by now
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// state has the answer state the staleness of v.
func state(h http.Header, v *kv.View) {
	consistent(h, v)
	if stale, known := v.Front.Staleness(v.Now); known {
		h.Set(headerStaleness, strconv.FormatFloat(stale.Seconds(), 'f', 3, 64))
	} else {
		h.Set(headerStaleness, "unknown")
	}
}

func tooStale(stale time.Duration, known bool, limit, wait time.Duration) error {
	found := "cannot tell how stale it is"
	if known {
		found = fmt.Sprintf("may lack writes of the last %v", stale.Round(time.Millisecond))
	}
	return &kv.Error{Status: 503, Code: codeInternal, Reason: fmt.Sprintf(
		"The node %s, and %s allows %v; it waited %v for better. Please try again, ask another node, or allow more.",
		found, headerMaxStaleness, limit, wait)}
}

func notRegion(wait time.Duration) error {
	return &kv.Error{Status: 503, Code: codeInternal, Reason: fmt.Sprintf(
		"The node cannot tell that it shows all that its region has acknowledged, and %s is refuse; it waited %v for that. Please try again, ask another node of the region, or allow stale answers.",
		headerOnStale, wait)}
}

// seconds reads the header name, a number of seconds such as 2 or 0.5. Given is
// whether it is there.
func seconds(h http.Header, name string) (d time.Duration, given bool, err error) {
	values := h.Values(name)
	if len(values) == 0 {
		return 0, false, nil
	}
	text := strings.Join(values, ", ")
	d, err = time.ParseDuration(text + "s")
	if err != nil || strings.Trim(text, "0123456789.") != "" {
		return 0, false, invalid("Invalid %s of %s. It must be a number of seconds, such as 2 or 0.5.", name, text)
	}
	return d, true, nil
}

func invalid(format string, args ...any) error {
	return &kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: fmt.Sprintf(format, args...)}
}
