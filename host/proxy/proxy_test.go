// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
)

func TestPathMode(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	a := s.do(t, s.request(t, "POST", "/v1/things?a=1", strings.NewReader("hello")))
	if a.StatusCode != 200 || a.body != "hello" || a.Header.Get("Echo-Target") != "/v1/things?a=1" {
		t.Fatalf("status %d, %v, %q", a.StatusCode, a.Header, a.body)
	}
	if a.Header.Get("Credhost-Error") != "" {
		t.Error("an answer of the service is marked as an error of ours")
	}
}

func TestForwardMode(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	get := func(c *http.Client, change func(http.Header)) answer {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), "GET", s.Echo.URL+"/v1/things", nil)
		if change != nil {
			change(r.Header)
		}
		return do(t, c, r)
	}
	named := func(h http.Header) { h.Set("Credhost-Credential", s.id) }
	for name, a := range map[string]answer{
		"user":   get(s.forwarder(s.id, s.key), nil),
		"header": get(s.forwarder("x", s.key), named),
		"both":   get(s.forwarder(s.id, s.key), named),
		"empty":  get(s.forwarder("", s.key), named),
	} {
		if a.StatusCode != 200 || a.Header.Get("Echo-Target") != "/v1/things" {
			t.Errorf("%s: status %d, %q", name, a.StatusCode, a.body)
		}
	}
	get(s.forwarder("x", s.key), nil).failure(t, 400, "malformed", "no credential is named")
	get(s.forwarder("c-other", s.key), named).failure(t, 400, "malformed", "two credentials")
	get(s.forwarder(s.id, "chk_wrong"), nil).failure(t, 407, "key", "")
	if got := get(s.forwarder(s.id, "chk_wrong"), nil).Header.Get("Proxy-Authenticate"); !strings.HasPrefix(got, "Basic ") {
		t.Errorf("Proxy-Authenticate is %q", got)
	}
	for _, r := range s.Echo.Requests() {
		if r.Header.Get("Proxy-Authorization") != "" || r.Header.Get("Credhost-Credential") != "" {
			t.Errorf("the service was sent %v", r.Header)
		}
	}
}

// Who shows no key, or one that may not, gets nowhere; the service is not asked.
func TestWhoMayNot(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	try := func(change func(*http.Request)) answer {
		t.Helper()
		r := s.request(t, "GET", "/v1/things", nil)
		change(r)
		return s.do(t, r)
	}
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	try(func(r *http.Request) { r.Header.Del("Authorization") }).failure(t, 401, "key", "show a key")
	try(bearer("nonsense")).failure(t, 401, "key", "")
	try(bearer(s.key[:len(s.key)-1]+"x")).failure(t, 401, "key", "")
	try(func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+s.key) }).failure(t, 401, "key", "")
	try(func(r *http.Request) {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(s.id+":"+s.key)))
	}).failure(t, 401, "key", "")
	try(bearer(s.Key(access.Read, access.Write, access.Admin))).failure(t, 403, "forbidden", "use")
	for _, l := range []access.Limits{{Methods: []string{"POST"}}, {URLs: []string{"/v2/*"}}} {
		try(bearer(s.KeyOf(access.NewKey{Workspace: ground.Workspace, Name: "n", Scopes: access.Scopes, Limits: l}))).failure(t, 403, "forbidden", "limited")
	}
	if _, err := s.Access.CreateWorkspace(access.With(t.Context(), access.Caller{Actor: "os:test", Scopes: access.Scopes}), "other"); err != nil {
		t.Fatal(err)
	}
	other := s.KeyOf(access.NewKey{Workspace: "other", Name: "n", Scopes: access.Scopes})
	narrow := s.KeyOf(access.NewKey{Workspace: ground.Workspace, Name: "n", Scopes: access.Scopes, Limits: access.Limits{Credentials: []string{"c-other"}}})
	unknown := s.request(t, "GET", "/", nil)
	unknown.URL.Path = strings.Replace(unknown.URL.Path, s.id, "c-unknown", 1)
	want := s.do(t, unknown)
	want.failure(t, 404, "not-found", "no such credential")
	for name, a := range map[string]answer{
		"another workspace": try(bearer(other)), "limited to another": try(bearer(narrow)),
		"naming a workspace": try(func(r *http.Request) { r.Header.Set("Credhost-Workspace", "other") }),
	} {
		if a.body != want.body || a.StatusCode != 404 {
			t.Errorf("%s: %d %s, want what is said of one that is not there", name, a.StatusCode, a.body)
		}
	}
	operator := s.Operator()
	try(bearer(operator)).failure(t, 400, "malformed", "Credhost-Workspace")
	a := try(func(r *http.Request) { bearer(operator)(r); r.Header.Set("Credhost-Workspace", "other") })
	if a.body != want.body {
		t.Errorf("an operator in another workspace: %s", a.body)
	}
	if n := len(s.Echo.Requests()); n != 0 {
		t.Errorf("the service was asked %d times", n)
	}
	if a := try(func(r *http.Request) { bearer(operator)(r); r.Header.Set("Credhost-Workspace", ground.Workspace) }); a.StatusCode != 200 {
		t.Errorf("an operator who names the workspace: %d %s", a.StatusCode, a.body)
	}
}

func TestOnlyToTheCredentialsOrigins(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	other := ground.NewEcho(t)
	for _, at := range []string{other.URL, "https://" + strings.TrimPrefix(s.Echo.URL, "http://"), "http://127.0.0.1:1", "https://api.example"} {
		r := s.request(t, "GET", "/v1/things", nil)
		r.URL.Path = s.at(at) + "/v1/things"
		s.do(t, r).failure(t, 403, "elsewhere", "the credential is not for")
	}
	a, err := s.forwarder(s.id, s.key).Get(other.URL + "/v1/things")
	if err != nil || a.StatusCode != 403 {
		t.Errorf("forward mode: %v, %v", a, err)
	}
	if len(other.Requests())+len(s.Echo.Requests()) > 0 {
		t.Error("a service was asked")
	}
}

func TestConnectSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	for key, want := range map[string]string{s.key: "405", "chk_wrong": "407"} {
		got := s.raw(t, "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\nProxy-Authorization: Bearer "+key+"\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 "+want) || want == "405" && !strings.Contains(got, "ask for http://") {
			t.Errorf("answered %q", got)
		}
	}
}
