// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// A Connected is a credential that was connected.
type Connected struct {
	ID      string `json:"id"`
	Account string `json:"account,omitempty"` // whose it is at the service, if that says so
	Was     string `json:"was,omitempty"`     // whose it was before, if that was somebody else: warn the person

	// Return is where to send the person now: the address that [Visit.Return]
	// named. It is set with an error, too, once it is certain that the visit
	// is this person's.
	Return string `json:"-"`

	// Replaced is what became of the grant before, if it was to be revoked:
	// see [sdk.Schema.RevokeReplaced].
	Replaced *Revocation `json:"replaced,omitempty"`
}

// Finish takes the request with which the provider sent the person back (RFC
// 6749, section 4.1.2), and connects the credential. Actor must be the one that
// began, and the request must carry the flow's cookie.
//
// Every request that is not what was begun is refused alike, with
// [sdk.Denied], and ends nothing: whoever knows no cookie cannot spoil another
// person's visit. If the provider said no, the visit has ended, and the error's
// Reason is the provider's word for it if that is one of RFC 6749. Of many calls
// at once with the same request one is taken.
func (w *Workspace) Finish(r *http.Request, actor Actor) (Connected, error) {
	ctx := WithActor(r.Context(), actor)
	q, ok := comesBack(ctx, r)
	if w.err != nil || !ok {
		return Connected{}, errFlow
	}
	id := flowID(q.Get("state"))
	f, err := w.claim(ctx, id, r, q, actor)
	if err != nil {
		return Connected{}, err
	}
	if word := q.Get("error"); word != "" {
		err := saidNo(word)
		w.audit(ctx, "finish", f.Credential, "", err)
		return Connected{Return: f.Return}, err
	}
	done, err := w.exchange(ctx, f, q)
	if err == nil {
		w.settle(ctx, &done)
	}
	done.Return = f.Return
	return done, err
}

// comesBack returns the parameters of a request with which a person's browser
// comes back from a provider, and whether it is one. A browser that only looks
// ahead, or a page that embeds the address, must not use up what works once; and
// parameters that two programs read in two ways are how checks are got around.
func comesBack(ctx context.Context, r *http.Request) (url.Values, bool) {
	if !visited(r) && !defence.Off(ctx, defence.Visited) {
		return nil, false
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, false
	}
	for _, values := range q { // RFC 6749, section 3.1
		if len(values) != 1 && !defence.Off(ctx, defence.Single) {
			return nil, false
		}
	}
	implicit := q.Has("access_token") || q.Has("id_token") || q.Has("code") && q.Has("error")
	return q, q.Get("state") != "" && (!implicit || defence.Off(ctx, defence.CodeOnly))
}

// visited reports whether a request is a person's browser that visits a page.
// Browsers say so (Fetch Metadata, Sec-Purpose); what says nothing may be one.
func visited(r *http.Request) bool {
	says := func(name, want string) bool { v := r.Header.Get(name); return v == "" || v == want }
	ahead := strings.Contains(r.Header.Get("Sec-Purpose")+r.Header.Get("Purpose")+r.Header.Get("X-Moz"), "prefetch")
	return r.Method == http.MethodGet && !ahead && says("Sec-Fetch-Mode", "navigate") && says("Sec-Fetch-Dest", "document")
}

// claim ends the flow that a request finishes, after all that could be wrong
// with it has been checked: what is refused ends nothing.
func (w *Workspace) claim(ctx context.Context, id string, r *http.Request, q url.Values, actor Actor) (flow, error) {
	early := defence.Off(ctx, defence.CheckOnce)
	rec, f, err := w.flow(ctx, id)
	if err == nil && early {
		err = w.end(ctx, id)
	}
	if err != nil {
		return f, err
	}
	back, err := url.Parse(f.Redirect)
	here := err == nil && r.URL.EscapedPath() == back.EscapedPath() || defence.Off(ctx, defence.Path)
	cookies := r.CookiesNamed(cookieName(ctx, f.Redirect, id))
	if f.Device || !here || !f.mine(ctx, actor, cookies) || !w.inTime(ctx, f) || !f.issued(ctx, q) {
		w.audit(ctx, "finish", f.Credential, rec.Type, errFlow) // somebody knows the state, at least
		return f, errFlow
	}
	if early {
		return f, nil
	}
	return f, w.end(ctx, id)
}

// issued reports whether who sent the person back is who they were sent to, as
// far as that can be known (RFC 9207, section 2.4). One that is said must be
// right, even if it need not be said.
func (f flow) issued(ctx context.Context, q url.Values) bool {
	iss := q["iss"]
	switch {
	case defence.Off(ctx, defence.Issuer):
		return true
	case f.Issuer != "":
		return len(iss) == 1 && iss[0] == f.Issuer
	}
	return len(iss) == 0 || len(iss) == 1 && sdk.MatchOrigin(f.Origins, sdk.Origin(iss[0]))
}

// refusals are what a provider's words for saying no mean (RFC 6749, section
// 4.1.2.1). Any other word may be anybody's, and is not passed on.
var refusals = map[string]*sdk.Error{
	"access_denied":             sdk.Errorf(sdk.Denied, "access was not approved at the service"),
	"invalid_request":           sdk.Errorf(sdk.Invalid, "the service does not understand the request for approval: check that the redirect URL is registered there, and the client"),
	"unauthorized_client":       sdk.Errorf(sdk.Invalid, "the service does not let this client ask for approval: check how the client is registered"),
	"unsupported_response_type": sdk.Errorf(sdk.Invalid, "the service does not offer this way to approve: check how the client is registered"),
	"invalid_scope":             sdk.Errorf(sdk.Invalid, "the service does not grant these scopes: check them, and what the client may ask for"),
	"server_error":              sdk.Errorf(sdk.Unavailable, "the service met an error of its own: try again later"),
	"temporarily_unavailable":   sdk.Errorf(sdk.Unavailable, "the service is overloaded or being maintained: try again later"),
}

func saidNo(word string) error {
	known := refusals[word]
	if known == nil {
		return sdk.Errorf(sdk.Denied, "access was not approved at the service")
	}
	e := known.Because(nil)
	e.Reason = word
	return e
}

// Await finishes a flow with a UserCode (RFC 8628): it asks the service, at the
// flow's interval, whether the person has approved, until that is so, or they
// refuse, or the flow expires, or ctx ends. A service that cannot answer is
// asked again.
//
// The flow ends with its success or its failure, not before: when ctx ends, or
// the process dies, another call with the same Flow goes on, in any process.
// Two calls at once for one flow wait for each other.
func (w *Workspace) Await(ctx context.Context, fl Flow, actor Actor) (Connected, error) {
	ctx = WithActor(ctx, actor)
	rec, f, err := w.flow(ctx, fl.ID)
	if err != nil {
		return Connected{}, err
	}
	if !f.Device || fl.Cookie == nil || !f.mine(ctx, actor, []*http.Cookie{fl.Cookie}) {
		w.audit(ctx, "finish", f.Credential, rec.Type, errFlow)
		return Connected{}, errFlow
	}
	k, err := w.hold(ctx, fl.ID)
	if errors.Is(err, ErrNotFound) {
		err = errFlow
	}
	if err != nil {
		return Connected{}, err
	}
	defer func() { k.release(ctx) }()
	return w.poll(ctx, fl.ID)
}
