// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// approval asks the plugin where to send the person, checks its answer, and
// says what the service must call itself when it sends them back.
func (w *Workspace) approval(ctx context.Context, c *credential, cb sdk.Callback) (sdk.Approval, string, error) {
	p, err := w.h.plugins.Plugin(w.name, c.rec.Type)
	if err != nil {
		return sdk.Approval{}, "", err
	}
	in, err := c.input(ctx)
	if err != nil {
		return sdk.Approval{}, "", err
	}
	page := &page{c: c, in: in, cb: cb, heard: &hearing{next: w.h.out}}
	page.heard.accept = func(q url.Values) bool { return page.parameters(ctx, q) == "" }
	policy, _ := egress.PolicyFrom(c.allow(ctx, c.Origins.Answers))
	policy.Through = page.heard
	a, err := p.(sdk.Connector).Connect(egress.WithPolicy(ctx, policy), in, cb)
	if err != nil {
		return sdk.Approval{}, "", err
	}
	if fault := page.fault(ctx, a); fault != "" {
		return sdk.Approval{}, "", sdk.Errorf(sdk.Internal, "the plugin %s would send people to a page %s: tell its author", c.typ.Program, fault)
	}
	issuer, err := page.issuer()
	return a, issuer, err
}

// A page is where a plugin would send a person.
type page struct {
	c     *credential
	in    sdk.Input
	cb    sdk.Callback
	heard *hearing
}

// fault says what is wrong with an approval: that its page is not the
// service's, or that it would send the person elsewhere than back here.
func (p *page) fault(ctx context.Context, a sdk.Approval) string {
	u, err := url.Parse(a.URL)
	if err != nil || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return "that has no proper address"
	}
	if !sdk.MatchOrigin(p.c.Origins.Answers, sdk.OriginOf(u)) && !defence.Off(ctx, defence.Page) {
		return "that is not the service's"
	}
	if p.leaks(a.URL) && !defence.Off(ctx, defence.Secrets) {
		return "with a secret in its address"
	}
	if a.UserCode != "" {
		return ""
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil { // what one program drops, another may read
		return "whose parameters can be read in two ways"
	}
	if pushed := q["request_uri"]; len(pushed) > 0 {
		return p.pushed(ctx, q)
	}
	if u.Fragment != "" && !defence.Off(ctx, defence.CodeOnly) {
		return "with a fragment, of which the service learns nothing"
	}
	return p.parameters(ctx, q)
}

// pushed checks an address whose parameters were pushed to the service before
// (RFC 9126): the host has seen them on their way, and the address has nothing
// else that the service might read in their place.
func (p *page) pushed(ctx context.Context, q url.Values) string {
	for name, values := range q {
		if len(values) != 1 || name != "request_uri" && name != "client_id" {
			return "with parameters beside those that were pushed"
		}
	}
	if !p.heard.pushed(q.Get("request_uri")) && !defence.Off(ctx, defence.Pushed) {
		return "whose request the service has not taken from this call, with the state, the redirect URI and the challenge that it was given"
	}
	return ""
}

// parameters says what is wrong with the parameters of an authorization request
// (RFC 6749, section 4.1.1; RFC 7636, section 4.3).
func (p *page) parameters(ctx context.Context, q url.Values) string {
	for name, values := range q {
		if len(values) > 1 && name != "resource" && !defence.Off(ctx, defence.Single) {
			return "with a parameter that comes twice"
		}
	}
	one := func(name, want string) bool { return slices.Equal(q[name], []string{want}) }
	switch {
	case !one("state", p.cb.State):
		return "without the state"
	case !one("redirect_uri", p.cb.RedirectURL) && !defence.Off(ctx, defence.Redirect):
		return "that sends them elsewhere afterwards"
	case q.Has("request") && !defence.Off(ctx, defence.Redirect):
		return "with a request that cannot be read"
	case (!one("response_type", "code") || q.Has("response_mode") && !one("response_mode", "query")) && !defence.Off(ctx, defence.CodeOnly):
		return "that brings something other than a code, or brings it in another way"
	case !p.challenged(q) && !defence.Off(ctx, defence.Challenge):
		return "without the challenge of PKCE (S256), which the schema does not do without"
	}
	return ""
}

// challenged reports whether the service is given the challenge of the host's
// verifier. Only a type whose schema says so does without: one that could drop
// it by itself would take the protection from a service that has it (RFC 9700,
// section 4.8.2).
func (p *page) challenged(q url.Values) bool {
	if p.c.typ.Schema.NoPKCE && !q.Has("code_challenge") && !q.Has("code_challenge_method") {
		return true
	}
	sum := sha256.Sum256([]byte(p.cb.Verifier))
	return slices.Equal(q["code_challenge"], []string{base64.RawURLEncoding.EncodeToString(sum[:])}) &&
		slices.Equal(q["code_challenge_method"], []string{"S256"})
}

// leaks reports whether a page's address holds a secret: a person sees it, and
// so does everybody whom they show it to; an application's secrets are not even
// theirs.
func (p *page) leaks(address string) bool {
	if strings.Contains(address, p.cb.Verifier) {
		return true
	}
	plain, err := url.QueryUnescape(address)
	if err != nil {
		plain = address
	}
	for _, f := range p.c.typ.Schema.Fields {
		secret := p.in.Values()[f.Name]
		// One that is shorter may stand anywhere by chance.
		if f.Secret && len(secret) >= 8 && (strings.Contains(address, secret) || strings.Contains(plain, secret)) {
			return true
		}
	}
	return false
}

// issuer returns what the service must call itself when it sends the person
// back: what the schema says, or what the service's own metadata promised while
// the plugin read it. Empty: it need not say.
func (p *page) issuer() (string, error) {
	declared := p.c.typ.Schema.ExpandIssuer(p.c.answers())
	promised := p.heard.issuer()
	switch {
	case declared == "":
		return promised, nil
	case !sdk.MatchOrigin(p.c.Origins.Answers, sdk.Origin(declared)):
		return "", sdk.Errorf(sdk.Internal, "the issuer of the type %s is none of its origins: tell the author of the plugin %s", p.c.rec.Type, p.c.typ.Program)
	case promised != "" && promised != declared:
		return "", sdk.Errorf(sdk.Invalid, "the service calls itself something else than the type %s expects: check the addresses", p.c.rec.Type)
	}
	return declared, nil
}
