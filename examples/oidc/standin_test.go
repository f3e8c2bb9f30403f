// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A standin plays two providers: login.example.com wants its requests pushed,
// always says who it is, and tells about the person; plain.example.com has
// the metadata of RFC 8414 and nothing else. Codes and refresh tokens work
// once, and what is shown again ends what came of it. It echoes what it refuses.
type standin struct {
	change map[string]any // of the metadata

	mu      sync.Mutex
	secrets int                   // requests that had the secret
	pushed  map[string]url.Values // requests, by their reference
	codes   map[string]url.Values // requests for approval, by code
	shown   map[string]bool       // assertions
	spent   map[string]*family
	refresh map[string]*family
	access  map[string]*family
}

// A family is what came of one approval.
type family struct{ ended bool }

func newStandin(change map[string]any) *standin {
	return &standin{change: change, pushed: map[string]url.Values{}, codes: map[string]url.Values{},
		shown: map[string]bool{}, spent: map[string]*family{}, refresh: map[string]*family{}, access: map[string]*family{}}
}

// Secrets counts the requests that had the client's secret.
func (s *standin) Secrets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.secrets
}

// Code returns a code, as a person who approves gets it.
func (s *standin) Code(cb sdk.Callback) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	code, sum := rand.Text(), sha256.Sum256([]byte(cb.Verifier))
	s.codes[code] = url.Values{"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "redirect_uri": {cb.RedirectURL}}
	return code
}

// ServeHTTP implements [http.Handler].
func (s *standin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.ParseForm()
	plain := r.Host == "plain.example.com"
	switch r.URL.Path {
	case "/tenant/.well-known/openid-configuration":
		if !plain {
			answer(w, 200, changed(metadataOf("https://login.example.com", "/tenant"), s.change))
			return
		}
	case "/.well-known/oauth-authorization-server":
		if plain {
			m := metadataOf("https://plain.example.com", "/")
			for _, name := range []string{"userinfo_endpoint", "pushed_authorization_request_endpoint", "require_pushed_authorization_requests", "authorization_response_iss_parameter_supported"} {
				delete(m, name)
			}
			answer(w, 200, m)
			return
		}
	case "/authorize":
		s.authorize(w, r, plain)
		return
	case "/me":
		s.me(w, r)
		return
	case "/par", "/token", "/introspect", "/revoke":
		s.asClient(w, r, plain)
		return
	}
	http.NotFound(w, r)
}

func metadataOf(origin, path string) map[string]any {
	return map[string]any{"issuer": origin + path, "authorization_endpoint": origin + "/authorize", "token_endpoint": origin + "/token",
		"userinfo_endpoint": origin + "/me", "introspection_endpoint": origin + "/introspect", "revocation_endpoint": origin + "/revoke",
		"pushed_authorization_request_endpoint": origin + "/par", "require_pushed_authorization_requests": true,
		"authorization_response_iss_parameter_supported": true}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // a client that left needs no answer
}

func refuse(w http.ResponseWriter, status int, word, shown string) {
	answer(w, status, map[string]string{"error": word, "error_description": "not good: " + shown})
}

// authorize sends the person back at once, approving.
func (s *standin) authorize(w http.ResponseWriter, r *http.Request, plain bool) {
	q, iss := r.Form, url.Values{}
	if !plain {
		q, iss = s.pushed[r.Form.Get("request_uri")], url.Values{"iss": {"https://login.example.com/tenant"}}
	}
	if q.Get("code_challenge_method") != "S256" || !strings.HasPrefix(q.Get("client_id"), "EXAMPLE") || q.Get("response_type") != "code" {
		refuse(w, 400, "invalid_request", q.Get("client_id"))
		return
	}
	code := rand.Text()
	s.codes[code] = q
	iss.Set("code", code)
	iss.Set("state", q.Get("state"))
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+iss.Encode(), http.StatusFound)
}

func (s *standin) me(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if f := s.access[token]; f == nil || f.ended {
		refuse(w, 401, "invalid_token", token)
		return
	}
	answer(w, 200, map[string]string{"sub": "ada", "email": "ada@example.com"})
}

// asClient serves what wants the client to authenticate, in the one way in
// which it is registered.
func (s *standin) asClient(w http.ResponseWriter, r *http.Request, plain bool) {
	id, secret, basic := r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	if plain {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	s.secrets++
	known := id == "EXAMPLE:client" && secret == "EXAMPLE-s&cret" && basic != plain
	if r.PostForm.Get("client_id") == "EXAMPLE-signing" {
		known = !basic && !plain && s.signed(r.PostForm)
	}
	if !known {
		refuse(w, 401, "invalid_client", secret+r.PostForm.Get("client_assertion"))
		return
	}
	token := r.PostForm.Get("token")
	switch r.URL.Path {
	case "/par":
		if r.PostForm.Get("scope") == "unheard-of" {
			refuse(w, 400, "invalid_scope", "unheard-of")
			return
		}
		reference := "urn:ietf:params:oauth:request_uri:" + rand.Text()
		s.pushed[reference] = r.PostForm
		answer(w, 201, map[string]any{"request_uri": reference, "expires_in": 60})
	case "/token":
		s.token(w, r.PostForm)
	case "/introspect":
		f := s.access[token]
		answer(w, 200, map[string]bool{"active": f != nil && !f.ended})
	case "/revoke":
		for _, f := range []*family{s.access[token], s.refresh[token]} {
			if f != nil {
				f.ended = true
			}
		}
	}
}

// key is the private key of EXAMPLE-signing, as PEM.
var key = newKey()

func newKey() string {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// signed reports whether a form has an assertion of EXAMPLE-signing's that is
// for the issuer, and that was not shown before (RFC 7523, section 3).
func (s *standin) signed(form url.Values) bool {
	block, _ := pem.Decode([]byte(key))
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	assertion := form.Get("client_assertion")
	part := strings.Split(assertion, ".")
	if err != nil || len(part) != 3 || s.shown[assertion] || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return false
	}
	s.shown[assertion] = true
	claims, _ := base64.RawURLEncoding.DecodeString(part[1])
	signature, _ := base64.RawURLEncoding.DecodeString(part[2])
	var c struct {
		Iss, Sub, Aud, Jti string
		Exp                int64
	}
	sum := sha256.Sum256([]byte(part[0] + "." + part[1]))
	return len(signature) == 64 && json.Unmarshal(claims, &c) == nil &&
		ecdsa.Verify(&private.(*ecdsa.PrivateKey).PublicKey, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) &&
		c.Iss == "EXAMPLE-signing" && c.Sub == c.Iss && c.Aud == "https://login.example.com/tenant" && c.Jti != "" && c.Exp > time.Now().Unix()
}

func (s *standin) token(w http.ResponseWriter, form url.Values) {
	var f *family
	shown := form.Get("code") + form.Get("refresh_token")
	switch kind := form.Get("grant_type"); {
	case s.spent[shown] != nil:
		s.spent[shown].ended = true
	case kind == "client_credentials" && form.Get("scope") == "read write":
		f = &family{}
	case kind == "authorization_code" && s.codes[shown] != nil:
		q, sum := s.codes[shown], sha256.Sum256([]byte(form.Get("code_verifier")))
		if q.Get("code_challenge") == base64.RawURLEncoding.EncodeToString(sum[:]) && q.Get("redirect_uri") == form.Get("redirect_uri") {
			f = &family{}
		}
		delete(s.codes, shown)
	case kind == "refresh_token":
		f = s.refresh[shown]
		delete(s.refresh, shown)
	}
	if f == nil || f.ended {
		refuse(w, 400, "invalid_grant", shown)
		return
	}
	access := rand.Text()
	s.access[access] = f
	given := map[string]any{"access_token": access, "token_type": "bearer", "expires_in": 3600}
	if shown != "" {
		refresh := rand.Text()
		s.refresh[refresh], s.spent[shown] = f, f
		given["refresh_token"] = refresh
	}
	answer(w, 200, given)
}
