package api_test

import (
	"net/http"
	"strings"
	"testing"

	"hearsay/node/api"
	"hearsay/store"
)

func TestRequestID(t *testing.T) {
	longest := strings.Repeat("x", store.MaxRequest)
	tests := []struct {
		name string
		sent []string
		want string
		ok   bool
	}{
		{"none", nil, "", true},
		{"a UUID", []string{"0f8fad5b-d9cb-469f-a165-70867728950e"}, "0f8fad5b-d9cb-469f-a165-70867728950e", true},
		{"the longest", []string{longest}, longest, true},
		{"too long", []string{longest + "x"}, "", false},
		{"empty", []string{""}, "", false},
		{"with a space", []string{"a b"}, "", false},
		{"not ASCII", []string{"é"}, "", false},
		{"a control character", []string{"a\x7f"}, "", false},
		{"two", []string{"a", "b"}, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			for _, v := range tt.sent {
				h.Add("Hearsay-Request", v)
			}
			got, err := api.RequestID(h)
			if got != tt.want || (err == nil) != tt.ok {
				t.Errorf("RequestID(%q) = %q, %v, want %q, accepted: %v", tt.sent, got, err, tt.want, tt.ok)
			}
			if err := api.NoRequestID(h); (err == nil) != (tt.sent == nil) {
				t.Errorf("NoRequestID(%q) = %v, want accepted: %v", tt.sent, err, tt.sent == nil)
			}
		})
	}
}
