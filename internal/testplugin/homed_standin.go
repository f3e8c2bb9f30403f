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

// HomedStandin stands in for the service of homed. It checks PKCE; codes and
// refresh tokens work once, and one that is shown again ends everything that
// came of its approval.
type HomedStandin struct {
	mu       sync.Mutex
	codes    map[string]*homedCode
	refresh  map[string]*homedToken
	access   map[string]homedAccess
	tokens   int
	reused   int
	denied   bool
	revoking func(h *HomedStandin, w http.ResponseWriter, s *homedSession)
	looks    int // at something revoked, before that is refused
	instance string
	account  string
	lives    time.Duration // an access token, from when it is given
	given    []time.Time   // when tokens were, for a refresh token
}

// homedSession is one approval.
type homedSession struct{ ended bool }

// homedAccess is an access token.
type homedAccess struct {
	*homedSession
	until time.Time
}

type homedCode struct {
	session             *homedSession
	redirect, challenge string
	used                bool
}

type homedToken struct {
	session *homedSession
	spent   bool
}

// NewHomedStandin returns a stand-in.
func NewHomedStandin() *HomedStandin {
	return &HomedStandin{revoking: revokeAtOnce, codes: map[string]*homedCode{}, refresh: map[string]*homedToken{}, access: map[string]homedAccess{},
		instance: HomedInstance, account: "person@homed.example", lives: time.Hour}
}

// Reused counts the codes and refresh tokens that were shown again. A careful
// client leaves it at zero.
func (h *HomedStandin) Reused() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reused
}

// TokenRequests counts the requests to the token endpoint.
func (h *HomedStandin) TokenRequests() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tokens
}

// Expire makes every access token stale. Refresh tokens stay good.
func (h *HomedStandin) Expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.access)
}

// Lives says for how long access tokens are good from now on, in whole seconds.
// An hour is usual.
func (h *HomedStandin) Lives(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lives = d
}

// Renewed returns when a refresh token was taken and answered with the next.
func (h *HomedStandin) Renewed() []time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.given)
}

// End makes everything worthless that came of the approvals until now: the
// account's owner has withdrawn them.
func (h *HomedStandin) End() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.refresh {
		t.session.ended = true
	}
}

// A HomedRevoking is what homed's stand-in does when it is told to revoke.
type HomedRevoking func(h *HomedStandin, w http.ResponseWriter, s *homedSession)

// What it can do: end the approval, as it should; end it when it has been asked
// for twice more; say that it did, and do nothing; fail.
var (
	HomedRevokes     HomedRevoking = revokeAtOnce
	HomedRevokesLate HomedRevoking = func(h *HomedStandin, w http.ResponseWriter, s *homedSession) {
		revokeAtOnce(h, w, s)
		h.looks = 2
	}
	HomedIgnores HomedRevoking = func(*HomedStandin, http.ResponseWriter, *homedSession) {}
	HomedFails   HomedRevoking = func(_ *HomedStandin, w http.ResponseWriter, _ *homedSession) {
		refuse(w, http.StatusServiceUnavailable, "later")
	}
)

func revokeAtOnce(_ *HomedStandin, _ http.ResponseWriter, s *homedSession) { s.ended = true }

// Revoking says what it does from now on when it is told to revoke.
func (h *HomedStandin) Revoking(r HomedRevoking) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.revoking = r
}

// Deny makes the person refuse from now on, or approve again.
func (h *HomedStandin) Deny(deny bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.denied = deny
}

// Move makes the service name another instance and account in its tokens.
func (h *HomedStandin) Move(instance, account string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.instance, h.account = instance, account
}

// ServeHTTP implements [http.Handler].
func (h *HomedStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	login := r.Host == hostOf(homedLogin)
	switch {
	case login && r.URL.Path == "/authorize":
		h.authorize(w, r)
	case login && r.URL.Path == "/token":
		h.tokens++
		h.token(w, r)
	case login && r.URL.Path == "/revoke":
		if t := h.refresh[r.PostFormValue("token")]; t != nil {
			h.revoking(h, w, t.session)
		}
	case !login && r.URL.Path == "/me":
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if s := h.access[token]; s.homedSession == nil || time.Now().After(s.until) || s.ended && h.refuses() || r.Host != hostOf(h.instance) {
			refuse(w, http.StatusUnauthorized, "bad token: "+token)
			return
		}
		reply(w, map[string]string{"account": h.account})
	default:
		refuse(w, http.StatusNotFound, "no such page")
	}
}

// refuses reports whether what has ended is refused by now.
func (h *HomedStandin) refuses() bool {
	h.looks--
	return h.looks < 0
}

// authorize sends the person back at once, approving.
func (h *HomedStandin) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != homedClientID || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" {
		refuse(w, http.StatusBadRequest, "a parameter is wrong")
		return
	}
	back := url.Values{"state": {q.Get("state")}, "iss": {homedLogin}}
	if h.denied {
		back.Set("error", "access_denied")
	} else {
		code := rand.Text()
		h.codes[code] = &homedCode{session: &homedSession{}, redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge")}
		back.Set("code", code)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (h *HomedStandin) token(w http.ResponseWriter, r *http.Request) {
	if secret := r.PostFormValue("client_secret"); r.PostFormValue("client_id") != homedClientID || secret != homedClientSecret {
		refuseToken(w, http.StatusUnauthorized, "invalid_client", "wrong secret: "+secret)
		return
	}
	var session *homedSession
	shown := r.PostFormValue("code") + r.PostFormValue("refresh_token")
	switch code, token := h.codes[shown], h.refresh[shown]; {
	case code != nil && code.used, token != nil && token.spent:
		h.reused++
		if code != nil {
			code.session.ended = true
		} else {
			token.session.ended = true
		}
	case code != nil && r.PostFormValue("grant_type") == "authorization_code":
		code.used = true
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if r.PostFormValue("redirect_uri") == code.redirect && base64.RawURLEncoding.EncodeToString(sum[:]) == code.challenge {
			session = code.session
		}
	case token != nil && r.PostFormValue("grant_type") == "refresh_token":
		token.spent = true
		session = token.session
	}
	if session == nil || session.ended {
		refuseToken(w, http.StatusBadRequest, "invalid_grant", "not good any more: "+shown)
		return
	}
	access, refresh := rand.Text(), rand.Text()
	h.access[access], h.refresh[refresh] = homedAccess{session, time.Now().Add(h.lives)}, &homedToken{session: session}
	if r.PostFormValue("grant_type") == "refresh_token" {
		h.given = append(h.given, time.Now())
	}
	reply(w, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int(h.lives / time.Second), "refresh_token": refresh,
		"instance_url": h.instance, "account": h.account})
}
