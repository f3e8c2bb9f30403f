// SPDX-License-Identifier: Apache-2.0

// Command testidp is an OAuth 2.0 server made of ory/fosite, for the tests of
// package realoauth. It is a module of its own, so that none of what fosite
// needs is needed by credhost.
//
// PKCE is enforced, refresh tokens rotate, and one that is used again ends all
// that came of its approval. It prints the port that it listens at, serves
// behind the test's own TLS, and ends when its standard input does. Each test
// has a server of its own, by the host of its issuer.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/storage"
)

// settings come from the test.
type settings struct {
	Issuer   string `json:"issuer"`
	Redirect string `json:"redirect"`
	Secret   string `json:"secret"`
}

// A server is fosite with the pages and endpoints that it leaves to others.
type server struct {
	settings
	fosite fosite.OAuth2Provider
	config *fosite.Config
	store  *storage.MemoryStore
	mux    *http.ServeMux

	mu sync.RWMutex // held alone by an operator, who changes config and store
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %d\n", l.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(l, new(servers)))
}

// servers are all there are, by host.
type servers struct{ byHost sync.Map }

// ServeHTTP implements [http.Handler].
func (all *servers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/test/new" {
		all.add(w, r)
		return
	}
	s, ok := all.byHost.Load(r.Host)
	if !ok {
		http.Error(w, "there is no server for this host", http.StatusMisdirectedRequest)
		return
	}
	s.(*server).ServeHTTP(w, r)
}

// add makes a server.
func (all *servers) add(w http.ResponseWriter, r *http.Request) {
	var set settings
	err := json.NewDecoder(r.Body).Decode(&set)
	issuer, parseErr := url.Parse(set.Issuer)
	if err == nil {
		err = parseErr
	}
	var s *server
	if err == nil {
		s, err = newServer(set)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	all.byHost.Store(issuer.Host, s)
	w.WriteHeader(http.StatusNoContent)
}

func newServer(set settings) (*server, error) {
	config := &fosite.Config{
		AccessTokenLifespan:  10 * time.Minute,
		RefreshTokenLifespan: 24 * time.Hour,
		RefreshTokenScopes:   []string{"offline_access"},
		EnforcePKCE:          true,
		HashCost:             4, // a secret of chance needs no more
		GlobalSecret:         []byte("EXAMPLE-of-32-bytes-for-the-HMAC"),
		ScopeStrategy:        fosite.ExactScopeStrategy,
		TokenURL:             set.Issuer + "/token",
	}
	s := &server{settings: set, config: config, store: storage.NewMemoryStore()}
	if err := s.register(); err != nil {
		return nil, err
	}
	s.fosite = compose.Compose(config, s.store, &compose.CommonStrategy{CoreStrategy: compose.NewOAuth2HMACStrategy(config)},
		compose.OAuth2AuthorizeExplicitFactory, compose.OAuth2PKCEFactory,
		compose.OAuth2ClientCredentialsGrantFactory, compose.OAuth2RefreshTokenGrantFactory, // and no password grant
		compose.OAuth2TokenIntrospectionFactory, compose.OAuth2TokenRevocationFactory)
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.metadata)
	s.mux.HandleFunc("/authorize", s.authorize)
	s.mux.HandleFunc("POST /token", s.token)
	s.mux.HandleFunc("POST /introspect", s.introspect)
	s.mux.HandleFunc("POST /revoke", s.revoke)
	s.mux.HandleFunc("GET /userinfo", s.userinfo)
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if what, ok := strings.CutPrefix(r.URL.Path, "/test/"); ok {
		s.operate(w, r, what)
		return
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.mux.ServeHTTP(w, r)
}

// register registers the clients.
func (s *server) register() error {
	hashed, err := (&fosite.BCrypt{Config: s.config}).Hash(context.Background(), []byte(s.Secret))
	if err != nil {
		return err
	}
	s.store.Clients["web:app"] = &fosite.DefaultClient{ID: "web:app", Secret: hashed, RedirectURIs: []string{s.Redirect},
		ResponseTypes: []string{"code"}, GrantTypes: []string{"authorization_code", "refresh_token"}, Scopes: []string{"openid", "email", "offline_access"}}
	s.store.Clients["service"] = &fosite.DefaultClient{ID: "service", Secret: hashed,
		GrantTypes: []string{"client_credentials", "password"}, Scopes: []string{"read"}}
	return nil
}

// operate does what an operator does. It is not reachable from outside.
func (s *server) operate(w http.ResponseWriter, r *http.Request, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch what {
	case "lifetime": // of access tokens, from now on
		d, err := time.ParseDuration(r.FormValue("seconds") + "s")
		if err != nil {
			http.Error(w, "how many seconds?", http.StatusBadRequest)
			return
		}
		s.config.AccessTokenLifespan = d
	case "expire": // every access token has ended
		clear(s.store.AccessTokens)
	case "withdraw": // people have withdrawn what they approved
		clear(s.store.AccessTokens)
		clear(s.store.RefreshTokens)
	default:
		http.NotFound(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
