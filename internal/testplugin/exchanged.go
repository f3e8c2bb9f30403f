// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

const (
	exchangedOrigin   = "https://exchanged.example"
	exchangedSubject  = "EXAMPLE-exchanged-subject-token"
	exchangedActor    = "EXAMPLE-exchanged-actor-token"
	exchangedClientID = "EXAMPLE-exchanged-client"
)

var (
	exchangedResources = []string{exchangedOrigin + "/mail", exchangedOrigin + "/files"}
	exchangedAudience  = []string{"urn:example:mail", "urn:example:files"}

	exchangedSubjectField = sdk.Field{Name: "subjectToken", Title: "Token", Secret: true, Help: "Of the person to act for."}
	exchangedActorField   = sdk.Field{Name: "actorToken", Title: "Token of the agent", Secret: true, Optional: true, Help: "Of who acts."}
)

// Exchanged is the type exchanged: another service's token becomes one for two
// resources of this one (RFC 8693, RFC 8707).
type Exchanged struct{}

var _ sdk.Tester = Exchanged{}

// Schema implements [sdk.Plugin].
func (Exchanged) Schema() sdk.Schema {
	return sdk.Schema{Name: "exchanged", Title: "Exchanged", Fields: []sdk.Field{exchangedSubjectField, exchangedActorField}, Origins: []string{exchangedOrigin}}
}

// Grant implements [sdk.Plugin].
func (Exchanged) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	c := oauth.Client{ID: exchangedClientID, TokenURL: exchangedOrigin + "/token", Scopes: []string{"read"}, Resources: exchangedResources}
	x := oauth.TokenExchange{
		Subject:  oauth.SecurityToken{Token: in.Get(exchangedSubjectField), Type: oauth.TypeJWT},
		Wanted:   oauth.TypeAccessToken,
		Audience: exchangedAudience,
	}
	if actor := in.Get(exchangedActorField); actor != "" {
		x.Actor = oauth.SecurityToken{Token: actor, Type: oauth.TypeJWT}
	}
	tok, err := c.ExchangeToken(ctx, x)
	if err != nil {
		return sdk.Grant{}, err
	}
	return tok.Grant(), nil
}

// Test implements [sdk.Tester].
func (Exchanged) Test(ctx context.Context, _ sdk.Input, g sdk.Grant) error {
	return sdk.Probe(ctx, g, exchangedOrigin+"/me", nil)
}

// ExchangedStandin stands in for the service of exchanged.
type ExchangedStandin struct {
	mu     sync.Mutex
	access map[string]bool
	issues string // the kind of token that it says it gives; "-": it does not say
}

// NewExchangedStandin returns a stand-in.
func NewExchangedStandin() *ExchangedStandin {
	return &ExchangedStandin{access: map[string]bool{}, issues: oauth.TypeAccessToken}
}

// Issue makes the service say that it gives another kind of token, or with ""
// not say which.
func (s *ExchangedStandin) Issue(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issues = kind
}

// ServeHTTP implements [http.Handler].
func (s *ExchangedStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/token":
		s.token(w, r)
	case "/me":
		if token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); !s.access[token] {
			refuse(w, http.StatusUnauthorized, "bad token: "+token)
			return
		}
		reply(w, map[string]string{"name": "exchanged"})
	default:
		refuse(w, http.StatusNotFound, "no such page")
	}
}

func (s *ExchangedStandin) token(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	get := r.PostForm.Get
	actor := get("actor_token")
	switch {
	case get("client_id") != exchangedClientID:
		refuseToken(w, http.StatusUnauthorized, "invalid_client", "unknown client")
	case get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange" || get("requested_token_type") != oauth.TypeAccessToken:
		refuseToken(w, http.StatusBadRequest, "unsupported_grant_type", "")
	case !slices.Equal(r.PostForm["resource"], exchangedResources) || !slices.Equal(r.PostForm["audience"], exchangedAudience):
		refuseToken(w, http.StatusBadRequest, "invalid_target", "no such place")
	case get("scope") != "read":
		refuseToken(w, http.StatusBadRequest, "invalid_scope", "")
	case get("subject_token") != exchangedSubject || get("subject_token_type") != oauth.TypeJWT,
		actor != "" && actor != exchangedActor, (actor == "") != (get("actor_token_type") == ""):
		// Which parameter is wrong the standard does not say (section 2.2.2).
		refuseToken(w, http.StatusBadRequest, "invalid_grant", "not a good token: "+get("subject_token")+" "+actor)
	default:
		token := rand.Text()
		s.access[token] = true
		answer := map[string]any{"access_token": token, "issued_token_type": s.issues, "token_type": "Bearer", "expires_in": 60}
		if s.issues == "" {
			delete(answer, "issued_token_type")
		}
		reply(w, answer)
	}
}
