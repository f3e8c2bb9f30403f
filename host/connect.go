// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// A Visit says which credential is to be connected, and for whom.
type Visit struct {
	Credential string
	Actor      Actor // who begins, and must finish; not empty

	// Return names the address to which the person is sent in the end, among
	// [Config.Returns]; empty: nowhere. It is a name and no address, so that
	// nobody who makes a link decides where people end up.
	Return string
}

// A Flow is one visit of a person to a provider. It holds secrets: the cookie,
// and the state within the URL.
type Flow struct {
	ID  string // for [Workspace.Await]
	URL string // where to send the person

	// Cookie must be set in the person's browser before it is sent there, and
	// come back with the request that [Workspace.Finish] is given. It binds
	// the visit to that browser.
	Cookie *http.Cookie

	// UserCode, if there is one, is what the person types at URL; nothing will
	// come back. Call [Workspace.Await] instead of Finish.
	UserCode string
	Interval time.Duration // between two polls, of a flow with a UserCode

	Expiry time.Time
}

// RedirectURL returns where a provider sends people back to: what they
// register there. Each type in each workspace has its own, so that an answer
// meant for one cannot be brought to another (RFC 9700, section 2.1).
func (w *Workspace) RedirectURL(typ string) string {
	if w.h.cfg.CallbackURL == "" {
		return ""
	}
	return strings.TrimSuffix(w.h.cfg.CallbackURL, "/") + "/" + url.PathEscape(w.name) + "/" + url.PathEscape(typ)
}

// checkAddresses refuses addresses in the configuration that would undo what
// connecting promises: codes go to them, and people.
func (c Config) checkAddresses() error {
	if c.CallbackURL != "" && !isOurs(c.CallbackURL, false) {
		return sdk.Errorf(sdk.Invalid, "Config.CallbackURL must be https, or http on this machine, without user, query and fragment")
	}
	for name, to := range c.Returns {
		if name == "" || !isOurs(to, true) {
			return sdk.Errorf(sdk.Invalid, "Config.Returns must name addresses that are https, or http on this machine, without user and fragment")
		}
	}
	return nil
}

// isOurs reports whether raw is an address that a person's browser may be sent
// to: nobody on the way can read what it brings (RFC 9700, section 2.6), or the
// way does not leave the machine (RFC 8252, section 7.3).
func isOurs(raw string, query bool) bool {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Fragment != "" || sdk.OriginOf(u) == "" || !query && (u.RawQuery != "" || u.ForceQuery) {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	here := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && here
}

// Connect begins to connect a credential, or to connect it again: see
// [Workspace.Begin].
func (w *Workspace) Connect(ctx context.Context, id string, actor Actor) (Flow, error) {
	return w.Begin(ctx, Visit{Credential: id, Actor: actor})
}

// Begin begins to connect a credential, or to connect it again, which keeps
// its ID. Only the actor who begins can finish, within ten minutes, once, in
// the browser that has the flow's cookie (RFC 9700, sections 2.1 and 4.7).
//
// Where the plugin sends the person is checked before anybody goes there. Of an
// actor with more than five open visits for a credential the oldest ends;
// beyond twenty of all actors, or a thousand in the workspace, the error is
// [sdk.Unavailable].
func (w *Workspace) Begin(ctx context.Context, v Visit) (_ Flow, err error) {
	ctx, end := w.span(ctx, "credential.connect", v.Credential)
	defer func() { end(err) }()
	ctx = WithActor(ctx, v.Actor)
	c, err := w.load(ctx, v.Credential)
	defer func() { w.audit(ctx, "connect", v.Credential, c.typeName(), err) }()
	if err != nil {
		return Flow{}, err
	}
	back, err := w.connectable(ctx, c, v)
	if err != nil {
		return Flow{}, err
	}
	if err := w.admit(ctx, v); err != nil {
		return Flow{}, err
	}
	f := flow{Credential: v.Credential, Origins: c.Origins.Answers, Answers: c.answersSum(), Actor: v.Actor,
		Redirect: w.RedirectURL(c.rec.Type), Return: back, State: token(), Verifier: token(), Expiry: w.h.now().UTC().Add(flowTime)}
	a, issuer, err := w.approval(ctx, c, f.callback(nil))
	if err != nil {
		return Flow{}, err
	}
	f.Issuer, f.Kept, f.Device = issuer, a.State, a.UserCode != ""
	f.Interval = max(cmp.Or(a.Interval, 5*time.Second), time.Second)
	if !a.Expiry.IsZero() && a.Expiry.Before(f.Expiry) {
		f.Expiry = a.Expiry.UTC()
	}
	return w.begin(ctx, c, f, a)
}

// connectable reports why there is nothing to connect, and else where the
// person ends up.
func (w *Workspace) connectable(ctx context.Context, c *credential, v Visit) (back string, err error) {
	back, known := w.h.cfg.Returns[v.Return]
	if v.Return != "" && !known && defence.Off(ctx, defence.Returns) {
		back, known = v.Return, true
	}
	switch {
	case v.Actor == "":
		return "", sdk.Errorf(sdk.Internal, "connecting needs an actor: the one who begins must be the one who finishes")
	case c.upgrade != nil:
		return "", c.upgrade
	case !c.typ.Can.Connect || !c.typ.Schema.NeedsConnect(c.answers()):
		return "", sdk.Errorf(sdk.Invalid, "a credential with these answers needs no connecting")
	case w.h.cfg.CallbackURL == "":
		return "", sdk.Errorf(sdk.Invalid, "this host has no address for people to come back to: set Config.CallbackURL")
	case v.Return != "" && !known:
		return "", sdk.Errorf(sdk.Invalid, "there is no address of this name to return to: add it to Config.Returns")
	}
	return back, nil
}
