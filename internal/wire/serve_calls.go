// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"fmt"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/sdk"
)

// asked wraps the error of a request's conversion.
func asked[T any](v T, err error) (T, error) {
	if err != nil {
		err = refused{"the host's request", err.Error()}
	}
	return v, err
}

// said returns what a plugin returned as a message. What the host would refuse
// is refused here, so that the plugin's log says so too.
func said[T, M any](v T, check func(T) error, to func(T) M) (none M, err error) {
	if err := check(v); err != nil {
		return none, refused{"what the plugin returned", err.Error()}
	}
	return to(v), nil
}

// lacks returns the error for a method that a type does not have.
func (t served) lacks(what string) error {
	return sdk.Errorf(sdk.Internal, "%q cannot %s", t.Schema.Name, what).Because(errors.ErrUnsupported)
}

// credential returns the input and the grant of a request.
func credential(t served, in *pluginv1.Input, g *pluginv1.Grant) (sdk.Input, sdk.Grant, error) {
	input, err := asked(fromInput(t.Schema, in))
	if err != nil {
		return sdk.Input{}, sdk.Grant{}, err
	}
	grant, err := asked(fromGrant(g))
	return input, grant, err
}

// visit returns the input and the callback of a request.
func visit(t served, in *pluginv1.Input, cb *pluginv1.Callback) (sdk.Input, sdk.Callback, error) {
	input, err := asked(fromInput(t.Schema, in))
	if err != nil {
		return sdk.Input{}, sdk.Callback{}, err
	}
	callback, err := asked(fromCallback(cb))
	return input, callback, err
}

func (s *server) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return &pluginv1.DescribeResponse{Outcome: &pluginv1.DescribeResponse_Description{Description: s.description()}}, nil
}

// granted returns a plugin's grant as a message, unless it is malformed.
func granted(g sdk.Grant, err error) (*pluginv1.Grant, error) {
	if err != nil {
		return nil, err
	}
	return said(g, checkGrant, toGrant)
}

func (s *server) Grant(ctx context.Context, q *pluginv1.GrantRequest) (*pluginv1.GrantResponse, error) {
	g, failed, err := answer(ctx, s, "Grant", q, func(ctx context.Context, t served) (*pluginv1.Grant, error) {
		in, err := asked(fromInput(t.Schema, q.GetInput()))
		if err != nil {
			return nil, err
		}
		return granted(t.plugin.Grant(ctx, in))
	})
	if failed != nil {
		return &pluginv1.GrantResponse{Outcome: &pluginv1.GrantResponse_Error{Error: failed}}, nil
	}
	return &pluginv1.GrantResponse{Outcome: &pluginv1.GrantResponse_Grant{Grant: g}}, err
}

func (s *server) Test(ctx context.Context, q *pluginv1.TestRequest) (*pluginv1.TestResponse, error) {
	done, failed, err := answer(ctx, s, "Test", q, func(ctx context.Context, t served) (*pluginv1.Done, error) {
		if !t.Can.Test {
			return nil, t.lacks("test")
		}
		in, g, err := credential(t, q.GetInput(), q.GetGrant())
		if err != nil {
			return nil, err
		}
		return &pluginv1.Done{}, t.plugin.(sdk.Tester).Test(ctx, in, g)
	})
	if failed != nil {
		return &pluginv1.TestResponse{Outcome: &pluginv1.TestResponse_Error{Error: failed}}, nil
	}
	return &pluginv1.TestResponse{Outcome: &pluginv1.TestResponse_Done{Done: done}}, err
}

func (s *server) Connect(ctx context.Context, q *pluginv1.ConnectRequest) (*pluginv1.ConnectResponse, error) {
	a, failed, err := answer(ctx, s, "Connect", q, func(ctx context.Context, t served) (*pluginv1.Approval, error) {
		if !t.Can.Connect {
			return nil, t.lacks("connect")
		}
		in, cb, err := visit(t, q.GetInput(), q.GetCallback())
		if err != nil {
			return nil, err
		}
		a, err := t.plugin.(sdk.Connector).Connect(ctx, in, cb)
		if err != nil {
			return nil, err
		}
		return said(a, checkApproval, toApproval)
	})
	if failed != nil {
		return &pluginv1.ConnectResponse{Outcome: &pluginv1.ConnectResponse_Error{Error: failed}}, nil
	}
	return &pluginv1.ConnectResponse{Outcome: &pluginv1.ConnectResponse_Approval{Approval: a}}, err
}

func (s *server) Exchange(ctx context.Context, q *pluginv1.ExchangeRequest) (*pluginv1.ExchangeResponse, error) {
	g, failed, err := answer(ctx, s, "Exchange", q, func(ctx context.Context, t served) (*pluginv1.Grant, error) {
		if !t.Can.Connect {
			return nil, t.lacks("connect")
		}
		in, cb, err := visit(t, q.GetInput(), q.GetCallback())
		if err != nil {
			return nil, err
		}
		return granted(t.plugin.(sdk.Connector).Exchange(ctx, in, cb))
	})
	if failed != nil {
		return &pluginv1.ExchangeResponse{Outcome: &pluginv1.ExchangeResponse_Error{Error: failed}}, nil
	}
	return &pluginv1.ExchangeResponse{Outcome: &pluginv1.ExchangeResponse_Grant{Grant: g}}, err
}

func (s *server) Sign(ctx context.Context, q *pluginv1.SignRequest) (*pluginv1.SignResponse, error) {
	signature, failed, err := answer(ctx, s, "Sign", q, func(ctx context.Context, t served) (*pluginv1.Signature, error) {
		if !t.Can.Sign {
			return nil, t.lacks("sign")
		}
		in, g, err := credential(t, q.GetInput(), q.GetGrant())
		if err != nil {
			return nil, err
		}
		r, err := asked(fromRequest(q.GetRequest()))
		if err != nil {
			return nil, err
		}
		signature, err := t.plugin.(sdk.Signer).Sign(ctx, in, g, r)
		if err != nil {
			return nil, err
		}
		return said(signature, checkSignature, toSignature)
	})
	if failed != nil {
		return &pluginv1.SignResponse{Outcome: &pluginv1.SignResponse_Error{Error: failed}}, nil
	}
	return &pluginv1.SignResponse{Outcome: &pluginv1.SignResponse_Signature{Signature: signature}}, err
}

func (s *server) Revoke(ctx context.Context, q *pluginv1.RevokeRequest) (*pluginv1.RevokeResponse, error) {
	done, failed, err := answer(ctx, s, "Revoke", q, func(ctx context.Context, t served) (*pluginv1.Done, error) {
		if !t.Can.Revoke {
			return nil, t.lacks("revoke")
		}
		in, g, err := credential(t, q.GetInput(), q.GetGrant())
		if err != nil {
			return nil, err
		}
		return &pluginv1.Done{}, t.plugin.(sdk.Revoker).Revoke(ctx, in, g)
	})
	if failed != nil {
		return &pluginv1.RevokeResponse{Outcome: &pluginv1.RevokeResponse_Error{Error: failed}}, nil
	}
	return &pluginv1.RevokeResponse{Outcome: &pluginv1.RevokeResponse_Done{Done: done}}, err
}

func (s *server) Suggest(ctx context.Context, q *pluginv1.SuggestRequest) (*pluginv1.SuggestResponse, error) {
	options, failed, err := answer(ctx, s, "Suggest", q, func(ctx context.Context, t served) (*pluginv1.Options, error) {
		if !t.Can.Suggest {
			return nil, t.lacks("suggest")
		}
		in, g, err := credential(t, q.GetInput(), q.GetGrant())
		if err != nil {
			return nil, err
		}
		f, ok := t.Schema.Field(q.GetField())
		if !ok || f.Suggest == nil {
			return nil, refused{"the host's request", "it is about no field that the service suggests"}
		}
		options, err := t.plugin.(sdk.Suggester).Suggest(ctx, in, g, f, q.GetSearch())
		if err != nil {
			return nil, err
		}
		return said(options, func(o []sdk.Option) error { return checkOptions(t.Schema, o) }, toOptions)
	})
	if failed != nil {
		return &pluginv1.SuggestResponse{Outcome: &pluginv1.SuggestResponse_Error{Error: failed}}, nil
	}
	return &pluginv1.SuggestResponse{Outcome: &pluginv1.SuggestResponse_Options{Options: options}}, err
}

func (s *server) Upgrade(ctx context.Context, q *pluginv1.UpgradeRequest) (*pluginv1.UpgradeResponse, error) {
	values, failed, err := answer(ctx, s, "Upgrade", q, func(ctx context.Context, t served) (*pluginv1.Values, error) {
		from := int(q.GetFrom())
		switch {
		case !t.Can.Upgrade:
			return nil, t.lacks("upgrade")
		case from < 0 || from >= t.Schema.Version:
			return nil, refused{"the host's request", fmt.Sprintf("version %d is not older than %d", from, t.Schema.Version)}
		}
		values, err := t.plugin.(sdk.Upgrader).Upgrade(ctx, from, q.GetValues())
		if err != nil {
			return nil, err
		}
		return said(values, checkAnswers, toValues)
	})
	if failed != nil {
		return &pluginv1.UpgradeResponse{Outcome: &pluginv1.UpgradeResponse_Error{Error: failed}}, nil
	}
	return &pluginv1.UpgradeResponse{Outcome: &pluginv1.UpgradeResponse_Values{Values: values}}, err
}
