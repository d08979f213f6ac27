package binding_test

import (
	"net/http"
	"testing"

	"hearsay/node/binding"
)

func TestMiniflare(t *testing.T) {
	r := dev(t)
	const path = "/mf/ns%201?tok=1"
	send := func(status, want, method, url, body string, header ...string) answer {
		t.Helper()
		return r.want(status, want, method, path, body, append(header, "MF-Binding", "MY_KV", "MF-URL", url)...)
	}
	send("200 OK", "", "PUT", "https://fake-host/k%2F1%20%C3%A9?urlencoded=true&expiration_ttl=60", "v1",
		"MF-Header-cf-kv-metadata", `{"e":"é🤓"}`, "MF-Header-content-type", "text/plain;charset=UTF-8",
		"MF-Header-content-length", "2")
	got := send("200 OK", "v1", "GET", "https://fake-host/k%2F1%20%C3%A9?urlencoded=true", "", "MF-Header-transfer-encoding", "chunked")
	if m := got.header.Get("CF-KV-Metadata"); m != `{"e":"é🤓"}` {
		t.Errorf("metadata is %q, want the bytes that were put", m)
	}
	send("200 OK", `{"keys":[],"list_complete":true}`+"\n", "GET", "https://fake-host?prefix=x", "")
	send("200 OK", `{"k/1 é":"v1"}`+"\n", "POST", "https://fake-host/bulk/get", `{"keys":["k/1 é"]}`)
	send("400 Invalid expiration_ttl of 1. Expiration TTL must be at least 60.", "", "PUT", "https://fake-host/k?expiration_ttl=1", "v")
	send("404 Not Found", "", "GET", "https://fake-host/absent", "")
	send("200 OK", "", "DELETE", "https://fake-host/absent", "")
	r.want("404 Not Found", "", "GET", path+"&MF-Binding=MY_KV", "", "Upgrade", "websocket", "Connection", "Upgrade")
	r.want("400 The header MF-URL must hold the URL of the wrapped request", "", "GET", path, "")

	v := r.backend.View()
	defer v.Close()
	if _, err := v.ByTitle("ns 1"); err != nil {
		t.Errorf("ByTitle(ns 1): %v, want the namespace of the path", err)
	}
}

func TestMiniflareUnknownNamespace(t *testing.T) {
	r := start(t, binding.Options{})
	got := r.want("404 namespace not found", "", http.MethodGet, "/mf/unknown", "", "MF-URL", "https://fake-host/k")
	if got.body == "" {
		t.Error("the refusal has no body, want the error of the REST API")
	}
}
