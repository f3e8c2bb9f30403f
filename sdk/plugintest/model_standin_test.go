// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/credhost/credhost/sdk"
)

const (
	modelKey    = "EXAMPLE-model-key"
	modelID     = "EXAMPLE-model-client"
	modelSecret = "EXAMPLE-model-client-secret"
)

// A modelStandin stands in for the service of model. Codes and refresh tokens
// work once.
type modelStandin struct {
	mu      sync.Mutex
	codes   map[string]string // code → challenge
	refresh map[string]string // refresh token → session
	access  map[string]string // access token → session
	ended   map[string]bool   // sessions
}

func newModelStandin() *modelStandin {
	return &modelStandin{codes: map[string]string{}, refresh: map[string]string{}, access: map[string]string{}, ended: map[string]bool{}}
}

func (s *modelStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Host == "login.model.example" {
		s.login(w, r)
		return
	}
	if r.URL.Path == "/sites" {
		s.sites(w, r)
		return
	}
	token := r.Header.Get("Authorization")
	session, ok := s.access[strings.TrimPrefix(token, "Bearer ")]
	body, _ := io.ReadAll(r.Body)
	sum := sha256.Sum256(body)
	switch {
	case !ok || s.ended[session],
		r.URL.Path == "/things" && r.Header.Get("X-Signature") != modelSignature(token, r.Method, r.RequestURI, sum[:]):
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "bad token " + token})
	case r.URL.Path == "/me", r.URL.Path == "/things":
		writeJSON(w, http.StatusOK, map[string]string{"name": "model"})
	case r.URL.Path == "/revoke":
		s.ended[session] = true
		writeJSON(w, http.StatusOK, map[string]string{})
	default:
		writePage(w, http.StatusNotFound)
	}
}

func (s *modelStandin) login(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.URL.Path == "/authorize" {
		code := rand.Text()
		s.codes[code] = q.Get("code_challenge")
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"state": {q.Get("state")}, "code": {code}}.Encode(), http.StatusFound)
		return
	}
	fail := func(code string) {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": "of " + r.Form.Encode()})
	}
	r.ParseForm()
	client := r.Form.Get("client_id") == modelID && r.Form.Get("client_secret") == modelSecret
	session := rand.Text()
	switch grant, shown := r.Form.Get("grant_type"), r.Form.Get("refresh_token"); {
	case grant == "key" && r.Form.Get("key") == modelKey:
	case grant != "key" && !client:
		fail("invalid_client")
		return
	case grant == "refresh_token" && s.refresh[shown] != "" && !s.ended[s.refresh[shown]]:
		session = s.refresh[shown]
		delete(s.refresh, shown)
	case grant == "authorization_code" && s.takes(r.Form.Get("code"), r.Form.Get("code_verifier")):
	default:
		fail("invalid_grant")
		return
	}
	answer := map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 3600}
	s.access[answer["access_token"].(string)] = session
	if client {
		answer["refresh_token"] = rand.Text()
		s.refresh[answer["refresh_token"].(string)] = session
	}
	writeJSON(w, http.StatusOK, answer)
}

// takes spends a code.
func (s *modelStandin) takes(code, verifier string) bool {
	challenge, ok := s.codes[code]
	delete(s.codes, code)
	sum := sha256.Sum256([]byte(verifier))
	return ok && challenge == base64.RawURLEncoding.EncodeToString(sum[:])
}

func (s *modelStandin) sites(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Key") != modelKey {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "bad key"})
		return
	}
	found := []sdk.Option{}
	for _, o := range []sdk.Option{{Value: "north", Title: "North Site"}, {Value: "south", Title: "South Site"}} {
		if strings.Contains(o.Title, r.URL.Query().Get("search")) {
			found = append(found, o)
		}
	}
	writeJSON(w, http.StatusOK, found)
}
