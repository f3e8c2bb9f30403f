// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/connectflow"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/internal/standin"
	"github.com/credhost/credhost/sdk"
)

// A person is a browser that opens links. What it is sent to at the service goes
// to the stand-in; what comes back is finished as the page finishes it.
type person struct {
	*http.Client
	w *world
}

// pages are the two pages that take part, as package web serves them.
func (w *world) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/connect/start/{workspace}/{visit}/{secret}", func(out http.ResponseWriter, r *http.Request) {
		if err := w.flows.Start(out, r, r.PathValue("workspace"), r.PathValue("visit"), r.PathValue("secret")); err != nil {
			out.WriteHeader(http.StatusForbidden)
		}
	})
	mux.HandleFunc("/connect/callback/{workspace}/{type}", func(out http.ResponseWriter, r *http.Request) {
		if _, err := w.flows.Finish(r, r.PathValue("workspace")); err != nil {
			out.WriteHeader(http.StatusForbidden)
		}
	})
	return mux
}

// RoundTrip implements [http.RoundTripper].
func (p person) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "127.0.0.1:8686" {
		rec := httptest.NewRecorder()
		p.w.pages().ServeHTTP(rec, r)
		return rec.Result(), nil
	}
	there, err := url.Parse(p.w.FaxURL)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Host, r.URL.Scheme, r.URL.Host = r.URL.Host, there.Scheme, there.Host
	return http.DefaultTransport.RoundTrip(r)
}

func (w *world) person() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: person{w: w}}
}

// open opens a link, and returns the status in the end.
func open(t *testing.T, browser *http.Client, link string) int {
	t.Helper()
	resp, err := browser.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

const oauth = `{"type":"faxplus","answers":{"authMethod":"oauth2","clientId":"` + standin.FaxPlusClientID + `","clientSecret":"` + standin.FaxPlusClientSecret + `"}}`

// TestConnect connects a credential as an engine and a person do, and shows that
// the link works once, for one browser.
func TestConnect(t *testing.T) {
	t.Parallel()
	w := serve(t, nil, "faxplus")
	token := w.Key(all...)
	made := w.want(w.do(token, "POST", "/v1/credentials", oauth), http.StatusCreated, "")
	path := made.Header.Get("Location")
	if made.member("status") != "needs connecting" {
		t.Fatalf("%s", made.text)
	}
	begin := func() (link, visit string) {
		a := w.want(w.do(token, "POST", path+"/connect", `{}`), http.StatusCreated, "")
		return a.member("url"), a.Header.Get("Location")
	}
	status := func(visit string) string {
		a := w.want(w.do(token, "GET", visit, ""), http.StatusOK, "")
		if strings.Contains(string(a.text), "connect/start") {
			t.Errorf("the link is shown again: %s", a.text)
		}
		return a.member("status")
	}
	link, visit := begin()
	if got := status(visit); got != "open" {
		t.Errorf("status %q before anybody came", got)
	}
	if got := open(t, w.person(), link+"x"); got != http.StatusForbidden {
		t.Errorf("a wrong secret: status %d", got)
	}
	browser := w.person()
	if got := open(t, browser, link); got != http.StatusOK {
		t.Fatalf("the visit ended with status %d", got)
	}
	if got := status(visit); got != "connected" {
		t.Errorf("status %q when it is connected", got)
	}
	if got := open(t, w.person(), link); got != http.StatusForbidden {
		t.Errorf("the link opened twice: status %d", got)
	}
	if shown := w.want(w.do(token, "GET", path, ""), http.StatusOK, ""); shown.member("status") != "ready" {
		t.Errorf("%s", shown.text)
	}
	revoked := w.want(w.do(token, "POST", path+"/revoke", ""), http.StatusOK, "")
	if revoked.member("grant") == "" {
		t.Errorf("%s", revoked.text)
	}

	w.Fax.Set(func(b *standin.FaxPlusBehaviour) { b.Deny = true })
	link, visit = begin()
	open(t, w.person(), link)
	if got := status(visit); got != "failed" {
		t.Errorf("status %q when the person said no", got)
	}
	link, visit = begin()
	w.want(w.do(token, "DELETE", visit, ""), http.StatusNoContent, "")
	if got := open(t, w.person(), link); got != http.StatusForbidden || status(visit) != "ended" {
		t.Errorf("a cancelled visit: status %d", got)
	}
	w.want(w.do(w.Key(all...), "GET", visit, ""), http.StatusOK, "")
}

// TestVisitsOfOthers shows that nobody but who opened the link can finish, and
// that browsers that look ahead open nothing.
func TestVisitsOfOthers(t *testing.T) {
	t.Parallel()
	w := serve(t, nil, "faxplus")
	id, err := w.Host.Workspace(ground.Workspace).Create(t.Context(), "faxplus", sdk.Values{"authMethod": "oauth2",
		"clientId": standin.FaxPlusClientID, "clientSecret": standin.FaxPlusClientSecret})
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.flows.Begin(t.Context(), ground.Workspace, host.Visit{Credential: id, Actor: "key:k-x"})
	if err != nil {
		t.Fatal(err)
	}
	limited := w.KeyOf(access.NewKey{Workspace: ground.Workspace, Scopes: all, Limits: access.Limits{Credentials: []string{"c-another"}}})
	for _, method := range []string{"GET", "DELETE"} {
		w.want(w.do(limited, method, "/v1/visits/"+v.ID, ""), http.StatusNotFound, "not-found")
	}
	w.want(w.do(w.Key(all...), "GET", "/v1/visits/"+v.ID, ""), http.StatusOK, "")
	parts := strings.Split(v.URL, "/")
	secret := parts[len(parts)-1]
	for name, headers := range map[string][2]string{"looks ahead": {"Sec-Purpose", "prefetch"}, "an image": {"Sec-Fetch-Dest", "image"}, "a script": {"Sec-Fetch-Mode", "cors"}} {
		r := httptest.NewRequest("GET", v.URL, nil)
		r.Header.Set(headers[0], headers[1])
		rec := httptest.NewRecorder()
		if err := w.flows.Start(rec, r, ground.Workspace, v.ID, secret); !errors.Is(err, sdk.Denied) || rec.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, try := range map[string][3]string{"another workspace": {"other", v.ID, secret}, "another visit": {ground.Workspace, v.ID + "x", secret}, "no secret": {ground.Workspace, v.ID, ""}} {
		if err := w.flows.Start(httptest.NewRecorder(), httptest.NewRequest("GET", v.URL, nil), try[0], try[1], try[2]); !errors.Is(err, sdk.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	rec := httptest.NewRecorder()
	if err := w.flows.Start(rec, httptest.NewRequest("GET", v.URL, nil), ground.Workspace, v.ID, secret); err != nil {
		t.Fatal(err)
	}
	state, err := url.Parse(rec.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	back := httptest.NewRequest("GET", "http://127.0.0.1:8686/connect/callback/"+ground.Workspace+"/faxplus?code=x&state="+url.QueryEscape(state.Query().Get("state")), nil)
	if _, err := w.flows.Finish(back, ground.Workspace); !errors.Is(err, sdk.Denied) {
		t.Errorf("another browser finished: %v", err)
	}
	if got, err := w.flows.Show(t.Context(), ground.Workspace, v.ID); err != nil || got.Status != connectflow.Visiting {
		t.Errorf("a stranger's try ended the visit: %+v, %v", got, err)
	}
	if _, err := w.flows.Finish(httptest.NewRequest("GET", "/?state=x&code=y", nil), ground.Workspace); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("a visit that nobody began: %v", err)
	}
}
