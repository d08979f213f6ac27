package admin_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hearsay/node/admin"
)

func TestBackup(t *testing.T) {
	why := errors.New("one is under way")
	tests := []struct {
		name       string
		node       node
		wantStatus int
		wantText   string
		wantWhole  bool
	}{
		{"a backup", node{}, http.StatusOK, "a backup", true},
		{"refused", node{refusal: why}, http.StatusConflict, "one is under way", true},
		{"broken off after its beginning", node{broken: why}, http.StatusOK, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(admin.New(tt.node, admin.Options{}))
			defer s.Close()
			resp, err := http.Get(s.URL + admin.BackupPath)
			if err != nil {
				if tt.wantWhole {
					t.Fatal(err)
				}
				return // broken off before the status was out
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if whole := err == nil; whole != tt.wantWhole {
				t.Fatalf("body ends with %v, want whole: %v", err, tt.wantWhole)
			}
			if resp.StatusCode != tt.wantStatus || !strings.Contains(string(text), tt.wantText) {
				t.Errorf("GET = %d %q, want %d with %q", resp.StatusCode, text, tt.wantStatus, tt.wantText)
			}
		})
	}
}

func TestRestore(t *testing.T) {
	tests := []struct {
		name, query string
		node        node
		wantStatus  int
		wantText    string
	}{
		{"keeping", "", node{}, http.StatusOK, `"kept": 8`},
		{"overwriting", "?overwrite=true", node{}, http.StatusOK, `"written": 8`},
		{"failed on the way", "", node{refusal: errors.New("disk full")}, http.StatusConflict, "disk full"},
		{"failed on the way, so far", "", node{refusal: errors.New("disk full")}, http.StatusConflict, `"kept": 8`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, text := ask(admin.New(tt.node, admin.Options{}), "POST", admin.RestorePath+tt.query, "a backup")
			if status != tt.wantStatus || !strings.Contains(text, tt.wantText) {
				t.Errorf("POST = %d %q, want %d with %q", status, text, tt.wantStatus, tt.wantText)
			}
		})
	}
}
