package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// headerBookmark carries what a client has seen, in requests and answers.
const headerBookmark = "Hearsay-Bookmark"

// addBookmark adds the flag that names a file with a bookmark to cmd and all below
// it.
func addBookmark(cmd *cobra.Command) *string {
	return cmd.PersistentFlags().String("bookmark", "", "file that keeps what these commands have seen, so that the next one, at any node, sees no less; created if need be")
}

// A bookmarkFile holds a bookmark between commands; the empty name is none.
type bookmarkFile string

// send has r carry the bookmark, if there is one yet.
func (f bookmarkFile) send(r *http.Request) error {
	if f == "" {
		return nil
	}
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--bookmark: %w", err)
	}
	if token := strings.TrimSpace(string(text)); token != "" {
		r.Header.Set(headerBookmark, token)
	}
	return nil
}

// keep makes the answer's bookmark the file's, all of it or none.
func (f bookmarkFile) keep(resp *http.Response) error {
	token := resp.Header.Get(headerBookmark)
	if f == "" || token == "" {
		return nil
	}
	next := string(f) + ".new"
	err := os.WriteFile(next, []byte(token+"\n"), 0o600)
	if err == nil {
		err = os.Rename(next, string(f))
	}
	if err != nil {
		return fmt.Errorf("--bookmark: %w", err)
	}
	return nil
}
