// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/sdk"
)

// The methods of this file take the outcome of a call, of which one part is
// set if the answer is well formed, and return what it says: a checked value,
// the plugin's own error, or an Internal one that says what is wrong.

// fail returns the error of a call that did not succeed.
func (r *remote) fail(ctx context.Context, failed *pluginv1.Error) error {
	if failed == nil {
		return malformed(r.who(), errNoOutcome)
	}
	e := fromError(r.who(), r.t.Schema, failed)
	if defence.Off(ctx, defence.Plain) {
		e.Message = failed.GetMessage()
	}
	if defence.Off(ctx, defence.Checked) {
		e.Field, e.RetryAfter = failed.GetField(), failed.GetRetryAfter().AsDuration()
	}
	return e
}

func (r *remote) done(ctx context.Context, m *pluginv1.Done, failed *pluginv1.Error) error {
	if m == nil {
		return r.fail(ctx, failed)
	}
	return nil
}

func (r *remote) granted(ctx context.Context, m *pluginv1.Grant, failed *pluginv1.Error) (sdk.Grant, error) {
	if m == nil {
		return sdk.Grant{}, r.fail(ctx, failed)
	}
	g, err := fromGrant(m)
	if err == nil {
		err = checked(ctx, checkGrant(g))
	}
	if err == nil && g.Sign != 0 && !r.t.Can.Sign {
		err = errors.New("the grant asks for signatures, but the type cannot sign")
	}
	if err != nil {
		return sdk.Grant{}, malformed(r.who(), err)
	}
	return g, nil
}

func (r *remote) approval(ctx context.Context, m *pluginv1.Approval, failed *pluginv1.Error) (sdk.Approval, error) {
	if m == nil {
		return sdk.Approval{}, r.fail(ctx, failed)
	}
	a, err := fromApproval(m)
	if err == nil {
		err = checked(ctx, checkApproval(a))
	}
	if err != nil {
		return sdk.Approval{}, malformed(r.who(), err)
	}
	return a, nil
}

func (r *remote) signature(ctx context.Context, m *pluginv1.Signature, failed *pluginv1.Error) (sdk.Signature, error) {
	if m == nil {
		return sdk.Signature{}, r.fail(ctx, failed)
	}
	s, err := fromSignature(m)
	if err == nil {
		err = checked(ctx, checkSignature(s))
	}
	if err != nil {
		return sdk.Signature{}, malformed(r.who(), err)
	}
	return s, nil
}

func (r *remote) options(ctx context.Context, m *pluginv1.Options, failed *pluginv1.Error) ([]sdk.Option, error) {
	if m == nil {
		return nil, r.fail(ctx, failed)
	}
	options, err := fromOptions(m)
	if err == nil {
		err = checked(ctx, checkOptions(r.t.Schema, options))
	}
	if err != nil {
		return nil, malformed(r.who(), err)
	}
	return options, nil
}

func (r *remote) values(ctx context.Context, m *pluginv1.Values, failed *pluginv1.Error) (sdk.Values, error) {
	if m == nil {
		return nil, r.fail(ctx, failed)
	}
	values := sdk.Values(m.GetValues())
	if err := checked(ctx, checkAnswers(values)); err != nil {
		return nil, malformed(r.who(), err)
	}
	return values, nil
}

// checked returns what a check function found, which refuses the answer.
func checked(ctx context.Context, found error) error {
	if defence.Off(ctx, defence.Checked) {
		return nil
	}
	return found
}
