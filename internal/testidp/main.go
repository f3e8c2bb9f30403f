// SPDX-License-Identifier: Apache-2.0

// Command testidp is an OAuth 2.0 server made of ory/fosite, for the tests of
// package realoauth. It is a module of its own, so that none of what fosite
// needs is needed by credhost.
//
// PKCE is enforced, refresh tokens rotate, and one that is used again ends all
// that came of its approval. It prints the port that it listens at, serves
// behind the test's own TLS, and ends when its standard input does.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/storage"
)

// settings come from the test, in the environment.
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

	mu sync.RWMutex // held alone by an operator, who changes config and store
}

func main() {
	var s settings
	if err := json.Unmarshal([]byte(os.Getenv("REALOAUTH")), &s); err != nil {
		log.Fatal("REALOAUTH has no settings: run the tests of package realoauth")
	}
	handler, err := newServer(s)
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %d\n", l.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(l, handler))
}

func newServer(set settings) (http.Handler, error) {
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
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.metadata)
	mux.HandleFunc("/authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /introspect", s.introspect)
	mux.HandleFunc("POST /revoke", s.revoke)
	mux.HandleFunc("GET /userinfo", s.userinfo)
	all := http.NewServeMux()
	all.HandleFunc("/test/{what}", s.operate)
	all.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		mux.ServeHTTP(w, r)
	})
	return all, nil
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
func (s *server) operate(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.PathValue("what") {
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
