// SPDX-License-Identifier: Apache-2.0

package attack_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

const (
	good  = "https://login.good.example" // an honest service
	bad   = "https://login.evil.example" // a service of the attacker's
	evil  = "https://evil.example"       // where the attacker gathers things
	ours  = "https://host.example"       // the engine that embeds the host
	cafe  = "https://cafe.host.example"  // a sibling of it, in the attacker's hands
	other = good + "/other"              // another tenant of the honest service
)

// A service is an authorization server (RFC 6749) whose people are known by the
// cookie "person". An honest one binds a code to its redirect URI and to its
// challenge, if it got one; it knows all redirect URIs, since services differ in
// how well they compare them.
type service struct {
	mu sync.Mutex

	origin   string
	silent   bool   // it does not say who it is (RFC 9207)
	promises bool   // its metadata says that it does
	passesTo string // it sends people on to this one, with what it was asked

	codes   map[string]*code
	pushed  map[string]url.Values
	devices map[string]*code
	tokens  map[string]*session
	reused  int // codes that were shown twice

	gathered []string // codes that were shown to it, its own or not
}

type code struct {
	user, person        string
	redirect, challenge string
	method              string
	spent               bool
}

type session struct {
	person string
	ended  bool
}

func newService(origin string) *service {
	return &service{origin: origin, codes: map[string]*code{}, pushed: map[string]url.Values{},
		devices: map[string]*code{}, tokens: map[string]*session{}}
}

func (s *service) set(f func(*service)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// has reports whether a code was shown to it.
func (s *service) has(code string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return code != "" && slices.Contains(s.gathered, code)
}

// ServeHTTP implements [http.Handler].
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := r.URL.Path
	tenant := strings.HasPrefix(path, "/other/")
	switch strings.TrimPrefix(path, "/other") {
	case "/authorize":
		s.authorize(w, r)
	case "/.well-known/oauth-authorization-server":
		answer(w, map[string]any{"issuer": s.origin, "authorization_response_iss_parameter_supported": s.promises})
	case "/par":
		r.ParseForm()
		uri := "urn:ietf:params:oauth:request_uri:" + rand.Text()
		s.pushed[uri] = maps.Clone(r.PostForm)
		w.WriteHeader(http.StatusCreated)
		answer(w, map[string]any{"request_uri": uri, "expires_in": 60})
	case "/device":
		c := &code{user: rand.Text()[:8]}
		device := rand.Text()
		s.devices[device] = c
		answer(w, map[string]any{"device_code": device, "user_code": c.user})
	case "/activate":
		for _, c := range s.devices {
			if c.user == r.FormValue("user_code") {
				c.person = person(r)
			}
		}
	case "/token":
		s.token(w, r, tenant)
	case "/revoke":
		if t := s.tokens[r.PostFormValue("token")]; t != nil {
			t.ended = true
		}
		answer(w, map[string]any{})
	case "/me":
		t := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		if t == nil || t.ended {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer(w, map[string]any{"name": t.person})
	default: // evil.example takes whatever comes
		s.gathered = append(s.gathered, r.FormValue("code"))
		answer(w, map[string]any{})
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func person(r *http.Request) string {
	if k, err := r.Cookie("person"); err == nil {
		return k.Value
	}
	return ""
}

// authorize sends a person back at once: they are signed in, and approve.
func (s *service) authorize(w http.ResponseWriter, r *http.Request) {
	if s.passesTo != "" { // a mix-up: the person approves elsewhere
		http.Redirect(w, r, s.passesTo+"/authorize?"+r.URL.RawQuery, http.StatusFound)
		return
	}
	q := r.URL.Query()
	if kept := s.pushed[q.Get("request_uri")]; kept != nil {
		q = kept
	}
	uris := append(slices.Clone(q["redirect_uri"]), q["request"]...)
	if len(uris) == 0 || person(r) == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	to := uris[len(uris)-1] // of two, some services take the last
	key := rand.Text()
	s.codes[key] = &code{person: person(r), redirect: to, challenge: q.Get("code_challenge"), method: q.Get("code_challenge_method")}
	back := url.Values{"state": q["state"], "code": {key}}
	if q.Get("response_type") == "token" {
		back = url.Values{"state": q["state"], "access_token": {key}}
	}
	if !s.silent {
		back.Set("iss", s.origin)
	}
	http.Redirect(w, r, to+"?"+back.Encode(), http.StatusFound)
}

// token trades a code for a token. A bad service trades any.
func (s *service) token(w http.ResponseWriter, r *http.Request, tenant bool) {
	r.ParseForm()
	shown := r.PostForm.Get("code") + r.PostForm.Get("device_code")
	s.gathered = append(s.gathered, shown)
	if tenant {
		s.gathered = append(s.gathered, "other:"+shown)
	}
	c := s.codes[shown]
	if d := s.devices[r.PostForm.Get("device_code")]; d != nil {
		if c = d; c.person == "" {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]any{"error": "authorization_pending"})
			return
		}
	} else if s.origin == bad && c == nil {
		c = &code{person: "eve"}
	}
	if c == nil || !c.takes(r.PostForm) {
		if c != nil && c.spent {
			s.reused++
		}
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]any{"error": "invalid_grant"})
		return
	}
	c.spent = true
	t := &session{person: c.person}
	access, refresh := rand.Text(), rand.Text()
	s.tokens[access], s.tokens[refresh] = t, t
	answer(w, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh, "account": c.person + "@" + s.origin})
}

// takes reports whether a code is good for what is shown with it (RFC 7636,
// section 4.6).
func (c *code) takes(form url.Values) bool {
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	proof := map[string]string{"S256": base64.RawURLEncoding.EncodeToString(sum[:]), "plain": form.Get("code_verifier"), "": ""}
	return !c.spent && (c.redirect == "" || c.redirect == form.Get("redirect_uri")) && proof[c.method] == c.challenge
}
