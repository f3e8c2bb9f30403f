// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

const (
	accountOrigin = "https://account.example"
	accountEmail  = "robot@account.example"
	accountKeyID  = "EXAMPLE-account-key-id"
	accountUser   = "person@account.example"
	accountScope  = "mail.read calendar.read"
)

var (
	accountFile = sdk.Field{Name: "keyFile", Title: "Key file", Kind: sdk.JSON, Secret: true, Help: "Service accounts > Keys > Add key > JSON."}
	accountFor  = sdk.Field{Name: "user", Title: "Act for", Optional: true, Help: "Whom an administrator lets the account act for."}
)

// Account is the type account: a service account that signs for itself, and may
// act for a user (RFC 7523, section 2.1, as Google has it).
type Account struct{}

var _ sdk.Tester = Account{}

// Schema implements [sdk.Plugin].
func (Account) Schema() sdk.Schema {
	return sdk.Schema{Name: "account", Title: "Account", Fields: []sdk.Field{accountFile, accountFor}, Origins: []string{accountOrigin}}
}

// Grant implements [sdk.Plugin].
func (Account) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	var file struct {
		Email string `json:"client_email"`
		ID    string `json:"private_key_id"`
		Key   string `json:"private_key"`
	}
	if !in.JSON(accountFile, &file) || file.Email == "" {
		return sdk.Grant{}, sdk.Errorf(sdk.Invalid, "is not the key file of a service account: download one as JSON").In(accountFile)
	}
	key, err := oauth.ParseKey(file.Key, accountFile)
	if err != nil {
		return sdk.Grant{}, err
	}
	key.ID = file.ID
	c := oauth.Client{TokenURL: accountOrigin + "/token", Key: key}
	tok, err := c.JWTBearer(ctx, oauth.Assertion{
		Issuer: file.Email, Subject: in.Get(accountFor), Audience: c.TokenURL,
		Claims: map[string]any{"scope": accountScope}, Lifetime: time.Hour,
	})
	if err != nil {
		return sdk.Grant{}, err
	}
	return tok.Grant(), nil
}

// Test implements [sdk.Tester].
func (Account) Test(ctx context.Context, _ sdk.Input, g sdk.Grant) error {
	return sdk.Probe(ctx, g, accountOrigin+"/me", nil)
}

// AccountFile returns a key file as the service makes them. If foreign, its key
// is of no account that the service knows.
func AccountFile(foreign bool) string {
	p := accountPair()
	if foreign {
		p = clientsForeign()
	}
	return string(must(json.Marshal(map[string]string{"type": "service_account", "client_email": accountEmail,
		"private_key_id": accountKeyID, "private_key": p.key})))
}

// AccountStandin stands in for the service of account. Each assertion works
// once.
type AccountStandin struct {
	mu     sync.Mutex
	notary notary
	access map[string]string // for whom, by token
}

// NewAccountStandin returns a stand-in.
func NewAccountStandin() *AccountStandin { return &AccountStandin{access: map[string]string{}} }

// ServeHTTP implements [http.Handler].
func (s *AccountStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/token":
		if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || len(r.PostForm) != 2 {
			refuseToken(w, http.StatusBadRequest, "unsupported_grant_type", "")
			return
		}
		shown := r.PostFormValue("assertion")
		j, ok := s.notary.verify(shown, accountPair().private.Public(), accountOrigin+"/token", time.Hour)
		_, acts := j.claims["sub"]
		if !ok || j.header["kid"] != accountKeyID || !j.is("iss", accountEmail) || !j.is("scope", accountScope) || acts && !j.is("sub", accountUser) {
			refuseToken(w, http.StatusBadRequest, "invalid_grant", "not a good assertion: "+shown)
			return
		}
		token := rand.Text()
		s.access[token] = accountEmail
		if acts {
			s.access[token] = accountUser
		}
		reply(w, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3599})
	case "/me":
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if s.access[token] == "" {
			refuse(w, http.StatusUnauthorized, "bad token: "+token)
			return
		}
		reply(w, map[string]string{"email": s.access[token]})
	default:
		refuse(w, http.StatusNotFound, "no such page")
	}
}
