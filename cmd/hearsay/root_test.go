package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestMistakesAreExplained(t *testing.T) {
	tests := []struct {
		name string
		args string
		want []string // parts of what is said on standard error
	}{
		{"no command", "", []string{"needs a command", "dev", "kv", "sim"}},
		{"no such command", "serve", []string{`no command "serve"`, "it has chaos"}},
		{"a slip of the finger", "kv keu get a", []string{`no command "keu"`, "did you mean key?"}},
		{"a group alone", "kv key", []string{"delete, get, list, put", "Usage:"}},
		{"no such flag", "kv key get a --nmespace b", []string{"unknown flag: --nmespace", "Run 'hearsay kv key get --help'"}},
		{"too few arguments", "kv key put", []string{"needs KEY [VALUE]"}},
		{"too many arguments", "kv key get a b", []string{"takes KEY", `"b" is too much`}},
		{"no namespace", "kv key get a", []string{"--namespace TITLE or --namespace-id ID"}},
		{"two namespaces", "kv key get a -n b --namespace-id c", []string{"exclude each other"}},
		{"no value", "kv key put a -n b", []string{"VALUE or --path FILE"}},
		{"two values", "kv key put a b -n c --path d", []string{"exclude each other"}},
		{"two ends", "kv key put a b -n c --ttl 60 --expiration 9", []string{"exclude each other"}},
		{"metadata that is no JSON", "kv key put a b -n c --metadata {", []string{"not JSON"}},
		{"an address that is none", "kv key get a -n b --api 127.0.0.1:1", []string{"want one like http://127.0.0.1:8701"}},
		{"a value outside a choice", "version --output yaml", []string{"want text or json"}},
		{"no new name", "kv namespace rename a", []string{"--new-name"}},
		{"no title", "kv namespace delete", []string{"title or --namespace-id"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := hearsay(t, strings.Fields(tt.args)...)
			if r.code != exitUsage {
				t.Errorf("exit code %d, want %d", r.code, exitUsage)
			}
			if r.stdout != "" {
				t.Errorf("standard output has %q, want nothing", r.stdout)
			}
			for _, w := range tt.want {
				if !strings.Contains(r.stderr, w) {
					t.Errorf("standard error %q does not say %q", r.stderr, w)
				}
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	tests := []struct {
		name       string
		env        map[string]string
		args       string
		code       int
		json       bool
		complaints string
	}{
		{name: "the default", args: "version"},
		{name: "the variable over the default", env: map[string]string{"HEARSAY_OUTPUT": "json"}, args: "version", json: true},
		{name: "the flag over the variable", env: map[string]string{"HEARSAY_OUTPUT": "json"}, args: "version -o text"},
		{name: "empty is unset", env: map[string]string{"HEARSAY_OUTPUT": ""}, args: "version"},
		{name: "a bad variable is named", env: map[string]string{"HEARSAY_OUTPUT": "yaml"}, args: "version",
			code: exitUsage, complaints: "HEARSAY_OUTPUT in the environment"},
		{name: "two that exclude each other", env: map[string]string{"HEARSAY_NAMESPACE": "a", "HEARSAY_NAMESPACE_ID": "b"},
			args: "kv key get k", code: exitUsage, complaints: "exclude each other"},
		{name: "a flag overrules the variable that it excludes", env: map[string]string{"HEARSAY_NAMESPACE_ID": "b", "HEARSAY_API": "http://127.0.0.1:1"},
			args: "kv key get k -n a", code: exitNoAnswer, complaints: "list namespaces: no answer from http://127.0.0.1:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			r := hearsay(t, strings.Fields(tt.args)...)
			if r.code != tt.code {
				t.Errorf("exit code %d, want %d; standard error: %s", r.code, tt.code, r.stderr)
			}
			if got := json.Valid([]byte(r.stdout)) && r.stdout != ""; got != tt.json {
				t.Errorf("standard output %q is JSON: %t, want %t", r.stdout, got, tt.json)
			}
			if !strings.Contains(r.stderr, tt.complaints) {
				t.Errorf("standard error %q does not say %q", r.stderr, tt.complaints)
			}
		})
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			visit(c)
		}
		line := strings.Fields(cmd.CommandPath())[1:]
		r := hearsay(t, append(line, "--help")...)
		if r.code != exitOK || !strings.Contains(r.stdout, "Usage:") {
			t.Errorf("%s --help: exit code %d, standard output %q; want its usage", cmd.CommandPath(), r.code, r.stdout)
		}
		if !strings.Contains(r.stdout, "Examples:") {
			t.Errorf("%s --help has no examples", cmd.CommandPath())
		}
	}
	visit(newRoot()) // cobra adds its own help and completion only when it runs
}

func TestClientErrors(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		code   int
		want   string
	}{
		{"a key that is not there", 404, `{"success":false,"errors":[{"code":10009,"message":"get: 'key not found'"}]}`, exitNotFound, "key not found"},
		{"a namespace that is not there", 404, `{"success":false,"errors":[{"code":10013,"message":"namespace not found"}]}`, exitNotFound, "namespace not found"},
		{"another refusal", 400, `{"success":false,"errors":[{"code":10034,"message":"invalid expiration_ttl"}]}`, exitFailed, "invalid expiration_ttl (code 10034)"},
		{"no reason", 500, `{"success":false}`, exitFailed, "gave no reason"},
		{"something else listens there", 404, `<html>`, exitFailed, "is it a node's client port?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				w.Write([]byte(tt.body))
			}))
			defer srv.Close()
			r := hearsay(t, "kv", "key", "get", "k", "--namespace-id", "n", "--api", srv.URL)
			if r.code != tt.code || r.stdout != "" {
				t.Errorf("exit code %d, standard output %q; want %d and nothing", r.code, r.stdout, tt.code)
			}
			if !strings.Contains(r.stderr, tt.want) {
				t.Errorf("standard error %q does not say %q", r.stderr, tt.want)
			}
		})
	}
}
