// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// A revoker is a service that revokes, as far as it is told to.
type revoker struct {
	mu     sync.Mutex
	log    []string // what it was asked
	alive  map[string]bool
	refuse map[string]string // by what it is asked, the error that it answers with
}

func newRevoker(t *testing.T) (*revoker, oauth.Client) {
	t.Helper()
	s := &revoker{alive: map[string]bool{"rt": true, "at": true}, refuse: map[string]string{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, oauth.Client{ID: "id", RevokeURL: server.URL + "/revoke", IntrospectURL: server.URL + "/introspect"}
}

// ServeHTTP implements [http.Handler].
func (s *revoker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := r.PostFormValue("token")
	asked := strings.TrimPrefix(r.URL.Path, "/") + " " + token
	if want := map[string]string{"rt": "refresh_token", "at": "access_token"}[token]; r.PostFormValue("token_type_hint") != want {
		asked += " with a wrong hint"
	}
	s.log = append(s.log, asked)
	w.Header().Set("Content-Type", "application/json")
	switch word := s.refuse[asked]; {
	case word == "ignore":
	case word != "":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":%q}`, word)
	case r.URL.Path == "/introspect":
		fmt.Fprintf(w, `{"active":%t}`, s.alive[token])
	default:
		s.alive[token] = false
	}
}

// The refresh token goes first, then the access token; then both are looked at.
func TestRevokeGrant(t *testing.T) {
	t.Parallel()
	tok := oauth.Token{AccessToken: "at", RefreshToken: "rt"}
	for name, test := range map[string]struct {
		token  oauth.Token
		refuse map[string]string
		log    []string
		want   error
	}{
		"both":             {tok, nil, []string{"revoke rt", "revoke at", "introspect rt", "introspect at"}, nil},
		"no refresh token": {oauth.Token{AccessToken: "at"}, nil, []string{"revoke at", "introspect at"}, nil},
		"state of another kind": {oauth.Token{AccessToken: "at", Kept: map[string]string{"a": "b"}}, nil,
			[]string{"revoke at", "introspect at"}, nil},
		"nothing": {oauth.Token{}, nil, nil, nil},
		"access tokens end by themselves": {tok, map[string]string{"revoke at": "unsupported_token_type"},
			[]string{"revoke rt", "revoke at", "introspect rt"}, nil},
		"there are only such": {oauth.Token{AccessToken: "at"}, map[string]string{"revoke at": "unsupported_token_type"},
			[]string{"revoke at"}, sdk.Internal},
		"refused":                     {tok, map[string]string{"revoke rt": "invalid_client"}, []string{"revoke rt"}, sdk.Denied},
		"refresh tokens live on":      {tok, map[string]string{"revoke rt": "ignore"}, []string{"revoke rt", "revoke at", "introspect rt"}, sdk.Unavailable},
		"access tokens live on":       {tok, map[string]string{"revoke at": "ignore"}, []string{"revoke rt", "revoke at", "introspect rt", "introspect at"}, sdk.Unavailable},
		"there is no proof to be had": {tok, map[string]string{"introspect rt": "invalid_client"}, []string{"revoke rt", "revoke at", "introspect rt"}, sdk.Denied},
	} {
		s, c := newRevoker(t)
		s.refuse = test.refuse
		g := test.token.Grant()
		if test.token.AccessToken == "" {
			g.Header = nil
		}
		in := sdk.Input{State: g.State}
		if err := c.RevokeGrant(t.Context(), in, g); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
		if !slices.Equal(s.log, test.log) {
			t.Errorf("%s: it asked %q, want %q", name, s.log, test.log)
		}
		c.IntrospectURL, s.log, s.refuse = "", nil, nil
		if err := c.RevokeGrant(t.Context(), in, g); err != nil || slices.ContainsFunc(s.log, func(asked string) bool { return strings.HasPrefix(asked, "introspect") }) {
			t.Errorf("%s, again, without proof: %v, %q", name, err, s.log)
		}
	}
	_, c := newRevoker(t)
	check(t, c.RevokeGrant(t.Context(), sdk.Input{State: []byte(canary)}, sdk.Grant{}), sdk.Internal)
}
