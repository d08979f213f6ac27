package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"hearsay/node/kv"
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
// how many seconds old the newest write may be that it does not show. If r says
// how stale it may be at most, Look waits for such a view, and refuses if none
// comes in time. The caller closes the view.
func Look(w http.ResponseWriter, r *http.Request, b Backend) (*kv.View, error) {
	limit, limited, err := seconds(r.Header, headerMaxStaleness)
	if err != nil {
		return nil, err
	}
	wait, given, err := seconds(r.Header, headerWait)
	switch {
	case err != nil:
		return nil, err
	case !given:
		wait = defaultWait
	case wait > maxWait:
		return nil, invalid("Invalid %s of %s. It must be at most %.0f seconds.", headerWait, r.Header.Get(headerWait), maxWait.Seconds())
	}
	if limited {
		return await(w, r, b, limit, wait)
	}
	v := b.View()
	state(w.Header(), v)
	return v, nil
}

// await is Look for a view that is at most so stale.
func await(w http.ResponseWriter, r *http.Request, b Backend, limit, wait time.Duration) (*kv.View, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for over := false; ; {
		fresher := b.Fresher()
		v := b.View()
		stale, known := state(w.Header(), v)
		if known && stale <= limit {
			return v, nil
		}
		v.Close()
		switch {
		case fresher == nil:
			return nil, ErrStopped
		case over:
			return nil, tooStale(stale, known, limit, wait)
		}
		select {
		case <-fresher:
		case <-timer.C:
			over = true // but look once more, to say how stale the node is by now
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// state has the answer state the staleness of v, and returns it.
func state(h http.Header, v *kv.View) (stale time.Duration, known bool) {
	stale, known = v.Front.Staleness(v.Now)
	if known {
		h.Set(headerStaleness, strconv.FormatFloat(stale.Seconds(), 'f', 3, 64))
	} else {
		h.Set(headerStaleness, "unknown")
	}
	return stale, known
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
