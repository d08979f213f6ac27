package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/api/apitest"
	"hearsay/node/kv"
	"hearsay/store"
)

func uploads(t *testing.T) (*apitest.Backend, *api.Uploads) {
	b := apitest.New(t)
	return b, api.NewUploads(b.Staging(), 1<<20, time.Second)
}

// A value is read whole and kept where its length says, however it comes.
func TestUploadOfEveryLength(t *testing.T) {
	b, u := uploads(t)
	for _, n := range []int{0, 1, store.MaxInline, store.MaxInline + 1, 128 << 10, 128<<10 + 1, api.ChunkBytes, api.ChunkBytes + 1, 3*api.ChunkBytes + 7, node.MaxValue} {
		sent := bytes.Repeat([]byte("0123456789abcde"), n/15+1)[:n]
		for _, size := range []int64{int64(n), -1, int64(n) + 1000} {
			v, err := u.Read(t.Context(), iotest.HalfReader(bytes.NewReader(sent)), size)
			if err != nil || v.Excess != 0 || (v.Manifest != nil) != (n > store.MaxInline) {
				t.Fatalf("Read of %d bytes said to be %d: manifest %v, %d excess, %v", n, size, v.Manifest != nil, v.Excess, err)
			}
			w := httptest.NewRecorder()
			api.WriteValue(w, b.Staging(), &store.Entry{Value: v.Value, Manifest: v.Manifest})
			if got := w.Body.Bytes(); !bytes.Equal(got, sent) {
				t.Errorf("a value of %d bytes said to be %d comes back as %d, want the same", n, size, len(got))
			}
			if v.Manifest != nil && v.Manifest.Validate() != nil {
				t.Errorf("manifest of %d bytes: %v", n, v.Manifest.Validate())
			}
			u.Discard(v.Manifest)
		}
	}
	if left := b.Uploads(); len(left) > 0 {
		t.Errorf("%d uploads are left when all were discarded", len(left))
	}
}

// Of what is not taken nothing stays.
func TestUploadsThatFailLeaveNothing(t *testing.T) {
	b, u := uploads(t)
	if v, err := u.Read(t.Context(), io.LimitReader(endless{}, node.MaxValue+5), -1); err != nil || v.Excess != node.MaxValue+5 || v.Value != nil || v.Manifest != nil {
		t.Errorf("Read of 5 bytes too many = %d excess, manifest %v, %v, want all as excess", v.Excess, v.Manifest, err)
	}
	broken := errors.New("broken")
	var refused *kv.Error
	_, err := u.Read(t.Context(), io.MultiReader(io.LimitReader(endless{}, 300<<10), iotest.ErrReader(broken)), 1<<20)
	if !errors.As(err, &refused) || refused.Status != 400 {
		t.Errorf("Read of a body that breaks off = %v, want a refusal", err)
	}
	large := make([]byte, store.MaxInline+1)
	ws, err := api.StageLarge(b.Staging(), []node.Write{{Value: large}, {Value: []byte("small")}, {Value: large}})
	if err != nil || ws[0].Manifest == nil || ws[1].Manifest != nil || ws[2].Manifest == nil || ws[0].Value != nil {
		t.Fatalf("StageLarge = %+v, %v", ws, err)
	}
	if err := api.DropLarge(b.Staging(), ws); err != nil {
		t.Fatal(err)
	}
	if left := b.Uploads(); len(left) > 0 {
		t.Errorf("%d uploads are left, want none", len(left))
	}
}

// However many come at once, those that find no room wait, and then hear so.
func TestUploadsAreBounded(t *testing.T) {
	b := apitest.New(t)
	u := api.NewUploads(b.Staging(), 128<<10, time.Millisecond)
	body, send := io.Pipe()
	done := make(chan error)
	go func() {
		v, err := u.Read(context.Background(), body, -1)
		u.Discard(v.Manifest)
		done <- err
	}()
	if _, err := send.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Read(t.Context(), endless{}, -1); !errors.Is(err, api.ErrOverloaded) {
		t.Errorf("Read beside one that has all the room = %v, want ErrOverloaded", err)
	}
	send.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := u.Read(t.Context(), strings.NewReader("x"), -1); err != nil {
		t.Errorf("Read with room again = %v", err)
	}
}

// A value whose bytes are not what was written never comes to its end.
func TestCorruptValueIsBrokenOff(t *testing.T) {
	b, u := uploads(t)
	const n = 3 * api.ChunkBytes / 2
	v, err := u.Read(t.Context(), io.LimitReader(endless{}, n), n)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Staging().Stage(v.Manifest.Upload, n-1, []byte{0xff}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		api.WriteValue(w, b.Staging(), &store.Entry{Manifest: v.Manifest})
	}))
	defer srv.Close()
	res, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err == nil || len(got) >= n {
		t.Errorf("a corrupt value of %d bytes: %d bytes and %v, want an end before the last", int(n), len(got), err)
	}
}
