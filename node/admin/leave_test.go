package admin_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"hearsay/node/admin"
)

func TestOrders(t *testing.T) {
	no := errors.New("no majority")
	tests := []struct {
		name       string
		node       node
		path, body string
		wantStatus int
		wantText   string
	}{
		{"forget", node{}, "forget", `{"nodes":["a","b"]}`, http.StatusOK, "[a b]false"},
		{"forget by force", node{}, "forget", `{"nodes":["a"],"force":true}`, http.StatusOK, "[a]true"},
		{"forget nobody", node{}, "forget", `{"nodes":[]}`, http.StatusBadRequest, "name those to forget"},
		{"no body", node{}, "forget", "", http.StatusBadRequest, "no list of nodes"},
		{"a body beyond the bound", node{}, "forget", `{"nodes":["` + strings.Repeat("x", 64<<10) + `"]}`, http.StatusBadRequest, "no list of nodes"},
		{"refused", node{refusal: no}, "forget", `{"nodes":["a"]}`, http.StatusConflict, "no majority"},
		{"restamp", node{}, "restamp", `{"namespace":"n","key":"k"}`, http.StatusOK, `"version": "n/k", "ahead_seconds": 3600`},
		{"restamp nothing", node{}, "restamp", `{"namespace":"n"}`, http.StatusBadRequest, "must both be given"},
		{"restamp beyond the bound", node{}, "restamp", `{"key":"` + strings.Repeat("x", 4<<10) + `"}`, http.StatusBadRequest, "body is not"},
		{"restamp refused", node{refusal: no}, "restamp", `{"namespace":"n","key":"k"}`, http.StatusConflict, "no majority"},
		{"drain", node{}, "drain", "", http.StatusOK, "{}"},
		{"drain refused", node{refusal: no}, "drain", "", http.StatusConflict, "no majority"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, text := ask(admin.New(tt.node, admin.Options{}), "POST", "/admin/v1/"+tt.path, tt.body)
			if status != tt.wantStatus || !strings.Contains(squeeze(text), squeeze(tt.wantText)) {
				t.Errorf("POST %s = %d %q, want %d with %q", tt.path, status, text, tt.wantStatus, tt.wantText)
			}
		})
	}
}

// squeeze takes the white space out of JSON.
func squeeze(text string) string { return strings.NewReplacer(" ", "", "\n", "").Replace(text) }
