package kv_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"hearsay/node/api/apitest"
	"hearsay/node/kv"
	"hearsay/store"
)

func TestPutRefuses(t *testing.T) {
	long := strings.Repeat("k", 513)
	value := make([]byte, kv.MaxValue)
	tests := []struct {
		name string
		put  kv.Put
		want kv.Error
	}{
		{"key is empty", kv.Put{}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Key names must not be empty"}},
		{"key is a dot", kv.Put{Key: "."}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: `Illegal key name ".". Please use a different name.`}},
		{"key is two dots", kv.Put{Key: ".."}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: `Illegal key name "..". Please use a different name.`}},
		{"key is too long", kv.Put{Key: long}, kv.Error{Status: 414, Code: kv.CodeInvalid, Reason: "UTF-8 encoded length of 513 exceeds key length limit of 512."}},
		{"key is not UTF-8", kv.Put{Key: "\xed\xa0\x80"}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Could not URL-decode key name"}},
		{"TTL is no number", kv.Put{Key: "k", TTL: "nan"}, kv.Error{Status: 400, Code: kv.CodeInvalidTTL, Reason: "Invalid expiration_ttl of nan. Please specify integer greater than 0."}},
		{"TTL is 0", kv.Put{Key: "k", TTL: "0"}, kv.Error{Status: 400, Code: kv.CodeInvalidTTL, Reason: "Invalid expiration_ttl of 0. Please specify integer greater than 0."}},
		{"TTL is negative", kv.Put{Key: "k", TTL: "-61"}, kv.Error{Status: 400, Code: kv.CodeInvalidTTL, Reason: "Invalid expiration_ttl of -61. Please specify integer greater than 0."}},
		{"TTL is beyond any number", kv.Put{Key: "k", TTL: "9999999999999999"}, kv.Error{Status: 400, Code: kv.CodeInvalidTTL, Reason: "Invalid expiration_ttl of 9999999999999999. Please specify integer greater than 0."}},
		{"TTL is short", kv.Put{Key: "k", TTL: "59"}, kv.Error{Status: 400, Code: kv.CodeInvalidTTL, Reason: "Invalid expiration_ttl of 59. Expiration TTL must be at least 60."}},
		{"expiration is no number", kv.Put{Key: "k", Expiration: "soon"}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Invalid expiration of soon. Please specify integer greater than the current number of seconds since the UNIX epoch."}},
		{"expiration is now", kv.Put{Key: "k", Expiration: "1800000000"}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Invalid expiration of 1800000000. Please specify integer greater than the current number of seconds since the UNIX epoch."}},
		{"expiration is near", kv.Put{Key: "k", Expiration: "1800000059"}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Invalid expiration of 1800000059. Expiration times must be at least 60 seconds in the future."}},
		{"metadata is long", kv.Put{Key: "k", Metadata: []byte(`"` + strings.Repeat("m", 1023) + `"`)}, kv.Error{Status: 413, Code: kv.CodeInvalid, Reason: "Metadata length of 1025 exceeds limit of 1024."}},
		{"metadata is no JSON", kv.Put{Key: "k", Metadata: []byte("{")}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Metadata must be valid JSON."}},
		{"metadata is not UTF-8", kv.Put{Key: "k", Metadata: []byte("\"\xff\"")}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Metadata must be valid JSON."}},
		{"value is long", kv.Put{Key: "k", Value: value, Excess: 1}, kv.Error{Status: 413, Code: kv.CodeInvalid, Reason: "Value length of 26214401 exceeds limit of 26214400."}},

		{"key before TTL", kv.Put{Key: "..", TTL: "1"}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: `Illegal key name "..". Please use a different name.`}},
		{"TTL before expiration", kv.Put{Key: "k", TTL: "1", Expiration: "1"}, kv.Error{Status: 400, Code: kv.CodeInvalidTTL, Reason: "Invalid expiration_ttl of 1. Expiration TTL must be at least 60."}},
		{"expiration before metadata", kv.Put{Key: "k", Expiration: "1", Metadata: make([]byte, 2000)}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Invalid expiration of 1. Please specify integer greater than the current number of seconds since the UNIX epoch."}},
		{"metadata before value", kv.Put{Key: "k", Metadata: []byte("{"), Value: value, Excess: 1}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Metadata must be valid JSON."}},
	}
	v := look(t, apitest.New(t))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := v.Put(tt.put)
			wantRefusal(t, "Put", err, tt.want)
		})
	}
}

func TestPutAcceptsWhatIsAtTheLimit(t *testing.T) {
	tests := []struct {
		name     string
		put      kv.Put
		expires  int64
		metadata string
	}{
		{"nothing special", kv.Put{Key: "k"}, 0, ""},
		{"longest key", kv.Put{Key: strings.Repeat("é", 256)}, 0, ""},
		{"odd key", kv.Put{Key: "/%+ \x00\n\x7f|é"}, 0, ""},
		{"longest value", kv.Put{Key: "k", Value: make([]byte, kv.MaxValue)}, 0, ""},
		{"least TTL", kv.Put{Key: "k", TTL: "60"}, epoch + 60, ""},
		{"TTL wins over any expiration", kv.Put{Key: "k", TTL: "60", Expiration: "1"}, epoch + 60, ""},
		{"fraction of a TTL is cut off", kv.Put{Key: "k", TTL: "+60.9"}, epoch + 60, ""},
		{"greatest TTL", kv.Put{Key: "k", TTL: "999999999999999"}, epoch + 999999999999999, ""},
		{"least expiration", kv.Put{Key: "k", Expiration: "1800000060"}, epoch + 60, ""},
		{"null metadata is none", kv.Put{Key: "k", Metadata: []byte(" null ")}, 0, ""},
		{"falsy metadata is some", kv.Put{Key: "k", Metadata: []byte("0")}, 0, "0"},
		{"metadata on one line", kv.Put{Key: "k", Metadata: []byte("{\"a\":\n\t\"é\"}")}, 0, `{"a":"é"}`},
		{"longest metadata", kv.Put{Key: "k", Metadata: []byte(`"` + strings.Repeat("m", 1022) + `"`)}, 0, `"` + strings.Repeat("m", 1022) + `"`},
	}
	v := look(t, apitest.New(t))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.put.Namespace = ns
			w, err := v.Put(tt.put)
			if err != nil {
				t.Fatalf("Put: %v", err)
			}
			if w.Key != (store.Key{Namespace: ns, Name: tt.put.Key}) || w.Delete {
				t.Errorf("Put writes %v, delete %v, want a put of %q", w.Key, w.Delete, tt.put.Key)
			}
			if w.Expires != tt.expires || string(w.Metadata) != tt.metadata {
				t.Errorf("Put expires %d with metadata %q, want %d, %q", w.Expires, w.Metadata, tt.expires, tt.metadata)
			}
		})
	}
}

func TestExpiresByTheClockThatNeverRunsBack(t *testing.T) {
	b := apitest.New(t)
	w, err := look(t, b).Put(kv.Put{Namespace: ns, Key: "k", TTL: "60"})
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	accept(t, b, w)
	b.Advance(59 * time.Second)
	if e, err := look(t, b).Get(ns, "k"); err != nil || e.Expires != epoch+60 {
		t.Errorf("Get(k) after 59 s = %v, %v, want it to expire at %d", e, err, epoch+60)
	}
	b.Advance(time.Second)
	put(t, b, "another", "") // has the node see the time
	b.Advance(-time.Hour)
	v := look(t, b)
	if _, err := v.Get(ns, "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get(k) after 60 s, clock set back: %v, want ErrNotFound", err)
	}
	w, err = v.Put(kv.Put{Namespace: ns, Key: "k", TTL: "60"})
	if err != nil || w.Expires != epoch+120 {
		t.Errorf("Put(k), clock set back, expires %d, %v, want %d", w.Expires, err, epoch+120)
	}
}

func TestCheckCacheTTL(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""},
		{"30", ""},
		{"60.5", ""},
		{"29", "Invalid cache_ttl of 29. Cache TTL must be at least 30."},
		{"NaN", "Invalid cache_ttl of NaN. Cache TTL must be at least 30."},
		{"-30", "Invalid cache_ttl of -30. Cache TTL must be at least 30."},
	}
	for _, tt := range tests {
		err := kv.CheckCacheTTL(tt.text)
		if tt.want == "" {
			if err != nil {
				t.Errorf("CheckCacheTTL(%q): %v, want none", tt.text, err)
			}
			continue
		}
		wantRefusal(t, "CheckCacheTTL("+tt.text+")", err, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: tt.want})
	}
}
