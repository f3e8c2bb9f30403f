// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

// flowTime is how long a person has to approve access.
const flowTime = 10 * time.Minute

// A Flow is one visit of a person to a provider.
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

// flow is the sealed part of a flow's record. Its ID is a hash of the state,
// so that a reader of the store can finish none.
type flow struct {
	Credential string        `json:"credential"`
	Origins    sdk.Origins   `json:"origins"` // of the credential, when the flow began
	Actor      Actor         `json:"actor"`
	Cookie     []byte        `json:"cookie"` // SHA-256
	Redirect   string        `json:"redirect"`
	State      string        `json:"state"`
	Verifier   string        `json:"verifier"`
	Kept       []byte        `json:"kept"`
	Device     bool          `json:"device"`
	Interval   time.Duration `json:"interval"`
	Expiry     time.Time     `json:"expiry"`
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

// Connect begins to connect a credential, or to connect it again. Only the
// actor who begins can finish, within ten minutes, once, in the browser that
// has the flow's cookie.
func (w *Workspace) Connect(ctx context.Context, id string, actor Actor) (_ Flow, err error) {
	ctx = WithActor(ctx, actor)
	c, err := w.load(ctx, id)
	defer func() { w.audit(ctx, "connect", id, c.typeName(), err) }()
	if err != nil {
		return Flow{}, err
	}
	answers := c.answers()
	switch {
	case c.upgrade != nil:
		return Flow{}, c.upgrade
	case !c.typ.Can.Connect || !c.typ.Schema.NeedsConnect(answers):
		return Flow{}, sdk.Errorf(sdk.Invalid, "a credential with these answers needs no connecting")
	case w.h.cfg.CallbackURL == "":
		return Flow{}, sdk.Errorf(sdk.Invalid, "this host has no address for people to come back to: set Config.CallbackURL")
	}
	f := flow{Credential: id, Origins: c.Origins, Actor: actor, Redirect: w.RedirectURL(c.rec.Type),
		State: token(), Verifier: token(), Expiry: w.h.now().UTC().Add(flowTime)}
	a, err := w.approval(ctx, c, f.callback(nil))
	if err != nil {
		return Flow{}, err
	}
	f.Kept, f.Device, f.Interval = a.State, a.UserCode != "", max(a.Interval, time.Second)
	if a.Interval == 0 {
		f.Interval = 5 * time.Second
	}
	if !a.Expiry.IsZero() && a.Expiry.Before(f.Expiry) {
		f.Expiry = a.Expiry.UTC()
	}
	return w.begin(ctx, c, f, a)
}

// begin stores a flow.
func (w *Workspace) begin(ctx context.Context, c *credential, f flow, a sdk.Approval) (Flow, error) {
	secret := token()
	sum := sha256.Sum256([]byte(secret))
	f.Cookie = sum[:]
	rec := Record{Workspace: w.name, ID: flowID(f.State), Kind: KindFlow, Type: c.rec.Type, Generation: 1, Created: w.h.now().UTC()}
	if err := w.h.seal(ctx, &rec, f); err != nil {
		return Flow{}, err
	}
	w.sweep(ctx)
	if err := w.h.store.Create(ctx, rec); err != nil {
		return Flow{}, err
	}
	return Flow{ID: rec.ID, URL: a.URL, UserCode: a.UserCode, Interval: f.Interval, Expiry: f.Expiry,
		Cookie: cookie(f.Redirect, rec.ID, secret)}, nil
}

// cookie returns the cookie of a flow. It is sent along when the provider
// sends the person back, which SameSite=Strict would prevent.
func cookie(redirect, id, secret string) *http.Cookie {
	k := &http.Cookie{Name: cookieName(redirect, id), Value: secret, Path: "/",
		MaxAge: int(flowTime / time.Second), HttpOnly: true, SameSite: http.SameSiteLaxMode}
	k.Secure = strings.HasPrefix(redirect, "https://")
	return k
}

func cookieName(redirect, id string) string {
	prefix := "credhost-connect-"
	if strings.HasPrefix(redirect, "https://") {
		prefix = "__Host-" + prefix // no sibling domain can set it
	}
	return prefix + id[len(id)-16:]
}

// token returns 256 bits by chance, as 43 characters.
func token() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func flowID(state string) string {
	sum := sha256.Sum256([]byte("credhost flow " + state))
	return "f-" + hex.EncodeToString(sum[:])
}

func (f flow) callback(query url.Values) sdk.Callback {
	return sdk.Callback{RedirectURL: f.Redirect, State: f.State, Verifier: f.Verifier, Query: query, Kept: f.Kept}
}

// approval asks the plugin where to send the person, and checks its answer.
func (w *Workspace) approval(ctx context.Context, c *credential, cb sdk.Callback) (sdk.Approval, error) {
	p, err := w.h.registry.Plugin(w.name, c.rec.Type)
	if err != nil {
		return sdk.Approval{}, err
	}
	in, err := c.input(ctx)
	if err != nil {
		return sdk.Approval{}, err
	}
	a, err := p.(sdk.Connector).Connect(c.allow(ctx, c.Origins.Answers), in, cb)
	if err != nil {
		return sdk.Approval{}, err
	}
	return a, checkApproval(a, c, cb)
}

// checkApproval refuses a page that is not the service's, or that would send
// the person elsewhere than back here.
func checkApproval(a sdk.Approval, c *credential, cb sdk.Callback) error {
	bad := func(what string) error {
		return sdk.Errorf(sdk.Internal, "the plugin %s would send people to a page %s: tell its author", c.typ.Program, what)
	}
	u, err := url.Parse(a.URL)
	if err != nil || u.User != nil {
		return bad("that has no proper address")
	}
	if !sdk.MatchOrigin(slices.Concat(c.Origins.Answers, c.Origins.Grant), sdk.OriginOf(u)) {
		return bad("that is not the service's")
	}
	if a.UserCode != "" {
		return nil
	}
	q := u.Query()
	if q.Get("state") != cb.State || len(q["state"]) != 1 {
		return bad("without the state")
	}
	if r := q["redirect_uri"]; len(r) > 1 || len(r) == 1 && r[0] != cb.RedirectURL {
		return bad("that sends them elsewhere afterwards")
	}
	if r := q["response_type"]; len(r) > 1 || len(r) == 1 && r[0] != "code" {
		return bad("that puts tokens into addresses")
	}
	return nil
}

// sweep removes flows that have ended. It is no harm if it fails.
func (w *Workspace) sweep(ctx context.Context) {
	old, err := w.h.store.List(ctx, Query{Workspace: w.name, Kind: KindFlow, Before: w.h.now().Add(-flowTime), Limit: 20})
	if err != nil {
		return
	}
	for _, rec := range old {
		w.h.store.Delete(ctx, w.name, rec.ID)
	}
}

// endFlow ends a flow, so that nobody else can finish it, and returns what it was.
func (w *Workspace) endFlow(ctx context.Context, id string) (flow, error) {
	rec, err := w.get(ctx, id, KindFlow)
	if err == nil {
		err = w.h.store.Delete(ctx, w.name, id)
	}
	var f flow
	if err == nil {
		err = w.h.unseal(ctx, rec, &f)
	}
	if errors.Is(err, ErrNotFound) {
		return f, errFlow
	}
	return f, err
}

// errFlow is for every way in which a callback is not what was begun: it does
// not tell a stranger which.
var errFlow = sdk.Errorf(sdk.Denied, "this visit was not begun here, has been finished already, or has taken too long: connect again")

// mine reports whether the flow is the actor's, in this browser.
func (f flow) mine(actor Actor, cookie string, now time.Time) bool {
	sum := sha256.Sum256([]byte(cookie))
	same := subtle.ConstantTimeCompare(sum[:], f.Cookie) & subtle.ConstantTimeCompare([]byte(f.Actor), []byte(actor))
	return same == 1 && now.Before(f.Expiry)
}
