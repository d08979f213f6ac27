package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Codes of the REST API that mean "not there" rather than "went wrong".
const (
	codeKeyNotFound       = 10009
	codeNamespaceNotFound = 10013
)

// maxAnswer bounds what a client reads of one answer: a bulk get of 100 values
// of 25 MiB in JSON with escapes is not one a person asks for.
const maxAnswer = 256 << 20

// A client speaks the REST API v4 of one node.
type client struct {
	base    string // without a trailing slash
	account string
	http    *http.Client
	// bookmark goes with each request and is replaced by its answer's.
	bookmark bookmarkFile
}

// addClient adds the flags that name the node to cmd and all below it, and
// returns the client for what was given.
func addClient(cmd *cobra.Command) func() (*client, error) {
	api := cmd.PersistentFlags().String("api", "http://127.0.0.1:8701", "client port of the node to ask")
	account := cmd.PersistentFlags().String("account-id", "hearsay", "account in the path of each request; nodes accept any")
	bookmark := addBookmark(cmd)
	timeout := cmd.PersistentFlags().Duration("timeout", time.Minute, "longest wait for one answer")
	return func() (*client, error) {
		u, err := url.Parse(*api)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, usageError("--api %q is not an address; want one like http://127.0.0.1:8701", *api)
		}
		if *timeout <= 0 {
			return nil, usageError("--timeout %v must be above 0", *timeout)
		}
		return &client{
			base:     strings.TrimSuffix(*api, "/"),
			account:  *account,
			http:     &http.Client{Timeout: *timeout},
			bookmark: bookmarkFile(*bookmark),
		}, nil
	}
}

// An envelope is every answer of the REST API but a value's.
type envelope struct {
	Success bool            `json:"success"`
	Errors  []apiError      `json:"errors"`
	Result  json.RawMessage `json:"result"`
	Info    struct {
		Cursor     string `json:"cursor"`
		TotalPages int    `json:"total_pages"`
	} `json:"result_info"`
}

type apiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e apiError) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// A request is one call below the namespaces of the account.
type request struct {
	method      string
	path        []string // segments below …/namespaces, not yet escaped
	query       url.Values
	body        []byte
	contentType string
	id          string // its own name for a write, empty for none
}

// call sends r and decodes the result into out, unless out is nil.
func (c *client) call(ctx context.Context, r request, out any) (envelope, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return envelope{}, err
	}
	defer resp.Body.Close()
	env, err := c.decode(resp)
	if err != nil {
		return envelope{}, err
	}
	if out == nil {
		return env, nil
	}
	if err := json.Unmarshal(env.Result, out); err != nil {
		return envelope{}, fmt.Errorf("result from %s: %w", c.base, err)
	}
	return env, nil
}

// callJSON is call with in as the JSON body.
func (c *client) callJSON(ctx context.Context, r request, in, out any) (envelope, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return envelope{}, err
	}
	r.body, r.contentType = body, "application/json"
	return c.call(ctx, r, out)
}

// send returns the answer to r, whatever its status. The caller closes its body.
func (c *client) send(ctx context.Context, r request) (*http.Response, error) {
	u := c.base + "/client/v4/accounts/" + url.PathEscape(c.account) + "/storage/kv/namespaces"
	for _, s := range r.path {
		u += "/" + url.PathEscape(s)
	}
	if len(r.query) > 0 {
		u += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if r.id != "" {
		req.Header.Set("Hearsay-Request", r.id)
	}
	if err := c.bookmark.send(req); err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.noAnswer(err)
	}
	if err := c.bookmark.keep(resp); err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	return resp, nil
}

func (c *client) noAnswer(err error) error {
	return &exitError{exitNoAnswer, fmt.Errorf(
		"no answer from %s: %w; start a cluster with 'hearsay dev', or name a node's client port with --api or HEARSAY_API", c.base, cause(err))}
}

// cause returns why a request failed, without the address that the caller says
// in words of its own.
func cause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// decode reads an envelope and turns a refusal into an error.
func (c *client) decode(resp *http.Response) (envelope, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return envelope{}, c.noAnswer(err)
	}
	if len(body) > maxAnswer {
		return envelope{}, fmt.Errorf("answer from %s is longer than %d bytes; ask for fewer keys", c.base, maxAnswer)
	}
	var env envelope
	if err := json.Unmarshal(body, &env); err != nil {
		return envelope{}, fmt.Errorf("%s answered %s without the REST API's envelope; is it a node's client port?", c.base, resp.Status)
	}
	if env.Success {
		return env, nil
	}
	if len(env.Errors) == 0 {
		return envelope{}, fmt.Errorf("%s answered %s and gave no reason", c.base, resp.Status)
	}
	switch e := env.Errors[0]; e.Code {
	case codeKeyNotFound, codeNamespaceNotFound:
		return envelope{}, &exitError{exitNotFound, e}
	default:
		return envelope{}, e
	}
}
