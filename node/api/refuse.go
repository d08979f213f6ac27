package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"hearsay/node"
	"hearsay/node/kv"
)

// An Envelope is every answer of the REST API that is not a value.
type Envelope struct {
	Success    bool       `json:"success"`
	Errors     []Mistake  `json:"errors"`
	Messages   []struct{} `json:"messages"`
	Result     any        `json:"result"`
	ResultInfo any        `json:"result_info,omitempty"`
}

// A Mistake is an error in an Envelope.
type Mistake struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Refused returns the envelope of a refusal.
func Refused(code int, message string) Envelope {
	return Envelope{Errors: []Mistake{{Code: code, Message: message}}, Messages: []struct{}{}}
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// What is left to fail is the connection, and then nobody is there to tell.
	_ = json.NewEncoder(w).Encode(v)
}

// codeInternal goes with what is no fault of the request. It is ours: the
// service publishes none.
const codeInternal = 10001

// Refusal makes ready to refuse r because of err, and returns what to say. It
// reads what is left of the body, which a client must have sent to hear the
// answer, and gives what is not the client's to know to report, if there is one.
func Refusal(w http.ResponseWriter, r *http.Request, report func(*http.Request, error), err error) *kv.Error {
	// An error here is the client's connection: it will not hear us anyway.
	_, _ = drain(r.Body)
	e := explain(err)
	if e.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if e.Status == http.StatusInternalServerError && report != nil {
		report(r, err)
	}
	return e
}

func explain(err error) *kv.Error {
	var e *kv.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, ErrOverloaded):
		return &kv.Error{Status: 503, Code: codeInternal, Reason: "The node is overloaded. Please try again."}
	case errors.Is(err, node.ErrAhead):
		return unserved(err, 0)
	case errors.Is(err, node.ErrLeaving):
		return &kv.Error{Status: 503, Code: codeInternal, Reason: "The node leaves the cluster and takes no writes. Please try another one."}
	case errors.Is(err, node.ErrFull):
		return &kv.Error{Status: 503, Code: codeInternal, Reason: "The node's disk is full and it takes no writes. Please try another one."}
	case errors.Is(err, node.ErrNotReady):
		return &kv.Error{Status: 503, Code: codeInternal, Reason: "The node does not take writes yet. Please try again."}
	case errors.Is(err, ErrStopped):
		return &kv.Error{Status: 503, Code: codeInternal, Reason: "The node is stopping. Please try again."}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &kv.Error{Status: 503, Code: codeInternal, Reason: "The request was not answered in time. Please try again."}
	}
	return &kv.Error{Status: 500, Code: codeInternal, Reason: http.StatusText(500)}
}

// Refuse answers with e, its reason in place of the standard phrase: that is
// the only part of an answer that a Worker sees. It takes the connection over,
// as net/http sends standard phrases alone, and closes it.
func Refuse(w http.ResponseWriter, e *kv.Error) {
	reason := phrase(e.Reason)
	body, err := json.Marshal(Refused(e.Code, e.Reason))
	if err != nil {
		panic("api: an envelope has no JSON: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	if reason == http.StatusText(e.Status) {
		w.WriteHeader(e.Status)
		_, _ = w.Write(body)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2 has no phrases
		w.WriteHeader(e.Status)
		_, _ = w.Write(body)
		return
	}
	defer conn.Close()
	var head strings.Builder
	fmt.Fprintf(&head, "HTTP/1.1 %03d %s\r\n", e.Status, reason)
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	_ = w.Header().Write(&head) // a Builder takes everything
	head.WriteString("\r\n")
	// A client that does not read its refusal does not hold us.
	_ = conn.SetWriteDeadline(time.Now().Add(refuseTimeout))
	_, _ = conn.Write(append([]byte(head.String()), body...))
}

const (
	refuseTimeout = 5 * time.Second
	// maxPhrase bounds a reason phrase, which may quote the request.
	maxPhrase = 1024
)

// phrase makes reason safe in a status line: printable ASCII on one line.
// workerd drops a phrase that holds anything else.
func phrase(reason string) string {
	safe := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, reason)
	return safe[:min(len(safe), maxPhrase)]
}
