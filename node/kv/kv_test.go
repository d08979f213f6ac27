package kv_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"hearsay/node"
	"hearsay/node/api/apitest"
	"hearsay/node/kv"
	"hearsay/store"
)

const (
	ns    = "0123456789abcdef0123456789abcdef"
	epoch = apitest.Epoch
)

// look returns a view of b that is closed with the test.
func look(t testing.TB, b *apitest.Backend) *kv.View {
	t.Helper()
	v := b.View()
	t.Cleanup(v.Close)
	return v
}

func accept(t testing.TB, b *apitest.Backend, ws ...node.Write) {
	t.Helper()
	if _, err := b.Write(context.Background(), ws); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// put stores value under key, without expiration.
func put(t testing.TB, b *apitest.Backend, key, value string) {
	t.Helper()
	w, err := look(t, b).Put(kv.Put{Namespace: ns, Key: key, Value: []byte(value)})
	if err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
	accept(t, b, w)
}

// wantRefusal checks that err refuses with the status, code and reason.
func wantRefusal(t *testing.T, what string, err error, want kv.Error) {
	t.Helper()
	var e *kv.Error
	if !errors.As(err, &e) || *e != want {
		t.Errorf("%s: %#v, want %#v", what, err, want)
	}
}

func TestGetKeepsToItsNamespace(t *testing.T) {
	b := apitest.New(t)
	put(t, b, "k", "v")
	v := look(t, b)
	if e, err := v.Get(ns, "k"); err != nil || string(e.Value) != "v" {
		t.Errorf("Get(k) = %v, %v, want v", e, err)
	}
	if _, err := v.Get("another", "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get(k) in another namespace: %v, want ErrNotFound", err)
	}
}

func TestDeleteNeedsNoKey(t *testing.T) {
	b := apitest.New(t)
	put(t, b, "k", "v")
	for _, key := range []string{"k", "k", "never there"} {
		w, err := look(t, b).Delete(ns, key)
		if err != nil {
			t.Fatalf("Delete(%q): %v", key, err)
		}
		accept(t, b, w)
		if _, err := look(t, b).Get(ns, key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get(%q) after its delete: %v, want ErrNotFound", key, err)
		}
	}
}

func TestCloseReleasesOnce(t *testing.T) {
	released := 0
	v := &kv.View{Release: func() { released++ }}
	v.Close()
	if released != 1 {
		t.Errorf("Close released the front %d times, want once", released)
	}
	(&kv.View{}).Close() // has nothing to release
}

func TestBulkGetAnswersInOrderAndOnce(t *testing.T) {
	b := apitest.New(t)
	put(t, b, "a", `{"x":1}`)
	put(t, b, "b", `2`)
	found, err := look(t, b).BulkGet(ns, kv.BulkGet{Keys: []string{"b", "absent", "a", "b"}, Type: "json", CacheTTL: "30"})
	if err != nil {
		t.Fatalf("BulkGet: %v", err)
	}
	var got []string
	for _, f := range found {
		text := f.Key + "=-"
		if f.Entry != nil {
			text = f.Key + "=" + string(f.Entry.Value)
		}
		got = append(got, text)
	}
	if want := []string{"b=2", "absent=-", `a={"x":1}`}; !slices.Equal(got, want) {
		t.Errorf("BulkGet = %q, want %q", got, want)
	}
}

func TestBulkGetRefuses(t *testing.T) {
	b := apitest.New(t)
	put(t, b, "text", "not json")
	half := string(make([]byte, kv.MaxBulkBytes/2))
	put(t, b, "half", half)
	put(t, b, "other half", half)
	put(t, b, "a byte", "1")
	tests := []struct {
		name string
		q    kv.BulkGet
		want kv.Error
	}{
		{"type", kv.BulkGet{Type: "arrayBuffer"}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: `"arrayBuffer" is not a valid type. Use "json" or "text"`}},
		{"too many keys", kv.BulkGet{Keys: make([]string, 101)}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "You can request a maximum of 100 keys"}},
		{"no keys", kv.BulkGet{}, kv.Error{Status: 400, Code: kv.CodeNoKeys, Reason: "You must request a minimum of 1 key"}},
		{"empty key, before the cache TTL", kv.BulkGet{Keys: []string{""}, CacheTTL: "1"}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Key names must not be empty"}},
		{"cache TTL, before the value", kv.BulkGet{Keys: []string{"text"}, Type: "json", CacheTTL: "29"}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "Invalid cache_ttl of 29. Cache TTL must be at least 30."}},
		{"not json", kv.BulkGet{Keys: []string{"text"}, Type: "json"}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: "At least one of the requested keys corresponds to a non-json value"}},
		{"total size", kv.BulkGet{Keys: []string{"half", "other half", "a byte"}}, kv.Error{Status: 413, Code: kv.CodeInvalid, Reason: "Total size of request exceeds the limit of 25MB"}},
		{"a bad key, before the total size", kv.BulkGet{Keys: []string{"half", "other half", "a byte", "."}}, kv.Error{Status: 400, Code: kv.CodeInvalid, Reason: `Illegal key name ".". Please use a different name.`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := look(t, b).BulkGet(ns, tt.q)
			wantRefusal(t, "BulkGet", err, tt.want)
		})
	}
	at := kv.BulkGet{Keys: []string{"half", "other half"}}
	if _, err := look(t, b).BulkGet(ns, at); err != nil {
		t.Errorf("BulkGet of exactly %d bytes: %v", kv.MaxBulkBytes, err)
	}
}
