// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// PushedStandin stands in for the service of pushed. It takes no request for
// approval but by reference, each of which works once.
type PushedStandin struct {
	mu      sync.Mutex
	pushed  map[string]url.Values // by reference
	codes   map[string]url.Values // what was pushed, by code
	refresh map[string]*pushedToken
	access  map[string]*pushedSession
	ignores bool
}

// pushedSession is one approval.
type pushedSession struct{ ended bool }

type pushedToken struct {
	session *pushedSession
	spent   time.Time // zero: not yet
}

// NewPushedStandin returns a stand-in.
func NewPushedStandin() *PushedStandin {
	return &PushedStandin{pushed: map[string]url.Values{}, codes: map[string]url.Values{},
		refresh: map[string]*pushedToken{}, access: map[string]*pushedSession{}}
}

// IgnoreRevocation makes the service say that it has revoked a token, and do
// nothing.
func (s *PushedStandin) IgnoreRevocation() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ignores = true
}

// ServeHTTP implements [http.Handler].
func (s *PushedStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/authorize":
		s.authorize(w, r)
		return
	case "/me":
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if session := s.access[token]; session == nil || session.ended {
			refuse(w, http.StatusUnauthorized, "bad token: "+token)
			return
		}
		reply(w, map[string]string{"name": "pushed"})
		return
	}
	id, secret, _ := r.BasicAuth()
	if id != pushedClientID || secret != pushedGoodSecret || r.PostFormValue("client_secret") != "" {
		refuseToken(w, http.StatusUnauthorized, "invalid_client", "wrong secret: "+secret)
		return
	}
	switch shown := r.PostFormValue("token"); r.URL.Path {
	case "/par":
		s.push(w, r)
	case "/token":
		s.token(w, r)
	case "/revoke": // what it does not know is revoked, too
		if t := s.refresh[shown]; t != nil && !s.ignores {
			t.session.ended = true
		}
		if session := s.access[shown]; session != nil && !s.ignores {
			session.ended = true
		}
	case "/introspect":
		t, session := s.refresh[shown], s.access[shown]
		reply(w, map[string]any{"active": t != nil && !t.session.ended && t.spent.IsZero() || session != nil && !session.ended})
	default:
		refuse(w, http.StatusNotFound, "no such page")
	}
}

// push takes a request for approval (RFC 9126, section 2).
func (s *PushedStandin) push(w http.ResponseWriter, r *http.Request) {
	p := r.PostForm
	if p.Get("client_id") != pushedClientID || p.Get("response_type") != "code" || p.Get("code_challenge_method") != "S256" ||
		p.Get("code_challenge") == "" || p.Get("state") == "" || p.Has("request_uri") || p.Get("scope") != "read offline" {
		refuseToken(w, http.StatusBadRequest, "invalid_request", "a parameter is wrong")
		return
	}
	if !slices.Equal(p["resource"], pushedResources) {
		refuseToken(w, http.StatusBadRequest, "invalid_target", "no such place")
		return
	}
	reference := "urn:ietf:params:oauth:request_uri:" + rand.Text()
	s.pushed[reference] = p
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	encode(w, map[string]any{"request_uri": reference, "expires_in": 60})
}

// authorize sends the person back at once, approving.
func (s *PushedStandin) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	reference := q.Get("request_uri")
	p := s.pushed[reference]
	if p == nil || len(q) != 2 || q.Get("client_id") != pushedClientID {
		refuse(w, http.StatusBadRequest, "nothing was pushed")
		return
	}
	delete(s.pushed, reference)
	code := rand.Text()
	s.codes[code] = p
	back := url.Values{"state": {p.Get("state")}, "code": {code}}
	http.Redirect(w, r, p.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// token gives tokens. A refresh token that was spent is taken again for a
// while, and gives others.
func (s *PushedStandin) token(w http.ResponseWriter, r *http.Request) {
	get := r.PostFormValue
	var session *pushedSession
	switch old, p := s.refresh[get("refresh_token")], s.codes[get("code")]; get("grant_type") {
	case "authorization_code":
		delete(s.codes, get("code"))
		sum := sha256.Sum256([]byte(get("code_verifier")))
		if p != nil && get("redirect_uri") == p.Get("redirect_uri") && base64.RawURLEncoding.EncodeToString(sum[:]) == p.Get("code_challenge") {
			session = &pushedSession{}
		}
	case "refresh_token":
		if old != nil && !old.session.ended && (old.spent.IsZero() || time.Since(old.spent) < pushedGrace) {
			session = old.session
			if old.spent.IsZero() {
				old.spent = time.Now()
			}
		}
	}
	if session == nil || !slices.Equal(r.PostForm["resource"], pushedResources) {
		refuseToken(w, http.StatusBadRequest, "invalid_grant", "not good any more: "+get("code")+get("refresh_token"))
		return
	}
	access, refresh := rand.Text(), rand.Text()
	s.access[access], s.refresh[refresh] = session, &pushedToken{session: session}
	reply(w, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh})
}
