// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/sdk"
)

// The methods of this file take the outcome of a call, of which one part is
// set if the answer is well formed, and return what it says: a checked value,
// the plugin's own error, or an Internal one that says what is wrong.

// fail returns the error of a call that did not succeed.
func (r *remote) fail(failed *pluginv1.Error) error {
	if failed == nil {
		return malformed(r.who(), errNoOutcome)
	}
	return fromError(r.who(), r.t.Schema, failed)
}

func (r *remote) done(m *pluginv1.Done, failed *pluginv1.Error) error {
	if m == nil {
		return r.fail(failed)
	}
	return nil
}

func (r *remote) granted(m *pluginv1.Grant, failed *pluginv1.Error) (sdk.Grant, error) {
	if m == nil {
		return sdk.Grant{}, r.fail(failed)
	}
	g, err := fromGrant(m)
	if err == nil {
		err = checkGrant(g)
	}
	if err == nil && g.Sign != 0 && !r.t.Can.Sign {
		err = errors.New("the grant asks for signatures, but the type cannot sign")
	}
	if err != nil {
		return sdk.Grant{}, malformed(r.who(), err)
	}
	return g, nil
}

func (r *remote) approval(m *pluginv1.Approval, failed *pluginv1.Error) (sdk.Approval, error) {
	if m == nil {
		return sdk.Approval{}, r.fail(failed)
	}
	a, err := fromApproval(m)
	if err == nil {
		err = checkApproval(a)
	}
	if err != nil {
		return sdk.Approval{}, malformed(r.who(), err)
	}
	return a, nil
}

func (r *remote) signature(m *pluginv1.Signature, failed *pluginv1.Error) (sdk.Signature, error) {
	if m == nil {
		return sdk.Signature{}, r.fail(failed)
	}
	s, err := fromSignature(m)
	if err == nil {
		err = checkSignature(s)
	}
	if err != nil {
		return sdk.Signature{}, malformed(r.who(), err)
	}
	return s, nil
}

func (r *remote) options(m *pluginv1.Options, failed *pluginv1.Error) ([]sdk.Option, error) {
	if m == nil {
		return nil, r.fail(failed)
	}
	options, err := fromOptions(m)
	if err == nil {
		err = checkOptions(r.t.Schema, options)
	}
	if err != nil {
		return nil, malformed(r.who(), err)
	}
	return options, nil
}

func (r *remote) values(m *pluginv1.Values, failed *pluginv1.Error) (sdk.Values, error) {
	if m == nil {
		return nil, r.fail(failed)
	}
	values := sdk.Values(m.GetValues())
	if err := checkAnswers(values); err != nil {
		return nil, malformed(r.who(), err)
	}
	return values, nil
}
