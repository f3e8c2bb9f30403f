// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A Provider is where people sign in, with OpenID Connect. It is told that
// people come back to the address that [Access.BeginVisit] is given.
type Provider struct {
	// ID is a word of letters, digits and hyphens, which actors' names and
	// addresses begin with. Title is what its button says; empty: ID.
	ID    string
	Title string

	// Issuer is the provider's own name for itself, exactly: https, or http on
	// this machine. The rest is found below it (OpenID Connect Discovery 1.0).
	Issuer string

	// ClientID and ClientSecret are what the provider knows this host by. An
	// empty secret is that of a public client.
	ClientID     string
	ClientSecret string

	Scopes []string // to ask for besides openid; nil: email and profile

	// Rules say who may do what. Who matches none is not let in.
	Rules []Rule
}

// String returns the provider's ID, and no secret.
func (p Provider) String() string { return "provider " + p.ID }

// GoString is String.
func (p Provider) GoString() string { return p.String() }

// A Rule gives people something in a workspace, if a claim about them says so. All
// rules that match count.
type Rule struct {
	// Claim is the name of the claim, such as "sub", "email" or "groups", as
	// the ID token or the provider's user info has it. Value is what it must be,
	// or must have among its values. An email counts only where the provider
	// says that it is verified; "*@acme.example" is any of that domain.
	Claim string
	Value string

	// Workspace is where; Operator says that it is the host itself, and that
	// the person may name any workspace. One of the two is required.
	Workspace string
	Operator  bool

	Scopes []Scope
}

// A ProviderView is what a person may see of a provider.
type ProviderView struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Providers returns where people can sign in, in the order of the configuration.
func (a *Access) Providers() []ProviderView {
	var all []ProviderView
	for _, p := range a.settings.Load().providers {
		all = append(all, ProviderView{p.ID, p.Title})
	}
	return all
}

// provider is a provider, and what it says of itself.
type provider struct {
	Provider
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	found *discovered
}

// discovered is what a provider says of itself.
type discovered struct {
	*oidc.Provider
	at       time.Time
	verifier *oidc.IDTokenVerifier
	auth     oauth2.AuthStyle
	saysWho  bool // when it sends people back (RFC 9207)
}

func (a *Access) openProviders(cfg Config) ([]*provider, error) {
	var all []*provider
	for i, p := range cfg.Providers {
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("access: Config.Providers[%d]: %w", i, err)
		}
		if slices.ContainsFunc(all, func(o *provider) bool { return o.ID == p.ID }) {
			return nil, fmt.Errorf("access: Config.Providers[%d]: there are two with the ID %s", i, p.ID)
		}
		if cfg.Client == nil {
			return nil, errors.New("access: Config needs a Client for its Providers")
		}
		if p.Title == "" {
			p.Title = p.ID
		}
		if p.Scopes == nil {
			p.Scopes = []string{"email", "profile"}
		}
		all = append(all, &provider{Provider: p, client: narrow(cfg.Client), now: a.h.Now})
	}
	return all, nil
}

// check says what is wrong with a provider's configuration.
func (p Provider) check() error {
	switch {
	case !isWord(p.ID) || len(p.ID) > 40:
		return errors.New("the ID must be a word of letters, digits and hyphens")
	case !isSafe(p.Issuer):
		return errors.New("the Issuer must be an https URL without a query")
	case p.ClientID == "":
		return errors.New("a ClientID is required")
	case len(p.Rules) == 0:
		return errors.New("some Rules are required: without one nobody is let in")
	}
	for i, r := range p.Rules {
		switch {
		case r.Claim == "" || r.Value == "" || r.Value == "*@":
			return fmt.Errorf("rule %d needs a Claim and a Value", i)
		case r.Operator == (r.Workspace != ""):
			return fmt.Errorf("rule %d needs either a Workspace or Operator", i)
		case r.Workspace != "" && !isWorkspaceName(r.Workspace):
			return fmt.Errorf("rule %d: no workspace can have that name", i)
		case len(r.Scopes) == 0 || slices.ContainsFunc(r.Scopes, func(s Scope) bool { return !slices.Contains(Scopes, s) }):
			return fmt.Errorf("rule %d needs Scopes, of read, write, use, admin and release", i)
		}
	}
	return nil
}

// isSafe reports whether nobody between here and there can read or change what
// is sent: by https, or to this machine.
func isSafe(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip.IsLoopback())
}

// discover returns what the provider says of itself, at most a day old if it can
// be asked.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.found != nil && now.Sub(p.found.at) < 24*time.Hour {
		return p.found, nil
	}
	found, err := p.ask(ctx)
	switch {
	case err == nil:
		found.at = now
		p.found = found
	case p.found == nil:
		return nil, err
	}
	return p.found, nil
}

func (p *provider) ask(ctx context.Context) (*discovered, error) {
	o, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Issuer)
	if err != nil {
		return nil, err
	}
	var says struct {
		JWKS    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		SaysWho bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := o.Claims(&says); err != nil {
		return nil, err
	}
	for _, address := range []string{o.Endpoint().TokenURL, says.JWKS, o.UserInfoEndpoint()} {
		if address != "" && !isSafe(address) {
			return nil, errors.New("an endpoint has no https address")
		}
	}
	if u, err := url.Parse(o.Endpoint().AuthURL); err != nil || !isSafe((&url.URL{Scheme: u.Scheme, Host: u.Host}).String()) {
		return nil, errors.New("the page to sign in at has no https address")
	}
	d := &discovered{Provider: o, saysWho: says.SaysWho, auth: oauth2.AuthStyleInHeader}
	if p.ClientSecret == "" || len(says.Methods) > 0 && !slices.Contains(says.Methods, "client_secret_basic") {
		d.auth = oauth2.AuthStyleInParams
	}
	d.verifier = o.VerifierContext(oidc.ClientContext(context.WithoutCancel(ctx), p.client),
		&oidc.Config{ClientID: p.ClientID, Now: func() time.Time { return p.now().Add(-skew) }})
	return d, nil
}

// skew is how far the clocks of a provider and of this host may differ.
const skew = time.Minute

// config is how the code flow is gone through, for who comes back to redirect.
func (p *provider) config(d *discovered, redirect string) *oauth2.Config {
	e := d.Endpoint()
	e.AuthStyle = d.auth
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: e, RedirectURL: redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, slices.DeleteFunc(slices.Clone(p.Scopes), func(s string) bool { return s == oidc.ScopeOpenID })...)}
}

// maxAnswer is the most that a provider may answer.
const maxAnswer = 1 << 20

// narrow returns a client that follows no redirect, keeps no cookie, and reads
// only so much of an answer.
func narrow(c *http.Client) *http.Client {
	under := c.Transport
	if under == nil {
		under = http.DefaultTransport
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = 15 * time.Second
	}
	return &http.Client{Transport: narrowed{under}, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type narrowed struct{ under http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (n narrowed) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := n.under.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// grants returns what rules give a person of whom these claims are made. The
// session begins in the first: an operator's as an operator.
func (p *provider) grants(claims map[string]any) []Grant {
	var all []Grant
	for _, r := range p.Rules {
		if !r.matches(claims) {
			continue
		}
		i := slices.IndexFunc(all, func(g Grant) bool { return g.Workspace == r.Workspace })
		if i < 0 {
			all = append(all, Grant{Workspace: r.Workspace})
			i = len(all) - 1
		}
		all[i].Scopes = slices.DeleteFunc(slices.Clone(Scopes), func(s Scope) bool {
			return !slices.Contains(all[i].Scopes, s) && !slices.Contains(r.Scopes, s)
		})
	}
	slices.SortStableFunc(all, func(a, b Grant) int { return min(len(a.Workspace), 1) - min(len(b.Workspace), 1) }) // an operator's first
	return all
}

// matches reports whether the claims about a person say what the rule wants.
func (r Rule) matches(claims map[string]any) bool {
	if r.Claim == "email" {
		mail := verifiedMail(claims)
		if domain, ok := strings.CutPrefix(r.Value, "*"); ok {
			return strings.HasPrefix(domain, "@") && mail[strings.LastIndexByte(mail, '@')+1:] == strings.ToLower(domain[1:]) && strings.Contains(mail, "@")
		}
		return mail != "" && mail == strings.ToLower(r.Value)
	}
	switch v := claims[r.Claim].(type) {
	case string:
		return v == r.Value
	case bool:
		return fmt.Sprint(v) == r.Value
	case []any:
		return slices.Contains(v, any(r.Value))
	}
	return false
}

// verifiedMail returns the person's mail address in small letters, if the provider
// has seen that it is theirs.
func verifiedMail(claims map[string]any) string {
	verified := claims["email_verified"] == true || claims["email_verified"] == "true" // as some write it
	mail, _ := claims["email"].(string)
	if !verified || strings.ContainsFunc(mail, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return strings.ToLower(mail)
}
