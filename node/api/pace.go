package api

import (
	"io"
	"net/http"
	"time"
)

// A body has to come at minRate bytes a second, a pause of bodyGrace aside, and
// within maxBody: whoever sends slower holds what others wait for.
const (
	minRate   = 64 << 10
	bodyGrace = 10 * time.Second
	maxBody   = 5 * time.Minute
)

// pace has the connection of r break where its body comes too slowly.
func pace(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	r.Body = &pacedBody{ReadCloser: r.Body, conn: http.NewResponseController(w), start: time.Now()}
}

type pacedBody struct {
	io.ReadCloser
	conn  *http.ResponseController
	start time.Time
	read  int64
}

func (b *pacedBody) Read(p []byte) (int, error) {
	allowed := bodyGrace + time.Duration(b.read)*time.Second/minRate
	// A connection that knows no deadlines has none.
	_ = b.conn.SetReadDeadline(b.start.Add(min(allowed, maxBody)))
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if err == io.EOF {
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}
