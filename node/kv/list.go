package kv

import (
	"encoding/base64"
	"unicode/utf8"

	"hearsay/node"
	"hearsay/store"
)

const (
	// maxVisits bounds the entries that one List looks at, so that millions of
	// tombstones make many short pages and not one endless call.
	maxVisits = 4096
	// scanStep bounds the entries, values included, in memory at a time.
	scanStep = 64
)

// A Page is a part of a listing. It may be empty and yet not the last.
type Page struct {
	Keys []Listed
	// Cursor asks for the next page; empty on the last one. It names the last
	// key visited, and is tied to neither prefix nor limit.
	Cursor string
}

// A Listed is a key as a listing shows it.
type Listed struct {
	Name     string
	Expires  int64  // seconds since the Unix epoch, 0 for never
	Metadata []byte // JSON text, nil for none
}

// List returns a page of up to limit live keys that begin with prefix, in the
// order of their UTF-8 bytes, strictly after the key that cursor names. Each
// call lists what its own view shows. A limit outside 1 to MaxList is an error
// of the caller; what the client wrote goes through ParseLimit.
func (v *View) List(ns, prefix string, limit int, cursor string) (Page, error) {
	if err := checkPrefix(prefix); err != nil {
		return Page{}, err
	}
	start := store.Key{Namespace: ns, Name: prefix}
	if cursor != "" {
		after, err := parseCursor(cursor)
		if err != nil {
			return Page{}, err
		}
		start.Name = max(prefix, after+"\x00")
	}
	// No UTF-8 text holds the byte 0xff: this is after all that begin with prefix.
	end := store.Key{Namespace: ns, Name: prefix + "\xff"}

	var page Page
	for visits := 0; start.Compare(end) < 0; {
		// One key more than asked for tells whether the page is the last.
		step := min(scanStep, limit+1-len(page.Keys), maxVisits-visits)
		live, next, err := node.Scan(v.Now, v.Front, start, end, step)
		if err != nil {
			return Page{}, err
		}
		for _, e := range live {
			page.Keys = append(page.Keys, Listed{Name: e.Key.Name, Expires: e.Expires, Metadata: e.Metadata})
		}
		if len(page.Keys) > limit {
			page.Keys = page.Keys[:limit]
			page.Cursor = formatCursor(page.Keys[limit-1].Name)
			return page, nil
		}
		if next == (store.Key{}) {
			return page, nil
		}
		start = next
		if visits += step; visits == maxVisits {
			page.Cursor = formatCursor(next.Name[:len(next.Name)-1])
			return page, nil
		}
	}
	return page, nil
}

// ParseLimit reads the limit of a listing as the client wrote it in param.
// Empty is MaxList.
func ParseLimit(param, text string) (int, error) {
	if text == "" {
		return MaxList, nil
	}
	n, ok := leadingInt(text)
	switch {
	case !ok || n < 1:
		return 0, refuse(400, CodeInvalid, "Invalid %s of %s. Please specify an integer greater than 0.", param, text)
	case n > MaxList:
		return 0, refuse(400, CodeInvalid, "Invalid %s of %s. Please specify an integer less than %d.", param, text, MaxList)
	}
	return int(n), nil
}

func checkPrefix(prefix string) error {
	if !utf8.ValidString(prefix) {
		return refuse(400, CodeInvalid, "Could not URL-decode prefix")
	}
	return checkKeyLength(prefix)
}

func formatCursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

func parseCursor(cursor string) (key string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) > MaxKey || !utf8.Valid(b) {
		return "", refuse(400, CodeInvalid, "Invalid cursor. Please use the cursor of the page before, or none to start again.")
	}
	return string(b), nil
}
