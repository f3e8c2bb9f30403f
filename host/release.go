// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"net/http"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A Released is a credential in the clear. It prints as nothing of it.
type Released struct {
	Values sdk.Values  // the answers, secrets included, and what the grant adds
	Header http.Header // what a request must carry
	Query  map[string][]string
	Expiry time.Time // of Header and Query; zero: unknown
}

// String returns no more than that there is something.
func (Released) String() string { return "released credential" }

// GoString is String.
func (r Released) GoString() string { return r.String() }

// MarshalText is String: to encode what was released, name its parts.
func (r Released) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Release hands out a credential, to a caller who cannot go through
// [Workspace.Client]: a database driver, say. [Config.Release] must allow it
// for the workspace and the type; otherwise the error is [sdk.Forbidden]. What
// [Config.Audit] cannot record is not handed out.
func (w *Workspace) Release(ctx context.Context, id string) (Released, error) {
	r, typ, err := w.release(ctx, id)
	if err != nil {
		w.audit(ctx, "release", id, typ, err)
		return Released{}, err
	}
	if err := w.h.Record(ctx, Event{Workspace: w.name, Action: "release", Credential: id, Type: typ, Outcome: outcome(nil)}); err != nil {
		return Released{}, err
	}
	return r, nil
}

func (w *Workspace) release(ctx context.Context, id string) (_ Released, typ string, err error) {
	ctx, end := w.span(ctx, "credential.release", id)
	defer func() { end(err) }()
	c, err := w.load(ctx, id)
	if err != nil {
		return Released{}, typ, err
	}
	typ = c.rec.Type
	if w.h.cfg.Release == nil || !w.h.cfg.Release(w.name, typ) {
		return Released{}, typ, sdk.Errorf(sdk.Forbidden, "releasing credentials of type %s is not allowed in this workspace: an operator must allow it", typ)
	}
	in, err := c.input(ctx)
	if err != nil {
		return Released{}, typ, err
	}
	_, l, err := w.grant(ctx, id)
	if err != nil {
		return Released{}, typ, err
	}
	r := Released{Values: in.Values(), Header: l.Header.Clone(), Query: l.Query, Expiry: l.Expiry}
	for name, v := range l.Values {
		r.Values[name] = v
	}
	return r, typ, nil
}

// Suggest asks the service what a field offers to choose from. The credential
// may be a draft. Search is what the person has typed so far.
func (w *Workspace) Suggest(ctx context.Context, id, field, search string) (_ []sdk.Option, err error) {
	c, err := w.load(ctx, id)
	defer func() { w.audit(ctx, "suggest", id, c.typeName(), err) }()
	if err != nil {
		return nil, err
	}
	f, ok := c.typ.Schema.Field(field)
	if !ok || f.Suggest == nil || !c.typ.Can.Suggest {
		return nil, &sdk.Error{Code: sdk.Invalid, Field: field, Message: "has no suggestions"}
	}
	answers := c.answers()
	for _, needed := range f.Suggest.Needs {
		if _, byReference := c.References[needed]; answers[needed] == "" && !byReference {
			return nil, &sdk.Error{Code: sdk.Invalid, Field: needed, Reason: sdk.ReasonRequired, Message: "must be answered first"}
		}
	}
	p, err := w.h.plugins.Plugin(w.name, c.rec.Type)
	if err != nil {
		return nil, err
	}
	in, err := c.input(ctx)
	if err != nil {
		return nil, err
	}
	var g sdk.Grant
	if c.Grant != nil {
		g = c.live().Grant
	}
	return p.(sdk.Suggester).Suggest(c.reach(ctx), in, g, f, search)
}
