// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"net/url"

	"github.com/credhost/credhost/sdk"
)

// exchange has the plugin trade what came back for the first grant.
func (w *Workspace) exchange(ctx context.Context, f flow, query url.Values) (done Connected, err error) {
	ctx, end := w.span(ctx, "credential.finish", f.Credential)
	defer func() { end(err) }()
	c, err := w.edit(ctx, f.Credential, func(ctx context.Context, c *credential) error {
		if !f.fits(ctx, c) {
			return errFlow
		}
		// What was left unfinished before is no matter: a person is here.
		in := newIntent(nil, keepCallback(f.callback(query)))
		g, err := c.attempt(ctx, in)
		if errors.Is(err, errLost) {
			return sdk.Errorf(sdk.Denied, "the service's answer was lost, and an approval works only once: connect again").Because(err)
		}
		if err != nil {
			return err
		}
		err = c.take(g, in)
		done = Connected{ID: f.Credential, Account: c.Account, Was: c.was()}
		return err
	})
	w.audit(ctx, "finish", f.Credential, c.typeName(), err)
	if err != nil {
		return Connected{}, err
	}
	return done, nil
}
