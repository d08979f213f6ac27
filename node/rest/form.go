package rest

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"hearsay/node/api"
	"hearsay/node/kv"
)

const (
	// maxMetadataPart bounds what is kept of a metadata part: enough to refuse it
	// with its length.
	maxMetadataPart = 64 << 10
	// maxParts bounds the parts of a form. Two have a meaning.
	maxParts = 1000
)

// parsePut reads the body of a put to its end: the value as it is or, in a
// form, the parts value and metadata in any order. Other parts mean nothing:
// clients make them from metadata that is not text, and the service drops them.
func (h *handler) parsePut(r *http.Request) (kv.Put, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		v, err := h.uploads.Read(r.Context(), r.Body, r.ContentLength)
		return put(v), err
	}
	p, err := h.parseForm(r, params["boundary"])
	if err != nil {
		h.uploads.Discard(p.Manifest)
	}
	return p, err
}

func put(v api.Value) kv.Put {
	return kv.Put{Value: v.Value, Manifest: v.Manifest, Excess: v.Excess}
}

// parseForm may return a value beside an error.
func (h *handler) parseForm(r *http.Request, boundary string) (p kv.Put, err error) {
	hasValue := false
	form := multipart.NewReader(whole(r.Body), boundary)
	for range maxParts {
		// Raw: a value is never decoded, whatever the part says it is.
		part, err := form.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && !hasValue:
			return p, invalid("the form has no part named value")
		case errors.Is(err, io.EOF):
			return p, nil
		case err != nil:
			return p, invalid("the form could not be read: %v", err)
		}
		switch name := part.FormName(); {
		case name == "value" && hasValue:
			return p, invalid("the form has two parts named value")
		case name == "value":
			hasValue = true
			var v api.Value
			v, err = h.uploads.Read(r.Context(), part, r.ContentLength)
			p.Value, p.Manifest, p.Excess = v.Value, v.Manifest, v.Excess
		case name == "metadata":
			p.Metadata, _, err = api.ReadAll(part, -1, maxMetadataPart)
		}
		if err != nil {
			return p, err
		}
	}
	return p, invalid("the form has more than %d parts", maxParts)
}

// whole returns body with an end of line, which may be missing after the last
// boundary, and then an error: multipart takes a body that ends within the
// headers of a part for one that ends well.
func whole(body io.Reader) io.Reader {
	return io.MultiReader(body, strings.NewReader("\r\n"), brokenOff{})
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
