// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A Connected is a credential that was connected.
type Connected struct {
	ID      string
	Account string // whose it is at the service, if that says so
	Was     string // whose it was before, if that was somebody else
}

// Finish takes the request with which the provider sent the person back, and
// connects the credential. Actor must be the one that began. Every other
// request is refused alike, whatever is wrong with it.
func (w *Workspace) Finish(r *http.Request, actor Actor) (Connected, error) {
	ctx := WithActor(r.Context(), actor)
	q := r.URL.Query()
	if w.err != nil || len(q["state"]) != 1 || r.Method != http.MethodGet {
		return Connected{}, errFlow
	}
	id := flowID(q.Get("state"))
	f, err := w.endFlow(ctx, id)
	if err != nil {
		return Connected{}, err
	}
	back, err := url.Parse(f.Redirect)
	if err != nil || f.Device || r.URL.EscapedPath() != back.EscapedPath() {
		return Connected{}, errFlow
	}
	k, err := r.Cookie(cookieName(f.Redirect, id))
	if err != nil || !f.mine(actor, k.Value, w.h.now()) {
		return Connected{}, errFlow
	}
	if q.Get("error") != "" { // whose words may be anybody's
		err := sdk.Errorf(sdk.Denied, "access was not approved at the service")
		w.audit(ctx, "finish", f.Credential, "", err)
		return Connected{}, err
	}
	return w.exchange(ctx, f, q)
}

// Await finishes a flow with a UserCode: it asks the service, at the flow's
// interval, whether the person has approved, until that is so, or the flow
// expires, or ctx ends.
func (w *Workspace) Await(ctx context.Context, fl Flow, actor Actor) (Connected, error) {
	ctx = WithActor(ctx, actor)
	f, err := w.endFlow(ctx, fl.ID)
	if err != nil {
		return Connected{}, err
	}
	if !f.Device || fl.Cookie == nil || !f.mine(actor, fl.Cookie.Value, w.h.now()) {
		return Connected{}, errFlow
	}
	wait := f.Interval
	for w.h.now().Before(f.Expiry) {
		done, err := w.exchange(ctx, f, nil)
		var e *sdk.Error
		if err == nil || !errors.As(err, &e) || e.Code != sdk.Unavailable {
			return done, err
		}
		wait = max(wait, e.RetryAfter) // slow_down is for good (RFC 8628, section 3.5)
		select {
		case <-ctx.Done():
			return Connected{}, ctx.Err()
		case <-time.After(wait):
		}
	}
	return Connected{}, sdk.Errorf(sdk.Denied, "nobody has approved in time: connect again")
}

// exchange has the plugin trade what came back for the first grant.
func (w *Workspace) exchange(ctx context.Context, f flow, query url.Values) (done Connected, err error) {
	c, err := w.edit(ctx, f.Credential, func(ctx context.Context, c *credential) error {
		p, err := w.h.registry.Plugin(w.name, c.rec.Type)
		if err != nil {
			return err
		}
		in, err := c.input(ctx)
		if err != nil {
			return err
		}
		if !slices.Equal(c.Origins.Answers, f.Origins.Answers) || !f.issuedBy(c, query) {
			return errFlow
		}
		cb := f.callback(query)
		g, err := p.(sdk.Connector).Exchange(c.allow(ctx, c.Origins.Answers), in, cb)
		if err != nil {
			return err
		}
		done = Connected{ID: f.Credential, Account: g.Account}
		if c.Account != "" && g.Account != "" && c.Account != g.Account {
			done.Was = c.Account
		}
		return c.take(g)
	})
	w.audit(ctx, "finish", f.Credential, c.typeName(), err)
	if err != nil {
		return Connected{}, err
	}
	return done, nil
}

// issuedBy reports whether the provider that says it sent the person back is
// one of the credential's. A provider that says nothing may be any (RFC 9207).
func (f flow) issuedBy(c *credential, query url.Values) bool {
	iss := query["iss"]
	all := slices.Concat(c.Origins.Answers, c.Origins.Grant)
	return len(iss) == 0 || len(iss) == 1 && sdk.MatchOrigin(all, sdk.Origin(iss[0]))
}
