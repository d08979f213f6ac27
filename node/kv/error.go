package kv

import "fmt"

// Codes of the REST API's errors. The service has more, unpublished; what they
// would say is CodeInvalid here.
const (
	CodeKeyNotFound       = 10009
	CodeInvalid           = 10012
	CodeNamespaceNotFound = 10013
	CodeTitleTaken        = 10014
	CodeTitleMissing      = 10019
	CodeNoKeys            = 10029
	CodeInvalidTTL        = 10034
)

// An Error refuses a request, in the words that clients of Workers KV know.
// Nothing was changed.
type Error struct {
	Status int    // of HTTP
	Code   int    // of the REST API
	Reason string // may quote the request: it is not safe in a header as it is
}

func (e *Error) Error() string { return e.Reason }

func refuse(status, code int, format string, args ...any) error {
	return &Error{Status: status, Code: code, Reason: fmt.Sprintf(format, args...)}
}
