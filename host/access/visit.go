// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// KindSpent is the kind of record that says which visits are over.
const KindSpent host.Kind = "sign-in"

// visitLife is how long a visit may take.
const visitLife = 10 * time.Minute

const visitPrefix = "chv_"

// visit is what a browser keeps, in a cookie, while its person is at a provider.
// It is signed, so that nothing is stored for who only begins.
type visit struct {
	Provider string `json:"p"`
	Redirect string `json:"r"`
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"` // RFC 7636
	Back     string `json:"b"`
	Expires  int64  `json:"e"`
}

// BeginVisit begins to sign a person in at a provider: they go to page, with a
// cookie in their browser that is to last for ten minutes (HttpOnly, SameSite=Lax,
// and with the prefix __Host- where it can be), and come back to redirect, where
// [Access.FinishVisit] goes on. Back is where they want to be afterwards: a path
// of this page.
func (a *Access) BeginVisit(ctx context.Context, provider, redirect, back string) (page, cookie string, err error) {
	p := a.provider(provider)
	if p == nil {
		return "", "", host.ErrNotFound
	}
	d, err := p.discover(ctx)
	if err != nil {
		return "", "", a.providerDown(ctx, p, "discovery", err)
	}
	r, err := a.ring(ctx)
	if err != nil {
		return "", "", err
	}
	v := visit{Provider: p.ID, Redirect: redirect, State: newSecret(), Nonce: newSecret(), Verifier: oauth2.GenerateVerifier(),
		Back: ownPath(back), Expires: a.h.Now().Add(visitLife).Unix()}
	plain, err := json.Marshal(v)
	if err != nil {
		return "", "", err
	}
	page = p.config(d, redirect).AuthCodeURL(v.State, oidc.Nonce(v.Nonce), oauth2.S256ChallengeOption(v.Verifier))
	return page, r.sign(visitPrefix, plain), nil
}

// ownPath returns a path of this page, as it may be sent on to; "/" if it leads,
// or could lead, elsewhere.
func ownPath(back string) string {
	u, err := url.Parse(back)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || len(back) > 1000 ||
		strings.ContainsFunc(back, func(r rune) bool { return r <= ' ' || r == '\\' || r > '~' }) {
		return "/"
	}
	return back
}

func (a *Access) provider(id string) *provider {
	all := a.settings.Load().providers
	if i := slices.IndexFunc(all, func(p *provider) bool { return p.ID == id }); i >= 0 {
		return all[i]
	}
	return nil
}

// FinishVisit ends what [Access.BeginVisit] began: with what the person's browser
// came back with to redirect, and the cookie that it was given. It returns the
// secret of a session, who has signed in, and where they wanted to be. The error
// has the code [sdk.Denied] if they are to begin again, [sdk.Forbidden] if the
// provider knows them and no rule lets them in, and [sdk.Unavailable] if the
// provider cannot be asked. A visit is finished once, over all hosts.
func (a *Access) FinishVisit(ctx context.Context, redirect string, query url.Values, cookie string) (session string, c Caller, back string, err error) {
	if err := a.blocked(ctx); err != nil { // anybody can have the provider asked
		return "", Caller{}, "", err
	}
	defer func() { err = a.failed(ctx, err) }()
	v, err := a.visitOf(ctx, redirect, query, cookie)
	if err != nil {
		return "", Caller{}, "", err
	}
	p := a.provider(v.Provider)
	if p == nil {
		return "", Caller{}, "", errVisit
	}
	claims, err := a.vouched(ctx, p, v, query)
	if err != nil {
		return "", Caller{}, "", err
	}
	_, err = a.spent.Create(ctx, host.Item{ID: hashID("v", v.State)}, struct{}{})
	if errors.Is(err, host.ErrConflict) {
		return "", Caller{}, "", errVisit
	}
	if err != nil {
		return "", Caller{}, "", storeError(err)
	}
	actor := p.actor(claims)
	grants := a.existing(ctx, p.grants(claims))
	if actor == "" || len(grants) == 0 {
		ctx = host.WithActor(ctx, actor)
		a.report(ctx, host.Event{Action: "sign in", Subject: p.ID}, errNobody)
		return "", Caller{}, "", errNobody
	}
	session, c, err = a.begin(ctx, actor, grants, time.Time{})
	return session, c, v.Back, err
}

var (
	errVisit  = sdk.Errorf(sdk.Denied, "this did not sign you in: it was begun in another browser, too long ago, or is over; begin again")
	errNobody = sdk.Errorf(sdk.Forbidden, "you have signed in, but nobody has given you anything here: ask who runs this host")
)

// visitOf returns the visit that a browser comes back from.
func (a *Access) visitOf(ctx context.Context, redirect string, query url.Values, cookie string) (v visit, err error) {
	r, err := a.ring(ctx)
	if err != nil {
		return v, err
	}
	plain, err := r.open(cookie, visitPrefix)
	if errors.Is(err, errOtherSigner) {
		if r, err = a.newerRing(ctx, r); err != nil {
			return v, err
		}
		plain, err = r.open(cookie, visitPrefix)
	}
	if err != nil || json.Unmarshal(plain, &v) != nil {
		return v, errVisit
	}
	for _, values := range query {
		if len(values) != 1 { // RFC 6749, section 3.1
			return v, errVisit
		}
	}
	if !hmac.Equal([]byte(query.Get("state")), []byte(v.State)) || v.Redirect != redirect || a.h.Now().Unix() >= v.Expires {
		return v, errVisit
	}
	return v, nil
}

// existing leaves out workspaces that do not exist.
func (a *Access) existing(ctx context.Context, grants []Grant) []Grant {
	return slices.DeleteFunc(grants, func(g Grant) bool { return g.Workspace != "" && a.Exists(ctx, g.Workspace) != nil })
}

// vouched returns what the provider says of the person who comes back.
func (a *Access) vouched(ctx context.Context, p *provider, v visit, query url.Values) (map[string]any, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return nil, a.providerDown(ctx, p, "discovery", err)
	}
	if iss := query.Get("iss"); iss != p.Issuer && (iss != "" || d.saysWho) { // RFC 9207
		return nil, a.refusedBy(ctx, p, "another provider has sent the person back")
	}
	if query.Get("error") != "" || query.Get("code") == "" {
		return nil, a.refusedBy(ctx, p, "the provider has sent the person back without a code")
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.config(d, v.Redirect).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(v.Verifier))
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response.StatusCode < 500 {
		return nil, a.refusedBy(ctx, p, "the provider does not take the code, or this client: "+word(refused.ErrorCode))
	}
	if err != nil {
		return nil, a.providerDown(ctx, p, "token endpoint", err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, a.refusedBy(ctx, p, "the ID token is not good: "+faultOf(err))
	}
	claims := make(map[string]any)
	if err := id.Claims(&claims); err != nil {
		return nil, a.refusedBy(ctx, p, "the ID token cannot be read")
	}
	azp, _ := claims["azp"].(string)
	switch {
	case id.Nonce == "" || !hmac.Equal([]byte(id.Nonce), []byte(v.Nonce)):
		return nil, a.refusedBy(ctx, p, "the ID token is for another visit")
	case azp != "" && azp != p.ClientID, len(id.Audience) > 1 && azp == "": // OpenID Connect Core 1.0, section 3.1.3.7
		return nil, a.refusedBy(ctx, p, "the ID token is for another client")
	case id.Subject == "" || id.IssuedAt.After(a.h.Now().Add(5*skew)):
		return nil, a.refusedBy(ctx, p, "the ID token names nobody, or is from the future")
	}
	return claims, a.ask(ctx, p, d, token, claims)
}

// ask adds what the provider says of the person besides the ID token, if a rule
// wants to know it.
func (a *Access) ask(ctx context.Context, p *provider, d *discovered, token *oauth2.Token, claims map[string]any) error {
	lacks := func(r Rule) bool {
		_, ok := claims[r.Claim]
		_, verified := claims["email_verified"]
		return !ok || r.Claim == "email" && !verified
	}
	if d.UserInfoEndpoint() == "" || !slices.ContainsFunc(p.Rules, lacks) {
		return nil
	}
	info, err := d.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return a.providerDown(ctx, p, "user info", err)
	}
	more := make(map[string]any)
	if err := info.Claims(&more); err != nil || info.Subject != claims["sub"] { // OpenID Connect Core 1.0, section 5.3.2
		return a.refusedBy(ctx, p, "the user info is another person's")
	}
	if _, ok := claims["email"]; !ok { // the two belong together
		delete(claims, "email_verified")
	} else if claims["email"] != more["email"] {
		delete(more, "email_verified")
	}
	for name, v := range more {
		if _, ok := claims[name]; !ok {
			claims[name] = v
		}
	}
	return nil
}

// actor returns the name of the person: what is verified, or else how the provider
// tells people apart. Empty: it is none.
func (p *provider) actor(claims map[string]any) host.Actor {
	name := verifiedMail(claims)
	if name == "" {
		name, _ = claims["sub"].(string)
	}
	if name == "" || checkName(name) != nil {
		return ""
	}
	return host.Actor("user:" + p.ID + "/" + name)
}

// refusedBy logs why somebody could not sign in, for who runs the host. The
// person is told to begin again.
func (a *Access) refusedBy(ctx context.Context, p *provider, why string) error {
	a.log.WarnContext(ctx, "somebody could not sign in", "provider", p.ID, "why", why)
	return errVisit
}

// providerDown says that a provider cannot be asked. What it answered is not
// logged: it may quote a secret.
func (a *Access) providerDown(ctx context.Context, p *provider, what string, err error) error {
	why := "no good answer"
	var failed *url.Error
	if errors.As(err, &failed) {
		why = "it cannot be reached"
	}
	a.log.WarnContext(ctx, "a provider to sign in at does not work", "provider", p.ID, "at", what, "why", why)
	return sdk.Errorf(sdk.Unavailable, "the provider cannot be asked at the moment: try again, or sign in with a link").Because(err)
}

// faultOf says what is wrong with an ID token, without quoting it.
func faultOf(err error) string {
	var over *oidc.TokenExpiredError
	switch text := err.Error(); {
	case errors.As(err, &over):
		return "it has ended"
	case strings.Contains(text, "audience"):
		return "it is for another client"
	case strings.Contains(text, "issued by"):
		return "it is another provider's"
	case strings.Contains(text, "signature"):
		return "its signature is wrong, or the keys cannot be had"
	}
	return "it cannot be read"
}

// word returns s if it is one that may be logged.
func word(s string) string {
	if len(s) > 60 || !isWord(s) {
		return "no reason given"
	}
	return s
}
