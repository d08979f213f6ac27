package admin

import (
	"encoding/json"
	"fmt"
	"net/http"

	"hearsay/store"
)

// A ForgetRequest is the body of a POST to /admin/v1/forget.
type ForgetRequest struct {
	// Nodes are names or ids of members.
	Nodes []string `json:"nodes"`
	// Force has those forgotten too that are up.
	Force bool `json:"force"`
}

// A Forgetting is the answer: the ids of those that will be forgotten.
type Forgetting struct {
	IDs []store.NodeID `json:"ids"`
}

// maxForget bounds the body, in bytes.
const maxForget = 64 << 10

func forget(w http.ResponseWriter, r *http.Request, s Source) {
	var in ForgetRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxForget)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("body is no list of nodes to forget: %v", err))
		return
	}
	if len(in.Nodes) == 0 {
		refuse(w, http.StatusBadRequest, `"nodes" is empty: name those to forget`)
		return
	}
	ids, err := s.Forget(in.Nodes, in.Force)
	if err != nil {
		refuse(w, http.StatusConflict, err.Error())
		return
	}
	answer(w, http.StatusOK, Forgetting{ids})
}
