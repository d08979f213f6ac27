package kv

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"hearsay/node"
	"hearsay/store"
)

// A Put is a request to store a value under a key.
type Put struct {
	Namespace string // id
	Key       string
	Value     []byte // kept by the write
	// Manifest stands for a value of more than store.MaxInline bytes, if that is
	// staged already.
	Manifest *store.Manifest
	// Excess is how many bytes of the value came after Value and were let go
	// because it was too long already.
	Excess   int64
	Metadata []byte // JSON text; none if empty or null
	// TTL and Expiration are numbers of seconds as the client wrote them, from
	// now and since the Unix epoch; empty for none. With a TTL, Expiration is
	// not looked at.
	TTL        string
	Expiration string
}

// Put returns the write that p asks for, or an *Error. The absolute expiration
// is fixed here, from the view's reading.
func (v *View) Put(p Put) (node.Write, error) {
	if err := checkKey(p.Key); err != nil {
		return node.Write{}, err
	}
	expires, err := v.expires(p.TTL, p.Expiration)
	if err != nil {
		return node.Write{}, err
	}
	metadata, err := checkMetadata(p.Metadata)
	if err != nil {
		return node.Write{}, err
	}
	if n := int64(len(p.Value)) + p.Excess; n > MaxValue {
		return node.Write{}, refuse(413, CodeInvalid, "Value length of %d exceeds limit of %d.", n, MaxValue)
	}
	return node.Write{
		Key:      store.Key{Namespace: p.Namespace, Name: p.Key},
		Value:    p.Value,
		Manifest: p.Manifest,
		Metadata: metadata,
		Expires:  expires,
	}, nil
}

// Delete returns the write that deletes key, or an *Error. The key need not be
// there.
func (v *View) Delete(ns, key string) (node.Write, error) {
	if err := checkKey(key); err != nil {
		return node.Write{}, err
	}
	return node.Write{Key: store.Key{Namespace: ns, Name: key}, Delete: true}, nil
}

func (v *View) expires(ttl, expiration string) (int64, error) {
	now := v.Wall() / int64(time.Second)
	if ttl != "" {
		n, ok := leadingInt(ttl)
		switch {
		case !ok || n <= 0:
			return 0, refuse(400, CodeInvalidTTL, "Invalid expiration_ttl of %s. Please specify integer greater than 0.", ttl)
		case n < MinTTL:
			return 0, refuse(400, CodeInvalidTTL, "Invalid expiration_ttl of %s. Expiration TTL must be at least %d.", ttl, MinTTL)
		}
		return now + n, nil
	}
	if expiration == "" {
		return 0, nil
	}
	n, ok := leadingInt(expiration)
	switch {
	case !ok || n <= now:
		return 0, refuse(400, CodeInvalid, "Invalid expiration of %s. Please specify integer greater than the current number of seconds since the UNIX epoch.", expiration)
	case n < now+MinTTL:
		return 0, refuse(400, CodeInvalid, "Invalid expiration of %s. Expiration times must be at least %d seconds in the future.", expiration, MinTTL)
	}
	return n, nil
}

// checkMetadata returns the JSON text to keep: on one line, as a header needs.
func checkMetadata(text []byte) ([]byte, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	if len(text) > MaxMetadata {
		return nil, refuse(413, CodeInvalid, "Metadata length of %d exceeds limit of %d.", len(text), MaxMetadata)
	}
	var line bytes.Buffer
	if !utf8.Valid(text) || json.Compact(&line, text) != nil {
		return nil, refuse(400, CodeInvalid, "Metadata must be valid JSON.")
	}
	return line.Bytes(), nil
}

// CheckCacheTTL refuses the cache TTL of a read, seconds as the client wrote
// them, if it is below MinCacheTTL. Empty is none.
func CheckCacheTTL(text string) error {
	if text == "" {
		return nil
	}
	if n, ok := leadingInt(text); !ok || n < MinCacheTTL {
		return refuse(400, CodeInvalid, "Invalid cache_ttl of %s. Cache TTL must be at least %d.", text, MinCacheTTL)
	}
	return nil
}

// maxDigits keeps every number far from overflow, and exact in JavaScript.
const maxDigits = 15

// leadingInt reads the whole number that text begins with, as JavaScript's
// parseInt does: clients send 60.9 and mean 60.
func leadingInt(text string) (n int64, ok bool) {
	digits, negative := text, false
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		negative = digits[0] == '-'
		digits = digits[1:]
	}
	read := 0
	for read < len(digits) && digits[read] >= '0' && digits[read] <= '9' {
		if read == maxDigits {
			return 0, false
		}
		n = n*10 + int64(digits[read]-'0')
		read++
	}
	if negative {
		n = -n
	}
	return n, read > 0
}
