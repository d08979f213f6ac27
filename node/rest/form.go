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
func parsePut(r *http.Request) (kv.Put, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		value, excess, err := api.ReadAll(r.Body, r.ContentLength, kv.MaxValue)
		return kv.Put{Value: value, Excess: excess}, err
	}
	var p kv.Put
	hasValue := false
	form := multipart.NewReader(whole(r.Body), params["boundary"])
	for range maxParts {
		// Raw: a value is never decoded, whatever the part says it is.
		part, err := form.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && !hasValue:
			return kv.Put{}, invalid("the form has no part named value")
		case errors.Is(err, io.EOF):
			return p, nil
		case err != nil:
			return kv.Put{}, invalid("the form could not be read: %v", err)
		}
		switch name := part.FormName(); {
		case name == "value" && hasValue:
			return kv.Put{}, invalid("the form has two parts named value")
		case name == "value":
			hasValue = true
			p.Value, p.Excess, err = api.ReadAll(part, r.ContentLength, kv.MaxValue)
		case name == "metadata":
			p.Metadata, _, err = api.ReadAll(part, -1, maxMetadataPart)
		}
		if err != nil {
			return kv.Put{}, err
		}
	}
	return kv.Put{}, invalid("the form has more than %d parts", maxParts)
}

// whole returns body with an end of line, which may be missing after the last
// boundary, and then an error: multipart takes a body that ends within the
// headers of a part for one that ends well.
func whole(body io.Reader) io.Reader {
	return io.MultiReader(body, strings.NewReader("\r\n"), brokenOff{})
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
