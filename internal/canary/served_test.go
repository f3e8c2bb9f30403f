// SPDX-License-Identifier: Apache-2.0

//go:build unix

package canary_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/connectflow"
	"github.com/credhost/credhost/host/httpapi"
	"github.com/credhost/credhost/host/proxy"
	"github.com/credhost/credhost/host/web"
	"github.com/credhost/credhost/internal/front"
	"github.com/credhost/credhost/internal/telemetry"
)

// A service is the engine as "credhost serve" offers it. All that it answers is
// written down, but for what is shown once and what services say in bodies; all
// that it logs and measures is, as well.
type service struct {
	*engine
	at     string
	meter  *telemetry.Telemetry
	client *http.Client
	closes []func()
}

var serving = access.Caller{Actor: "os:canary", Scopes: access.Scopes}

// serve offers the engine's host.
func (e *engine) serve(ctx context.Context) (s *service, err error) {
	s = &service{engine: e}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return s, err
	}
	s.client = &http.Client{Jar: jar, Timeout: 3 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return s, err
	}
	s.at = "http://" + l.Addr().String()
	if s.meter, err = telemetry.Start(ctx, telemetry.Config{Metrics: true}); err != nil {
		return s, err
	}
	flows, err := connectflow.Open(connectflow.Config{Host: e.host, StartURL: s.at + "/connect/start"})
	if err != nil {
		return s, err
	}
	s.closes = append(s.closes, func() { flows.Close() })
	api, err := httpapi.New(httpapi.Config{Host: e.host, Access: s.access, Audit: e.trail, Events: e.gauge.events, Connect: flows, Page: s.at})
	if err != nil {
		return s, err
	}
	way, err := proxy.New(proxy.Config{Host: e.host, Access: s.access, Audit: e.trail})
	if err != nil {
		return s, err
	}
	s.closes = append(s.closes, func() { way.Close() })
	page, err := web.New(web.Config{Host: e.host, Access: s.access, Audit: e.trail, Events: e.gauge.events, Flows: flows, Origin: s.at})
	if err != nil {
		return s, err
	}
	inside := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case proxy.Wants(r):
			way.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/v1/"):
			api.ServeHTTP(w, r)
		default:
			page.ServeHTTP(w, r)
		}
	})
	server := front.New(slog.Default())
	rules := front.Rules{Names: front.NewNames(l.Addr().String())}
	server.Serve(l, nil, server.Receive(func() front.Rules { return rules }, s.meter.Measure(func(*http.Request) string { return "/" }, inside)))
	s.closes = append(s.closes, func() { server.Shutdown(ctx) })
	return s, nil
}

// tell has the nest know a secret that the engine has made.
func (e *engine) tell(name, secret string) string {
	if resp, err := http.Post(e.Services+"/secret/"+url.PathEscape(name), "text/plain", strings.NewReader(secret)); err == nil {
		resp.Body.Close()
	}
	return secret
}

// ask sends a request, and writes down what is answered. What is quiet has a body
// that is not ours to hide.
func (s *service) ask(key, method, path, body string, quiet bool, headers ...string) string {
	r, err := http.NewRequest(method, s.at+path, strings.NewReader(body))
	if err != nil {
		return ""
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	resp.Header.Del("Set-Cookie") // the session's own
	if s.write("served", "%s %s %v %v", method, resp.Status, resp.Header, resp.Trailer); !quiet || resp.Header.Get("Credhost-Error") != "" {
		s.write("served", "%s", text)
	}
	return string(text)
}

// served asks what is served for all that the engine has, and makes the mistakes
// that callers make.
func (e *engine) served(ctx context.Context) error {
	s, err := e.serve(ctx)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range s.closes {
			f()
		}
	}()
	ctx = access.With(ctx, serving)
	if _, err := s.access.CreateWorkspace(ctx, "acme"); err != nil {
		return err
	}
	_, key, err := s.access.CreateKey(ctx, access.NewKey{Workspace: "acme", Name: "canary", Scopes: access.Scopes})
	if err != nil {
		return err
	}
	e.tell("key of a caller", key)
	s.hear(key)
	page, err := e.ws.List(ctx, host.Page{})
	if err != nil {
		return err
	}
	for _, mode := range []string{"", "echo"} {
		e.mode(mode)
		for _, c := range page[:min(len(page), 12)] {
			s.round(key, c)
		}
	}
	e.mode("")
	s.blunders(key)
	if err := s.visit(ctx, page); err != nil {
		return err
	}
	rec := httptest.NewRecorder()
	s.meter.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	s.write("served", "%s", rec.Body)
	return s.meter.Shutdown(ctx)
}

// hear registers a webhook, whose messages are written down.
func (s *service) hear(key string) {
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.write("served", "%v %s", r.Header, body)
	}))
	s.closes = append(s.closes, receiver.Close)
	text := s.ask(key, "POST", "/v1/webhooks", `{"url":"`+receiver.URL+`/hook"}`, true)
	if m := regexp.MustCompile(`"secret":"whsec_([^"]*)"`).FindStringSubmatch(text); m != nil {
		s.tell("secret of a webhook", m[1])
	}
}

// round does with a credential what callers do.
func (s *service) round(key string, c host.Credential) {
	at := "/v1/credentials/" + c.ID
	for _, ask := range []string{"GET " + at, "GET " + at + "/form", "POST " + at + "/test", "POST " + at + "/connect", "GET /v1/types/" + c.Type + "/schema"} {
		method, path, _ := strings.Cut(ask, " ")
		s.ask(key, method, path, "", false)
	}
	for _, origin := range c.Origins.Grant {
		for _, path := range []string{"/me", "/{key}/{token}?a=b"} {
			s.ask(key, "GET", "/proxy/"+c.ID+"/"+strings.Replace(strings.Replace(origin, "*", "home", 1), "://", "/", 1)+path, "", true)
		}
	}
	s.ask(key, "GET", "/proxy/"+c.ID+"/https/evil.example/?k="+key, "", false)
}

// blunders are mistakes with secrets in the wrong place. The names of types and of
// members are told back to who has sent them, and are left out.
func (s *service) blunders(key string) {
	for _, secret := range wrongAnswers {
		quoted := strings.Trim(fmt.Sprintf("%q", secret), `"`)
		for _, body := range []string{`{"type":"homed","answers":{"noSuchField":"` + quoted + `"}}`, `{"type":"homed","name":"x","answers":{"secret":["` + quoted + `"]}}`, `{"type":"` + quoted, secret} {
			s.ask(key, "POST", "/v1/credentials", body, false)
			s.ask(key, "POST", "/v1/keys/derive", body, false, "Idempotency-Key", secret)
		}
		escaped := url.PathEscape(secret)
		for _, path := range []string{"/v1/credentials/" + key, "/v1/keys/" + key, "/v1/credentials?search=" + escaped, "/v1/credentials?limit=" + escaped, "/v1/credentials?cursor=" + escaped,
			"/proxy/" + key + "/https/home.example/", "/proxy/c-1/https/home.example/" + escaped} {
			s.ask(key, "GET", path, "", false, "If-None-Match", `"`+secret+`"`)
		}
		s.ask("chk_"+secret, "GET", "/v1/credentials", "", false)
		s.ask("", "GET", "/v1/credentials", "", false, "Authorization", secret, "Cookie", "credhost="+escaped)
	}
}

// visit signs in, and looks at the pages.
func (s *service) visit(ctx context.Context, all []host.Credential) error {
	secret, err := s.access.Link(ctx, serving)
	if err != nil {
		return err
	}
	s.tell("secret of a link", secret)
	token := regexp.MustCompile(`name="_token" value="([^"]*)"`).FindStringSubmatch(s.ask("", "GET", "/signin", "", false))
	if token == nil {
		return fmt.Errorf("there is no page to sign in")
	}
	s.ask("", "POST", "/signin", url.Values{"_token": {token[1]}, "link": {secret}}.Encode(), false,
		"Content-Type", "application/x-www-form-urlencoded", "Origin", s.at, "Sec-Fetch-Site", "same-origin")
	home, err := url.Parse(s.at)
	if err != nil {
		return err
	}
	for _, c := range s.client.Jar.Cookies(home) {
		s.tell("session", c.Value)
	}
	seen := ""
	for _, path := range []string{"/about", "/plugins", "/workspaces", "/w/acme/credentials", "/w/acme/types", "/w/acme/keys", "/w/acme/people", "/w/acme/webhooks", "/w/acme/audit", "/w/acme/applications"} {
		seen += s.ask("", "GET", path, "", false)
	}
	for _, c := range all {
		for _, path := range []string{"", "/edit", "/delete"} {
			seen += s.ask("", "GET", "/w/acme/credentials/"+c.ID+path, "", false)
		}
	}
	if !strings.Contains(seen, "<main") {
		return fmt.Errorf("nobody has signed in")
	}
	return nil
}
