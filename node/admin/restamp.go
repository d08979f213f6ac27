package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// RestampPath is where a key is stamped anew.
const RestampPath = "/admin/v1/restamp"

// A RestampRequest is the body of a POST to RestampPath.
type RestampRequest struct {
	Namespace string `json:"namespace"` // its id or title
	Key       string `json:"key"`
}

// A Restamping is the answer: what the key holds, and how far ahead of the node's clock
// that is stamped. It is done when Why tells of another version.
type Restamping struct {
	Version string  `json:"version"`
	Ahead   float64 `json:"ahead_seconds"`
}

// maxRestamp bounds the body, in bytes.
const maxRestamp = 4 << 10

func restamp(w http.ResponseWriter, r *http.Request, s Source) {
	var in RestampRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRestamp)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Sprintf(`body is not {"namespace": "…", "key": "…"}: %v`, err))
		return
	}
	if in.Namespace == "" || in.Key == "" {
		refuse(w, http.StatusBadRequest, `"namespace" and "key" must both be given`)
		return
	}
	begun, err := s.Restamp(in.Namespace, in.Key)
	if err != nil {
		refuse(w, http.StatusConflict, err.Error())
		return
	}
	answer(w, http.StatusOK, begun)
}
