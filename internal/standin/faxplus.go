// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// What [NewFaxPlus] registers when its config names nothing else.
const (
	FaxPlusClientID     = "APIK-EXAMPLE-faxplus"
	FaxPlusClientSecret = "EXAMPLE-faxplus-client-secret"
	FaxPlusToken        = "alohi_pat_EXAMPLE_all"      // reads and edits everything
	FaxPlusNarrowToken  = "alohi_pat_EXAMPLE_fax_only" // reads faxes, but no account
	FaxPlusExpiredToken = "alohi_pat_EXAMPLE_expired"
)

// The hosts of Fax.Plus.
const (
	FaxPlusAccountsHost = "accounts.fax.plus"
	FaxPlusAPIHost      = "restapi.fax.plus"
)

// FaxPlus stands in for both hosts of Fax.Plus: the sign-in page and the token
// endpoint of accounts.fax.plus (/login, /token), and the API of
// restapi.fax.plus (/v3/…). A request whose Host is one of the two reaches
// only what is there; under any other Host, such as a loopback listener's, the
// path alone decides, so that one listener can serve both.
type FaxPlus struct {
	front
	switches[FaxPlusBehaviour]
	clients map[string]FaxPlusClient
	pats    map[string]FaxPlusPAT
	account FaxPlusAccount

	mu      sync.Mutex
	codes   map[string]*faxCode
	refresh map[string]*faxRefresh
	access  map[string]*faxAccess
}

// FaxPlusConfig is what a [FaxPlus] is made from. The zero value works.
type FaxPlusConfig struct {
	Clients   []FaxPlusClient  // nil: one with FaxPlusClientID and FaxPlusClientSecret
	Tokens    []FaxPlusPAT     // nil: FaxPlusToken, FaxPlusNarrowToken, FaxPlusExpiredToken
	Account   FaxPlusAccount   // zero: an active corporate admin called Example Smith
	Now       func() time.Time // nil: time.Now
	Behaviour FaxPlusBehaviour
}

// FaxPlusClient is an API client activated under Integrations.
type FaxPlusClient struct {
	ID, Secret   string
	RedirectURIs []string // compared exactly; nil: any absolute URL is taken
}

// FaxPlusPAT is a Personal Access Token.
type FaxPlusPAT struct {
	Token, Name string
	Scopes      []string
	Created     time.Time
	Expiry      time.Time // zero: never
}

// FaxPlusAccount is the account that every client and token belongs to.
type FaxPlusAccount struct {
	Type     string `json:"account_type"`
	Created  string `json:"creation_date"`
	Email    string `json:"email"`
	LastName string `json:"lastname"`
	Name     string `json:"name"`
	Status   string `json:"status"`
	UID      string `json:"uid"`
}

// FaxPlusBehaviour is how a Fax.Plus behaves. The zero value approves every
// sign-in at once and hands out refresh tokens that never end and never rotate.
type FaxPlusBehaviour struct {
	// Ask shows the person a page with two buttons instead of approving at once.
	Ask bool

	// Deny refuses every sign-in: the redirect carries error=access_denied.
	Deny bool

	// NoState leaves state out of the redirect. Whether Fax.Plus echoes it is
	// unpublished; the stand-in does.
	NoState bool

	// Bare leaves out of the token answer what is not known to be in it, so
	// that only access_token and refresh_token remain.
	Bare bool

	// ExpiresIn is how long access tokens live; 0: an hour.
	ExpiresIn time.Duration

	// Rotate gives a new refresh token with each refresh and spends the old one.
	Rotate bool

	// RevokeOnReuse ends every token of a sign-in when a spent refresh token
	// or code of it is shown again.
	RevokeOnReuse bool

	// EmptyRefresh answers a refresh that does not rotate with an empty
	// refresh_token, which must not replace the one that was sent.
	EmptyRefresh bool

	// AdvancedSecurity is Advanced Security Controls: 30 days after a sign-in
	// its refresh tokens end, rotated or not.
	AdvancedSecurity bool

	// RefuseClients answers every client with invalid_client.
	RefuseClients bool

	// EchoSecret repeats the client secret, and the code or refresh token, in
	// the description of a token error.
	EchoSecret bool

	// NoTokenInfo answers 404 at /v3/auth/token, which is new in the
	// documentation.
	NoTokenInfo bool

	// Status is the account's status, such as "suspended"; empty: the account's own.
	Status string
}

// NewFaxPlus makes a FaxPlus.
func NewFaxPlus(cfg FaxPlusConfig) *FaxPlus {
	f := &FaxPlus{
		clients: map[string]FaxPlusClient{},
		pats:    map[string]FaxPlusPAT{},
		codes:   map[string]*faxCode{},
		refresh: map[string]*faxRefresh{},
		access:  map[string]*faxAccess{},
		account: cmp.Or(cfg.Account, FaxPlusAccount{
			"corporate_admin", "2017-05-06 05:22:21", "sample@example.com", "Smith", "Example", "active", "7724157c0974440293e45877c57f0703"}),
	}
	f.b = cfg.Behaviour
	f.open(cfg.Now, f.secrets, func(status int) answer { return faxError(status, http.StatusText(status)) })
	if cfg.Clients == nil {
		cfg.Clients = []FaxPlusClient{{ID: FaxPlusClientID, Secret: FaxPlusClientSecret}}
	}
	if cfg.Tokens == nil {
		cfg.Tokens = exampleTokens(f.now())
	}
	for _, c := range cfg.Clients {
		f.clients[c.ID] = c
	}
	for _, t := range cfg.Tokens {
		f.pats[t.Token] = t
	}
	return f
}

func exampleTokens(now time.Time) []FaxPlusPAT {
	all := []string{"fax:all:read", "fax:all:edit"}
	created, year := now.AddDate(0, -6, 0), now.AddDate(1, 0, 0)
	return []FaxPlusPAT{
		{FaxPlusToken, "Example", all, created, year},
		{FaxPlusNarrowToken, "Example, faxes only", []string{"fax:fax:read"}, created, year},
		{FaxPlusExpiredToken, "Example, expired", all, created, now.AddDate(0, -1, 0)},
	}
}

// ServeHTTP implements [http.Handler].
func (f *FaxPlus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	part := map[string]Part{"/token": Token, "/login": Login}[r.URL.Path]
	part = cmp.Or(part, API)
	f.serve(w, r, part, func(w http.ResponseWriter, r *http.Request) {
		host := strings.ToLower(r.Host)
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		switch {
		case part == API && host != FaxPlusAccountsHost:
			f.api(r).write(w)
		case part == Token && host != FaxPlusAPIHost:
			f.token(w, r)
		case part == Login && host != FaxPlusAPIHost:
			f.login(w, r)
		case host == FaxPlusAPIHost:
			faxError(http.StatusNotFound, "no such endpoint").write(w)
		default:
			htmlPage(http.StatusNotFound, "Not Found").write(w)
		}
	})
}

// Expire is described at [Service]. Personal Access Tokens keep their dates.
func (f *FaxPlus) Expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.access {
		t.expiry = time.Time{}
	}
}

// Revoke ends every access and refresh token issued until now, as the account's
// owner does by withdrawing the approval.
func (f *FaxPlus) Revoke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.refresh {
		t.signIn.revoked = true
	}
}

func (f *FaxPlus) secrets() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := map[string]string{}
	for _, c := range f.clients {
		known[c.Secret] = "client secret"
	}
	for t := range f.pats {
		known[t] = "personal access token"
	}
	for t := range f.codes {
		known[t] = "code"
	}
	for t := range f.access {
		known[t] = "access token"
	}
	for t := range f.refresh {
		known[t] = "refresh token"
	}
	return known
}

// faxError is Fax.Plus' model of an error; what stands in it is unpublished.
func faxError(status int, description string) answer {
	name := strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
	return faxErrorNamed(status, name, description)
}

func faxErrorNamed(status int, name, description string) answer {
	return answer{status, "application/json", encode(struct {
		Error       string `json:"error"`
		Description string `json:"description"`
	}{name, description}, "")}
}

// registered tells whether a client takes a redirect URI.
func (c FaxPlusClient) registered(redirect string) bool {
	return c.RedirectURIs == nil || slices.Contains(c.RedirectURIs, redirect)
}
