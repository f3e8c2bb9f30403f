// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/audit"
)

// TestTrust shows that exactly what an offer has shown is trusted, that what is
// not trusted is not used, and that both are on record.
func TestTrust(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	operator, token := w.Operator(), w.Key(all...)
	path := "/v1/credentials/" + w.Create("acme")
	plugin := w.want(w.do(token, "GET", "/v1/plugins/acme", ""), http.StatusOK, "")
	var shown struct {
		State, Sandbox string
		Types          []struct{ Answers, Grants []string }
	}
	plugin.json(t, &shown)
	if shown.State != "trusted" || len(shown.Types) != 1 || len(shown.Types[0].Grants) != 1 || shown.Types[0].Grants[0] != "{baseUrl}" {
		t.Errorf("%s", plugin.text)
	}
	offer := w.want(w.do(operator, "GET", "/v1/plugins/acme/offer", ""), http.StatusOK, "")
	if offer.member("digest") != plugin.member("digest") {
		t.Errorf("offered %s, used %s", offer.member("digest"), plugin.member("digest"))
	}
	w.want(w.do(operator, "POST", "/v1/plugins/acme/distrust", ""), http.StatusOK, "")
	w.want(w.do(token, "POST", "/v1/credentials", w.acme("x")), http.StatusUnprocessableEntity, "invalid")
	if a := w.do(token, "POST", path+"/test", ""); a.StatusCode == http.StatusOK && a.member("outcome") == "works" {
		t.Errorf("a program that nobody trusts was used: %s", a.text)
	}
	w.want(w.do(operator, "POST", "/v1/plugins/acme/trust", `{"digest":"sha256:`+strings.Repeat("0", 64)+`"}`), http.StatusConflict, "conflict")
	w.want(w.do(operator, "POST", "/v1/plugins/acme/trust", `{"digest":"`+offer.member("digest")+`"}`), http.StatusOK, "")
	if a := w.want(w.do(token, "POST", path+"/test", ""), http.StatusOK, ""); a.member("outcome") != "works" {
		t.Errorf("%s", a.text)
	}
	for _, action := range []string{"trust", "distrust"} {
		entries, err := w.trail.List(t.Context(), audit.Query{Action: action})
		if err != nil || len(entries) != 2 || entries[0].Outcome != "ok" || entries[1].Outcome != "begun" || entries[0].Subject != "acme" {
			t.Errorf("%s: %+v, %v", action, entries, err)
		}
	}
}

// TestHandedOut shows that a credential is handed out where an operator has
// opened that, nowhere else, and never unrecorded.
func TestHandedOut(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	operator := w.Operator()
	w.want(w.do(operator, "POST", "/v1/workspaces", `{"name":"closed"}`), http.StatusCreated, "")
	in := []string{"Credhost-Workspace", "closed"}
	path := w.want(w.do(operator, "POST", "/v1/credentials", w.acme("x"), in...), http.StatusCreated, "").Header.Get("Location")
	w.want(w.do(operator, "POST", path+"/release", "", in...), http.StatusForbidden, "forbidden")
	w.want(w.do(operator, "POST", path+"/authenticate", `{"method":"GET","url":"`+w.Echo.URL+`"}`, in...), http.StatusForbidden, "forbidden")

	token := w.Key(all...)
	path = "/v1/credentials/" + w.Create("acme")
	w.want(w.do(token, "POST", path+"/authenticate", `{"method":"GET","url":"https://elsewhere.example/"}`), http.StatusUnprocessableEntity, "invalid")
	w.want(w.do(token, "POST", path+"/authenticate", `{"method":"GET","url":"`+w.Echo.URL+`/v1/me"}`), http.StatusOK, "")
	entries, err := w.trail.List(t.Context(), audit.Query{Action: "authenticate"})
	if err != nil || len(entries) != 3 || entries[0].Outcome != "ok" || entries[1].Outcome != "invalid" || entries[2].Outcome != "forbidden" || entries[2].Workspace != "closed" {
		t.Errorf("%+v, %v", entries, err)
	}
}

// TestTLS shows that the key of a client's certificate is taken, and never shown.
func TestTLS(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	token := w.Key(all...)
	body := strings.TrimSuffix(w.acme("x"), "}") + `,"tls":{"ca":"nonsense"}}`
	w.want(w.do(token, "POST", "/v1/credentials", body), http.StatusUnprocessableEntity, "invalid")
	body = strings.TrimSuffix(w.acme("x"), "}") + `,"tls":{"certificate":"EXAMPLE-secret","key":"EXAMPLE-secret"}}`
	if a := w.want(w.do(token, "POST", "/v1/credentials", body), http.StatusUnprocessableEntity, "invalid"); strings.Contains(string(a.text), "EXAMPLE") {
		t.Errorf("%s", a.text)
	}
}
