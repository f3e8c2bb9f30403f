// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"net/http"
	"testing"
)

// TestTheMainJob creates a credential, tests, lists, changes, releases and
// deletes it.
func TestTheMainJob(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	token := w.Key(all...)
	made := w.want(w.do(token, "POST", "/v1/credentials", w.acme("first")), http.StatusCreated, "")
	path := made.Header.Get("Location")
	if path != "/v1/credentials/"+made.member("id") || made.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("location %q, cache %q", path, made.Header.Get("Cache-Control"))
	}
	shown := w.want(w.do(token, "GET", path, ""), http.StatusOK, "")
	w.want(w.do(token, "GET", path, "", "If-None-Match", shown.Header.Get("ETag")), http.StatusNotModified, "")
	if v := w.want(w.do(token, "POST", path+"/test", ""), http.StatusOK, ""); v.member("outcome") != "works" {
		t.Errorf("verdict %s", v.text)
	}
	w.want(w.do(token, "PATCH", path, `{"name":"x"}`), http.StatusPreconditionRequired, "precondition-required")
	w.want(w.do(token, "PATCH", path, `{"name":"x"}`, "If-Match", shown.Header.Get("ETag")), http.StatusPreconditionFailed, "changed")
	shown = w.want(w.do(token, "GET", path, ""), http.StatusOK, "")
	changed := w.want(w.do(token, "PATCH", path, `{"name":"second"}`, "If-Match", shown.Header.Get("ETag")), http.StatusOK, "")
	if changed.member("name") != "second" {
		t.Errorf("changed %s", changed.text)
	}
	var list struct{ Credentials []struct{ ID, Name string } }
	w.want(w.do(token, "GET", "/v1/credentials?search=SEC", ""), http.StatusOK, "").json(t, &list)
	if len(list.Credentials) != 1 || list.Credentials[0].Name != "second" {
		t.Errorf("list %+v", list)
	}
	signed := w.want(w.do(token, "POST", path+"/authenticate", `{"method":"GET","url":"`+w.Echo.URL+`/v1/me"}`), http.StatusOK, "")
	var req struct{ Header http.Header }
	signed.json(t, &req)
	if req.Header.Get("X-Api-Key") == "" {
		t.Errorf("signed %s", signed.text)
	}
	var out struct{ Answers map[string]string }
	w.want(w.do(token, "POST", path+"/release", ""), http.StatusOK, "").json(t, &out)
	if out.Answers["apiKey"] == "" {
		t.Errorf("released %+v", out)
	}
	w.want(w.do(token, "DELETE", path, "", "If-Match", "*"), http.StatusNoContent, "")
	w.want(w.do(token, "GET", path, ""), http.StatusNotFound, "not-found")
	for _, p := range []string{"/v1/health", "/v1/ready", "/v1/version", "/v1/types", "/v1/types/acme", "/v1/types/acme/schema?format=rjsf", "/v1/keys", "/v1/keys/current",
		"/v1/sessions", "/v1/plugins", "/v1/plugins/acme", "/v1/events", "/v1/webhooks", "/v1/audit", "/v1/applications", "/v1/openapi.json", "/v1/openapi.yaml"} {
		a := w.do(token, "GET", p, "")
		if a.StatusCode != 200 {
			t.Errorf("%s: %d %s", p, a.StatusCode, a.text)
		}
	}
}
