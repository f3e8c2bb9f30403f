// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// ClientsStandin stands in for the service of clients. Each way to
// authenticate has its client, which may authenticate in no other (RFC 6749,
// section 2.3: not in two ways at once, either). Whoever serves it must see to
// it that requests have the certificates that the client showed.
type ClientsStandin struct {
	mu     sync.Mutex
	notary notary
	access map[string]*x509.Certificate // what tokens are bound to; nil: nothing
}

// NewClientsStandin returns a stand-in.
func NewClientsStandin() *ClientsStandin {
	return &ClientsStandin{access: map[string]*x509.Certificate{}}
}

// ClientsAnswers returns good answers for a client that authenticates in one
// way.
func ClientsAnswers(method oauth.Auth) sdk.Values {
	v := sdk.Values{"authMethod": string(method), "clientId": clientsName(method)}
	switch method {
	case oauth.AuthKeyJWT:
		v["privateKey"] = clientsPair().key
	case oauth.AuthTLS, oauth.AuthSelfSignedTLS:
		v["certificate"], v["certificateKey"] = clientsPair().chain, clientsPair().key
	default:
		v["clientSecret"] = clientsGoodSecret
	}
	return v
}

// ClientsForeign returns keys, and a certificate, that the service does not
// know.
func ClientsForeign() sdk.Values {
	foreign := clientsForeign()
	return sdk.Values{"privateKey": foreign.key, "certificate": foreign.chain, "certificateKey": foreign.key}
}

// ClientsAuthority is whom a server that demands certificates must trust, to
// let the good one through.
func ClientsAuthority() *x509.Certificate { return clientsPair().certificate }

func clientsName(method oauth.Auth) string { return "EXAMPLE-" + string(method) }

// ServeHTTP implements [http.Handler].
func (s *ClientsStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := certificateOf(r)
	switch r.URL.Path {
	case "/token":
		method, ok := s.client(r, shown)
		switch {
		case !ok:
			refuseToken(w, http.StatusUnauthorized, "invalid_client", "wrong, or in another way: "+r.PostForm.Encode())
			return
		case r.PostFormValue("grant_type") != "client_credentials":
			refuseToken(w, http.StatusBadRequest, "unsupported_grant_type", "")
			return
		}
		token := rand.Text()
		s.access[token] = nil
		if isTLS(method) {
			s.access[token] = shown
		}
		reply(w, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
	case "/me":
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		bound, known := s.access[token]
		if !known || bound != nil && (shown == nil || !bound.Equal(shown)) { // RFC 8705, section 3
			refuse(w, http.StatusUnauthorized, "bad token, or another's: "+token)
			return
		}
		reply(w, map[string]string{"name": "client"})
	default:
		refuse(w, http.StatusNotFound, "no such page")
	}
}

func isTLS(method oauth.Auth) bool {
	return method == oauth.AuthTLS || method == oauth.AuthSelfSignedTLS
}

// certificateOf returns the client certificate of a request's connection.
func certificateOf(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}

// client returns how a request's client authenticates, and whether that is how
// it must and everything is right.
func (s *ClientsStandin) client(r *http.Request, shown *x509.Certificate) (oauth.Auth, bool) {
	id, password, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		password, _ = url.QueryUnescape(password)
	} else {
		id = r.PostFormValue("client_id")
	}
	method := oauth.Auth(strings.TrimPrefix(id, "EXAMPLE-"))
	secret, assertion := r.PostFormValue("client_secret"), r.PostFormValue("client_assertion")
	isAssertion := r.PostFormValue("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	if id != clientsName(method) || (method == oauth.AuthBasic) != basic || (secret != "") != (method == oauth.AuthPost) ||
		(assertion != "") != (method == oauth.AuthSecretJWT || method == oauth.AuthKeyJWT) || isAssertion != (assertion != "") ||
		(shown != nil) != isTLS(method) {
		return method, false
	}
	switch method {
	case oauth.AuthPost:
		return method, secret == clientsGoodSecret
	case oauth.AuthBasic:
		return method, password == clientsGoodSecret
	case oauth.AuthSecretJWT:
		return method, s.asserts(assertion, clientsGoodSecret, id)
	case oauth.AuthKeyJWT:
		return method, s.asserts(assertion, clientsPair().private.Public(), id)
	case oauth.AuthTLS, oauth.AuthSelfSignedTLS:
		return method, bytes.Equal(shown.Raw, clientsPair().certificate.Raw)
	}
	return method, false
}

// asserts reports whether an assertion authenticates a client (RFC 7523,
// section 3).
func (s *ClientsStandin) asserts(assertion string, key any, id string) bool {
	j, ok := s.notary.verify(assertion, key, clientsIssuer, 5*time.Minute)
	return ok && j.is("iss", id) && j.is("sub", id)
}
