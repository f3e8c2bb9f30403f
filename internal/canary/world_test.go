// SPDX-License-Identifier: Apache-2.0

//go:build unix

package canary_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/credhost/credhost/internal/canary"
	"github.com/credhost/credhost/internal/testplugin"
)

// The passwords of what a host uses itself.
const (
	proxyPassword    = "canary-of-the-pr0xy"
	databasePassword = "canary-of-the-d4tabase"
)

// A world is the services that a host speaks to. It tells a nest every secret
// that passes by, on either way.
type world struct {
	nest     *canary.Nest
	services *testplugin.Standins
	server   *httptest.Server
	foreign  *httptest.Server // whose certificate nobody trusts
	mode     atomic.Value     // what the services do: see ServeHTTP
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{nest: canary.New(), services: testplugin.NewStandins()}
	w.mode.Store("")
	w.server = httptest.NewServer(w)
	t.Cleanup(w.server.Close)
	w.foreign = httptest.NewUnstartedServer(w)
	w.foreign.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.foreign.StartTLS()
	t.Cleanup(w.foreign.Close)
	for _, secret := range testplugin.Secrets() {
		w.nest.Add("answer", secret)
	}
	for _, method := range testplugin.ClientsMethods() {
		answers := testplugin.ClientsAnswers(method)
		for _, name := range []string{"clientSecret", "key", "privateKey", "clientKey"} {
			w.nest.Add("client key", answers[name])
		}
	}
	var file struct {
		Key string `json:"private_key"`
	}
	if json.Unmarshal([]byte(testplugin.AccountFile(false)), &file) == nil {
		w.nest.Add("private key", file.Key)
	}
	w.nest.Add("proxy password", proxyPassword)
	w.nest.Add("database password", databasePassword)
	for name, secret := range wrongAnswers {
		w.nest.Add("wrong "+name, secret)
	}
	return w
}

// routes are where a host finds the services.
func (w *world) routes() map[string]string {
	routes := w.services.Routes(w.server.URL)
	routes["https://many002.example"] = w.foreign.URL
	delete(routes, "https://many003.example") // which goes through the proxy, if there is one
	return routes
}

// ServeHTTP is all services. The path /mode says what they do from then on:
// nothing unusual; "echo": refuse everything, and repeat the request wherever an
// answer has room; "garbage": answer with what looks like a good answer, and is
// cut off; "hang": not answer at all.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if mode, ok := strings.CutPrefix(r.URL.Path, "/mode/"); ok {
		w.mode.Store(mode)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if name, ok := strings.CutPrefix(r.URL.Path, "/secret/"); ok {
		w.nest.Add(name, string(body))
		return
	}
	w.hearRequest(r, body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch w.mode.Load() {
	case "echo":
		echo(rw, r, body)
	case "garbage":
		fmt.Fprintf(rw, `{"access_token":%q,"expires_in":"soon","refresh_token":{"%s`, said(r, body), said(r, body))
	case "hang":
		<-r.Context().Done()
	default:
		rec := httptest.NewRecorder()
		w.services.ServeHTTP(rec, r)
		w.hearAnswer(rec)
		for name, values := range rec.Header() {
			rw.Header()[name] = values
		}
		rw.WriteHeader(rec.Code)
		rw.Write(rec.Body.Bytes())
	}
}

// said is all that is secret of a request, in one line.
func said(r *http.Request, body []byte) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == '"' || c == '\\' {
			return ' '
		}
		return c
	}, fmt.Sprint(r.Header["Authorization"], r.Header["X-Api-Key"], r.Header["Cookie"], r.URL.String(), string(body)))
}

// echo repeats a request in the status line, the headers and the body of its
// answer.
func echo(rw http.ResponseWriter, r *http.Request, body []byte) {
	conn, _, err := rw.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	text := said(r, body)
	answer := fmt.Sprintf(`{"error":"invalid_grant","error_description":%q,"error_uri":%q,"message":%q}`, text, "https://a.example/"+url.QueryEscape(text), text)
	fmt.Fprintf(conn, "HTTP/1.1 401 Refused %s\r\nWww-Authenticate: Bearer error=\"invalid_token\", error_description=\"%s\"\r\nLocation: https://evil.example/?%s\r\n"+
		"X-Echo: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", text, text, url.QueryEscape(text), text, len(answer), answer)
}

// secretNames are the names under which secrets travel, and what they are.
var secretNames = map[string]string{
	"access_token": "access token", "access": "access token", "refresh_token": "refresh token", "refresh": "refresh token", "id_token": "ID token",
	"token": "token", "code": "code", "code_verifier": "verifier", "state": "state", "device_code": "device code", "client_secret": "client secret",
	"client_assertion": "assertion", "assertion": "assertion", "subject_token": "subject token", "actor_token": "actor token", "password": "password",
	"request_uri": "request URI", "key": "key",
}

func (w *world) hearRequest(r *http.Request, body []byte) {
	form, _ := url.ParseQuery(string(body))
	for _, values := range []url.Values{form, r.URL.Query()} {
		for name, v := range values {
			if what := secretNames[name]; what != "" {
				w.nest.Add(what, v[0])
			}
		}
	}
	if auth := r.Header.Get("Authorization"); auth != "" {
		_, credentials, _ := strings.Cut(auth, " ")
		w.nest.Add("authorization", proofIn(credentials))
	}
	for _, c := range r.Cookies() {
		w.nest.Add("cookie", c.Value)
	}
	if len(body) > 0 && !bytes.ContainsAny(body, "&={ ") {
		w.nest.Add("refresh token", string(body)) // mortal's
	}
}

// proofIn returns what is secret of an Authorization: all of it, or, where it says in
// clear what it is a proof of, the proof (AWS's Signature Version 4; RFC 7616).
func proofIn(credentials string) string {
	for _, before := range []string{"Signature=", `response="`} {
		if _, proof, ok := strings.Cut(credentials, before); ok {
			proof, _, _ = strings.Cut(proof, `"`)
			return proof
		}
	}
	return credentials
}

func (w *world) hearAnswer(rec *httptest.ResponseRecorder) {
	var members map[string]any
	if json.Unmarshal(rec.Body.Bytes(), &members) == nil {
		for name, v := range members {
			if text, ok := v.(string); ok && secretNames[name] != "" {
				w.nest.Add(secretNames[name], text)
			}
		}
	}
	if to, err := url.Parse(rec.Header().Get("Location")); err == nil {
		for name, v := range to.Query() {
			if what := secretNames[name]; what != "" {
				w.nest.Add(what, v[0])
			}
		}
	}
}
