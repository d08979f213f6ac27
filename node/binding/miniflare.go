package binding

import (
	"net/http"
	"net/url"
	"strings"
)

const (
	mfURL    = "MF-URL"
	mfHeader = "Mf-Header-" // in the form of net/http
)

// unwrap returns the runtime's request that Miniflare's proxy client wrapped in
// r: method and body are its own, path, query and headers ride in headers. The
// client also tries for a websocket; a 404 has it do without.
func unwrap(r *http.Request) (*http.Request, error) {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return nil, refuse(404, http.StatusText(404))
	}
	text := r.Header.Get(mfURL)
	u, err := url.Parse(text)
	if err != nil || text == "" {
		return nil, refuse(400, "The header MF-URL must hold the URL of the wrapped request")
	}
	inner := r.WithContext(r.Context())
	inner.URL = u
	inner.Header = make(http.Header)
	for name, values := range r.Header {
		if name, ok := strings.CutPrefix(name, mfHeader); ok {
			inner.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	return inner, nil
}
